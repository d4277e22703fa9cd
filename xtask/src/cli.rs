//! The command line: what can be asked for, and its help.
//!
//! Deliberately absent: doing it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::report::Format;

/// Renders this repository's charts exactly as Argo CD would, and tells what changed.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, arg_required_else_help = true, after_help = AFTER)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// What every command understands.
    #[command(flatten)]
    pub common: Common,
}

const AFTER: &str = "\
Environment:
  XTASK_CHART_MIRROR  a folder of chart archives, or the URL of a Helm repository, instead of every chart repository
  XTASK_CACHE_DIR     where tools and archives are kept
  XTASK_<TOOL>        the path of a tool (XTASK_HELM, …) instead of the search for it
  XTASK_KIND_NODE_IMAGE
                      the image of the node of a kind cluster, instead of the one in charts.toml
  XTASK_KIND_MANIFEST manifests that are applied to a kind cluster before the Applications
  CI                  true: nothing is accepted, and an outdated render.lock is a finding
  GITHUB_ACTIONS      true: what is found is marked in the files of the pull request as well
  NO_COLOR            no colour

Exit codes:
  0 clean · 1 a golden differs or a check found something · 2 usage or configuration
  3 a tool or dependency could not be had, or failed · 101 a bug · 130 interrupted";

/// Flags of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// The workspace; by default the one around the current directory
    #[arg(long, global = true, value_name = "DIR")]
    pub root: Option<PathBuf>,

    /// Never use the network
    #[arg(long, global = true)]
    pub offline: bool,

    /// How many programs may run at once; by default one a core
    #[arg(long, global = true, value_name = "N")]
    pub jobs: Option<usize>,

    /// How results are written
    #[arg(long, global = true, value_enum, default_value = "human")]
    pub format: Format,

    /// When to use colour
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub color: Color,
}

/// When to use colour.
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
pub enum Command {
    /// Show what Argo CD would apply now that it did not before
    ///
    /// Renders every target (`<app>/default`, and `<app>/<case>` for each `ci/<case>-values.yaml` of its chart) as Argo
    /// CD does, and compares it with tests/golden. Targets whose inputs did not move since are fresh: nothing runs.
    Render(Render),
    /// Bring the chart archives that the locks name
    Deps {
        /// Run `helm dependency update`, and rewrite Chart.lock and charts.lock; `NAME@VERSION` first sets the version of
        /// that dependency in Chart.yaml
        #[arg(long, value_name = "NAME@VERSION", num_args = 0..)]
        update: Option<Vec<String>>,
    },
    /// Compare what rendering costs with the bare helm, as ratios in one run
    Bench {
        /// How many rounds
        #[arg(long, default_value = "10", value_name = "N")]
        rounds: usize,
    },
    /// Check what can be known without a cluster
    ///
    /// Of a chart: `helm lint --strict` for every case; every branch of every template rendered by some case; every
    /// documented value changed by some case; the table of values in a README as values.yaml makes it; a closed
    /// values.schema.json; a version that rose with a change; no null that Helm ignores; no repository that has moved.
    ///
    /// Of what renders: the same in a second render; images by a fixed tag or digest; no Secret with its values, and
    /// SealedSecrets that can be unsealed; no NetworkPolicy that allows everything unsaid; no integer as a float.
    ///
    /// Of Applications and projects: each field known to Argo CD; what a project forbids; how and where an Application is
    /// deployed, and whether the root Application deploys it; what two of them render.
    ///
    /// Of the repository: no version with a known vulnerability, by advisories.toml.
    Lint(Lint),
    /// Run everything that needs no cluster, in one pass and one report
    ///
    /// Renders every target whatever render.lock says, compares with the goldens, and validates and lints what is
    /// rendered. What one stage finds keeps no other from running. With `--kind`, what `test-kind` does is the last of
    /// them, in a cluster that an earlier run kept or a new one.
    Ci(Ci),
    /// Hold every object against the schema of its kind, strictly, with kubeconform
    ///
    /// Schemas are those of the `CustomResourceDefinitions` that the targets render, and those in schemas/. A kind without
    /// one is a finding, unless charts.toml allows it by name. What no schema can say, and the API server refuses all
    /// the same, is checked besides.
    Validate(Validate),
    /// Derive schemas/ from what an API server says of itself
    ///
    /// Writes a strict schema for each kind that the targets use and no `CustomResourceDefinition` of theirs defines, and
    /// removes those that nothing uses any more.
    Schemas(Schemas),
    /// Build the images that this repository owns
    ///
    /// Builds images/<name>/Dockerfile with docker or podman, under the name by which the default values of
    /// charts/<name> ask for it. An image that was built from today's inputs is fresh: nothing runs.
    Image(Image),
    /// Prove in a kind cluster that the applications do what they are for
    ///
    /// Makes a cluster of its own, deploys each application as Argo CD would, runs the scenarios under tests/kind, and
    /// removes the cluster again, whatever happens.
    #[command(name = "test-kind")]
    TestKind(TestKind),
    /// List every pinned version, the newest one that is known, and known vulnerabilities
    ///
    /// Covers chart dependencies, images, tools, Argo CD, and Kubernetes. Newest versions come from `XTASK_CHART_MIRROR` or
    /// the chart repositories, from tools.lock, and from advisories.toml. A version that an advisory affects is a finding.
    Outdated,
    /// Make all that another Application needs
    ///
    /// Writes charts/<app> with a closed schema, a case, and a README, its image or its dependency, its project and its
    /// Application under argocd/, and its goldens. Nothing is overwritten, and nothing is written unless all of it
    /// renders.
    New(New),
    /// The Applications under argocd/
    #[command(subcommand)]
    Argocd(Argocd),
    /// The pinned tools
    #[command(subcommand)]
    Tools(Tools),
}

