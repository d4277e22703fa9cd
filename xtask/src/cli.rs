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
  CI                  true: nothing is accepted, and an outdated render.lock is a finding
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
        /// Run `helm dependency update`, and rewrite Chart.lock and charts.lock
        #[arg(long)]
        update: bool,
    },
    /// Compare what rendering costs with the bare helm, as ratios in one run
    Bench {
        /// How many rounds
        #[arg(long, default_value = "10", value_name = "N")]
        rounds: usize,
    },
    /// Check what can be known without a cluster
    ///
    /// `helm lint --strict` for every case; every branch of every template rendered by some case; every documented
    /// value changed by some case; the table of values in a README as values.yaml makes it.
    Lint(Lint),
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
            Self::Validate(_) => "validate",
            Self::Schemas(_) => "schemas",
            Self::Image(_) => "image",
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
