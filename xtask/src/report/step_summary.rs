//! The summary of a step of GitHub Actions: the Markdown report on the page of the run.
//!
//! Reference: "Workflow commands for GitHub Actions", "Adding a job summary".

use std::io::Write;
use std::path::Path;

use diagnostics::{Diagnostic, Result};

use super::markdown;
use super::model::Report;

/// The largest summary of a step. GitHub shows nothing of a larger one.
const LIMIT: u64 = 1024 * 1024;

/// Too little for a report.
const LITTLE: u64 = 16 * 1024;

/// Appends the report to the summary, which may contain what other commands of the step wrote.
pub fn append(path: &Path, report: &Report) -> Result<()> {
    let used = std::fs::metadata(path).map(|facts| facts.len()).unwrap_or_default();
    let left = LIMIT.saturating_sub(used);
    if left < LITTLE {
        return Ok(());
    }
    let text = markdown::page(report, usize::try_from(left).unwrap_or_default());
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    Ok(file
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Diagnostic::io("write", path, &error))?)
}
