//! References of claims, stateful sets, and service accounts.

use document::Node;

use super::reference::Reference;
use crate::object::Object;

/// The references of an object.
#[must_use]
pub fn of(object: &Object) -> Vec<Reference<'_>> {
    let root = &object.root;
    match (object.key.group.as_str(), object.key.kind.as_str()) {
        ("", "PersistentVolumeClaim") => root.get("spec").into_iter().flat_map(claim).collect(),
        ("", "ServiceAccount") => {
            let secrets = root.items_at(&["imagePullSecrets"]).iter();
            secrets.filter_map(|secret| Reference::core("Secret", secret, "name", "pull secret of its pods")).collect()
        }
        ("apps", "StatefulSet") => {
            let templates = root.items_at(&["spec", "volumeClaimTemplates"]).iter();
            let service = root
                .get("spec")
                .and_then(|spec| Reference::core("Service", spec, "serviceName", "names the pods in DNS"));
            templates.filter_map(|template| template.get("spec")).flat_map(claim).chain(service).collect()
        }
        _ => Vec::new(),
    }
}

fn claim(spec: &Node) -> Vec<Reference<'_>> {
    let class = Reference::cluster(("storage.k8s.io", "StorageClass"), spec, "storageClassName", "storage class");
    let volume = Reference::cluster(("", "PersistentVolume"), spec, "volumeName", "volume of the claim");
    class.into_iter().chain(volume).collect()
}
