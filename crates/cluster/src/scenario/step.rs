//! The kinds of steps: one file each, and a row in [`KINDS`].

mod announced;
mod app;
mod apply;
mod commit;
mod delete;
mod deploy;
mod exec;
mod new_cluster;
mod object;
mod ready;
mod restart;
mod scale;
mod synced;
mod tool;
mod xtask;

use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, nearest, suggestion};
use document::{Fields, Node};

use super::action::{Action, Kind};

/// The kinds of steps.
const KINDS: &[Kind] = &[
    ready::KIND,
    deploy::KIND,
    apply::KIND,
    delete::KIND,
    restart::KIND,
    scale::KIND,
    exec::KIND,
    tool::KIND,
    object::KIND,
    commit::KIND,
    synced::KIND,
    announced::KIND,
    new_cluster::KIND,
    app::KIND,
    xtask::KIND,
];

/// Keys that some kinds of steps have beside their own.
const OTHERS: &[&str] =
    &["args", "expect", "gone", "has", "health", "input", "message", "operation", "save", "show", "sync", "tell"];

/// Reads the action of a step.
pub(super) fn read(
    fields: &mut Fields<'_>,
    node: &Node,
    folder: &Path,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<dyn Action>> {
    let found: Vec<&Kind> = KINDS.iter().filter(|kind| node.get(kind.key).is_some()).collect();
    if let [kind] = found[..] {
        return (kind.read)(fields, folder, diagnostics);
    }
    let place = node.get("name").unwrap_or(node).place();
    let invalid = |message: String| Diagnostic::new(Code::ScenarioInvalid, message).at(place, "this step");
    let keys: Vec<&'static str> = KINDS.iter().map(|kind| kind.key).collect();
    fields.report(if found.is_empty() {
        let mut own = node.entries().iter().map(|(key, _)| key.name.as_str());
        let unknown = own.find(|key| !["name", "deadline", "when"].contains(key) && !OTHERS.contains(key));
        // A misspelled action is reported as an unknown field.
        if unknown.is_some_and(|key| nearest(key, keys.iter().copied()).is_some()) {
            fields.ignore(&keys);
            fields.ignore(OTHERS);
            return None;
        }
        invalid("the step has no action".to_owned()).help(suggestion(unknown.unwrap_or_default(), keys.iter().copied()))
    } else {
        let found: Vec<String> = found.iter().map(|kind| format!("`{}`", kind.key)).collect();
        invalid(format!("the step has several actions: {}", found.join(", "))).help("split it into one step per action")
    });
    fields.ignore(&keys);
    fields.ignore(OTHERS);
    None
}
