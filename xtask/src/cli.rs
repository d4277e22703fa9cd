//! The command line and its help.

mod checks;
mod create;
mod diff;
mod end_to_end;
mod help;
mod subcommands;
mod targets;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::checks::{Ci, Lint, Schemas, Validate};
pub use self::create::{Image, New, Seal};
pub use self::diff::{Diff, FailOn};
pub use self::end_to_end::{EndToEnd, TestGitops, WINDOW};
pub use self::help::{Completions, Man, Shell};
pub use self::subcommands::{Argocd, Cache, Tools};
pub use self::targets::{Explain, Impact, Render, Selection};
use crate::report::Format;

/// Render this repository's charts exactly as Argo CD would, and show what changed
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, arg_required_else_help = true, after_help = AFTER)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,

    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

const AFTER: &str = "\
Environment:
  XTASK_CHART_MIRROR     directory of chart archives, or URL of a Helm repository, used instead of every chart repository
  XTASK_CACHE_DIR        cache for tools and archives (default: the user's cache directory)
  XTASK_ENGINE           default of --engine
  XTASK_LIMITS           limits of sizes, counts, and times, such as yaml-mib=32,program-seconds=300 (docs/security.md)
  XTASK_<TOOL>           path of a tool, for example XTASK_HELM
  XTASK_KIND_NODE_IMAGE  node image of the kind cluster, used instead of the one in charts.toml
  XTASK_KIND_MANIFEST    file of manifests to apply to the kind cluster before the Applications
  XTASK_ARGOCD_MANIFEST  manifest of Argo CD for test-gitops, used instead of that of the release in charts.toml
  CI                     true: refuse to accept or fix anything, report a stale render.lock, and print plain progress lines
  XTASK_NOW              seconds since 1970, used instead of the current time for certificates and suppressions
  GITHUB_ACTIONS         true: annotate the files of the pull request
  GITHUB_STEP_SUMMARY    file to which `diff` and `ci` append their report as Markdown
  NO_COLOR               disable color

Exit codes:
  0    clean
  1    a golden differs, or a check failed
  2    invalid usage or configuration, or Helm rejected a chart or its values
  3    a tool, dependency, or cluster was unavailable or failed
  101  internal error (a bug)
  130  interrupted";

/// Options of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// Root of the repository [default: the nearest parent directory with a charts.toml]
    #[arg(long, global = true, value_name = "DIR")]
    pub root: Option<PathBuf>,

    /// Do not use the network
    #[arg(long, global = true)]
    pub offline: bool,

    /// Number of programs that run in parallel [default: one per core]
    #[arg(long, global = true, value_name = "N")]
    pub jobs: Option<usize>,

    /// How to run `helm template`: with the helm command, or with an engine that renders many charts in one process
    /// (batch) [default: auto, the engine if it is installed]
    #[arg(long, global = true, value_enum, value_name = "ENGINE")]
    pub engine: Option<EngineChoice>,

    /// Write where the time went: a page with a chart and a table, or JSON if FILE ends in .json [default: timings/timings.html
    /// in the cache]
    #[arg(long, global = true, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub timings: Option<Option<PathBuf>>,

    /// Output format
    #[arg(long, global = true, value_enum, default_value = "human")]
    pub format: Format,

    /// When to use color
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub color: Color,
}

/// What runs `helm template`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineChoice {
    /// The engine if it is installed, otherwise the helm command.
    #[default]
    Auto,
    /// The helm command.
    Helm,
    /// The engine.
    Batch,
}

/// When to use color.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl From<Color> for anstream::ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "a run has one")]
pub enum Command {
    /// Those that need a workspace.
    #[command(flatten)]
    InWorkspace(InWorkspace),
    /// Write charts.toml for a repository that has none
    ///
    /// Finds the Git remote, the Applications, and the charts that render Applications. Run it at the root of a repository
    /// that Argo CD deploys, or with `--root DIR`.
    Init,
    /// Show or reduce the size of the cache
    ///
    /// The cache contains the results of renders and checks, stored under the digest of their inputs, so a result is never
    /// computed twice, not even on another branch or in another checkout. The least recently used entries are deleted
    /// automatically.
    #[command(subcommand)]
    Cache(Cache),
    /// Check whether this machine has everything that the commands need
    ///
    /// Looks for the workspace, the cache, git, the pinned tools and charts, a container engine, Go, and a terminal, and
    /// lists the commands that need each missing item. Installs nothing. The exit code is 0 if `render` works.
    Doctor,
    /// Print a completion script for a shell
    ///
    /// Completes the program `xtask`. To use it with Cargo, define a function: `xtask() { cargo xtask "$@"; }`.
    Completions(Completions),
    /// Print the manual page
    Man(Man),
}