impl Command {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Render(_) => "render",
            Self::Deps { .. } => "deps",
            Self::Bench { .. } => "bench",
            Self::Lint(_) => "lint",
            Self::Ci(_) => "ci",
            Self::Validate(_) => "validate",
            Self::Schemas(_) => "schemas",
            Self::Image(_) => "image",
            Self::TestKind(_) => "test-kind",
            Self::Outdated => "outdated",
            Self::New(_) => "new",
            Self::Argocd(_) => "argocd",
            Self::Tools(_) => "tools",
        }
    }
}

/// `render`.
#[derive(Debug, Args)]
pub struct Render {
    /// `<app>` or `<app>/<case>`, `*` allowed; all when none is named
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// Record what is rendered now, and remove what is gone; refused when CI=true
    #[arg(long)]
    pub accept: bool,

    /// Render everything, whatever render.lock says
    #[arg(long)]
    pub force: bool,

    /// Write the rendered objects there, in the layout of tests/golden
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// Render as another Argo CD would, such as 3.4, and compare with the same goldens
    #[arg(long, value_name = "VERSION")]
    pub argocd: Option<String>,
}

/// `lint`.
#[derive(Debug, Args)]
pub struct Lint {
    /// `<app>` or `<app>/<case>`, `*` allowed; all when none is named
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// Write tables of values anew; refused when CI=true
    #[arg(long)]
    pub fix: bool,

    /// Charts that changed since this revision need a higher version; by default since the main branch was left
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,

    /// Only list all images, for pulling them beforehand
    #[arg(long, conflicts_with_all = ["fix", "base"])]
    pub images: bool,
}

/// `ci`.
#[derive(Debug, Args)]
pub struct Ci {
    /// Write the report as JUnit XML, too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// A folder of further CustomResourceDefinitions, such as Argo CD's own
    #[arg(long, value_name = "DIR")]
    pub crds: Option<PathBuf>,

    /// Charts that changed since this revision need a higher version; by default since the main branch was left
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,

    /// Prove the Applications in a kind cluster as well, as `test-kind` does
    #[arg(long)]
    pub kind: bool,
}

/// `validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// `<app>` or `<app>/<case>`, `*` allowed; all, and argocd/ itself, when none is named
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// A folder of further `CustomResourceDefinitions`, such as Argo CD's own
    #[arg(long, value_name = "DIR")]
    pub crds: Option<PathBuf>,
}

/// `schemas`.
#[derive(Debug, Args)]
pub struct Schemas {
    /// Ask the cluster of `--kubeconfig`
    #[arg(long, requires = "kubeconfig", conflicts_with = "from", required_unless_present_any = ["from", "check"])]
    pub from_cluster: bool,

