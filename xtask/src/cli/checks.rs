//! The arguments of the commands that check: `lint`, `validate`, `schemas`, and `ci`.

use std::path::PathBuf;

use clap::Args;
use workspace::shard::Shard;

use crate::report::outputs::Outputs;

/// `lint`.
#[derive(Debug, Default, Args)]
pub struct Lint {
    /// Targets, `<app>` or `<app>/<case>`, with `*` as a wildcard [default: all]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// Update the value tables in README files (refused if CI=true)
    #[arg(long)]
    pub fix: bool,

    /// Revision to compare charts and rendered objects with [default: the merge base with the main branch]
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,

    /// List the images that the targets use, and check nothing
    #[arg(long, conflicts_with_all = ["fix", "base"])]
    pub images: bool,

    /// Only the targets in shard I of N, for a CI matrix; shard 1 also checks files that belong to no Application
    #[arg(long, value_name = "I/N", conflicts_with = "fix")]
    pub shard: Option<Shard>,
}

/// `ci`.
#[derive(Debug, Default, Args)]
pub struct Ci {
    /// Directory with additional CustomResourceDefinitions, for example Argo CD's
    #[arg(long, value_name = "DIR")]
    pub crds: Option<PathBuf>,

    /// Revision to compare charts and rendered objects with [default: the merge base with the main branch]
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,

    /// Also run `test-kind`
    #[arg(long)]
    pub kind: bool,

    /// Also run `test-gitops`
    #[arg(long)]
    pub gitops: bool,

    /// Only the targets in shard I of N, for a CI matrix; shard 1 also checks files that belong to no Application
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Where to write the report.
    #[command(flatten)]
    pub outputs: Outputs,
}

/// `validate`.
#[derive(Debug, Default, Args)]
pub struct Validate {
    /// Targets, `<app>` or `<app>/<case>`, with `*` as a wildcard [default: all, and the manifests in argocd/]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// Directory with additional CustomResourceDefinitions, for example Argo CD's
    #[arg(long, value_name = "DIR")]
    pub crds: Option<PathBuf>,

    /// Only the targets in shard I of N, for a CI matrix; shard 1 also checks files that belong to no Application
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Also verify every SealedSecret with the Sealed Secrets controller of this cluster
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// `schemas`.
#[derive(Debug, Default, Args)]
pub struct Schemas {
    /// Read the OpenAPI document of the cluster in `--kubeconfig`
    #[arg(long, requires = "kubeconfig", conflicts_with = "from", required_unless_present_any = ["from", "check"])]
    pub from_cluster: bool,

    /// Kubeconfig of the cluster; the current context of the shell is never used
    #[arg(long, value_name = "FILE", requires = "from_cluster")]
    pub kubeconfig: Option<PathBuf>,

    /// Output of `kubectl get --raw /openapi/v2`, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,

    /// Write nothing; report schemas that are missing or unused, and, with `--from` or `--from-cluster`, outdated
    #[arg(long)]
    pub check: bool,
}
