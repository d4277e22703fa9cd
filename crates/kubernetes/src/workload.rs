//! The kinds that run pods, and where each of them has its pod template.
//!
//! Pure.

use document::Node;

use crate::object::Object;

/// The path of the pod template in objects of a kind; for a Pod, the empty path. `None` for kinds that run no pods.
#[must_use]
pub(crate) fn template_path(group: &str, kind: &str) -> Option<&'static [&'static str]> {
    match (group, kind) {
        ("", "Pod") => Some(&[]),
        ("", "PodTemplate") => Some(&["template"]),
        ("apps", "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet")
        | ("", "ReplicationController")
        | ("batch", "Job") => Some(&["spec", "template"]),
        ("batch", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// The pod template of a workload, with its path; for a Pod, the Pod itself.
#[must_use]
pub fn template(object: &Object) -> Option<(&'static [&'static str], &Node)> {
    let path = template_path(&object.key.group, &object.key.kind)?;
    Some((path, object.find(path)?))
}

/// The pod spec of a workload.
#[must_use]
pub fn pod_spec(object: &Object) -> Option<&Node> {
    template(object)?.1.get("spec")
}
