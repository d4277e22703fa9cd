//! What the sync policy of an Application makes of its namespace and of what it no longer renders.

use document::{Node, Value};

use crate::load::Workspace;
use crate::written;

/// A field of an Application's sync policy.
fn policy<'a>(workspace: &'a Workspace, app: &str, path: &[&str]) -> Option<&'a Node> {
    let mut applications = written::applications(workspace);
    applications.find(|one| one.name == app)?.root.find(&["spec", "syncPolicy"])?.find(path)
}

/// Whether Argo CD prunes the objects that an Application no longer renders.
#[must_use]
pub fn prunes(workspace: &Workspace, app: &str) -> bool {
    policy(workspace, app, &["automated", "prune"]).is_some_and(|node| matches!(node.value, Value::Bool(true)))
}

/// The namespace of an Application as Argo CD creates it, with the labels and annotations of `managedNamespaceMetadata`.
#[must_use]
pub fn namespace(workspace: &Workspace, app: &str, name: &str) -> String {
    labeled(name, policy(workspace, app, &["managedNamespaceMetadata"]))
}

/// A namespace without labels and annotations.
#[must_use]
pub fn bare_namespace(name: &str) -> String {
    labeled(name, None)
}

fn labeled(name: &str, managed: Option<&Node>) -> String {
    let mut metadata = serde_json::json!({ "name": name });
    for key in ["labels", "annotations"] {
        if let Some(node) = managed.and_then(|managed| managed.get(key)) {
            metadata[key] = serde_json::from_str(&node.to_json()).unwrap_or_default();
        }
    }
    serde_json::json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }).to_string()
}
