//! What does not have to be equal: differences that are meant (tests/judge/differences.txt), and workspaces that the binary
//! cannot render yet (tests/judge/pending.txt). Both contain lines `KEY: REASON`, and comments with `#`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::compare::Finding;
use crate::support::{ci, repository};

/// Both lists.
pub(crate) struct Lists {
    /// Reasons by `WORKSPACE[/APPLICATION[/OBJECT[/FIELD]]]`, whose parts are separated by ` / `.
    differences: BTreeMap<String, String>,
    pending: BTreeMap<String, String>,
    used: Mutex<BTreeSet<String>>,
}

fn file(name: &str) -> PathBuf {
    repository().join("tests/judge").join(name)
}

/// Whether workspaces that pass are removed from the list of pending ones.
pub(crate) fn update() -> bool {
    !ci() && std::env::var("UPDATE_JUDGE").is_ok_and(|value| value == "1")
}

/// Whether the differences of pending workspaces are failures.
pub(crate) fn shown() -> bool {
    std::env::var("JUDGE_PENDING").is_ok_and(|value| value == "1")
}

impl Lists {
    /// Reads the lists; every entry must name a workspace.
    pub(crate) fn read(names: &[String]) -> Result<Self, String> {
        let differences = entries("differences.txt", names)?;
        let pending = entries("pending.txt", names)?;
        Ok(Self { differences, pending, used: Mutex::default() })
    }

    /// Why a workspace is pending.
    pub(crate) fn pending(&self, workspace: &str) -> Option<&str> {
        self.pending.get(workspace).map(String::as_str)
    }

    /// Divides the differences of a workspace into those that are meant, and the others.
    pub(crate) fn divide(&self, workspace: &str, findings: Vec<Finding>) -> (Vec<Finding>, Vec<Finding>) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        findings.into_iter().partition(|finding| {
            let mut key = workspace.to_owned();
            let mut parts = [&finding.application, &finding.object, &finding.field].into_iter();
            loop {
                if self.differences.contains_key(&key) {
                    used.insert(key);
                    return true;
                }
                match parts.next().filter(|part| !part.is_empty()) {
                    Some(part) => key = format!("{key} / {part}"),
                    None => return false,
                }
            }
        })
    }

    /// Reports the meant differences that do not exist.
    pub(crate) fn unnecessary(&self) -> Result<(), String> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let unused: Vec<&str> =
            self.differences.keys().filter(|key| !used.contains(*key)).map(String::as_str).collect();
        if unused.is_empty() {
            return Ok(());
        }
        Err(format!(
            "delete these entries of tests/judge/differences.txt, which match no difference: {}",
            unused.join("; ")
        ))
    }

    /// Removes workspaces from the list of pending ones.
    pub(crate) fn remove(passed: &BTreeSet<String>) -> Result<(), String> {
        let path = file("pending.txt");
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let kept = text.split_inclusive('\n').filter(|line| {
            let name = line.split_once(": ").map_or("", |(name, _)| name);
            !passed.contains(name)
        });
        fs::write(&path, kept.collect::<String>()).map_err(|error| error.to_string())
    }
}

fn entries(name: &str, names: &[String]) -> Result<BTreeMap<String, String>, String> {
    let text = fs::read_to_string(file(name)).map_err(|error| format!("tests/judge/{name}: {error}"))?;
    let mut all = BTreeMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let at = |problem: &str| format!("tests/judge/{name}:{}: {problem}", index + 1);
        let (key, reason) = line.split_once(": ").ok_or_else(|| at("expected `KEY: REASON`"))?;
        let workspace = key.split(" / ").next().unwrap_or_default();
        if !names.iter().any(|known| known == workspace) {
            return Err(at(&format!("no workspace is named `{workspace}`")));
        }
        if reason.trim().is_empty() {
            return Err(at("the reason is missing"));
        }
        if all.insert(key.to_owned(), reason.to_owned()).is_some() {
            return Err(at("duplicate entry"));
        }
    }
    Ok(all)
}
