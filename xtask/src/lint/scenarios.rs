//! The scenarios of the Applications: steps and files that do not exist are found without a cluster.

use cluster::scenario::{self, FOLDER, GITOPS_FOLDER};
use diagnostics::{Code, Diagnostics};
use workspace::target::DEFAULT_CASE;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ScenarioInvalid];

/// Reads the scenarios of the selected Applications.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for target in subject.targets.iter().filter(|target| target.id.case == DEFAULT_CASE) {
        for folder in [FOLDER, GITOPS_FOLDER] {
            if let Err(found) = scenario::of_app(subject.workspace, folder, &target.id.app) {
                diagnostics.extend(found);
            }
        }
    }
    diagnostics
}
