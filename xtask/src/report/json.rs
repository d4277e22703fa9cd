//! `--format json`: one document, described in docs/json.md. `version` is raised when a field changes its meaning; new
//! fields may appear at any time.

use serde_json::{Value, json};

use super::exit_code;
use super::rendered::RenderReport;
use diagnostics::{Class, Diagnostic, Diagnostics};
use golden::diff::ObjectDiff;
use kubernetes::manifest::Manifest;

/// Raised when a field changes its meaning or goes.
const VERSION: u32 = 1;

/// What a render found.
#[must_use]
pub fn render(report: &RenderReport) -> Vec<(&'static str, Value)> {
    let targets: Vec<Value> = report
        .targets
        .iter()
        .map(|target| {
            json!({
                "target": target.id.to_string(),
                "state": target.state.word(),
                "reasons": target.reasons,
                "objects": target.objects,
                "changes": target.diffs.iter().map(change).collect::<Vec<_>>(),
            })
        })
        .collect();
    vec![
        ("argocd", json!(report.argocd)),
        ("helm", json!(report.helm)),
        ("accepted", json!(report.accepted)),
        ("targets", json!(targets)),
    ]
}

/// A document of any command.
#[must_use]
pub fn document(command: &str, diagnostics: &Diagnostics, fields: &[(&str, Value)]) -> String {
    let mut document = json!({ "version": VERSION, "command": command, "exitCode": exit_code(diagnostics) });
    for (name, value) in fields {
        document[*name] = value.clone();
    }
    document["diagnostics"] = diagnostics.0.iter().map(diagnostic).collect();
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn object(manifest: &Manifest, file: &str) -> Value {
    json!({
        "group": manifest.key.group,
        "kind": manifest.key.kind,
        "namespace": manifest.key.namespace,
        "name": manifest.key.name,
        "template": manifest.template,
        "golden": file,
    })
}

fn change(diff: &ObjectDiff) -> Value {
    json!({
        "change": diff.kind.word(),
        "object": object(&diff.object.manifest, &diff.object.file),
        "previous": diff.previous.as_ref().map(|previous| object(&previous.manifest, &previous.file)),
        "diff": diff.marked().map(|(_, line)| line).collect::<Vec<_>>(),
    })
}

fn diagnostic(diagnostic: &Diagnostic) -> Value {
    let places: Vec<Value> = diagnostic
        .places
        .iter()
        .map(|(place, label)| {
            let position = place.position();
            json!({
                "file": place.source.name,
                "line": position.map(|(line, _)| line),
                "column": position.map(|(_, column)| column),
                "label": label,
            })
        })
        .collect();
    json!({
        "code": diagnostic.code.name(),
        "severity": if diagnostic.code.class() == Class::Warning { "warning" } else { "error" },
        "message": diagnostic.message,
        "target": diagnostic.target,
        "places": places,
        "notes": diagnostic.notes,
        "helps": diagnostic.helps,
    })
}
