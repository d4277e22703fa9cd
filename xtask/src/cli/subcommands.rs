//! The commands with subcommands: `argocd`, `tools`, and `cache`.

use clap::Subcommand;

/// `argocd`.
#[derive(Debug, Subcommand)]
pub enum Argocd {
    /// List the Applications with their chart, destination, and whether their goldens are fresh
    List,
    /// Change the repository URL in charts.toml, Applications, and projects, for example to a fork
    ///
    /// Replaces the URL in charts.toml and in each source and project in argocd/ that uses it. Comments and layout are
    /// kept. All files are staged before the first one is replaced, and charts.toml is the last one: if the command is
    /// killed in between, run it again.
    SetRepository {
        /// URL that Argo CD uses
        #[arg(value_name = "URL")]
        url: String,

        /// Branch, tag, or commit that Argo CD tracks
        #[arg(long, value_name = "REVISION", allow_hyphen_values = true)]
        revision: Option<String>,
    },
}

/// `tools`.
#[derive(Debug, Subcommand)]
pub enum Tools {
    /// List the pinned tools and where each was found
    List {
        /// `<tool>` or `<tool>@<version>` [default: all]
        names: Vec<String>,
    },
    /// Install the pinned tools that are missing
    Install {
        /// `<tool>` or `<tool>@<version>` [default: all]
        names: Vec<String>,
    },
    /// Verify the installed tools against their checksums
    Verify {
        /// `<tool>` or `<tool>@<version>` [default: all]
        names: Vec<String>,
    },
}

/// `cache`.
#[derive(Debug, Subcommand)]
pub enum Cache {
    /// Show the size and the number of entries of each part of the cache
    Stats,
    /// Delete the least recently used entries
    Gc {
        /// Size of results and inline values to keep, in MiB; 0 also deletes exported commits [default: 512]
        #[arg(long, value_name = "MIB")]
        limit: Option<u64>,
    },
}
