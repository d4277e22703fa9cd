//! Changes that interrupt what is running: versions of custom resources that are no longer served, and pods that lose
//! their Service.

use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostics};
use document::{Node, Value};
use kubernetes::inventory::pods::Pods;
use kubernetes::inventory::selector::Selector;
use kubernetes::object::Object;
use kubernetes::scope;

use super::removed;
use super::revision::Change;

const CODE: Code = Code::ChangeDisruptive;

/// Reports the disruptive changes of an Application.
pub(super) fn check(change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (before, after) in change.changed.iter().filter(|(_, after)| scope::is_definition(after)) {
        diagnostics.extend(unserved(change, before, after));
    }
    for (before, after) in &change.changed {
        diagnostics.extend(unselected(change, before, after));
    }
    diagnostics
}

/// The objects whose selector is as it was, and no longer selects the pods of a workload, but others.
fn unselected(change: &Change<'_>, before: &Object, after: &Object) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let namespace = after.key.namespace.as_str();
    let (Some(old), Some(new)) = (Pods::of(before, 0, namespace), Pods::of(after, 0, namespace)) else {
        return diagnostics;
    };
    if old.labels().collect::<BTreeSet<_>>() == new.labels().collect::<BTreeSet<_>>() {
        return diagnostics;
    }
    let own = |object: &&&Object| object.target == after.target && object.key.namespace == namespace;
    let others: Vec<&Object> = change.now.iter().filter(own).copied().collect();
    let running: Vec<Pods<'_>> = others.iter().filter_map(|other| Pods::of(other, 0, namespace)).collect();
    for selecting in &others {
        let Some((path, selector)) = selector(selecting) else { continue };
        let unchanged = match change.changed.iter().find(|(_, now)| now.key == selecting.key) {
            Some((before, now)) => before.find(path).map(Node::to_json) == now.find(path).map(Node::to_json),
            None => !change.added.iter().any(|added| added.key == selecting.key),
        };
        // A selector that no longer selects anything is a different finding.
        let selects = || running.iter().any(|pods| selector.matches(pods));
        if !unchanged || !selector.matches(&old) || selector.matches(&new) || !selects() {
            continue;
        }
        let message = format!("the pods of {} no longer match the selector of {}", after.key, selecting.key);
        let lost =
            selector.labels().find(|(key, value)| old.label(key) == Some(value) && new.label(key) != Some(value));
        let labels = new.template.find(&["metadata", "labels"]).unwrap_or(new.template);
        let (place, label) = match lost {
            Some((key, value)) => (labels.key_place(key), format!("was `{key}: {value}` at `{}`", change.base)),
            None => (labels.place(), format!("differs from `{}`", change.base)),
        };
        let node = selecting.find(path).unwrap_or(&selecting.root);
        diagnostics.push(
            after
                .finding(CODE, message, place, label)
                .at(node.place(), "the selector")
                .help(format!("keep the label, or also change the selector of {}", selecting.key))
                .help(removed::acceptance(CODE, &after.target)),
        );
    }
    diagnostics
}

/// The selector of pods of an object, and its path.
fn selector(object: &Object) -> Option<(&'static [&'static str], Selector<'_>)> {
    let path: &'static [&'static str] = match (object.key.group.as_str(), object.key.kind.as_str()) {
        ("", "Service") => return Some((&["spec", "selector"], Selector::of_service(object)?)),
        ("policy", "PodDisruptionBudget") => &["spec", "selector"],
        ("networking.k8s.io", "NetworkPolicy") => &["spec", "podSelector"],
        _ => return None,
    };
    Some((path, Selector::of_labels(object.find(path)?)))
}

/// The versions of a definition that clients may use, and that are no longer served. The API server rejects the removal of
/// the version in which objects are stored, which is a different finding.
fn unserved(change: &Change<'_>, before: &Object, after: &Object) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let is = |version: &Node, key: &str| version.get(key).is_some_and(|node| matches!(node.value, Value::Bool(true)));
    let versions =
        |object: &'_ Object| object.find(&["spec", "versions"]).map(Node::items).unwrap_or_default().to_vec();
    for old in versions(before).iter().filter(|old| is(old, "served")) {
        let Some(name) = old.get("name").and_then(Node::as_str) else { continue };
        let new = versions(after).into_iter().find(|new| new.get("name").and_then(Node::as_str) == Some(name));
        if new.as_ref().map_or(is(old, "storage"), |new| is(new, "served")) {
            continue;
        }
        let message = format!("{} no longer serves version `{name}`", change.title(&after.key));
        let (place, label) = if let Some(new) = new {
            (new.key_place("served"), format!("was `true` at `{}`", change.base))
        } else {
            let around = after.find(&["spec"]).unwrap_or(&after.root);
            (around.key_place("versions"), format!("had version `{name}` at `{}`", change.base))
        };
        diagnostics.push(
            after
                .finding(CODE, message, place, label)
                .at(old.get("name").unwrap_or(old).place(), format!("at `{}`", change.base))
                .note("requests for objects in this version fail; the sync fails if the cluster still stores objects in it")
                .help(format!("make sure that no client and no manifest uses `{name}`, and serve it until then"))
                .help(removed::acceptance(CODE, &after.target)),
        );
    }
    diagnostics
}
