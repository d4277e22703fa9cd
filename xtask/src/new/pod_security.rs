//! Determines the pod security level that rendered pods meet.
//!
//! Source: the Pod Security Standards, as far as they depend on fields of the pod. Image properties, such as the user, are
//! not checked.

use document::{Node, Value};
use kubernetes::object::Object;

/// A level of the Pod Security Standards, strictest first.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Hardened: no root, no capabilities.
    #[default]
    Restricted,
    /// No known privilege escalations.
    Baseline,
    /// Unrestricted.
    Privileged,
}

impl Level {
    /// The value of the namespace label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Baseline => "baseline",
            Self::Privileged => "privileged",
        }
    }
}

/// The capabilities that a container may add at level `baseline`.
const BASELINE: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The volume types that level `restricted` allows.
const VOLUMES: &[&str] =
    &["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];

/// The strictest level that all pods meet, and why they do not meet a stricter one.
#[must_use]
pub fn level<'a>(objects: impl IntoIterator<Item = &'a Object>) -> (Level, Option<String>) {
    let mut worst = (Level::Restricted, None);
    for object in objects {
        let Some(spec) = pod(object) else { continue };
        let (level, why) = of_pod(spec);
        if level > worst.0 {
            worst = (level, why.map(|why| format!("{} {} {why}", object.key.kind, object.key.name)));
        }
    }
    worst
}

/// The pod spec of a workload.
fn pod(object: &Object) -> Option<&Node> {
    // Argo CD does not run test hooks.
    let hook = object.find(&["metadata", "annotations", "helm.sh/hook"]).and_then(Node::as_str).unwrap_or_default();
    if hook.starts_with("test") {
        return None;
    }
    match object.key.kind.as_str() {
        "Pod" => object.find(&["spec"]),
        "CronJob" => object.find(&["spec", "jobTemplate", "spec", "template", "spec"]),
        "DaemonSet" | "Deployment" | "Job" | "ReplicaSet" | "ReplicationController" | "StatefulSet" => {
            object.find(&["spec", "template", "spec"])
        }
        _ => None,
    }
}

fn of_pod(spec: &Node) -> (Level, Option<String>) {
    let containers = || {
        ["initContainers", "containers", "ephemeralContainers"]
            .into_iter()
            .flat_map(|kind| spec.get(kind).map(Node::items).unwrap_or_default())
    };
    let privileged = beyond_baseline(spec).or_else(|| containers().find_map(container_beyond_baseline));
    if privileged.is_some() {
        return (Level::Privileged, privileged);
    }
    let baseline = volume(spec).or_else(|| containers().find_map(|container| beyond_restricted(spec, container)));
    if baseline.is_some() { (Level::Baseline, baseline) } else { (Level::Restricted, None) }
}

fn at<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

fn is(node: &Node, path: &[&str], wanted: bool) -> bool {
    matches!(at(node, path).map(|node| &node.value), Some(Value::Bool(value)) if *value == wanted)
}

fn text<'a>(node: &'a Node, path: &[&str]) -> Option<&'a str> {
    at(node, path).and_then(Node::as_str)
}

fn beyond_baseline(spec: &Node) -> Option<String> {
    if let Some(key) = ["hostNetwork", "hostPID", "hostIPC"].iter().find(|key| is(spec, &[key], true)) {
        return Some(format!("sets {key}"));
    }
    let volumes = spec.get("volumes").map(Node::items).unwrap_or_default();
    if volumes.iter().any(|volume| volume.get("hostPath").is_some()) {
        return Some("has a hostPath volume".to_owned());
    }
    let unconfined = text(spec, &["securityContext", "seccompProfile", "type"]) == Some("Unconfined");
    unconfined.then(|| "runs without a seccomp profile".to_owned())
}

fn container_beyond_baseline(container: &Node) -> Option<String> {
    let name = text(container, &["name"]).unwrap_or_default();
    if is(container, &["securityContext", "privileged"], true) {
        return Some(format!("has the privileged container {name}"));
    }
    let ports = container.get("ports").map(Node::items).unwrap_or_default();
    let host_port =
        |port: &Node| port.get("hostPort").is_some_and(|port| !matches!(port.to_json().as_str(), "0" | "null"));
    if ports.iter().any(host_port) {
        return Some(format!("has a host port in its container {name}"));
    }
    if text(container, &["securityContext", "seccompProfile", "type"]) == Some("Unconfined") {
        return Some(format!("runs its container {name} without a seccomp profile"));
    }
    let added = capabilities(container, "add").find(|added| !BASELINE.contains(added));
    added.map(|added| format!("adds the capability {added} to its container {name}"))
}

