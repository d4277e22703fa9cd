//! The options of the commands that run end-to-end scenarios.

use std::num::ParseIntError;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// How long nothing may drift, unless another time is given.
pub const WINDOW: Duration = Duration::from_secs(120);

/// Options of both commands.
#[derive(Debug, Default, Args)]
pub struct EndToEnd {
    /// Applications whose scenarios run [default: all]
    #[arg(value_name = "APP")]
    pub apps: Vec<String>,

    /// Keep the cluster for the next run, and reuse the one that an earlier run kept
    #[arg(long)]
    pub keep: bool,

    /// Delete the cluster that an earlier run kept, and create a new one
    #[arg(long)]
    pub fresh: bool,

    /// Delete the kept cluster and exit
    #[arg(long, conflicts_with_all = ["keep", "fresh", "step"])]
    pub delete: bool,

    /// Run a single step in the cluster that an earlier run kept
    #[arg(long, value_name = "APP/SCENARIO:STEP")]
    pub step: Option<String>,

    /// Deploy this revision first, then upgrade it to the current one
    #[arg(long, value_name = "REV", conflicts_with_all = ["delete", "step"])]
    pub upgrade_from: Option<String>,

    /// Node image of the cluster; also `XTASK_KIND_NODE_IMAGE` [default: the one in charts.toml]
    #[arg(long, value_name = "IMAGE")]
    pub node_image: Option<String>,

    /// File of manifests to apply first, such as a network policy engine; also `XTASK_KIND_MANIFEST`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["delete", "step"])]
    pub manifest: Option<PathBuf>,

    /// Port of the API server on this machine [default: a free port]
    #[arg(long, value_name = "PORT")]
    pub api_port: Option<u16>,

    /// Also write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// `test-gitops`.
#[derive(Debug, Default, Args)]
pub struct TestGitops {
    /// Options of both commands.
    #[command(flatten)]
    pub common: EndToEnd,

    /// Manifest of Argo CD; also `XTASK_ARGOCD_MANIFEST` [default: that of the release in charts.toml]
    #[arg(long, value_name = "FILE")]
    pub argocd_manifest: Option<PathBuf>,

    /// Let Argo CD download dependencies of charts from Helm repositories, instead of adding their archives to Git
    #[arg(long, conflicts_with = "upgrade_from")]
    pub helm_repositories: bool,

    /// Run the scenarios in which the cluster is lost and recovered, instead of all others
    #[arg(long, conflicts_with_all = ["step", "upgrade_from", "delete"])]
    pub recovery: bool,

    /// Install the Argo CD of `gitops.upgrade-from` first and upgrade it, instead of running scenarios
    #[arg(long, conflicts_with_all = ["step", "keep", "upgrade_from", "recovery", "helm_repositories", "delete"])]
    pub argocd_upgrade: bool,

    /// Manifest of the Argo CD to upgrade; also `XTASK_EARLIER_ARGOCD_MANIFEST` [default: that of the release in charts.toml]
    #[arg(long, value_name = "FILE", requires = "argocd_upgrade")]
    pub earlier_argocd_manifest: Option<PathBuf>,

    /// Seconds in which no Application may drift from Git
    #[arg(long, default_value = "120", value_name = "SECONDS", value_parser = seconds)]
    pub window: Duration,
}

fn seconds(text: &str) -> Result<Duration, ParseIntError> {
    text.parse().map(Duration::from_secs)
}