/// The commands that need a workspace.
#[derive(Debug, Subcommand)]
pub enum InWorkspace {
    /// Show what Argo CD would change
    ///
    /// Renders each target as Argo CD does and compares the result with its goldens in tests/golden. A target is
    /// `<app>/default`, the Application itself, or `<app>/<case>` for each `ci/<case>-values.yaml` of its chart. If none of
    /// its inputs changed since the goldens were recorded, it is fresh and is not rendered.
    Render(Render),
    /// Show what Argo CD would change between two revisions, and how severe each change is
    ///
    /// Compares the rendered objects of each Application at the base with those of the head, even if the goldens were
    /// already accepted. A revision whose goldens are up to date is not rendered again. The checkout is only read.
    ///
    /// Each change has a severity: blocker (the sync fails, or data is lost), caution (something may be interrupted or
    /// weakened), notice (a restart, another version), or routine. With `--fail-on`, severe changes fail the run.
    Diff(Diff),
    /// Accept or reject each difference from the goldens interactively
    ///
    /// Shows the differences one by one, each once for all targets that have it, and records the targets whose
    /// differences are all accepted. Not allowed if CI=true.
    Review(Selection),
    /// List the differences from the goldens, one line each
    ///
    /// Writes nothing, and exits with 0 even if there are differences. For editors, and with `--format json` for
    /// scripts.
    Pending(Selection),
    /// Download the charts pinned in charts.lock: dependencies, and sources of Applications
    Deps {
        /// Resolve all versions again, or those of the listed dependencies and charts, and rewrite Chart.lock and
        /// charts.lock; `NAME@VERSION` first sets the version in Chart.yaml or in the Applications
        #[arg(long, value_name = "NAME[@VERSION]", num_args = 0..)]
        update: Option<Vec<String>>,
    },
    /// Benchmark this tool against other programs
    ///
    /// Measures this workspace, and generated ones of up to 5000 Applications. Without arguments, runs all rows except
    /// those about `cargo build`, which take minutes.
    Bench(Bench),
    /// Check charts, rendered objects, Applications, and projects
    ///
    /// Charts: `helm lint` for every case, coverage of template branches and values by cases, README value
    /// tables, values schemas, chart versions, nulls that Helm ignores, and moved repositories.
    ///
    /// Rendered objects: output that differs between two renders, mutable image tags, plaintext Secrets, SealedSecrets
    /// that cannot be unsealed, NetworkPolicies that implicitly allow all traffic, and integers rendered as floats.
    ///
    /// Applications and projects: unknown fields, project permissions, destinations, sync policies, objects that two
    /// Applications render, and manifests that the root Application does not deploy.
    ///
    /// Repository: plaintext Secrets, and versions with a known vulnerability, as listed in advisories.toml.
    Lint(Lint),
    /// Run render, validate, and lint, and print one report
    ///
    /// Compares every target with its goldens, whatever its render.lock says, and validates and lints it. Renders with
    /// unchanged inputs are taken from the cache; `ci` renders a sample of them again. A failing stage does not stop the
    /// others. With `--kind` and `--gitops`, `test-kind` and `test-gitops` run as the last stages, in the clusters that
    /// earlier runs kept or in new ones.
    Ci(Ci),
    /// Validate rendered objects against their schemas (kubeconform, strict)
    ///
    /// Uses the schemas in schemas/ and those of the CustomResourceDefinitions that the targets render. A kind without a
    /// schema is reported unless charts.toml allows it. Constraints that the API server enforces beyond its schemas, such
    /// as label and port syntax, are also checked. With `--kubeconfig`, the cluster's Sealed Secrets controller verifies
    /// the SealedSecrets, which requires access to its Service through the API server.
    Validate(Validate),
    /// Generate schemas/ from an API server's OpenAPI document
    ///
    /// Writes a strict JSON schema for each built-in kind of Kubernetes, and for each other kind that the targets use
    /// without rendering its CustomResourceDefinition. Removes schemas that are no longer used.
    Schemas(Schemas),
    /// Build the container images of this repository
    ///
    /// Builds images/<name>/Dockerfile with Docker or Podman and tags it with the image that the default values of
    /// charts/<name> use. An image whose inputs have not changed is fresh and is not rebuilt.
    Image(Image),
    /// Seal values for an Application with the certificate in charts.toml, without access to the cluster
    ///
    /// Reads each value from a file or, with `-`, from standard input, and prints the ciphertexts: as values, if a case of
    /// the Application renders the SealedSecret, or as a SealedSecret. Scope: strict.
    Seal(Seal),
    /// Deploy the Applications to a kind cluster and run their end-to-end scenarios
    ///
    /// Creates a cluster, deploys each Application as Argo CD would, runs the scenarios in tests/kind, and deletes the
    /// cluster, even if the run fails or is interrupted.
    #[command(name = "test-kind")]
    TestKind(EndToEnd),
    /// Let Argo CD deploy the work tree to a kind cluster, and compare the result with the goldens
    ///
    /// Creates a cluster with the Argo CD release in charts.toml and a Git server, bootstraps Argo CD, waits until every
    /// Application is Synced and Healthy, compares what Argo CD generated and applied with the goldens, runs the scenarios
    /// in tests/gitops, and deletes the cluster.
    #[command(name = "test-gitops")]
    TestGitops(TestGitops),
    /// List every pinned version with the newest known version and known vulnerabilities
    ///
    /// Covers chart dependencies, images, tools, Argo CD, and Kubernetes. Newest versions come from `XTASK_CHART_MIRROR` or
    /// the chart repositories, from tools.lock, and from advisories.toml. A version that an advisory affects is a finding.
    Outdated {
        /// Also show what Argo CD would change with each newer chart, and with a newer release of Argo CD
        #[arg(long)]
        diff: bool,
    },
    /// Create a chart, an AppProject, an Application, and goldens for a new service
    ///
    /// Writes charts/<app> with a closed values schema, a case, and a README; its image or its chart dependency; its
    /// project and Application in argocd/; and its goldens. Nothing is overwritten, and nothing is written unless
    /// everything renders.
    New(New),
    /// Explain a diagnostic code, or where a rendered field comes from
    ///
    /// With a code: prints what it means, why it matters, how to fix it, and an example, from docs/checks.md. Without
    /// arguments: lists all codes. Needs no workspace.
    ///
    /// With a target and an object: prints, for each line of the object, the template line that wrote it and the values
    /// that it depends on. With a field, for example `spec.ports.0.port`, also prints the named templates that lead to it,
    /// and where the values are set.
    Explain(Explain),
    /// List every rendered line that a value reaches
    ///
    /// Finds the lines of every target that contain the value, are computed from it, or are rendered because of it. Values
    /// of a dependency begin with its name or alias.
    Impact(Impact),
    /// List the Applications, or change the repository that they use
    #[command(subcommand)]
    Argocd(Argocd),
    /// List, install, or verify the pinned tools
    #[command(subcommand)]
    Tools(Tools),
}

