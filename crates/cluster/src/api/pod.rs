//! Pods.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::metadata::{Condition, Metadata, nullable};

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
    pub(crate) fn container_statuses(&self) -> impl Iterator<Item = &ContainerStatus> {
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
