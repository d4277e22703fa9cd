//! Messages and help for changes that the API server rejects.

use document::{Node, Value};

use super::refusal::{Refusal, Why};
use crate::object::Object;
use crate::validate::pointer;

/// The longest value that a message quotes.
const SHORT: usize = 60;

/// What the API server rejects about the change of an object.
#[must_use]
pub fn message(first: &Refusal<'_>, title: &str) -> String {
    let path = pointer::path(&first.field.path);
    match first.why {
        Why::Immutable => format!("`{path}` of {title} is immutable, but {}", change_of(first)),
        Why::ImmutableObject => format!("`{path}` of {title} changes, but the object is immutable"),
        Why::Shrinks => format!("{title} shrinks{}", from_to(first)),
        Why::Grows => format!("{title} grows{}, which its StorageClass does not allow", from_to(first)),
        Why::StoredVersion => {
            format!("{title} no longer has version{}, in which objects are stored", quoted(first.field.before))
        }
    }
}

/// What happens to a field.
fn change_of(refusal: &Refusal<'_>) -> String {
    match (refusal.field.before, refusal.field.after) {
        (None, _) => format!("is set{}", to(refusal.field.after)),
        (_, None) => "is removed".to_owned(),
        _ => format!("changes{}", from_to(refusal)),
    }
}

fn from_to(refusal: &Refusal<'_>) -> String {
    match (quoted(refusal.field.before).as_str(), quoted(refusal.field.after).as_str()) {
        ("", _) | (_, "") => String::new(),
        (before, after) => format!(" from{before} to{after}"),
    }
}

fn to(node: Option<&Node>) -> String {
    match quoted(node).as_str() {
        "" => String::new(),
        text => format!(" to{text}"),
    }
}

/// A short scalar in backticks after a space; empty for anything else.
#[must_use]
pub fn quoted(node: Option<&Node>) -> String {
    let text = match node.map(|node| &node.value) {
        Some(Value::String(text) | Value::Number(text)) => text.clone(),
        Some(Value::Bool(value)) => value.to_string(),
        _ => return String::new(),
    };
    if text.chars().count() > SHORT || text.contains(['\n', '`']) { String::new() } else { format!(" `{text}`") }
}

/// What the author can do.
#[must_use]
pub fn help(first: &Refusal<'_>, after: &Object) -> String {
    let path = pointer::path(&first.field.path);
    let recreate = "let Argo CD delete and recreate the object: annotate it with \
                    `argocd.argoproj.io/sync-options: Force=true,Replace=true`";
    match (first.why, after.key.kind.as_str()) {
        (Why::ImmutableObject, _) => {
            "rename the object with its content, for example with a digest at the end, and refer to the new name".to_owned()
        }
        (Why::Shrinks, _) => {
            "keep the size; to use a smaller volume, add a second claim with another name, and copy the data".to_owned()
        }
        (Why::Grows, _) => "set `allowVolumeExpansion: true` in the StorageClass if its provisioner can expand volumes, or \
                            keep the size"
            .to_owned(),
        (Why::StoredVersion, _) => "keep the version with `served: true` and `storage: false`, and remove it only after \
                                    all objects are stored in another one and `status.storedVersions` no longer lists it"
            .to_owned(),
        (_, "PersistentVolumeClaim") => {
            format!("keep `{path}`; to use another volume, add a second claim with another name, and copy the data")
        }
        (_, "StatefulSet") => format!(
            "keep `{path}`, or delete the StatefulSet with `kubectl delete --cascade=orphan` just before the sync, which \
             keeps its pods and claims"
        ),
        (_, "PersistentVolume" | "CustomResourceDefinition" | "StorageClass") => {
            format!("keep `{path}`, or add an object with another name")
        }
        (_, "Job") => format!("keep `{path}`, make the Job a hook, or {recreate}"),
        (_, "Deployment" | "DaemonSet" | "Pod" | "ReplicaSet") => {
            format!("keep `{path}`, give the object another name, or {recreate}, which stops its pods first")
        }
        _ => format!("keep `{path}`, give the object another name, or {recreate}"),
    }
}