impl Command {
    /// Returns the command's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::InWorkspace(command) => command.name(),
            Self::Init => "init",
            Self::Cache(_) => "cache",
            Self::Doctor => "doctor",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }
}

impl InWorkspace {
    /// Returns the command's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Render(_) => "render",
            Self::Diff(_) => "diff",
            Self::Review(_) => "review",
            Self::Pending(_) => "pending",
            Self::Deps { .. } => "deps",
            Self::Bench(_) => "bench",
            Self::Lint(_) => "lint",
            Self::Ci(_) => "ci",
            Self::Validate(_) => "validate",
            Self::Schemas(_) => "schemas",
            Self::Image(_) => "image",
            Self::Seal(_) => "seal",
            Self::TestKind(_) => "test-kind",
            Self::TestGitops(_) => "test-gitops",
            Self::Outdated { .. } => "outdated",
            Self::New(_) => "new",
            Self::Explain(_) => "explain",
            Self::Impact(_) => "impact",
            Self::Argocd(_) => "argocd",
            Self::Tools(_) => "tools",
        }
    }
}

/// `bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// Part of the name of a row to measure
    #[arg(value_name = "ROW")]
    pub rows: Vec<String>,

    /// Number of rounds
    #[arg(long, default_value = "5", value_name = "N")]
    pub rounds: usize,

    /// Write a plot of times by size to this SVG file; without rows, measure nothing else
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_valid() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
