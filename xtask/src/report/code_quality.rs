//! GitLab's Code Quality report.
//!
//! GitLab compares it with the report of the target branch, so it contains what the base has, too, and nothing that is
//! fixed.
//!
//! Reference: "Code Quality report format" in GitLab's documentation.

use serde::Serialize;

use super::entry::{Entry, Level, entries};
use super::model::{Report, Status};

/// The document.
#[must_use]
pub fn document(report: &Report) -> String {
    let entries = entries(report);
    let current = entries.iter().filter(|entry| entry.status != Some(Status::Fixed));
    let issues: Vec<Issue<'_>> = current.map(Issue::from).collect();
    let mut text = serde_json::to_string_pretty(&issues).unwrap_or_default();
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Issue<'a> {
    description: String,
    check_name: &'static str,
    fingerprint: &'a str,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Serialize)]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
}

impl<'a> From<&'a Entry> for Issue<'a> {
    fn from(entry: &'a Entry) -> Self {
        let region = entry.location.region;
        let texts: Vec<&str> = std::iter::once(&entry.message).chain(&entry.details).map(String::as_str).collect();
        Self {
            description: texts.join("; "),
            check_name: entry.code.name(),
            fingerprint: &entry.fingerprint,
            severity: match entry.level {
                Level::Note => "info",
                Level::Warning => "minor",
                Level::Error => "major",
                Level::Blocker => "blocker",
            },
            location: Location {
                path: &entry.location.path,
                lines: Lines {
                    begin: region.map_or(1, |region| region.start.line),
                    end: region.map(|region| region.end.line),
                },
            },
        }
    }
}
