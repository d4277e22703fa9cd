//! The largest number of pods of a workload.

use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::pods::{Pods, number};
use kubernetes::object::Object;

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
    if scaler(view, pods, "keda.sh", "ScaledObject").is_some() {
        return None;
    }
    if let Some(scaler) = autoscaler(view, pods) {
        return scaler.find(&["spec", "maxReplicas"]).and_then(number);
    }
    pods.object.find(&["spec", "replicas"]).map_or(Some(1), number)
}

/// The autoscaler of a workload.
pub(super) fn autoscaler<'a>(view: &View<'_, 'a>, pods: &Pods<'_>) -> Option<&'a Object> {
    scaler(view, pods, "autoscaling", "HorizontalPodAutoscaler")
}

fn scaler<'a>(view: &View<'_, 'a>, pods: &Pods<'_>, group: &str, kind: &str) -> Option<&'a Object> {
    let key = &pods.object.key;
    let scales = |scaler: &&Object| {
        let text = |field: &str| scaler.find(&["spec", "scaleTargetRef", field]).and_then(Node::as_str);
        text("name") == Some(&key.name) && text("kind").is_none_or(|kind| kind == key.kind)
    };
    view.of_kind(group, kind, pods.namespace).map(|entry| entry.object).find(scales)
}
