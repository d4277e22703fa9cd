//! The parts of Kubernetes objects that waits and the diagnosis read, as the API server encodes them.
//!
//! Fields that are not listed are ignored. Go encodes an unset list, map, or time as `null`, which reads as the default.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads `null` as the default value.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list, as `kubectl get --raw` and `kubectl get --output json` print it.
#[derive(Debug, Clone, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub struct List<T> {
    /// The metadata of the list itself.
    #[serde(default)]
    pub metadata: Metadata,
    /// Its items.
    #[serde(default = "Vec::new", deserialize_with = "nullable")]
    pub items: Vec<T>,
}

/// One change that a watch reports.
#[derive(Debug, Clone, Deserialize)]
pub struct WatchEvent {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`, or `ERROR`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The object after the change.
    pub object: Value,
}

/// An object's metadata.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    /// Empty for objects of the cluster.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Unique over the lifetime of the cluster.
    pub uid: String,
    /// Changes with every write.
    pub resource_version: String,
    /// Changes with every write of the spec.
    pub generation: i64,
    /// When it was created.
    pub creation_timestamp: Option<String>,
    /// When its deletion was requested.
    pub deletion_timestamp: Option<String>,
    /// Its labels.
    #[serde(deserialize_with = "nullable")]
    pub labels: BTreeMap<String, String>,
    /// The objects that own it.
    #[serde(deserialize_with = "nullable")]
    pub owner_references: Vec<OwnerReference>,
}

impl Metadata {
    /// Whether its deletion was requested.
    #[must_use]
    pub fn is_terminating(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

/// An owner of an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct OwnerReference {
    /// The owner's kind.
    pub kind: String,
    /// The owner's uid.
    pub uid: String,
}

/// A reference to another object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ObjectReference {
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The part of it that is meant, such as a container.
    pub field_path: String,
}

/// A condition of an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// Its type, such as `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False`, or `Unknown`.
    pub status: String,
    /// The reason, in one word.
    pub reason: String,
    /// The reason, as a sentence.
    pub message: String,
}

impl Condition {
    /// Whether its status is `True`.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }
}

/// The condition of a type, if the object has it.
#[must_use]
pub fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// An object of which only kind and metadata are read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Named {
    /// Its kind.
    pub kind: String,
    /// Its metadata.
    pub metadata: Metadata,
}

/// What `kubectl` prints for several objects, or for one.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// A `List`.
    Many {
        /// Its items.
        items: Vec<T>,
    },
    /// The object itself.
    One(T),
}

impl<T> OneOrMany<T> {
    /// The objects.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many { items } => items,
            Self::One(item) => vec![item],
        }
    }
}

/// A pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its spec.
    pub spec: PodSpec,
    /// Its status.
    pub status: PodStatus,
}

impl Pod {
    /// The statuses of its containers, init containers first.
    pub fn container_statuses(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.status.init_container_statuses.iter().chain(&self.status.container_statuses)
    }

    /// The names of the claims that it mounts.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        let claims = self.spec.volumes.iter().filter_map(|volume| volume.persistent_volume_claim.as_ref());
        claims.map(|claim| claim.claim_name.as_str())
    }
}

/// The spec of a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    /// Its containers, without init containers.
    #[serde(deserialize_with = "nullable")]
    pub containers: Vec<Container>,
    /// Its volumes.
    #[serde(deserialize_with = "nullable")]
    pub volumes: Vec<Volume>,
    /// Defaults for the security context of its containers.
    #[serde(deserialize_with = "nullable")]
    pub security_context: SecurityContext,
}

/// A volume of a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Volume {
    /// The claim that it mounts, if it mounts one.
    pub persistent_volume_claim: Option<ClaimSource>,
}

/// The claim of a volume.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClaimSource {
    /// Its name.
    pub claim_name: String,
}

/// A container of a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The ports that it declares.
    #[serde(deserialize_with = "nullable")]
    pub ports: Vec<ContainerPort>,
    /// Where its volumes are mounted.
    #[serde(deserialize_with = "nullable")]
    pub volume_mounts: Vec<VolumeMount>,
    /// Its security context.
    #[serde(deserialize_with = "nullable")]
    pub security_context: SecurityContext,
}

/// A port of a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerPort {
    /// Its name; empty when it has none.
    pub name: String,
    /// Its number.
    pub container_port: i64,
}

/// A volume in a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VolumeMount {
    /// Where it is mounted.
    pub mount_path: String,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

/// The security context of a pod or of a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SecurityContext {
    /// The user that it runs as; the image's when absent.
    pub run_as_user: Option<i64>,
    /// Whether the root file system is read-only.
    pub read_only_root_filesystem: Option<bool>,
    /// Changes to the capabilities that the container runtime grants.
    #[serde(deserialize_with = "nullable")]
    pub capabilities: Capabilities,
}

/// Capabilities that are added and dropped.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Added ones.
    #[serde(deserialize_with = "nullable")]
    pub add: Vec<String>,
    /// Dropped ones.
    #[serde(deserialize_with = "nullable")]
    pub drop: Vec<String>,
}

/// The status of a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed`, or `Unknown`.
    pub phase: Option<String>,
    /// Why it is in this phase.
    pub message: Option<String>,
    /// Its conditions.
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
    /// The statuses of its init containers.
    #[serde(deserialize_with = "nullable")]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// The statuses of its containers.
    #[serde(deserialize_with = "nullable")]
    pub container_statuses: Vec<ContainerStatus>,
}

