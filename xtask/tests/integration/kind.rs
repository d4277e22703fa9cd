//! The diagnoses of `test-kind`, and its cleanup.
//!
//! Each directory in tests/faults is a fault: a change to the workspace there, and the expected output. All faults run in
//! one kept cluster, so that each takes seconds. The tests need a container engine that has the node image
//! `XTASK_TEST_NODE_IMAGE`; without that variable, they are skipped. `UPDATE_FAULTS=1` writes the expected output, and
//! `FAULTS=<part>` runs the faults whose names contain the part.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex_lite::Regex;

use crate::lab::{Lab, Subject, interrupt, interrupted};
use crate::support::{ci, repository};

const TEST_KIND: Subject = Subject { command: "test-kind", workspace: "tests/faults/workspace" };

impl Lab {
    /// The output without what differs between runs.
    fn normalized(&self, screen: &str) -> String {
        let mut text = screen.to_owned();
        for (path, name) in [(self.bench.root(), "[ROOT]"), (self.bench.cache(), "[CACHE]")] {
            text = text.replace(&path.display().to_string(), name);
        }
        let name = self.gone.trim_start_matches("localhost:1/").trim_end_matches(":1");
        text = text.replace(&self.cluster(), "[CLUSTER]").replace(&self.gone, "[GONE]").replace(name, "gone");
        text = text.replace(&format!("{} does not answer", self.engine.name), "[ENGINE] does not answer");
        for (pattern, replacement) in [
            (r"demo-[0-9a-f]{8,10}-[0-9a-z]{5}\b", "demo-[POD]"),
            (r"demo-[0-9a-f]{8,10}\b", "demo-[SET]"),
            (r"_demo\([0-9a-f-]{36}\)", "_demo([UID])"),
            (r"target/kind/\d+-\d+", "target/kind/[RUN]"),
            (r"\b\d\d:\d\d:\d\d (Pod|Deployment|ReplicaSet|PersistentVolumeClaim) ", "[TIME] $1 "),
            (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "[TIME]"),
            (r"(127\.0\.0\.1|\[::1\]):1\b", "[LOOPBACK]:1"),
            (r"\b(10|172|192)\.\d+\.\d+\.\d+", "[ADDRESS]"),
            (r" +\d+\.\d+ s\b", " [S] s"),
            (r"in \d+\.\d+s", "in [S]s"),
            (r" \(\d+ times\)", ""),
            (r"\d+ restarts?\b", "some restarts"),
            (r"CrashLoop(BackOff)?\b", "CrashLoop"),
            (r"0/1 ready  (Running|CrashLoop)  some", "0/1 ready  [RUNS]  some"),
            (r"\(Error\), some restarts", "(Error)"),
            (r"(?m)^ +(State|Last State|Reason|Exit Code|Started|Finished|Restart Count): .*\n", ""),
            (r"(?m)^ += note: previous log of .*\n( {9,}.*\n)+", ""),
            (r"(?m)^( +).*(Unable to connect|deadline exceeded|Client\.Timeout|handshake timeout).*$", "$1[NO ANSWER]"),
            (r"(?m)^ +.*(BackOff: |ImagePullBackOff|  Terminating  ).*\n", ""),
            // The pod of the previous fault may still report it; for its own fault, it is the cause.
            (r"(?m)^ +\[TIME\] Pod demo/demo-\[POD\] FailedMount: .*\n", ""),
            (r"(pods:\n) +none\n", "$1"),
            (r"back-off \d+s", "back-off [S]s"),
            (r"partial export: (.*); kind reported: .*", "full export: $1"),
            (r"process \d+", "process [PID]"),
        ] {
            text = Regex::new(pattern).expect("a pattern").replace_all(&text, replacement).into_owned();
        }
        // Progress is omitted, and the width of a column depends on names.
        let lines = text.lines().filter(|line| !is_progress(line));
        let trimmed = lines.map(|line| {
            Regex::new("  +(passed|failed|skipped)").expect("a pattern").replace(line, "  $1").into_owned()
        });
        sorted_events(&trimmed.collect::<Vec<_>>())
    }
}

/// Whether a line is progress: a verb that ends in the twelfth column.
fn is_progress(line: &str) -> bool {
    let Some((verb, rest)) = line.split_at_checked(12) else { return false };
    let verb = verb.trim_start();
    let word = verb.starts_with(|c: char| c.is_ascii_uppercase()) && verb.chars().all(|c| c.is_ascii_alphabetic());
    word && rest.starts_with(' ') && verb != "Finished"
}

/// Sorts events: those of one second have no order, and those of a normal start may be late.
fn sorted_events(lines: &[String]) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut events: Vec<String> = Vec::new();
    for line in lines {
        if line.trim_start().starts_with("[TIME] ") {
            events.push(line.clone());
            continue;
        }
        events.sort();
        events.dedup();
        out.append(&mut events);
        out.push(line.trim_end().to_owned());
    }
    out.join("\n") + "\n"
}

/// The times of events in the output, one list per block of events.
fn clocks(screen: &str) -> Vec<Vec<String>> {
    let clock =
        Regex::new(r"^ +(\d\d:\d\d:\d\d) (Pod|Deployment|ReplicaSet|PersistentVolumeClaim) ").expect("a pattern");
    let mut lists = vec![Vec::new()];
    for line in screen.lines() {
        match clock.captures(line) {
            Some(found) => lists.last_mut().expect("one").push(found[1].to_owned()),
            None => lists.push(Vec::new()),
        }
    }
    lists
}

