//! The diagnoses of `test-gitops`, and its cleanup.
//!
//! Each directory in tests/gitops-faults is a fault: a change to the workspace there, and texts that the output must contain.
//! What the pods of Argo CD log differs too much between runs for more. `FAULTS=<part>` runs the faults whose names contain
//! the part.

use std::fs;
use std::io::Write;
use std::time::Duration;

use crate::lab::{Lab, Subject, interrupted};
use crate::support::repository;

const TEST_GITOPS: Subject = Subject { command: "test-gitops", workspace: "tests/gitops-faults/workspace" };

/// The arguments of a run in the kept cluster.
const KEPT: &str = "--keep --window 1";

#[test]
fn a_fault_is_diagnosed() {
    let Some(lab) = lab() else { return };
    let wanted = std::env::var("FAULTS").unwrap_or_default();
    let entries = fs::read_dir(repository().join("tests/gitops-faults")).expect("readable");
    let mut folders: Vec<_> =
        entries.map(|entry| entry.expect("readable").path()).filter(|path| path.join("about").is_file()).collect();
    folders.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(&wanted)));
    folders.sort();
    let mut missing = Vec::new();
    for folder in folders {
        lab.copy(&folder.join("workspace"));
        let args = fs::read_to_string(folder.join("args")).unwrap_or_else(|_| KEPT.to_owned());
        let before = lab.traces();
        let (code, screen) = lab.run(&args);
        assert_ne!(code, Some(0), "{} is not detected:\n{screen}", folder.display());
        let expected = fs::read_to_string(folder.join("expected")).expect("readable");
        let lacks: Vec<&str> = expected.lines().filter(|line| !screen.contains(*line)).collect();
        if !lacks.is_empty() {
            missing.push(format!("{} lacks {lacks:?}:\n{screen}", folder.display()));
        }
        let after = lab.traces();
        for what in ["processes", "temporary files", "files of the user"] {
            assert_eq!(before[what], after[what], "{} leaves {what} behind", folder.display());
        }
        lab.reset();
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    // Without a fault, a run in the same cluster passes.
    let (code, screen) = lab.run(KEPT);
    assert_eq!(code, Some(0), "{screen}");
    for moment in [700, 3000] {
        interrupted(&lab, KEPT, Duration::from_millis(moment));
    }
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let Some(lab) = lab() else { return };
    for moment in [600, 5000, 30000] {
        interrupted(&lab, "", Duration::from_millis(moment));
    }
}

fn lab() -> Option<Lab> {
    if std::env::var_os("XTASK_ARGOCD_MANIFEST").is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: the faults of test-gitops require XTASK_ARGOCD_MANIFEST");
        return None;
    }
    Lab::new(TEST_GITOPS)
}
