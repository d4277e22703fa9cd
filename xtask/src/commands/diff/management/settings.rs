//! Fields of an Application that decide how Argo CD manages it, and which no object shows.

use std::collections::BTreeSet;

use argocd::effect;
use diagnostics::{Code, Severity};
use document::{Node, Value};
use kubernetes::change::effect::Effect;

/// The effects of changes to the Application's own fields.
pub(super) fn changed(before: &Node, after: &Node) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut notice = |message: String| {
        effects.push(super::new(Code::ChangeManagement, Severity::Notice, message, None));
    };
    let project = |root: &Node| {
        root.find(&["spec", "project"])
            .and_then(Node::as_str)
            .filter(|name| !name.is_empty())
            .unwrap_or("default")
            .to_owned()
    };
    let (old, new_project) = (project(before), project(after));
    if old != new_project {
        notice(format!("the project of the Application changes from `{old}` to `{new_project}`"));
    }
    let automated = |root: &Node| {
        let node = root.find(&["spec", "syncPolicy", "automated"]);
        node.is_some_and(|node| {
            !matches!(node.value, Value::Null)
                && !node.get("enabled").is_some_and(|node| matches!(node.value, Value::Bool(false)))
        })
    };
    let is = |root: &Node, field: &str| {
        let node = root.find(&["spec", "syncPolicy", "automated", field]);
        automated(root) && node.is_some_and(|node| matches!(node.value, Value::Bool(true)))
    };
    match (automated(before), automated(after)) {
        (false, true) => notice("Argo CD now syncs the Application automatically".to_owned()),
        (true, false) => notice("Argo CD no longer syncs the Application automatically".to_owned()),
        _ => {}
    }
    match (is(before, "prune"), is(after, "prune")) {
        (false, true) => notice("Argo CD now deletes objects that are no longer rendered".to_owned()),
        (true, false) => notice("Argo CD no longer deletes objects that are no longer rendered".to_owned()),
        _ => {}
    }
    match (is(before, "selfHeal"), is(after, "selfHeal")) {
        (false, true) => notice("Argo CD now reverts changes that are made in the cluster".to_owned()),
        (true, false) => notice("Argo CD no longer reverts changes that are made in the cluster".to_owned()),
        _ => {}
    }
    match (effect::cascades(before).is_some(), effect::cascades(after).is_some()) {
        (false, true) => notice("deleting the Application now deletes its objects".to_owned()),
        (true, false) => notice("deleting the Application no longer deletes its objects".to_owned()),
        _ => {}
    }
    match (is(before, "allowEmpty"), is(after, "allowEmpty")) {
        (false, true) => notice("Argo CD now also deletes the last objects, if nothing is rendered".to_owned()),
        (true, false) => notice("Argo CD no longer deletes the last objects, if nothing is rendered".to_owned()),
        _ => {}
    }
    match (is_skipped(before), is_skipped(after)) {
        (false, true) => notice("Argo CD no longer reconciles the Application".to_owned()),
        (true, false) => notice("Argo CD reconciles the Application again".to_owned()),
        _ => {}
    }
    options(before, after).into_iter().for_each(&mut notice);
    sources(before, after).into_iter().for_each(&mut notice);
    let node = |root: &'_ Node, path: &[&str]| root.find(path).filter(|node| is_set(node)).map(Node::to_json);
    for (path, what) in FIELDS {
        let (old, new) = (node(before, path), node(after, path));
        match (old.is_some(), new.is_some()) {
            _ if old == new => {}
            (false, true) => notice(format!("the Application now has {what}")),
            (true, false) => notice(format!("the Application no longer has {what}")),
            _ => notice(format!("the Application has other {what}")),
        }
    }
    effects
}

/// Fields of Applications that decide how Argo CD syncs them.
const FIELDS: &[(&[&str], &str)] = &[
    (&["spec", "ignoreDifferences"], "ignored differences (`ignoreDifferences`)"),
    (&["spec", "syncPolicy", "managedNamespaceMetadata"], "metadata of its namespace (`managedNamespaceMetadata`)"),
];

/// The number of sync options that a message names.
const NAMED: usize = 5;

/// Whether Argo CD reconciles nothing of the Application.
fn is_skipped(root: &Node) -> bool {
    let node = root.find(&["metadata", "annotations", "argocd.argoproj.io/skip-reconcile"]);
    node.and_then(Node::as_str) == Some("true")
}

/// Whether a field contains anything.
fn is_set(node: &Node) -> bool {
    match &node.value {
        Value::Null => false,
        Value::Mapping(_) | Value::Sequence(_) => !node.entries().is_empty() || !node.items().is_empty(),
        _ => true,
    }
}

/// The sync options that are added and removed.
fn options(before: &Node, after: &Node) -> Vec<String> {
    let of = |root: &Node| -> BTreeSet<String> {
        let options = root.items_at(&["spec", "syncPolicy", "syncOptions"]);
        options.iter().filter_map(|node| node.as_str().map(str::to_owned)).collect()
    };
    let (old, new) = (of(before), of(after));
    let named = |options: Vec<&String>| {
        let mut names: Vec<String> = options.iter().take(NAMED).map(|option| format!("`{option}`")).collect();
        if options.len() > NAMED {
            names.push(format!("{} more", options.len() - NAMED));
        }
        (!names.is_empty()).then(|| names.join(", "))
    };
    let added =
        named(new.difference(&old).collect()).map(|names| format!("the Application is now synced with {names}"));
    let removed =
        named(old.difference(&new).collect()).map(|names| format!("the Application is no longer synced with {names}"));
    added.into_iter().chain(removed).collect()
}

/// Sources that come from another repository or revision. What they render may be the same, but it will change with others.
fn sources(before: &Node, after: &Node) -> Vec<String> {
    let of = |root: &'_ Node| -> Vec<(String, String, bool)> {
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        let one = root.find(&["spec", "source"]).into_iter();
        let all = root.items_at(&["spec", "sources"]).iter().chain(one);
        all.map(|node| (text(node, "repoURL"), text(node, "targetRevision"), node.get("chart").is_some())).collect()
    };
    let (old, new) = (of(before), of(after));
    if old.len() != new.len() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for ((old_url, old_revision, _), (url, revision, chart)) in old.iter().zip(&new) {
        if old_url != url && !old_url.is_empty() && !url.is_empty() {
            found.push(format!("the Application is rendered from `{url}` instead of `{old_url}`"));
        } else if !chart && old_revision != revision {
            let name = |revision: &str| if revision.is_empty() { "HEAD".to_owned() } else { revision.to_owned() };
            found.push(format!(
                "the Application tracks revision `{}` instead of `{}`",
                name(revision),
                name(old_revision)
            ));
        }
    }
    found.dedup();
    found
}