/// The status of a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// Whether its readiness probe succeeds.
    pub ready: bool,
    /// How often it was restarted.
    pub restart_count: i64,
    /// Its state.
    #[serde(deserialize_with = "nullable")]
    pub state: ContainerState,
    /// Its state before the last restart.
    #[serde(deserialize_with = "nullable")]
    pub last_state: ContainerState,
}

/// The state of a container: one of the three is set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// It has not started.
    pub waiting: Option<Waiting>,
    /// It runs.
    pub running: Option<IgnoredAny>,
    /// It has ended.
    pub terminated: Option<Terminated>,
}

/// Why a container has not started.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// In one word.
    pub reason: Option<String>,
    /// As a sentence.
    pub message: Option<String>,
}

/// How a container ended.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Terminated {
    /// Its exit code.
    pub exit_code: i64,
    /// In one word.
    pub reason: Option<String>,
    /// As a sentence.
    pub message: Option<String>,
    /// Its ID in the container runtime.
    #[serde(rename = "containerID")]
    pub container_id: String,
}

/// A Deployment, `ReplicaSet`, `StatefulSet`, `DaemonSet`, or Job.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Workload {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its spec.
    pub spec: WorkloadSpec,
    /// Its status.
    pub status: WorkloadStatus,
}

impl Workload {
    /// Whether its controller has seen its current spec.
    #[must_use]
    pub fn is_observed(&self) -> bool {
        self.status.observed_generation >= self.metadata.generation
    }
}

/// The spec of a workload.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WorkloadSpec {
    /// How many pods it should have, where its kind has that field.
    pub replicas: Option<i64>,
    /// The template of its pods. Kept whole: a Deployment's current `ReplicaSet` is the one with an equal template.
    pub template: Value,
}

/// The status of a workload; each kind sets some of these fields.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// The generation that its controller has seen.
    pub observed_generation: i64,
    /// How many pods it has.
    pub replicas: i64,
    /// How many of them are of the current template.
    pub updated_replicas: i64,
    /// How many of them are ready.
    pub ready_replicas: i64,
    /// How many of them have been ready for long enough.
    pub available_replicas: i64,
    /// How many pods a `DaemonSet` should have.
    pub desired_number_scheduled: Option<i64>,
    /// How many pods of a `DaemonSet` are of the current template.
    pub updated_number_scheduled: i64,
    /// How many pods of a `DaemonSet` are ready.
    pub number_ready: i64,
    /// How many pods of a `DaemonSet` have been ready for long enough.
    pub number_available: i64,
    /// Its conditions.
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
}

/// A `PersistentVolumeClaim`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Claim {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its status.
    pub status: Phase,
}

/// A namespace.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Namespace {
    /// Its metadata.
    pub metadata: Metadata,
}

/// A status with a phase.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Phase {
    /// The phase.
    pub phase: Option<String>,
}

/// A node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its spec.
    pub spec: NodeSpec,
    /// Its status.
    pub status: Conditions,
}

impl Node {
    /// The taint of a node that is not ready.
    const NOT_READY: &str = "node.kubernetes.io/not-ready";

    /// Whether it accepts pods, as far as its health is concerned.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        condition(&self.status.conditions, "Ready").is_some_and(Condition::is_true)
            && !self.spec.taints.iter().any(|taint| taint.key == Self::NOT_READY)
    }
}

