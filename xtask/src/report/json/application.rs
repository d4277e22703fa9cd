//! The results of `new` and `argocd`.

use schemars::JsonSchema;
use serde::Serialize;

/// The result of `new`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct New {
    /// The name of the Application.
    pub application: String,
    /// Its namespace.
    pub namespace: String,
    /// The Pod Security Standard that the namespace enforces: `restricted`, `baseline`, or `privileged`.
    pub pod_security: &'static str,
    /// The created files, without downloaded dependencies.
    pub written: Vec<String>,
    /// Whether charts.lock has a new pin.
    pub pinned: bool,
    /// Whether charts.toml has a new suppression for objects of the dependency in other namespaces.
    pub accepted: bool,
}

/// The result of `new` if it only completed an interrupted run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NewCompleted {
    /// The name of the Application.
    pub application: String,
    /// Always empty.
    pub written: [String; 0],
}

/// The result of `argocd list`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ArgocdList {
    /// The Applications that deploy a chart, ordered by name.
    pub applications: Vec<Application>,
}

/// An Application. If it cannot be read, all fields but `application` and `broken` are null.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// Its instance name: `<name>`, or `<namespace>_<name>` outside of Argo CD's namespace.
    pub application: String,
    /// The `[[instance]]` in charts.toml that it belongs to, which its name ends with after `@`.
    pub instance: Option<String>,
    /// The path of its chart.
    pub chart: Option<String>,
    /// The version of its chart.
    pub version: Option<String>,
    /// The namespace that it deploys to.
    pub namespace: Option<String>,
    /// Its project.
    pub project: Option<String>,
    /// The Helm version that renders it.
    pub helm: Option<&'static str>,
    /// The number of its targets.
    pub targets: Option<usize>,
    /// The number of its targets that are not fresh.
    pub stale: Option<usize>,
    /// Whether it cannot be rendered; `diagnostics` has the reason.
    pub broken: bool,
    /// What generates it, if an ApplicationSet does.
    pub generated_by: Option<GeneratedBy>,
}

/// What generates an Application.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratedBy {
    /// The instance name of the ApplicationSet.
    pub application_set: String,
    /// The file of the ApplicationSet.
    pub file: String,
    /// The generator, and what it read, such as `git: apps/web`.
    pub generator: String,
    /// The parameters: nested with `goTemplate`, otherwise flat.
    pub parameters: serde_json::Value,
    /// The Application that it generates.
    pub manifest: serde_json::Value,
}

/// The result of `init`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Init {
    /// The Git repository in charts.toml.
    pub repository: String,
    /// The number of Applications that can be rendered.
    pub applications: usize,
    /// The number of Applications that are not rendered.
    pub unrendered: usize,
    /// The charts that are applied by hand.
    pub bootstraps: Vec<String>,
}

/// The result of `argocd set-repository`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ArgocdSetRepository {
    /// The changed values.
    pub changes: Vec<RepositoryChange>,
    /// The unchanged references to other repositories.
    pub unchanged: Vec<OtherRepository>,
    /// The targets whose goldens are no longer fresh.
    pub stale: Vec<String>,
}

/// A changed repository URL or revision.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RepositoryChange {
    /// The path of the file.
    pub file: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// The previous value; empty if there was none.
    pub from: String,
    /// The new value.
    pub to: String,
}

/// A reference to another repository.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OtherRepository {
    /// The path of the file.
    pub file: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// The URL of the repository.
    pub repository: String,
}
