//! The sync policy of an Application: the namespace that it creates, and whether it prunes.

use argocd::effect;
use document::Node;

use crate::load::Workspace;
use crate::written;

/// An Application.
fn application<'a>(workspace: &'a Workspace, app: &str) -> Option<&'a Node> {
    written::applications(workspace).find(|one| one.name == app).map(|one| one.root)
}

/// Whether Argo CD prunes the objects that an Application no longer renders.
#[must_use]
pub fn prunes(workspace: &Workspace, app: &str) -> bool {
    application(workspace, app).and_then(effect::prunes).is_some()
}

/// The namespace of an Application as Argo CD creates it, with the labels and annotations of `managedNamespaceMetadata`.
#[must_use]
pub fn namespace(workspace: &Workspace, app: &str, name: &str) -> String {
    let managed =
        application(workspace, app).and_then(|root| root.find(&["spec", "syncPolicy", "managedNamespaceMetadata"]));
    labeled(name, managed)
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
