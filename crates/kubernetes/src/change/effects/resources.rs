//! The remaining effects: requests and limits, and objects that are created, deleted, left behind, or configured.

use diagnostics::wording;
use document::Node;

use super::subject::{Found, Subject};
use crate::change::action::Action;
use crate::change::delta::Delta;
use crate::object::Object;
use crate::workload;

/// The number of fields that a message names.
const NAMED: usize = 3;

/// Annotations with which Argo CD prunes, deletes, updates, or compares an object differently.
const MANAGING: &[&str] =
    &["argocd.argoproj.io/compare-options", "argocd.argoproj.io/sync-options", "helm.sh/resource-policy"];

/// Requests and limits of containers.
pub(super) fn requests(subject: &Subject<'_>) -> Vec<Found> {
    let Some((_, after)) = subject.updates() else { return Vec::new() };
    let Some((template, _)) = workload::template(after) else { return Vec::new() };
    let changed: Vec<&Delta<'_>> = subject
        .deltas
        .iter()
        .filter(|delta| {
            let names = delta.names();
            delta.is_in(template)
                && matches!(
                    names.get(template.len()..),
                    Some(["spec", "containers" | "initContainers", "resources", ..])
                )
        })
        .collect();
    let Some(first) = changed.first() else { return Vec::new() };
    vec![Found::new(format!("{} changes {}", after.title(), fields(&changed))).at(&first.pointer)]
}

/// Annotations that decide what Argo CD does with an object, and the finalizers that its deletion waits for.
pub(super) fn managed(subject: &Subject<'_>) -> Vec<Found> {
    let Some((before, after)) = subject.updates() else { return Vec::new() };
    let paths = MANAGING.iter().map(|name| vec!["metadata", "annotations", *name]);
    let paths = paths.chain([vec!["metadata", "finalizers"]]);
    let value = |object: &Object, path: &[&str]| object.find(path).map(Node::to_json).filter(|value| value != "null");
    let changed: Vec<Vec<&str>> = paths.filter(|path| value(before, path) != value(after, path)).collect();
    let Some(first) = changed.first() else { return Vec::new() };
    let name = |path: &Vec<&str>| match path.as_slice() {
        ["metadata", "annotations", name] => format!("annotation `{name}`"),
        path => format!("`{}`", path.join(".")),
    };
    let names: Vec<String> = changed.iter().map(name).collect();
    let present: &[&str] = if value(after, first).is_some() { first } else { &first[..1] };
    vec![Found::new(format!("{} changes {}", after.title(), wording::all(&names))).at(present)]
}

/// An object that is created, deleted, or left behind, or with fields that no other rule is about.
pub(super) fn other(subject: &Subject<'_>) -> Vec<Found> {
    let change = &subject.change;
    let found = match (change.before, change.after) {
        (Some(before), Some(after)) if before.key != after.key => {
            let rest = if subject.prunes() { "" } else { "; the former object stays in the cluster" };
            Found::new(format!("{} {}{rest}", before.title(), subject.fate()))
        }
        (None, Some(after)) => Found::new(match change.action {
            Action::Hook => format!("{} runs as a hook", after.title()),
            _ => format!("{} is created", after.title()),
        }),
        (Some(before), None) => Found::new(match change.action {
            Action::Leave => format!("{} stays in the cluster, and nothing updates it", before.title()),
            _ => format!("{} is deleted", before.title()),
        }),
        (Some(before), Some(after)) => {
            let configured: Vec<&Delta<'_>> = subject.deltas.iter().filter(|delta| !is_metadata(delta)).collect();
            match configured.first() {
                Some(first) => {
                    Found::new(format!("{} changes {}", after.title(), fields(&configured))).at(&first.pointer)
                }
                None if before.secret_digest != after.secret_digest => {
                    Found::new(format!("{} has other values", after.title()))
                }
                None => return Vec::new(),
            }
        }
        (None, None) => return Vec::new(),
    };
    vec![found]
}

/// Whether a field is metadata, an image, or the version of a chart.
fn is_metadata(delta: &Delta<'_>) -> bool {
    let names = delta.names();
    let metadata = names.windows(2).any(|pair| matches!(pair, ["metadata", "labels" | "annotations"]));
    let image = matches!(names.as_slice(), [.., "containers" | "initContainers", "image"]);
    metadata || image || matches!(names.as_slice(), ["metadata", ..])
}

/// The paths of fields, as many as a reader needs.
fn fields(changed: &[&Delta<'_>]) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut more = 0;
    for delta in changed {
        let name = || format!("`{}`", delta.short());
        if names.len() < NAMED && !names.contains(&name()) {
            names.push(name());
        } else {
            more += 1;
        }
    }
    if more > 0 {
        names.push(format!("{more} more"));
    }
    wording::all(&names)
}
