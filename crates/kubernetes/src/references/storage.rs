//! References of claims, of StatefulSets, and of ServiceAccounts.

use document::Node;

use super::reference::Reference;
use crate::object::Object;

/// The references of an object.
#[must_use]
pub fn of(object: &Object) -> Vec<Reference<'_>> {
    let Some(spec) = object.find(&["spec"]) else { return service_account(object) };
    match (object.key.group.as_str(), object.key.kind.as_str()) {
        ("", "PersistentVolumeClaim") => claim(spec),
        ("apps", "StatefulSet") => {
            let templates = spec.get("volumeClaimTemplates").map(Node::items).unwrap_or_default();
            let mut found: Vec<_> =
                templates.iter().filter_map(|template| template.get("spec")).flat_map(claim).collect();
            found.extend(Reference::core("Service", spec, "serviceName", "names the pods in DNS"));
            found
        }
        _ => Vec::new(),
    }
}

fn service_account(object: &Object) -> Vec<Reference<'_>> {
    if (object.key.group.as_str(), object.key.kind.as_str()) != ("", "ServiceAccount") {
        return Vec::new();
    }
    let secrets = object.find(&["imagePullSecrets"]).map(Node::items).unwrap_or_default();
    secrets.iter().filter_map(|secret| Reference::core("Secret", secret, "name", "pull secret of its pods")).collect()
}

fn claim(spec: &Node) -> Vec<Reference<'_>> {
    let class = Reference::cluster(("storage.k8s.io", "StorageClass"), spec, "storageClassName", "storage class");
    let volume = Reference::cluster(("", "PersistentVolume"), spec, "volumeName", "volume of the claim");
    class.into_iter().chain(volume).collect()
}
