//! `test-kind`: deploys the applications to a kind cluster and runs their end-to-end scenarios.
//!
//! In a new cluster, each application is first deployed and tested on its own. Then all are deployed, scenarios that need
//! several run, and each is removed while the others must not change. In a kept cluster, the applications are updated and
//! all scenarios run concurrently. With `--upgrade-from`, the applications of another revision are deployed first.

mod lanes;

use std::collections::BTreeSet;

use cluster::scenario::{self, Scenario, Step};
use diagnostics::{Diagnostics, Result};
use workspace::Workspace;

use self::lanes::Lanes;
use super::end_to_end::lane::Run;
use super::end_to_end::prepare::{Additions, Prepared, Request};
use super::end_to_end::reports::Results;
use super::end_to_end::{self, Course, RunResult};
use super::{Outcome, Session, app_of_apps};
use crate::report::json::{self, Output};

/// The name of the command.
const COMMAND: &str = "test-kind";

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let (workspace, found) = app_of_apps::load(session)?;
    found.into_result(())?;
    let mut result = run_workspace(session, request, &workspace);
    let steps = end_to_end::conclude(session, request, &mut result);
    Ok(Outcome { diagnostics: result.diagnostics, output: Output::TestKind(json::TestKind { steps }) })
}

/// Tests the applications of a workspace. Prints progress only.
#[must_use]
pub(crate) fn run_workspace(session: &Session<'_>, request: &Request, workspace: &Workspace) -> RunResult {
    end_to_end::run(session, request, workspace, &mut Deployed { upgrade_from: request.upgrade_from.as_deref() })
}

/// The applications as this tool deploys them.
struct Deployed<'a> {
    upgrade_from: Option<&'a str>,
}

impl Course for Deployed<'_> {
    fn command(&self) -> &'static str {
        COMMAND
    }

    fn additions(&mut self, _: &Session<'_>, workspace: &Workspace, apps: &[String]) -> Result<Additions> {
        let mut diagnostics = Diagnostics::default();
        let scenarios =
            apps.iter().filter_map(|app| diagnostics.take(scenario::of_app(workspace, scenario::FOLDER, app)));
        let scenarios = scenarios.flatten().collect();
        diagnostics.into_result(Additions { scenarios, ..Additions::default() })
    }

    /// In a new cluster, the first application runs on its own, so its images are loaded first.
    fn batches(&self, prepared: &Prepared<'_>) -> Vec<BTreeSet<String>> {
        let order = prepared.in_order();
        let first = order.iter().find(|app| self.upgrade_from.is_none() && prepared.chosen.contains(&app.name));
        first.map(|app| prepared.images_of(app)).into_iter().collect()
    }

    fn run(&self, run: &Run<'_>, prepared: &Prepared<'_>, step: Option<(&Scenario, &Step)>) -> Results {
        let lanes = Lanes(run);
        let chosen: Vec<&str> = prepared.chosen.iter().map(String::as_str).collect();
        match (step, self.upgrade_from) {
            (Some((scenario, step)), _) => run.single_step(scenario, step),
            (None, Some(revision)) => lanes.upgrade(revision, &prepared.before),
            (None, None) if run.cluster.reused => lanes.together(),
            (None, None) => lanes.apart_then_together(&chosen),
        }
    }
}
