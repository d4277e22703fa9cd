//! The files in `gitops.apply` of charts.toml, which are applied by hand once per cluster.

use diagnostics::{Code, Diagnostics};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ConfigInvalid];

/// Reports files that do not exist.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let gitops = subject.workspace.config.gitops.as_ref();
    gitops.map(|gitops| gitops.check_files(&subject.workspace.root)).unwrap_or_default()
}