fn volume(spec: &Node) -> Option<String> {
    let volumes = spec.get("volumes").map(Node::items).unwrap_or_default();
    let kinds = volumes.iter().flat_map(Node::entries).map(|(key, _)| key.name.as_str()).filter(|key| *key != "name");
    kinds.filter(|kind| !VOLUMES.contains(kind)).map(|kind| format!("has a volume of type {kind}")).next()
}

fn beyond_restricted(spec: &Node, container: &Node) -> Option<String> {
    let name = text(container, &["name"]).unwrap_or_default();
    // A field that a container does not set is inherited from the pod.
    let either = |path: &[&str]| -> Option<Node> {
        let path: Vec<&str> = std::iter::once("securityContext").chain(path.iter().copied()).collect();
        at(container, &path).or_else(|| at(spec, &path)).cloned()
    };
    if !is(container, &["securityContext", "allowPrivilegeEscalation"], false) {
        return Some(format!("allows privilege escalation in its container {name}"));
    }
    if !matches!(either(&["runAsNonRoot"]).map(|node| node.value), Some(Value::Bool(true))) {
        return Some(format!("does not set runAsNonRoot for its container {name}"));
    }
    if either(&["runAsUser"]).is_some_and(|user| user.to_json() == "0") {
        return Some(format!("runs its container {name} as root"));
    }
    let profile = either(&["seccompProfile", "type"]);
    if !profile.as_ref().and_then(Node::as_str).is_some_and(|kind| ["RuntimeDefault", "Localhost"].contains(&kind)) {
        return Some(format!("does not set a seccomp profile for its container {name}"));
    }
    if !capabilities(container, "drop").any(|dropped| dropped == "ALL") {
        return Some(format!("does not drop all capabilities of its container {name}"));
    }
    let added = capabilities(container, "add").find(|added| *added != "NET_BIND_SERVICE");
    added.map(|added| format!("adds the capability {added} to its container {name}"))
}

fn capabilities<'a>(container: &'a Node, verb: &str) -> impl Iterator<Item = &'a str> {
    let list = at(container, &["securityContext", "capabilities", verb]).map(Node::items).unwrap_or_default();
    list.iter().filter_map(Node::as_str)
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    const SAFE: &str = "{name: c, securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}, capabilities: {drop: [ALL]}}}";

    fn level_of(spec: &str) -> (Level, Option<String>) {
        of_pod(&yaml::parse_one(&Source::new("x", spec.replace("SAFE", SAFE))).expect("YAML").root)
    }

    #[test]
    fn each_level_has_a_reason() {
        assert_eq!(level_of("containers: [SAFE]\n"), (Level::Restricted, None));
        assert_eq!(level_of("containers: [SAFE]\nvolumes: [{name: v, emptyDir: {}}]\n"), (Level::Restricted, None));
        let pod = "securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}\n";
        let container = "containers: [{name: c, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]\n";
        assert_eq!(level_of(&format!("{pod}{container}")), (Level::Restricted, None));
        for (spec, level, why) in [
            (container.to_owned(), Level::Baseline, "does not set runAsNonRoot for its container c"),
            ("containers: [{name: c}]\n".to_owned(), Level::Baseline, "allows privilege escalation in its container c"),
            (
                "containers: [SAFE]\nvolumes: [{name: v, nfs: {}}]\n".to_owned(),
                Level::Baseline,
                "has a volume of type nfs",
            ),
            ("containers: [SAFE]\nhostNetwork: true\n".to_owned(), Level::Privileged, "sets hostNetwork"),
            (
                "containers: [SAFE]\nvolumes: [{name: v, hostPath: {path: /}}]\n".to_owned(),
                Level::Privileged,
                "has a hostPath volume",
            ),
            (
                "containers: [SAFE]\ninitContainers: [{name: i, securityContext: {privileged: true}}]\n".to_owned(),
                Level::Privileged,
                "has the privileged container i",
            ),
            (
                "containers: [{name: c, ports: [{containerPort: 1, hostPort: 1}]}]\n".to_owned(),
                Level::Privileged,
                "has a host port in its container c",
            ),
            (
                "containers: [{name: c, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]\n".to_owned(),
                Level::Privileged,
                "adds the capability SYS_ADMIN to its container c",
            ),
        ] {
            assert_eq!(level_of(&spec), (level, Some(why.to_owned())), "{spec}");
        }
    }
}
