//! References of autoscalers to the workloads that they scale.

use document::Node;

use super::reference::Reference;
use crate::object::Object;

/// The role of the workload of an autoscaler.
pub const SCALED: &str = "scaled by the autoscaler";

/// The workload that an autoscaler scales.
#[must_use]
pub fn of(object: &Object) -> Option<Reference<'_>> {
    let (field, default) = match (object.key.group.as_str(), object.key.kind.as_str()) {
        ("autoscaling", "HorizontalPodAutoscaler") => ("scaleTargetRef", None),
        ("autoscaling.k8s.io", "VerticalPodAutoscaler") => ("targetRef", None),
        ("keda.sh", "ScaledObject") => ("scaleTargetRef", Some("Deployment")),
        _ => return None,
    };
    let target = object.find(&["spec", field])?;
    let text = |key: &str| target.get(key).and_then(Node::as_str);
    let group = text("apiVersion").and_then(|version| version.split_once('/')).map_or("apps", |(group, _)| group);
    // Custom workloads are scaled, too.
    let kind = match (group, text("kind").or(default)?) {
        ("apps", "Deployment") => "Deployment",
        ("apps", "StatefulSet") => "StatefulSet",
        ("apps", "DaemonSet") => "DaemonSet",
        _ => return None,
    };
    Some(Reference { group: "apps", ..Reference::core(kind, target, "name", SCALED)? })
}
