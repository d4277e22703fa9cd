//! The arguments of `test-gitops`.

use std::path::PathBuf;
use std::time::Duration;

use crate::commands::end_to_end::prepare;

/// How long nothing may drift, unless another time is given.
pub const WINDOW: Duration = Duration::from_secs(120);

/// The arguments of the command.
#[derive(Debug, Default)]
pub struct Request {
    /// Those that it has in common with `test-kind`.
    pub common: prepare::Request,
    /// The manifest of Argo CD; that of the release in charts.toml when absent.
    pub argocd_manifest: Option<PathBuf>,
    /// The manifest of the Argo CD to upgrade from; that of the release in charts.toml when absent.
    pub earlier_argocd_manifest: Option<PathBuf>,
    /// How long nothing may drift.
    pub window: Duration,
    /// Whether Argo CD downloads the dependencies of charts from Helm repositories, instead of finding them in Git.
    pub helm_repositories: bool,
    /// Whether the scenarios run in which the cluster is lost, instead of all others.
    pub recovery: bool,
    /// Whether an earlier Argo CD is upgraded, instead of all scenarios.
    pub argocd_upgrade: bool,
}