    /// Which cluster that is: never the current context of this shell
    #[arg(long, value_name = "FILE", requires = "from_cluster")]
    pub kubeconfig: Option<PathBuf>,

    /// What `kubectl get --raw /openapi/v2` printed; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,

    /// Write nothing, and tell what is missing, no longer used, or, with a document to derive from, outdated
    #[arg(long)]
    pub check: bool,
}

/// `image`.
#[derive(Debug, Args)]
pub struct Image {
    /// Names of images; all when none is named
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Build what is fresh, too, and every step of it anew, as newer packages need
    #[arg(long)]
    pub force: bool,

    /// Another value for an `ARG` of the Dockerfile, such as `BASE_IMAGE=registry.example.com/debian:bookworm-slim`
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    pub build_args: Vec<String>,
}

/// `test-kind`.
#[derive(Debug, Args)]
pub struct TestKind {
    /// Names of Applications; all when none is named
    #[arg(value_name = "APP")]
    pub apps: Vec<String>,

    /// Leave the cluster, and use the one that an earlier run left
    #[arg(long)]
    pub keep: bool,

    /// Replace a cluster that an earlier run left
    #[arg(long)]
    pub fresh: bool,

    /// Delete the cluster that an earlier run left, and do nothing else
    #[arg(long, conflicts_with_all = ["keep", "fresh", "step"])]
    pub delete: bool,

    /// Run one step alone, on a cluster that an earlier run left
    #[arg(long, value_name = "APP/SCENARIO:STEP")]
    pub step: Option<String>,

    /// Deploy the charts of a revision first, and today's over them: what they keep has to survive
    #[arg(long, value_name = "REV", conflicts_with_all = ["delete", "step"])]
    pub upgrade_from: Option<String>,

    /// Another image for the node; also `XTASK_KIND_NODE_IMAGE`
    #[arg(long, value_name = "IMAGE")]
    pub node_image: Option<String>,

    /// Manifests to apply before the Applications, such as a network policy engine; also `XTASK_KIND_MANIFEST`
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,

    /// The port of the API server on this machine; by default a free one
    #[arg(long, value_name = "PORT")]
    pub api_port: Option<u16>,

    /// Write the results there as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// `new`.
#[derive(Debug, Args)]
pub struct New {
    /// What it is called: the Application, its project, chart, and release
    #[arg(value_name = "APP")]
    pub app: String,

    /// The chart to put an umbrella over, with its exact version; without, a Deployment of its own
    #[arg(long, value_name = "NAME@VERSION", requires = "repository")]
    pub dependency: Option<String>,

    /// The Helm repository that has the dependency, `https://…` or `oci://…`
    #[arg(long, value_name = "URL", requires = "dependency")]
    pub repository: Option<String>,

    /// The namespace that it is deployed into; by default one of its name
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
}

/// `argocd`.
#[derive(Debug, Subcommand)]
pub enum Argocd {
    /// Show each Application with its chart, where it goes, and whether its goldens are fresh
    List,
    /// Point everything that names this repository at another, such as your fork
    ///
    /// Changes charts.toml and each source and project under argocd/ that names the repository of charts.toml; comments
    /// and layout stay. All files are staged before the first is replaced, and charts.toml is the last: after a kill in
    /// between, the same command does the rest.
    SetRepository {
        /// The URL by which Argo CD reaches it
        #[arg(value_name = "URL")]
        url: String,

        /// The branch, tag, or commit that Argo CD is to follow
        #[arg(long, value_name = "REVISION", allow_hyphen_values = true)]
        revision: Option<String>,
    },
}

/// `tools`.
#[derive(Debug, Subcommand)]
pub enum Tools {
    /// Show each pinned tool and where it is found
    List {
        /// `<tool>` or `<tool>@<version>`; all when none is named
        names: Vec<String>,
    },
    /// Bring each pinned tool that is not there
    Install {
        /// `<tool>` or `<tool>@<version>`; all when none is named
        names: Vec<String>,
    },
    /// Hold what is installed against its checksums
    Verify {
        /// `<tool>` or `<tool>@<version>`; all when none is named
        names: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
