//! `test-gitops`: Argo CD itself deploys the work tree to a kind cluster.
//!
//! The cluster gets the Argo CD release that charts.toml names, and a Git server that serves the work tree under the URL
//! of the real repository. What is applied by hand bootstraps Argo CD, which does everything else. What it generates and
//! applies is compared with the goldens, and scenarios change the repository and the cluster.

mod agreement;
mod announced;
mod charts;
mod clone;
mod contained;
mod location;
mod release;
mod repository;
mod request;
mod run;
mod server;
mod tree;
mod waves;

use std::collections::BTreeSet;

use cluster::scenario::{self, Scenario, Step};
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use workspace::Workspace;
use workspace::gitops::GitOps as Config;

use self::release::Manifest;
pub use self::request::{Request, WINDOW};
use self::run::Stages;
use super::end_to_end::create::Later;
use super::end_to_end::lane::Run;
use super::end_to_end::prepare::{Additions, Prepared};
use super::end_to_end::reports::Results;
use super::end_to_end::{self, Course, RunResult};
use super::{Outcome, Session, app_of_apps};
use crate::report::json::{self, Output};

/// The name of the command.
const COMMAND: &str = "test-gitops";

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let (workspace, found) = app_of_apps::load(session)?;
    found.into_result(())?;
    let mut result = run_workspace(session, request, &workspace);
    let steps = end_to_end::conclude(session, &request.common, &mut result);
    Ok(Outcome { diagnostics: result.diagnostics, output: Output::TestGitops(json::TestKind { steps }) })
}

/// Tests the applications of a workspace. Prints progress only.
#[must_use]
pub(crate) fn run_workspace(session: &Session<'_>, request: &Request, workspace: &Workspace) -> RunResult {
    let mut course = Deployed { request, manifest: None, config: workspace.config.gitops.clone() };
    end_to_end::run(session, &request.common, workspace, &mut course)
}

/// The Applications as Argo CD deploys them.
struct Deployed<'a> {
    request: &'a Request,
    manifest: Option<Manifest>,
    config: Option<Config>,
}

impl Course for Deployed<'_> {
    fn command(&self) -> &'static str {
        COMMAND
    }

    fn namespaces(&self) -> Vec<String> {
        vec![scenario::gitops::NAMESPACE.to_owned(), server::NAMESPACE.to_owned()]
    }

    fn additions(&mut self, session: &Session<'_>, workspace: &Workspace, apps: &[String]) -> Result<Additions> {
        let Some(config) = &self.config else {
            return Err(Diagnostic::new(Code::ConfigInvalid, "`[gitops]` is not set")
                .at(Place::file(workspace::CONFIG_FILE), "")
                .help("add `argocd`, `sha256`, and `apply` under `[gitops]`; docs/test-gitops.md describes them")
                .into());
        };
        let mut diagnostics = Diagnostics::default();
        let mut scenarios = Vec::new();
        for app in apps {
            let smoke = diagnostics.take(scenario::of_app(workspace, scenario::FOLDER, app)).unwrap_or_default();
            scenarios.extend(smoke.into_iter().filter(|scenario| scenario.gitops));
            scenarios.extend(
                diagnostics.take(scenario::of_app(workspace, scenario::GITOPS_FOLDER, app)).unwrap_or_default(),
            );
        }
        // A single step may be of either kind.
        if self.request.common.step.is_none() {
            scenarios.retain(|scenario| scenario.recovery().is_some() == self.request.recovery);
        }
        if self.request.recovery && scenarios.is_empty() && !diagnostics.has_errors() {
            diagnostics.push(
                Diagnostic::new(Code::Usage, "no scenario has a step `new-cluster`, which `--recovery` runs")
                    .help(format!("add one to {}, or run without `--recovery`", scenario::GITOPS_FOLDER)),
            );
        }
        let manifest = Manifest::load(session, config, self.request.argocd_manifest.as_deref());
        self.manifest = diagnostics.take(manifest);
        let images = self.manifest.as_ref().map(|manifest| manifest.images.clone()).unwrap_or_default();
        let own = diagnostics.take(server::image(&session.environment.cache)).into_iter().collect();
        diagnostics.into_result(Additions { scenarios, images, own })
    }

    fn first_images(&self, _: &Prepared<'_>) -> Option<BTreeSet<String>> {
        None
    }

    fn run(
        &self,
        run: &Run<'_>,
        prepared: &Prepared<'_>,
        _: Option<&Later>,
        step: Option<(&Scenario, &Step)>,
    ) -> Results {
        let (Some(config), Some(manifest)) = (&self.config, &self.manifest) else { return Results::default() };
        Stages { run, prepared, config, manifest, request: self.request }.run(step)
    }
}
