//! The format of reviewdog, which comments on the lines of a pull request and suggests edits.
//!
//! Reference: "Reviewdog Diagnostic Format", proto/rdf in its repository.

use serde_json::{Value, json};

use super::entry::{Entry, Level, Location, Region, entries};
use super::model::{Report, Status};

/// The document.
#[must_use]
pub fn document(report: &Report) -> String {
    let entries = entries(report);
    let current = entries.iter().filter(|entry| entry.status != Some(Status::Fixed));
    let document = json!({
        "source": { "name": "xtask" },
        "diagnostics": current.map(diagnostic).collect::<Vec<_>>(),
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn diagnostic(entry: &Entry) -> Value {
    let texts: Vec<&str> = std::iter::once(&entry.message).chain(&entry.details).map(String::as_str).collect();
    let mut value = json!({
        "message": texts.join("\n"),
        "location": location(&entry.location),
        "severity": match entry.level {
            Level::Note => "INFO",
            Level::Warning => "WARNING",
            Level::Error | Level::Blocker => "ERROR",
        },
        "code": { "value": entry.code.name() },
    });
    if let Some(fix) = &entry.fix {
        value["suggestions"] = json!([{ "range": range(fix.region), "text": fix.text }]);
    }
    if !entry.related.is_empty() {
        let related = entry.related.iter().map(|one| json!({ "message": one.label, "location": location(one) }));
        value["related_locations"] = related.collect();
    }
    value
}

fn location(location: &Location) -> Value {
    let mut value = json!({ "path": location.path });
    if let Some(region) = location.region {
        value["range"] = range(region);
    }
    value
}

/// The columns are counted in bytes.
fn range(region: Region) -> Value {
    let [start, end] = [region.start, region.end].map(|at| json!({ "line": at.line, "column": at.byte }));
    json!({ "start": start, "end": end })
}
