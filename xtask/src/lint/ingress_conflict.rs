//! Two Ingresses of a target with the same class, host, and path, as after a copy that was not changed.
//!
//! The admission webhook of ingress-nginx refuses the second one, and other controllers use either of them. Ingresses that are
//! meant to share a path, such as a canary, have an annotation that says so.

use argocd::sync_order;
use diagnostics::{Code, Diagnostics};
use document::Node;
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::IngressConflict];

/// Words in the keys of annotations of Ingresses that share a path.
const SHARED: &[&str] = &["canary", "mergeable", "group", "router.priority", "conditions", "actions"];

/// A path of an Ingress.
struct Path<'a> {
    object: &'a Object,
    node: &'a Node,
    key: (&'a str, &'a str, &'a str),
}

/// Compares the Ingresses of each target with each other.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for own in subject.objects.chunk_by(|one, next| one.target == next.target) {
        let mut seen: Vec<Path<'_>> = Vec::new();
        for path in own.iter().filter(|object| is_plain(object)).flat_map(paths) {
            let other = seen.iter().find(|other| other.key == path.key && !std::ptr::eq(other.object, path.object));
            if let Some(other) = other {
                let (_, host, at) = path.key;
                let message = format!(
                    "{} and {} have the same host and path `{host}{at}`",
                    other.object.title(),
                    path.object.title()
                );
                let found = path.object.finding(Code::IngressConflict, message, path.node.place(), "");
                let found = found.at(other.node.place(), format!("also in {}", other.object.title()));
                diagnostics.push(found.help("change the host or the path of one of them"));
            }
            seen.push(path);
        }
    }
    diagnostics
}

/// Whether an object is an Ingress that shares no path on purpose.
fn is_plain(object: &Object) -> bool {
    let annotations = object.find(&["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
    (&*object.key.group, &*object.key.kind) == ("networking.k8s.io", "Ingress")
        && sync_order::order(&object.root).is_some()
        && !annotations.iter().any(|(key, _)| SHARED.iter().any(|word| key.name.contains(word)))
}

fn paths(object: &Object) -> Vec<Path<'_>> {
    let class = object
        .find(&["spec", "ingressClassName"])
        .or_else(|| object.find(&["metadata", "annotations", "kubernetes.io/ingress.class"]));
    let class = class.and_then(Node::as_str).unwrap_or_default();
    let mut all = Vec::new();
    for rule in object.root.items_at(&["spec", "rules"]) {
        let Some(host) = rule.get("host").and_then(Node::as_str).filter(|host| !host.is_empty()) else { continue };
        for entry in rule.items_at(&["http", "paths"]) {
            let Some(node) = entry.get("path") else { continue };
            all.push(Path { object, node, key: (class, host, node.as_str().unwrap_or_default()) });
        }
    }
    all
}
