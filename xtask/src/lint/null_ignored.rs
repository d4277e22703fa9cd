//! Nulls in a chart's own values.yaml.
//!
//! In Helm 3, a null below a dependency's name removes that default. Helm 4 drops every null in values.yaml before
//! templates, dependencies, and the schema see it, so the default stays (tested with 4.2.1 against 3.19.4). A null in an
//! Application's values or in a value file still removes a default, and nulls in lists are kept.
//!
//! Templates read null and a missing key alike, so a null of the chart itself matters only to its schema.
//!
//! Argo CD releases with Helm 3 are not affected and not checked.

use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Node, Value, yaml};
use helm::chart::Chart;
use helm::values_schema;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::NullIgnored];

/// Reports every null under a key of a values.yaml.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    if !subject.workspace.config.argocd.helm.starts_with("4.") {
        return diagnostics;
    }
    for chart in subject.charts {
        let path = chart.directory.join("values.yaml");
        if !path.is_file() {
            continue;
        }
        // Helm reports a file that cannot be parsed.
        let Ok(document) =
            toolbox::source::read(&subject.workspace.root, &path).and_then(|source| yaml::parse_one(&source))
        else {
            continue;
        };
        let schema = chart.directory.join(values_schema::FILE).is_file();
        walk(chart, schema, &document.root, &mut Vec::new(), &mut diagnostics);
    }
    diagnostics
}

fn walk<'a>(chart: &Chart, schema: bool, node: &'a Node, path: &mut Vec<&'a str>, diagnostics: &mut Diagnostics) {
    for (key, value) in node.entries() {
        path.push(&key.name);
        if matches!(value.value, Value::Null) {
            let place = Place::new(&node.source, key.span.clone());
            diagnostics.0.extend(finding(chart, schema, path, place));
        }
        walk(chart, schema, value, path, diagnostics);
        path.pop();
    }
}

fn finding(chart: &Chart, schema: bool, path: &[&str], place: Place) -> Option<Diagnostic> {
    let name = path.join(".");
    let dependency = chart.dependencies.iter().find(|dependency| {
        let called = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
        path.len() > 1 && path[0] == called
    });
    let found = Diagnostic::new(Code::NullIgnored, format!("null for `{name}` has no effect"));
    match dependency {
        Some(dependency) => {
            Some(found.at(place, format!("Helm 4 ignores it and keeps the default of `{}`", dependency.name)).help(
                "to remove the default, set the null in the Application's `valuesObject` or in one of its `valueFiles`",
            ))
        }
        // For templates, null and no key at all are the same.
        None => schema.then(|| {
            found
                .at(place, "Helm 4 drops the key before templates and the schema see it")
                .help("use an empty value of the right type (`\"\"`, `{}`, `[]`, `0`), or remove the key")
        }),
    }
}
