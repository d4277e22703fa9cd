//! Data that is lost or left behind when an object is deleted.

use document::Node;

use crate::object::Object;
use crate::scope;

/// What an object holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// The data of a claim.
    Volume,
    /// The claims that a `StatefulSet` makes for each of its pods, by the names of their templates.
    Claims {
        /// The names.
        templates: Vec<String>,
        /// Whether the claims are deleted with it.
        deleted: bool,
    },
    /// All custom resources of a CustomResourceDefinition.
    CustomResources,
    /// Everything in a Namespace.
    Objects,
}

/// What an object holds that other objects of its kind cannot replace; `None` for most.
#[must_use]
pub fn held(object: &Object) -> Option<Holds> {
    match (object.key.group.as_str(), object.key.kind.as_str()) {
        ("", "PersistentVolumeClaim") => Some(Holds::Volume),
        ("", "Namespace") => Some(Holds::Objects),
        ("apps", "StatefulSet") => {
            let claims = object.find(&["spec", "volumeClaimTemplates"])?.items();
            let name = |claim: &Node| claim.find(&["metadata", "name"])?.as_str().map(str::to_owned);
            let templates: Vec<String> = claims.iter().filter_map(name).collect();
            let policy = object.find(&["spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted"]);
            let deleted = policy.and_then(Node::as_str) == Some("Delete");
            (!templates.is_empty()).then_some(Holds::Claims { templates, deleted })
        }
        _ => scope::is_definition(object).then_some(Holds::CustomResources),
    }
}

/// Whether the volume of a claim outlives it for certain, because of a storage class or a volume among `others`.
#[must_use]
pub fn is_retained<'a>(claim: &Object, others: impl IntoIterator<Item = &'a Object>) -> bool {
    let text = |key: &str| claim.find(&["spec", key]).and_then(Node::as_str).filter(|text| !text.is_empty());
    let (class, volume) = (text("storageClassName"), text("volumeName"));
    others.into_iter().any(|other| {
        let name = Some(other.key.name.as_str());
        match (other.key.group.as_str(), other.key.kind.as_str()) {
            ("storage.k8s.io", "StorageClass") if name == class => {
                other.find(&["reclaimPolicy"]).and_then(Node::as_str) == Some("Retain")
            }
            // A volume that was not provisioned for a claim is retained by default.
            ("", "PersistentVolume") if name == volume => {
                let policy = other.find(&["spec", "persistentVolumeReclaimPolicy"]).and_then(Node::as_str);
                policy.is_none_or(|policy| policy == "Retain")
            }
            _ => false,
        }
    })
}
