//! Mounts of single files (`subPath`) that their volume does not have: those of a volume with `items`, and of a projected
//! one. For volumes with all keys of a `ConfigMap` or a Secret, a `subPath` is a reference to a key.
//!
//! The kubelet creates an empty directory in place of a missing file.

use std::collections::{BTreeSet, HashMap};

use diagnostics::{Code, Diagnostic, Diagnostics, did_you_mean, nearest};
use document::{Node, Value};
use kubernetes::inventory::entry::Id;
use kubernetes::inventory::keys::Keys;
use kubernetes::inventory::{Presence, View};

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ReferenceKey];

/// Checks the mounts of all pods.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (view, pods) in subject.workloads() {
        let object = pods.object;
        let mut paths: HashMap<&str, Vec<&Node>> = HashMap::new();
        let mounts = pods.containers.iter().filter_map(|container| container.node.get("volumeMounts"));
        for mount in mounts.flat_map(Node::items) {
            let Some(name) = mount.get("name").and_then(Node::as_str) else { continue };
            paths.entry(name).or_default().extend(mount.get("subPath"));
        }
        for volume in pods.spec.get("volumes").map(Node::items).unwrap_or_default() {
            let Some(name) = volume.get("name").and_then(Node::as_str) else { continue };
            let paths = paths.remove(name).unwrap_or_default();
            if paths.is_empty() {
                continue;
            }
            let Some(files) = files(&view, pods.namespace, volume) else { continue };
            for node in paths {
                let path = node.as_str().unwrap_or_default().trim_start_matches("./").trim_end_matches('/');
                let inside =
                    |file: &&str| file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                if path.is_empty() || path == "." || files.iter().map(String::as_str).any(|file| inside(&file)) {
                    continue;
                }
                let message = format!("volume `{name}` of {} has no file `{path}`", object.title());
                diagnostics.push(finding(object, node, message, volume, path, &files));
            }
        }
    }
    diagnostics
}

fn finding(
    object: &kubernetes::object::Object,
    node: &Node,
    message: String,
    volume: &Node,
    path: &str,
    files: &BTreeSet<String>,
) -> Diagnostic {
    let named: Vec<String> = files.iter().take(6).map(|file| format!("`{file}`")).collect();
    let found = object.finding(Code::ReferenceKey, message, node.place(), "mounted from the volume");
    found.at(volume.get("name").unwrap_or(volume).place(), "this volume").help(
        match nearest(path, files.iter().map(String::as_str)) {
            Some(near) => did_you_mean(near),
            None => format!("use one of its files: {}", named.join(", ")).into(),
        },
    )
}

/// The files of a volume with items, or of a projected one; `None` if they are unknown, or all keys of one object.
fn files(view: &View<'_, '_>, namespace: &str, volume: &Node) -> Option<BTreeSet<String>> {
    for field in ["configMap", "secret"] {
        if let Some(source) = volume.get(field) {
            return if source.get("items").is_none_or(|items| items.items().is_empty()) { None } else { items(source) };
        }
    }
    let mut files = BTreeSet::new();
    let sources = volume.find(&["projected", "sources"])?;
    for source in sources.items() {
        for (field, node) in source.entries() {
            match field.name.as_str() {
                "configMap" => files.extend(projected(view, namespace, "ConfigMap", node)?),
                "secret" => files.extend(projected(view, namespace, "Secret", node)?),
                "downwardAPI" => files.extend(items(node)?),
                "serviceAccountToken" => files.extend(node.get("path").and_then(Node::as_str).map(str::to_owned)),
                _ => return None,
            }
        }
    }
    Some(files)
}

fn projected(view: &View<'_, '_>, namespace: &str, kind: &str, source: &Node) -> Option<BTreeSet<String>> {
    if source.get("items").is_some_and(|items| !items.items().is_empty()) {
        return items(source);
    }
    let id = Id { group: "", kind, namespace, name: source.get("name")?.as_str()? };
    let keys = match view.presence(&id) {
        Presence::Rendered(entry) => entry.keys().clone(),
        Presence::Made(_, keys) => keys.clone(),
        _ => return None,
    };
    if let Keys::Known(keys) = keys { Some(keys) } else { None }
}

/// The files of the items of a source. Optional ones may be missing, which is nobody's mistake.
fn items(source: &Node) -> Option<BTreeSet<String>> {
    if source.get("optional").is_some_and(|node| matches!(node.value, Value::Bool(true))) {
        return None;
    }
    let items = source.get("items")?.items().iter();
    Some(items.filter_map(|item| Some(item.get("path")?.as_str()?.trim_start_matches("./").to_owned())).collect())
}