/// The spec of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    /// Its taints.
    #[serde(deserialize_with = "nullable")]
    pub taints: Vec<Taint>,
}

/// A taint of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Taint {
    /// Its key.
    pub key: String,
}

/// A status with conditions.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Conditions {
    /// The generation that its controller has seen.
    pub observed_generation: i64,
    /// The conditions.
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
}

/// An object of any other kind, such as a `SealedSecret`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Custom {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its status.
    #[serde(deserialize_with = "nullable")]
    pub status: Conditions,
}

/// A Service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its spec.
    pub spec: ServiceSpec,
}

/// The spec of a Service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ServiceSpec {
    /// The labels of the pods that it selects.
    #[serde(deserialize_with = "nullable")]
    pub selector: BTreeMap<String, String>,
    /// Its ports.
    #[serde(deserialize_with = "nullable")]
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServicePort {
    /// Its number.
    pub port: i64,
    /// The port of the pods that it targets; the same number when absent.
    pub target_port: Option<Port>,
}

/// A port by its number or by its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Port {
    /// Its number.
    Number(i64),
    /// Its name.
    Name(String),
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "`{name}`"),
        }
    }
}

/// An event.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Event {
    /// Its metadata.
    pub metadata: Metadata,
    /// The object that it is about.
    #[serde(deserialize_with = "nullable")]
    pub involved_object: ObjectReference,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in one word.
    #[serde(deserialize_with = "nullable")]
    pub reason: String,
    /// What happened, as a sentence.
    #[serde(deserialize_with = "nullable")]
    pub message: String,
    /// How often it happened, as older reporters count it.
    pub count: Option<i64>,
    /// How often it happened, as newer reporters count it.
    pub series: Option<Series>,
    /// When it happened last, as older reporters have it.
    pub last_timestamp: Option<String>,
    /// When it happened first, as newer reporters have it.
    pub event_time: Option<String>,
}

/// How often an event happened, and when last.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Series {
    /// How often.
    pub count: i64,
    /// When last.
    pub last_observed_time: Option<String>,
}

impl Event {
    /// Whether it is a warning.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.kind == "Warning"
    }

    /// How often it happened.
    #[must_use]
    pub fn times(&self) -> i64 {
        self.count.or(self.series.as_ref().map(|series| series.count)).unwrap_or(1)
    }

    /// When it happened last, to the second, as the API writes it: such texts sort by time.
    #[must_use]
    pub fn time(&self) -> &str {
        let series = self.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
        let times = [series, self.last_timestamp.as_ref(), self.event_time.as_ref()];
        let time = times.into_iter().flatten().next().or(self.metadata.creation_timestamp.as_ref());
        // Some reporters add fractions of a second, so only the first 19 characters compare.
        time.and_then(|time| time.get(..19)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_reads_as_the_default() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "web", "labels": null, "ownerReferences": null, "creationTimestamp": null },
            "spec": { "containers": [{ "name": "main", "securityContext": null }], "volumes": null },
            "status": { "containerStatuses": [{ "name": "main", "state": { "running": {} }, "lastState": null }] },
        }))
        .expect("a pod");
        assert_eq!(pod.metadata.to_string(), "web");
        let status = &pod.status.container_statuses[0];
        assert!(status.state.running.is_some() && status.last_state.terminated.is_none());
        let event: Event = serde_json::from_value(json!({
            "lastTimestamp": null, "eventTime": "2026-01-01T00:00:05.123456Z", "series": null, "count": null,
        }))
        .expect("an event");
        assert_eq!((event.time(), event.times()), ("2026-01-01T00:00:05", 1));
        let list: List<Named> = serde_json::from_value(json!({ "metadata": {}, "items": null })).expect("a list");
        assert!(list.items.is_empty());
    }

    #[test]
    fn kubectl_prints_one_object_or_a_list() {
        let names = |text: &str| {
            let objects = serde_json::from_str::<OneOrMany<Named>>(text).expect("objects").into_vec();
            objects.into_iter().map(|object| object.metadata.name).collect::<Vec<_>>()
        };
        assert_eq!(names(r#"{"kind": "Secret", "metadata": {"name": "a"}}"#), ["a"]);
        let list =
            r#"{"kind": "List", "metadata": {}, "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]}"#;
        assert_eq!(names(list), ["a", "b"]);
    }
}