fn is_expected(lab: &Lab, folder: &Path, screen: &str) -> bool {
    fs::read_to_string(folder.join("screen")).is_ok_and(|expected| expected == lab.normalized(screen))
}

/// Compares output with the expected output; returns a message if they differ.
fn compare(lab: &Lab, folder: &Path, screen: &str) -> Option<String> {
    for list in clocks(screen) {
        // At midnight, the times restart once.
        let turns = list.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!(turns <= 1, "events are not in order:\n{screen}");
    }
    let (file, now) = (folder.join("screen"), lab.normalized(screen));
    if is_expected(lab, folder, screen) {
        return None;
    }
    if std::env::var_os("UPDATE_FAULTS").is_some() && !ci() {
        fs::write(&file, &now).expect("written");
        return None;
    }
    Some(format!("{} prints:\n{now}", folder.display()))
}

/// The faults in tests/faults, by name.
fn faults() -> Vec<PathBuf> {
    let wanted = std::env::var("FAULTS").unwrap_or_default();
    let entries = fs::read_dir(repository().join("tests/faults")).expect("readable");
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.expect("readable").path()).filter(|path| path.join("about").is_file()).collect();
    folders.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(&wanted)));
    folders.sort();
    folders
}

/// Runs a fault. Some faults are not changes to files, but happen while a step runs.
fn run(lab: &Lab, folder: &Path) -> (Option<i32>, String) {
    let node = lab.node();
    let step = "Running demo/works: a long command runs";
    match folder.file_name().and_then(|name| name.to_str()) {
        Some("api-server-gone") => {
            let result = lab.run_until("--keep", step, |_| drop(lab.ask(&["pause", &node])));
            lab.ask(&["unpause", &node]);
            result
        }
        Some("engine-stopped") => {
            let result = lab.run_until("--keep", step, |_| {
                fs::write(lab.stand_in.join("stopped"), "").expect("written");
                lab.ask(&["pause", &node]);
            });
            fs::remove_file(lab.stand_in.join("stopped")).expect("removed");
            lab.ask(&["unpause", &node]);
            result
        }
        _ => lab.run(&fs::read_to_string(folder.join("args")).unwrap_or_else(|_| "--keep".to_owned())),
    }
}

#[test]
fn a_fault_is_diagnosed() {
    let Some(lab) = Lab::new(TEST_KIND) else { return };
    let mut unexpected = Vec::new();
    // The first faults run without a cluster, and must not create one.
    let (before, others): (Vec<_>, Vec<_>) = faults().into_iter().partition(|folder| folder.join("before").is_file());
    for (round, folders) in [before, others].iter().enumerate() {
        if round == 1 {
            let (code, screen) = lab.run("--keep");
            assert_eq!(code, Some(0), "{screen}");
        }
        for folder in folders {
            let before = lab.traces();
            lab.copy(&folder.join("workspace"));
            let mut result = run(&lab, folder);
            // The state of a pod depends on the moment: it has just failed, or it is being restarted.
            for _ in 0..3 {
                if !is_expected(&lab, folder, &result.1) {
                    result = run(&lab, folder);
                }
            }
            let (code, screen) = result;
            assert_ne!(code, Some(0), "{} is not detected:\n{screen}", folder.display());
            unexpected.extend(compare(&lab, folder, &screen));
            let after = lab.traces();
            if round == 0 {
                assert_eq!(before, after, "{} leaves something behind", folder.display());
            }
            assert_eq!(before["processes"], after["processes"], "{} leaves a process behind", folder.display());
            if folder.join("fixed").is_dir() {
                lab.copy(&folder.join("fixed"));
                let (code, screen) = lab.run("--keep");
                assert_eq!(code, Some(0), "{} is not fixed:\n{screen}", folder.display());
            }
            lab.reset();
        }
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    // Without a fault, a run in the same cluster passes, and an interrupted run leaves nothing behind.
    let (code, screen) = lab.run("--keep");
    assert_eq!(code, Some(0), "{screen}");
    // On a fast machine, such a run takes little more than a second.
    for moment in [150, 400, 700] {
        interrupted(&lab, "--keep", Duration::from_millis(moment));
    }
}

#[test]
fn ctrl_c_leaves_nothing_behind_at_any_moment() {
    let Some(lab) = Lab::new(TEST_KIND) else { return };
    for moment in [150, 600, 1300, 2500, 4000, 6500, 10000] {
        interrupted(&lab, "", Duration::from_millis(moment));
    }
}

#[test]
fn a_cluster_that_a_stopped_engine_left_is_reported_and_deleted_by_the_next_run() {
    let Some(lab) = Lab::new(TEST_KIND) else { return };
    let before = lab.traces();
    let stopped = lab.stand_in.join("stopped");
    let (code, screen) = lab.run_until("", "Creating cluster", |_| {
        std::thread::sleep(Duration::from_secs(3));
        fs::write(&stopped, "").expect("written");
    });
    assert_eq!(code, Some(3), "{screen}");
    for text in ["kind failed to create the cluster", "could not be deleted", "run `cargo xtask test-kind` again"] {
        assert!(screen.contains(text), "{text:?} is missing in:\n{screen}");
    }
    fs::remove_file(&stopped).expect("removed");
    let (code, screen) = lab.run_until("", "Found cluster", interrupt);
    assert_eq!(code, Some(130), "{screen}");
    assert!(screen.contains("left behind by process"), "{screen}");
    assert_eq!(before, lab.traces(), "{screen}");
}
