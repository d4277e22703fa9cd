//! The arguments of the commands about rendered targets: `render`, `review`, `pending`, `explain`, and `impact`.

use std::path::PathBuf;

use clap::Args;
use workspace::shard::Shard;

/// `render`.
#[derive(Debug, Default, Args)]
pub struct Render {
    /// Targets, `<app>` or `<app>/<case>`, with `*` as a wildcard [default: all]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// Update the goldens, and remove those of objects that are no longer rendered (refused if CI=true)
    #[arg(long)]
    pub accept: bool,

    /// Also render fresh targets and targets whose renders are cached
    #[arg(long)]
    pub force: bool,

    /// Also write the rendered objects to this directory, in the layout of tests/golden
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// Render as another Argo CD release does, for example 3.4
    #[arg(long, value_name = "VERSION")]
    pub argocd: Option<String>,

    /// Render again whenever a file changes, and print the changes, until Ctrl-C
    #[arg(long, conflicts_with = "accept")]
    pub watch: bool,

    /// Only the targets in shard I of N, for a CI matrix; shard 1 also checks files that belong to no Application
    #[arg(long, value_name = "I/N", conflicts_with = "accept")]
    pub shard: Option<Shard>,
}

/// `review` and `pending`.
#[derive(Debug, Default, Args)]
pub struct Selection {
    /// Targets, `<app>` or `<app>/<case>`, with `*` as a wildcard [default: all]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
}

/// `explain`.
#[derive(Debug, Default, Args)]
pub struct Explain {
    /// A code, such as golden-differs, or a target, such as web/default [default: all codes]
    #[arg(value_name = "CODE|TARGET")]
    pub subject: Option<String>,

    /// An object of the target, `<kind>/<name>` or `<kind>/<namespace>/<name>` [default: list the objects]
    #[arg(value_name = "KIND/NAME")]
    pub object: Option<String>,

    /// The path of a field, such as `spec.ports.0.port` [default: every line of the object]
    #[arg(value_name = "FIELD")]
    pub field: Option<String>,

    /// Print how many rendered lines of each target can be traced
    #[arg(long, conflicts_with_all = ["object", "field"])]
    pub coverage: bool,
}

impl Explain {
    /// Whether it is about diagnostic codes, and not about a target.
    #[must_use]
    pub fn is_about_codes(&self) -> bool {
        let target = self.subject.as_ref().is_some_and(|subject| subject.contains('/'));
        self.object.is_none() && !self.coverage && !target
    }
}

/// `impact`.
#[derive(Debug, Default, Args)]
pub struct Impact {
    /// The path of a value, such as `service.port`
    #[arg(value_name = "VALUE")]
    pub value: String,

    /// Targets, `<app>` or `<app>/<case>`, with `*` as a wildcard [default: all]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
}
