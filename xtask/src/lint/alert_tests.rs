//! Tests of alerts in tests/alerts, in the format of `promtool test rules`, that name an alert that nothing renders.
//!
//! promtool does not know which alerts exist: a test that expects that a misspelled one does not fire always passes. The
//! rules of a test may come from elsewhere, so only a name that is nearly that of a rendered alert is reported.

use std::collections::BTreeSet;
use std::fs;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, did_you_mean, nearest_within};
use document::{Node, yaml};
use toolbox::source;

use super::prometheus_rules;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ReferenceMissing];

/// The folder with the tests.
const FOLDER: &str = "tests/alerts";

/// Checks the tests, if all targets are rendered.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let root = &subject.workspace.root;
    let Ok(folder) = fs::read_dir(root.join(FOLDER)) else { return diagnostics };
    let alerts: BTreeSet<&str> = prometheus_rules::applied(subject)
        .flat_map(|object| object.find(&["spec", "groups"]).map(Node::items).unwrap_or_default())
        .flat_map(|group| group.items_at(&["rules"]))
        .filter_map(|rule| rule.get("alert").and_then(Node::as_str))
        .collect();
    if alerts.is_empty() || !subject.complete {
        return diagnostics;
    }
    let mut paths: Vec<_> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml")) {
        let Ok(document) = source::read(root, path).and_then(|source| yaml::parse_one(&source)) else { continue };
        for test in document.root.items_at(&["tests"]) {
            let names = test.items_at(&["alert_rule_test"]).iter().filter_map(|one| one.get("alertname"));
            diagnostics.0.extend(names.filter_map(|node| unknown(node, &alerts)));
        }
    }
    diagnostics
}

fn unknown(node: &Node, alerts: &BTreeSet<&str>) -> Option<Diagnostic> {
    let name = node.as_str().filter(|name| !alerts.contains(name))?;
    let near = nearest_within(name, 2, alerts.iter().copied())?;
    let message = format!("no PrometheusRule has an alert `{name}`");
    let found = Diagnostic::new(Code::ReferenceMissing, message).at(node.place(), "never fires in this test");
    Some(found.fact(Fact::missing("alert", name)).help(did_you_mean(near)))
}
