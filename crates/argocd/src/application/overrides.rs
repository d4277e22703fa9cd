//! Override files (`.argocd-source.yaml`), applied to a source as Argo CD does.

use std::collections::HashSet;
use std::sync::Arc;

use document::{Mapping, Node, Value};

/// The fields of a source, below which there are no keys of users except in [`OF_USERS`].
const FIELDS: [&str; 47] = [
    "apiVersions",
    "array",
    "code",
    "commonAnnotations",
    "commonAnnotationsEnvsubst",
    "commonLabels",
    "components",
    "count",
    "directory",
    "env",
    "exclude",
    "extVars",
    "fileParameters",
    "forceCommonAnnotations",
    "forceCommonLabels",
    "forceString",
    "helm",
    "ignoreMissingComponents",
    "ignoreMissingValueFiles",
    "images",
    "include",
    "jsonnet",
    "kubeVersion",
    "kustomize",
    "labelIncludeTemplates",
    "labelWithoutSelector",
    "libs",
    "name",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "parameters",
    "passCredentials",
    "patches",
    "path",
    "plugin",
    "recurse",
    "releaseName",
    "replicas",
    "skipCrds",
    "skipSchemaValidation",
    "skipTests",
    "tlas",
    "value",
    "valueFiles",
    "values",
    "valuesObject",
];
/// Fields with keys of users.
const OF_USERS: [&str; 5] = ["commonAnnotations", "commonLabels", "map", "patches", "valuesObject"];

/// An override with the names of fields as the manifest has them: Go's `json.Unmarshal` ignores their case, and Argo CD
/// Image Updater writes `forcestring`.
pub(super) fn canonical(node: &Node) -> Node {
    let value = match &node.value {
        Value::Mapping(entries) => {
            let has = |name: &str| entries.iter().any(|(key, _)| key.name == name);
            let entries = entries.iter().map(|(key, value)| {
                let known = FIELDS.iter().find(|name| name.eq_ignore_ascii_case(&key.name));
                let mut key = key.clone();
                if let Some(name) = known.filter(|name| !has(name)) {
                    (*name).clone_into(&mut key.name);
                }
                let value = if OF_USERS.contains(&key.name.as_str()) { value.clone() } else { canonical(value) };
                (key, value)
            });
            Value::Mapping(entries.collect())
        }
        Value::Sequence(items) => Value::Sequence(items.iter().map(canonical).collect()),
        value => value.clone(),
    };
    Node { value, span: node.span.clone(), source: Arc::clone(&node.source) }
}

/// A JSON merge patch (RFC 7396) as in Argo CD's library, which also removes nulls from mappings in lists.
pub(super) fn merge_patch(target: Option<&Node>, patch: &Node) -> Node {
    let Value::Mapping(changes) = &patch.value else {
        let Value::Sequence(items) = &patch.value else { return patch.clone() };
        let items = items.iter().map(|item| merge_patch(None, item)).collect();
        return Node { value: Value::Sequence(items), span: patch.span.clone(), source: Arc::clone(&patch.source) };
    };
    let mut entries = target.map(Node::entries).unwrap_or_default().iter().cloned().collect::<Mapping<Node>>();
    let mut removed = HashSet::new();
    for (key, change) in changes {
        if matches!(change.value, Value::Null) {
            removed.insert(key.name.as_str());
            continue;
        }
        match entries.value_mut(&key.name) {
            Some(known) => *known = merge_patch(Some(known), change),
            None => entries.set(key.clone(), merge_patch(None, change)),
        }
    }
    if !removed.is_empty() {
        entries.retain(|(key, _)| !removed.contains(key.name.as_str()));
    }
    Node { value: Value::Mapping(entries), span: patch.span.clone(), source: Arc::clone(&patch.source) }
}

/// Reads a patched source into the original one, as Go's `json.Unmarshal` does for a struct that is not empty.
///
/// This affects what is deployed: a field that the patch sets to `null` keeps its old value, and a list entry keeps the
/// old entry's fields that it does not set. `null` removes a value only inside `valuesObject`, which is raw JSON (`raw`).
pub(super) fn read_over(old: &Node, new: &Node, raw: bool) -> Node {
    let value = match (&old.value, &new.value) {
        (Value::Mapping(before), Value::Mapping(after)) if !raw => {
            let mut entries = before.clone();
            for (key, node) in after {
                match entries.value_mut(&key.name) {
                    Some(known) => *known = read_over(known, node, key.name == "valuesObject"),
                    None => entries.set(key.clone(), node.clone()),
                }
            }
            Value::Mapping(entries)
        }
        (Value::Sequence(before), Value::Sequence(after)) if !raw => Value::Sequence(
            after
                .iter()
                .enumerate()
                .map(|(index, node)| {
                    before.get(index).map_or_else(|| node.clone(), |known| read_over(known, node, false))
                })
                .collect(),
        ),
        (_, after) => after.clone(),
    };
    Node { value, span: new.span.clone(), source: Arc::clone(&new.source) }
}

/// What remains of a source in memory: a shortened Go slice keeps its old entries beyond its end, so that a later override
/// that extends the list reads into them. An empty list is a new slice.
pub(super) fn remember(memory: &Node, source: &Node) -> Node {
    let value = match (&memory.value, &source.value) {
        (Value::Mapping(_), Value::Mapping(entries)) => {
            let entries = entries.iter().map(|(key, node)| {
                let node = memory.get(&key.name).map_or_else(|| node.clone(), |memory| remember(memory, node));
                (key.clone(), node)
            });
            Value::Mapping(entries.collect())
        }
        (Value::Sequence(before), Value::Sequence(now)) if !now.is_empty() => {
            Value::Sequence(now.iter().chain(before.iter().skip(now.len())).cloned().collect())
        }
        (_, value) => value.clone(),
    };
    Node { value, span: source.span.clone(), source: Arc::clone(&source.source) }
}
