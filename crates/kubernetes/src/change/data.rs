//! Data that is lost or left behind when an object is deleted.

use document::{Node, Value};

use crate::object::Object;
use crate::scope;

/// What an object holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// Data of its own, such as that of a claim.
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
        _ if is_data(object) => Some(Holds::Volume),
        _ => scope::is_definition(object).then_some(Holds::CustomResources),
    }
}

/// Whether an object is a custom resource with which its controller deletes data. Only kinds of which that is certain: other
/// databases keep the claims of their pods, or it depends on the configuration of their operators.
fn is_data(object: &Object) -> bool {
    let text = |path: &[&str]| object.find(path).and_then(Node::as_str);
    match (object.key.group.as_str(), object.key.kind.as_str()) {
        ("cdi.kubevirt.io", "DataVolume")
        | ("objectbucket.io", "ObjectBucketClaim")
        | ("postgresql.cnpg.io", "Cluster")
        | ("snapshot.storage.k8s.io", "VolumeSnapshot") => true,
        ("elasticsearch.k8s.elastic.co", "Elasticsearch") => {
            text(&["spec", "volumeClaimDeletePolicy"]) != Some("DeleteOnScaledownOnly")
        }
        ("kafka.strimzi.io", "Kafka" | "KafkaNodePool") => {
            let paths: [&[&str]; 3] =
                [&["spec", "storage"], &["spec", "kafka", "storage"], &["spec", "zookeeper", "storage"]];
            paths.iter().filter_map(|path| object.find(path)).any(deletes_claims)
        }
        ("kafka.strimzi.io", "KafkaTopic") => text(&["metadata", "annotations", "strimzi.io/managed"]) != Some("false"),
        ("kubevirt.io", "VirtualMachine") => {
            object.find(&["spec", "dataVolumeTemplates"]).is_some_and(|list| !list.items().is_empty())
        }
        _ => false,
    }
}

/// Whether a storage of Strimzi, or one of its volumes, is deleted with what uses it.
fn deletes_claims(storage: &Node) -> bool {
    let deletes = |node: &Node| node.get("deleteClaim").is_some_and(|node| matches!(node.value, Value::Bool(true)));
    deletes(storage) || storage.items_at(&["volumes"]).iter().any(deletes)
}

/// Whether a custom resource represents something outside of the cluster that is deleted with it, as in Crossplane.
#[must_use]
pub fn is_external(object: &Object) -> bool {
    let text = |path: &[&str]| object.find(path).and_then(Node::as_str);
    let policies = object.find(&["spec", "managementPolicies"]).map(Node::items).unwrap_or_default();
    let managed = policies.is_empty() || policies.iter().any(|one| matches!(one.as_str(), Some("*" | "Delete")));
    let crossplane = object.find(&["spec", "forProvider"]).is_some() && managed;
    match text(&["spec", "deletionPolicy"]) {
        Some("Delete") => object.key.group.contains('.') && managed,
        Some(_) => false,
        None => crossplane,
    }
}

/// Whether the volume of a claim outlives it for certain, because of a storage class or a volume among `others`.
#[must_use]
pub fn is_retained<'a>(claim: &Object, others: impl IntoIterator<Item = &'a Object>) -> bool {
    let text = |key: &str| claim.find(&["spec", key]).and_then(Node::as_str).filter(|text| !text.is_empty());
    let (class, volume) = (text("storageClassName"), text("volumeName"));
    let snapshots = text("volumeSnapshotClassName");
    others.into_iter().any(|other| {
        let name = Some(other.key.name.as_str());
        match (other.key.group.as_str(), other.key.kind.as_str()) {
            ("storage.k8s.io", "StorageClass") if name == class => {
                other.find(&["reclaimPolicy"]).and_then(Node::as_str) == Some("Retain")
            }
            ("snapshot.storage.k8s.io", "VolumeSnapshotClass") if name == snapshots => {
                other.find(&["deletionPolicy"]).and_then(Node::as_str) == Some("Retain")
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
