//! Argo CD's Applications.

use serde::Deserialize;
use serde_json::Value;

use super::metadata::{Condition, Metadata, nullable};

/// An Application.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Application {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its sources.
    #[serde(deserialize_with = "nullable")]
    pub spec: Sources,
    /// Its status.
    #[serde(deserialize_with = "nullable")]
    pub status: ApplicationStatus,
}

/// The sources of an Application.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Sources {
    /// The only one.
    pub source: Value,
    /// Several.
    pub sources: Value,
}

/// The status of an Application.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ApplicationStatus {
    /// How Git and the cluster compare.
    #[serde(deserialize_with = "nullable")]
    pub sync: SyncStatus,
    /// The health of its objects.
    #[serde(deserialize_with = "nullable")]
    pub health: Health,
    /// The last sync, or the one that runs.
    pub operation_state: Option<OperationState>,
    /// When Git and the cluster were compared last; empty if they never were.
    #[serde(deserialize_with = "nullable")]
    pub reconciled_at: String,
    /// Errors and warnings.
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
    /// Its objects.
    #[serde(deserialize_with = "nullable")]
    pub resources: Vec<Resource>,
}

/// How Git and the cluster compare.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SyncStatus {
    /// `Synced`, `OutOfSync`, or `Unknown`.
    pub status: String,
    /// The commit that was compared; empty if there are several sources.
    pub revision: String,
    /// The commits that were compared, one for each of several sources.
    #[serde(deserialize_with = "nullable")]
    pub revisions: Vec<String>,
    /// The sources that were compared, which may no longer be those of the Application.
    #[serde(rename = "comparedTo")]
    pub compared_to: Option<Sources>,
}

/// The health of an Application or of an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Health {
    /// `Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing`, or `Unknown`.
    pub status: String,
    /// Why.
    pub message: String,
}

/// A sync.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OperationState {
    /// `Running`, `Succeeded`, `Failed`, `Error`, or `Terminating`.
    pub phase: String,
    /// What happened.
    pub message: String,
    /// What became of each object.
    #[serde(deserialize_with = "nullable")]
    pub sync_result: SyncResult,
}

/// What became of each object in a sync.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SyncResult {
    /// The commit.
    pub revision: String,
    /// The objects.
    #[serde(deserialize_with = "nullable")]
    pub resources: Vec<Resource>,
}

/// An object of an Application, in its status or in the result of a sync.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Resource {
    /// Its API group; empty for the core group.
    pub group: String,
    /// The version of its API.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `Synced` or `OutOfSync`; in the result of a sync, `Synced`, `SyncFailed`, `Pruned`, or `PruneSkipped`.
    pub status: String,
    /// In the result of a sync, what happened.
    pub message: String,
    /// Its health.
    #[serde(deserialize_with = "nullable")]
    pub health: Health,
}
