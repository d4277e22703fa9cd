//! The differences of the selected targets from their goldens, for `pending` and `review`.

use diagnostics::{Diagnostics, Result};
use golden::Orphans;

use super::rendering::{self, Rendering};
use super::{Outcome, Session, app_of_apps, render};
use crate::report::rendered::RenderReport;

/// The differences of targets from their goldens.
pub struct Differences<'a> {
    /// The targets.
    pub jobs: Vec<Rendering<'a>>,
    /// The goldens that belong to no target.
    pub orphans: Orphans,
    /// How the targets differ.
    pub report: RenderReport,
    /// The diagnostics of planning and rendering.
    pub found: Diagnostics,
}

/// Renders the selected targets, and continues with what differs. Writes nothing.
pub fn find(
    session: &Session<'_>,
    selected: &[String],
    then: impl FnOnce(Differences<'_>) -> Result<Outcome>,
) -> Result<Outcome> {
    let (workspace, mut found) = app_of_apps::load(session)?;
    let argocd = workspace.config.argocd;
    let jobs = rendering::plan_and_render(session, &workspace, argocd, selected, &mut found);
    let orphans = render::orphans(session, &workspace, selected)?;
    let report = render::compared(session, &workspace, argocd, &jobs, &orphans, &mut found);
    then(Differences { jobs, orphans, report, found })
}
