//! Nulls in a chart's own values.yaml.
//!
//! Helm 3 took a null below a dependency's name for "remove this default"; Helm 4 drops every null of a values.yaml
//! before templates, dependencies, and the schema see it, so that such a default stays (seen with 4.2.1, against
//! 3.19.4). A null in an Application's values or in a values file that it names still removes a default; nulls that are
//! items of lists stay what they are.
//!
//! Deliberately absent: Argo CD releases with Helm 3, where a null does what it says.

use super::Subject;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::{Node, Value, yaml};
use helm::chart::Chart;

/// What this check finds.
pub const CODES: &[Code] = &[Code::NullIgnored];

/// Every null under a key of a values.yaml.
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
        // What cannot be read, Helm refuses.
        let Ok(document) =
            toolbox::source::read(&subject.workspace.root, &path).and_then(|source| yaml::parse_one(&source))
        else {
            continue;
        };
        walk(chart, &document.root, &mut Vec::new(), &mut diagnostics);
    }
    diagnostics
}

fn walk<'a>(chart: &Chart, node: &'a Node, path: &mut Vec<&'a str>, diagnostics: &mut Diagnostics) {
    for (key, value) in node.entries() {
        path.push(&key.name);
        if matches!(value.value, Value::Null) {
            let place = Place::new(&node.source, key.span.clone());
            diagnostics.push(finding(chart, path, place));
        }
        walk(chart, value, path, diagnostics);
        path.pop();
    }
}

fn finding(chart: &Chart, path: &[&str], place: Place) -> Diagnostic {
    let name = path.join(".");
    let dependency = chart.dependencies.iter().find(|dependency| {
        let called = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
        path.len() > 1 && path[0] == called
    });
    let found = Diagnostic::new(Code::NullIgnored, format!("the null of `{name}` does nothing"));
    match dependency {
        Some(dependency) => found
            .at(place, format!("Helm 4 ignores it: the default of `{}` stays", dependency.name))
            .help("to remove that default, set the null in the Application's `valuesObject`, or in a file of its `valueFiles`"),
        None => found
            .at(place, "Helm 4 drops it: templates and the schema see no such key")
            .help("give it an empty value of its type (`\"\"`, `{}`, `[]`, `0`), or remove it"),
    }
}
