//! How many pods a workload has at most.

use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::pods::{Pods, number};

/// The largest number of pods that a workload has; `None` if that is unknown.
pub(super) fn at_most(view: &View<'_, '_>, pods: &Pods<'_>) -> Option<i64> {
    let key = &pods.object.key;
    let scalable = matches!(
        (key.group.as_str(), key.kind.as_str()),
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet") | ("", "ReplicationController")
    );
    if !scalable {
        return None;
    }
    let scales = |scaler: &&Node| {
        let text = |field: &str| scaler.find(&["spec", "scaleTargetRef", field]).and_then(Node::as_str);
        text("name") == Some(&key.name) && text("kind").is_none_or(|kind| kind == key.kind)
    };
    let autoscaler = |group: &str, kind: &str| {
        view.of_kind(group, kind, pods.namespace).map(|entry| &entry.object.root).find(scales)
    };
    if autoscaler("keda.sh", "ScaledObject").is_some() {
        return None;
    }
    if let Some(scaler) = autoscaler("autoscaling", "HorizontalPodAutoscaler") {
        return scaler.find(&["spec", "maxReplicas"]).and_then(number);
    }
    pods.object.find(&["spec", "replicas"]).map_or(Some(1), number)
}
