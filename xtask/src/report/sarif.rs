//! SARIF 2.1.0, which GitHub code scanning and editors read.
//!
//! Reference: "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", OASIS.

use std::collections::BTreeMap;

use diagnostics::{Class, Code};
use serde::Serialize;
use serde_json::{Value, json};

use super::checks;
use super::entry::{Entry, Fix, Level, Location, Region, entries};
use super::model::{Report, Status};

/// The document.
#[must_use]
pub fn document(report: &Report) -> String {
    let entries = entries(report);
    let mut rules: Vec<Code> = entries.iter().map(|entry| entry.code).collect();
    rules.sort_by_key(|code| code.name());
    rules.dedup();
    let indexes: BTreeMap<&str, usize> = rules.iter().enumerate().map(|(index, code)| (code.name(), index)).collect();
    let results = entries.iter().map(|entry| Finding::new(entry, indexes[entry.code.name()])).collect();
    let document = Document {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: json!({
                "driver": {
                    "name": "xtask",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules.into_iter().map(rule).collect::<Vec<_>>(),
                }
            }),
            // Code scanning compares a run only with earlier ones of the same category.
            automation_details: json!({ "id": format!("cargo-xtask/{}/", report.command) }),
            column_kind: "unicodeCodePoints",
            original_uri_base_ids: json!({ "SRCROOT": { "description": { "text": "the root of the repository" } } }),
            results,
        }],
    };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Value,
    automation_details: Value,
    column_kind: &'static str,
    original_uri_base_ids: Value,
    results: Vec<Finding<'a>>,
}

/// A `result` of SARIF.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding<'a> {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_state: Option<&'static str>,
    message: Value,
    locations: [Value; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Value>,
    partial_fingerprints: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Value>,
}

impl<'a> Finding<'a> {
    fn new(entry: &'a Entry, rule_index: usize) -> Self {
        let text: Vec<&str> = std::iter::once(&entry.message).chain(&entry.details).map(String::as_str).collect();
        let related = entry.related.iter().enumerate().map(|(index, location)| related(index, location));
        Self {
            rule_id: entry.code.name(),
            rule_index,
            level: match entry.level {
                Level::Note => "note",
                Level::Warning => "warning",
                Level::Error | Level::Blocker => "error",
            },
            baseline_state: entry.status.map(|status| match status {
                Status::New => "new",
                Status::Existing => "unchanged",
                Status::Fixed => "absent",
            }),
            message: json!({ "text": plain(&text.join("\n")) }),
            locations: [json!({ "physicalLocation": physical(&entry.location) })],
            related_locations: related.collect(),
            partial_fingerprints: [("cargoXtask/v1", entry.fingerprint.as_str())].into(),
            fixes: entry.fix.iter().map(|one| fix(&entry.location, one)).collect(),
        }
    }
}

/// A text in which brackets are not links.
fn plain(text: &str) -> String {
    if !text.contains("](") {
        return text.to_owned();
    }
    text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]")
}

fn rule(code: Code) -> Value {
    let markdown = checks::entry(code);
    json!({
        "id": code.name(),
        "shortDescription": { "text": code.about() },
        "fullDescription": { "text": code.about() },
        "help": { "text": markdown, "markdown": markdown },
        "defaultConfiguration": { "level": if code.class() == Class::Warning { "warning" } else { "error" } },
        "properties": { "tags": [checks::class(code)] },
    })
}

fn related(index: usize, location: &Location) -> Value {
    let mut value = json!({ "id": index + 1, "physicalLocation": physical(location) });
    if !location.label.is_empty() {
        value["message"] = json!({ "text": plain(&location.label) });
    }
    value
}

fn physical(location: &Location) -> Value {
    let mut value = json!({ "artifactLocation": artifact(location) });
    // GitHub requires a line.
    value["region"] = location.region.map_or_else(|| json!({ "startLine": 1 }), region);
    value
}

fn artifact(location: &Location) -> Value {
    json!({ "uri": uri(&location.path), "uriBaseId": "SRCROOT" })
}

fn region(Region { start, end }: Region) -> Value {
    json!({ "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column })
}

fn fix(location: &Location, Fix { region: place, text }: &Fix) -> Value {
    let replacement = json!({ "deletedRegion": region(*place), "insertedContent": { "text": text } });
    json!({
        "description": { "text": format!("replace it with `{}`", plain(text)) },
        "artifactChanges": [{ "artifactLocation": artifact(location), "replacements": [replacement] }],
    })
}

/// A path as a relative URI reference.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
