//! References of pods: volumes, variables, pull secrets, the service account, and classes.

use document::Node;

use super::reference::Reference;
use crate::inventory::pods::Pods;

/// The references of pods.
#[must_use]
pub fn of<'a>(pods: &Pods<'a>) -> Vec<Reference<'a>> {
    let spec = pods.spec;
    let mut found = Vec::new();
    let account = ["serviceAccountName", "serviceAccount"].iter().find(|key| spec.get(key).is_some());
    found.extend(account.and_then(|key| Reference::core("ServiceAccount", spec, key, "service account of the pods")));
    found.extend(Reference::cluster(
        ("scheduling.k8s.io", "PriorityClass"),
        spec,
        "priorityClassName",
        "priority class of the pods",
    ));
    found.extend(Reference::cluster(("node.k8s.io", "RuntimeClass"), spec, "runtimeClassName", "runtime of the pods"));
    for entry in spec.items_at(&["imagePullSecrets"]) {
        found.extend(Reference::core("Secret", entry, "name", "pull secret of the pods"));
    }
    for volume in spec.items_at(&["volumes"]) {
        self::volume(volume, pods, &mut found);
    }
    for container in &pods.containers {
        for entry in container.node.items_at(&["env"]) {
            let Some(from) = entry.get("valueFrom") else { continue };
            for (field, kind) in [("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")] {
                let Some(source) = from.get(field) else { continue };
                let reference = Reference::core(kind, source, "name", "used in a variable");
                found.extend(reference.map(|reference| reference.with_keys(source.get("key"))));
            }
        }
        for entry in container.node.items_at(&["envFrom"]) {
            for (field, kind) in [("configMapRef", "ConfigMap"), ("secretRef", "Secret")] {
                let source = entry.get(field);
                found.extend(source.and_then(|source| Reference::core(kind, source, "name", "used for variables")));
            }
        }
    }
    found
}

fn volume<'a>(volume: &'a Node, pods: &Pods<'a>, found: &mut Vec<Reference<'a>>) {
    for (field, kind, name) in [("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")] {
        let Some(source) = volume.get(field) else { continue };
        let Some(reference) = Reference::core(kind, source, name, "used as a volume") else { continue };
        let items = items(source);
        // Without items, the files have the names of the keys.
        let files = if items.is_empty() { sub_paths(volume, pods) } else { Vec::new() };
        found.push(reference.with_keys(items).with_keys(files));
    }
    for source in volume.items_at(&["projected", "sources"]) {
        for (field, kind) in [("configMap", "ConfigMap"), ("secret", "Secret")] {
            let Some(source) = source.get(field) else { continue };
            let reference = Reference::core(kind, source, "name", "used as a volume");
            found.extend(reference.map(|reference| reference.with_keys(items(source))));
        }
    }
    let claim = volume.get("persistentVolumeClaim");
    let claim =
        claim.and_then(|claim| Reference::core("PersistentVolumeClaim", claim, "claimName", "used as a volume"));
    found.extend(claim);
    let secret = volume.find(&["csi", "nodePublishSecretRef"]);
    found.extend(secret.and_then(|secret| Reference::core("Secret", secret, "name", "used by the CSI driver")));
    if let Some(spec) = volume.find(&["ephemeral", "volumeClaimTemplate", "spec"]) {
        let class = ("storage.k8s.io", "StorageClass");
        found.extend(Reference::cluster(class, spec, "storageClassName", "storage class of the volume"));
    }
}

/// The keys of the items of a source.
fn items(source: &Node) -> Vec<&Node> {
    source.items_at(&["items"]).iter().filter_map(|item| item.get("key")).collect()
}

/// The files of a volume that containers mount on their own.
fn sub_paths<'a>(volume: &Node, pods: &Pods<'a>) -> Vec<&'a Node> {
    let Some(name) = volume.get("name").and_then(Node::as_str) else { return Vec::new() };
    let mounts = pods.containers.iter().flat_map(|container| container.node.items_at(&["volumeMounts"]));
    let mounts = mounts.filter(|mount| mount.get("name").and_then(Node::as_str) == Some(name));
    // A path with directories is not a key, whose absence the key would explain badly.
    let plain = |node: &&Node| node.as_str().is_some_and(|text| !text.contains('/') && text != ".");
    mounts.filter_map(|mount| mount.get("subPath")).filter(plain).collect()
}
