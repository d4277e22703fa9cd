//! The parts of Kubernetes objects that waits and the diagnosis read, as the API server encodes them.
//!
//! Fields that are not listed are ignored. Go encodes an unset list, map, or time as `null`, which reads as the default.

mod application;
mod event;
mod list;
mod metadata;
mod node;
mod pod;
mod service;
mod workload;

use serde::Deserialize;

pub use self::application::{
    Application, ApplicationStatus, Health, OperationState, Resource, Sources, SyncResult, SyncStatus,
};
pub use self::event::{Event, Series};
pub use self::list::{List, OneOrMany, WatchEvent};
use self::metadata::nullable;
pub use self::metadata::{Condition, Conditions, Metadata, Named, ObjectReference, OwnerReference, condition};
pub use self::node::{Node, NodeSpec, Taint};
pub use self::pod::{
    Capabilities, ClaimSource, Container, ContainerPort, ContainerState, ContainerStatus, Pod, PodSpec, PodStatus,
    SecurityContext, Terminated, Volume, VolumeMount, Waiting,
};
pub use self::service::{Port, Service, ServicePort, ServiceSpec};
pub use self::workload::{Workload, WorkloadSpec, WorkloadStatus};

/// A `PersistentVolumeClaim`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Claim {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its status.
    pub status: Phase,
}

/// A status with a phase.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Phase {
    /// The phase.
    pub phase: Option<String>,
}

/// A namespace.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Namespace {
    /// Its metadata.
    pub metadata: Metadata,
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
