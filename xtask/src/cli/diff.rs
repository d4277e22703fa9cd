//! The arguments of `diff`.

use clap::Args;
use diagnostics::Severity;

use crate::report::changes::View;
use crate::report::outputs::Outputs;

/// `diff`.
#[derive(Debug, Default, Args)]
pub struct Diff {
    /// Targets, `<app>` or `<app>/<case>`, with `*` as a wildcard [default: all]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// Revision to compare with [default: the merge base with the main branch; with `--base-argocd` or `--head-argocd`, the
    /// head]
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,

    /// Revision to compare [default: the checkout, with uncommitted changes]
    #[arg(long, value_name = "REV")]
    pub head: Option<String>,

    /// Render the base as another Argo CD release does, for example 3.4
    #[arg(long, value_name = "VERSION")]
    pub base_argocd: Option<String>,

    /// Render the head as another Argo CD release does, for example to preview an upgrade of Argo CD
    #[arg(long, value_name = "VERSION")]
    pub head_argocd: Option<String>,

    /// How to show differences: the lines, or the fields, compared by meaning
    #[arg(long = "diff", value_enum, default_value = "unified", value_name = "VIEW")]
    pub view: View,

    /// Exit with code 1 if a change is at least this severe
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,

    /// Run a policy checker over the manifests of both revisions, and report what it newly finds
    ///
    /// A command line for `sh` that reads a directory, for example `kube-linter lint --format=json`. `{}` in it is the
    /// directory, which is otherwise its last argument. SARIF and the JSON output of kube-linter are understood; of other
    /// programs, lines are compared.
    #[arg(long, value_name = "COMMAND")]
    pub policy: Option<String>,

    /// Where to write the report.
    #[command(flatten)]
    pub outputs: Outputs,
}

/// A severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    /// The sync fails, or data is lost.
    Blocker,
    /// Something may be interrupted or weakened.
    Caution,
    /// A reviewer should know of an effect, such as a restart.
    Notice,
    /// Any change.
    Routine,
}

impl From<FailOn> for Severity {
    fn from(limit: FailOn) -> Self {
        match limit {
            FailOn::Blocker => Self::Blocker,
            FailOn::Caution => Self::Caution,
            FailOn::Notice => Self::Notice,
            FailOn::Routine => Self::Routine,
        }
    }
}
