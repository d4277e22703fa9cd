//! Workloads.

use serde::Deserialize;
use serde_json::Value;

use super::metadata::{Condition, Metadata, nullable};

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
    pub(crate) fn is_observed(&self) -> bool {
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
