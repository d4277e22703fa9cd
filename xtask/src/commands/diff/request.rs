//! The arguments of the command.

use diagnostics::Severity;

use crate::report::changes::View;
use crate::report::outputs::Outputs;

/// The command's arguments.
#[derive(Debug, Default)]
pub struct Request {
    /// Names of targets; all if empty.
    pub targets: Vec<String>,
    /// The revision to compare with.
    pub base: Option<String>,
    /// The revision to compare; the checkout if `None`.
    pub head: Option<String>,
    /// The Argo CD release of the base, if not the one in its charts.toml.
    pub base_argocd: Option<String>,
    /// The Argo CD release of the head, if not the one in its charts.toml.
    pub head_argocd: Option<String>,
    /// The severity from which on a change is a failure.
    pub fail_on: Option<Severity>,
    /// How differences are shown.
    pub view: View,
    /// The command line of a policy checker.
    pub policy: Option<String>,
    /// Where to write the report.
    pub outputs: Outputs,
}
