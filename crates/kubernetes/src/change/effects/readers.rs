//! Pods that read configuration only when they start: as environment variables, or as single files.

use std::collections::{BTreeMap, HashMap, HashSet};

use document::Node;

use crate::change::difference;
use crate::inventory::pods::Pods;
use crate::manifest::ObjectKey;

/// The indexes of pods by the kind, the namespace, and the name of what they read.
pub(super) type Readers = HashMap<[String; 3], Vec<usize>>;

/// The kinds of workloads whose pods keep running.
const RUNNING: &[&str] = &["DaemonSet", "Deployment", "StatefulSet"];

/// What the annotations of workloads contain that a controller restarts when their configuration changes.
const RELOADERS: &[&str] = &["reloader", "update-on-config-change"];

/// The workloads whose pods are not replaced, by what they read only when they start.
pub(super) fn of(before: &[Pods<'_>], after: &[Pods<'_>]) -> Readers {
    let old: BTreeMap<&ObjectKey, &Node> = before.iter().map(|pods| (&pods.object.key, pods.template)).collect();
    let mut readers = Readers::new();
    let running = after.iter().enumerate().filter(|(_, pods)| {
        pods.object.key.group == "apps" && RUNNING.contains(&pods.object.key.kind.as_str()) && !is_reloaded(pods)
    });
    for (index, pods) in running {
        let Some(former) = old.get(&pods.object.key) else { continue };
        let read = read_once(pods);
        if read.is_empty() || difference::first(Some(former), Some(pods.template), &[], &[]).is_some() {
            continue;
        }
        for (kind, name) in read {
            readers.entry([kind, pods.namespace, name].map(str::to_owned)).or_default().push(index);
        }
    }
    readers
}

/// Whether a controller restarts the pods.
fn is_reloaded(pods: &Pods<'_>) -> bool {
    let own = pods.object.find(&["metadata", "annotations"]);
    let annotations = [own, pods.template.find(&["metadata", "annotations"])].into_iter().flatten();
    let mut keys = annotations.flat_map(Node::entries).map(|(key, _)| key.name.as_str());
    keys.any(|key| RELOADERS.iter().any(|word| key.contains(word)))
}

/// The kinds and names of what pods read only when they start.
fn read_once<'a>(pods: &Pods<'a>) -> HashSet<(&'static str, &'a str)> {
    let mut read = HashSet::new();
    let mut add = |kind, name: Option<&'a Node>| read.extend(name.and_then(Node::as_str).map(|name| (kind, name)));
    let mut single: HashSet<&str> = HashSet::new();
    for container in &pods.containers {
        for from in container.node.items_at(&["env"]).iter().filter_map(|entry| entry.get("valueFrom")) {
            add("ConfigMap", from.find(&["configMapKeyRef", "name"]));
            add("Secret", from.find(&["secretKeyRef", "name"]));
        }
        for entry in container.node.items_at(&["envFrom"]) {
            add("ConfigMap", entry.find(&["configMapRef", "name"]));
            add("Secret", entry.find(&["secretRef", "name"]));
        }
        let mounts = container.node.items_at(&["volumeMounts"]).iter().filter(|mount| mount.get("subPath").is_some());
        single.extend(mounts.filter_map(|mount| mount.get("name")?.as_str()));
    }
    let is_single =
        |volume: &&Node| volume.get("name").and_then(Node::as_str).is_some_and(|name| single.contains(name));
    for volume in pods.spec.items_at(&["volumes"]).iter().filter(is_single) {
        add("ConfigMap", volume.find(&["configMap", "name"]));
        add("Secret", volume.find(&["secret", "secretName"]));
    }
    read
}
