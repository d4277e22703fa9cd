//! Two Ingresses of a target with the same annotations, class, host, and path, as after a copy that was not changed.
//!
//! The admission webhook of ingress-nginx rejects the second one, and other controllers use either of them. Ingresses that
//! are meant to share a path, such as a canary, or one for HTTP beside one for HTTPS, have annotations that differ.

use std::collections::HashMap;

use argocd::sync_order;
use diagnostics::{Code, Diagnostics};
use document::Node;
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::IngressConflict];

/// A path of an Ingress.
struct Path<'a> {
    object: &'a Object,
    node: &'a Node,
    key: Key<'a>,
}

/// The common part of two paths that conflict.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key<'a> {
    annotations: Vec<(&'a str, &'a str)>,
    class: &'a str,
    host: &'a str,
    path: &'a str,
}

/// Compares the Ingresses of each target with each other.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for own in subject.objects.chunk_by(|one, next| one.target == next.target) {
        let mut seen: HashMap<Key<'_>, Path<'_>> = HashMap::new();
        for path in own.iter().filter(|object| is_deployed(object)).flat_map(paths) {
            let other = seen.get(&path.key).filter(|other| !std::ptr::eq(other.object, path.object));
            if let Some(other) = other {
                let Key { host, path: at, .. } = &path.key;
                let message = format!(
                    "{} and {} have the same host and path `{host}{at}`",
                    other.object.title(),
                    path.object.title()
                );
                let found = path.object.finding(Code::IngressConflict, message, path.node.place(), "");
                let found = found.at(other.node.place(), format!("also in {}", other.object.title()));
                diagnostics.push(found.help("change the host or the path of one of them"));
            }
            seen.entry(path.key.clone()).or_insert(path);
        }
    }
    diagnostics
}

/// Whether an object is an Ingress that a sync applies.
fn is_deployed(object: &Object) -> bool {
    (&*object.key.group, &*object.key.kind) == ("networking.k8s.io", "Ingress")
        && sync_order::order(&object.root).is_some()
}

fn paths(object: &Object) -> Vec<Path<'_>> {
    let annotations = object.find(&["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
    let mut annotations: Vec<(&str, &str)> =
        annotations.iter().map(|(key, value)| (&*key.name, value.as_str().unwrap_or_default())).collect();
    annotations.sort_unstable();
    let class = object
        .find(&["spec", "ingressClassName"])
        .or_else(|| object.find(&["metadata", "annotations", "kubernetes.io/ingress.class"]));
    let class = class.and_then(Node::as_str).unwrap_or_default();
    let mut all = Vec::new();
    for rule in object.root.items_at(&["spec", "rules"]) {
        let Some(host) = rule.get("host").and_then(Node::as_str).filter(|host| !host.is_empty()) else { continue };
        for entry in rule.items_at(&["http", "paths"]) {
            let Some(node) = entry.get("path") else { continue };
            let (annotations, path) = (annotations.clone(), node.as_str().unwrap_or_default());
            all.push(Path { object, node, key: Key { annotations, class, host, path } });
        }
    }
    all
}
