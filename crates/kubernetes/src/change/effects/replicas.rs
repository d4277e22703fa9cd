//! The number of pods that a workload runs.

use document::Node;

use super::surroundings::Side;
use crate::inventory::pods::number;
use crate::manifest::ObjectKey;
use crate::object::Object;

/// Whether objects of a kind have a number of replicas.
pub(super) fn is_scalable(key: &ObjectKey) -> bool {
    matches!(
        (key.group.as_str(), key.kind.as_str()),
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet") | ("", "ReplicationController")
    )
}

/// The number of replicas of a workload; `None` if it is not a number.
pub(super) fn of(workload: &Object) -> Option<i64> {
    workload.find(&["spec", "replicas"]).map_or(Some(1), number)
}

/// The autoscaler of a workload.
pub(super) fn scaler<'a>(side: &Side<'a>, key: &ObjectKey) -> Option<&'a Object> {
    let kinds = [("autoscaling", "HorizontalPodAutoscaler"), ("keda.sh", "ScaledObject")];
    let all = kinds.into_iter().flat_map(|(group, kind)| side.of_kind(group, kind));
    all.copied().find(|scaler| {
        let field = |name: &str| scaler.find(&["spec", "scaleTargetRef", name]).and_then(Node::as_str);
        scaler.key.namespace == key.namespace
            && field("name") == Some(&key.name)
            && field("kind").is_none_or(|kind| kind == key.kind)
    })
}

/// The largest number of pods that a workload has; `None` if that is unknown.
pub(super) fn at_most(side: &Side<'_>, workload: &Object) -> Option<i64> {
    if !is_scalable(&workload.key) {
        return None;
    }
    match scaler(side, &workload.key) {
        Some(scaler) if scaler.key.group == "autoscaling" => scaler.find(&["spec", "maxReplicas"]).and_then(number),
        Some(_) => None,
        None => of(workload),
    }
}
