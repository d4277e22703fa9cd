//! Reads the output of a checker: SARIF, the JSON of kube-linter, or lines.

use serde_json::Value;

use super::violation::{Folder, Violation};
use super::{kube_linter, sarif};

/// Reads the output of a checker that ended with an exit code. An error is a predicate of the checker.
pub(super) fn read(text: &str, code: i32, folder: Folder<'_>) -> Result<Vec<Violation>, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return if code == 0 { Ok(Vec::new()) } else { Err(format!("exited with code {code} and printed nothing")) };
    }
    let structured = trimmed.starts_with(['{', '[']);
    let known = match serde_json::from_str::<Value>(trimmed) {
        Ok(document) if sarif::is(&document) => Some(sarif::read(&document, folder)?),
        Ok(document) if kube_linter::is(&document) => Some(kube_linter::read(&document, folder)?),
        // There may be one document per line.
        Err(_) if structured && !trimmed.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()) => {
            return Err("printed incomplete JSON".to_owned());
        }
        Ok(_) | Err(_) => None,
    };
    match known {
        Some(violations) if violations.is_empty() && code != 0 => {
            Err(format!("exited with code {code} and reported no violation"))
        }
        Some(violations) => Ok(violations),
        // By convention, 1 means violations. Anything else may be a crash in the middle.
        None if code > 1 => Err(format!("exited with code {code}, and its output is not known")),
        None => Ok(lines(trimmed, folder)),
    }
}

/// Every line is a violation.
fn lines(text: &str, folder: Folder<'_>) -> Vec<Violation> {
    let lines = text.lines().map(|line| folder.text(line)).filter(|line| !line.is_empty());
    lines.map(|message| Violation { message, ..Violation::default() }).collect()
}
