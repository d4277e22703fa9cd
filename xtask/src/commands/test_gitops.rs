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
mod run;
mod scenarios;
mod server;
mod tree;
mod upgrade;
mod waves;

use std::collections::BTreeSet;

use cluster::scenario::{self, Scenario, Step};
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use workspace::Workspace;
use workspace::gitops::GitOps as Config;

use self::release::{Given, Manifest};
use self::run::Stages;
use super::end_to_end::lane::Run;
use super::end_to_end::prepare::{Additions, Prepared};
use super::end_to_end::reports::Results;
use super::end_to_end::{self, Course, RunResult};
use super::{Outcome, Session, app_of_apps};
pub use crate::cli::{TestGitops as Request, WINDOW};
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
    let config = workspace.config.gitops.clone();
    let mut course = Deployed { request, manifest: None, earlier: None, config };
    end_to_end::run(session, &request.common, workspace, &mut course)
}

/// The Applications as Argo CD deploys them.
struct Deployed<'a> {
    request: &'a Request,
    manifest: Option<Manifest>,
    /// The manifest of the Argo CD that is upgraded.
    earlier: Option<Manifest>,
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
        if self.request.argocd_upgrade {
            scenarios.clear();
            self.earlier = diagnostics.take(self.earlier(session, config));
        }
        let given = Given {
            file: self.request.argocd_manifest.as_deref(),
            option: "--argocd-manifest",
            variable: "XTASK_ARGOCD_MANIFEST",
        };
        self.manifest = diagnostics.take(Manifest::load(session, &config.argocd, given));
        let manifests = self.earlier.iter().chain(&self.manifest);
        let images = manifests.flat_map(|manifest| manifest.images.clone()).collect();
        let own = diagnostics.take(server::image(&session.environment.cache)).into_iter().collect();
        diagnostics.into_result(Additions { scenarios, images, own })
    }

    /// The Git server is started first, then Argo CD, and then what Argo CD deploys.
    fn batches(&self, prepared: &Prepared<'_>) -> Vec<BTreeSet<String>> {
        let engine = prepared.manifest.iter().flat_map(|manifest| manifest.images.keys());
        let first = engine.cloned().chain([server::IMAGE.to_owned()]).collect();
        let argocd = self.earlier.iter().chain(&self.manifest).flat_map(|manifest| manifest.images.keys());
        let applications = prepared.before.values().chain(prepared.apps.values()).flat_map(|app| app.images.keys());
        vec![first, argocd.cloned().collect(), applications.cloned().collect()]
    }

    fn run(&self, run: &Run<'_>, prepared: &Prepared<'_>, step: Option<(&Scenario, &Step)>) -> Results {
        let (Some(config), Some(manifest)) = (&self.config, &self.manifest) else { return Results::default() };
        let earlier = self.earlier.as_ref();
        let batches = self.batches(prepared);
        Stages { run, prepared, config, manifest, earlier, batches: &batches, request: self.request }.run(step)
    }
}

impl Deployed<'_> {
    /// The manifest of the Argo CD that is upgraded.
    fn earlier(&self, session: &Session<'_>, config: &Config) -> Result<Manifest> {
        let Some(installation) = &config.upgrade_from else {
            return Err(Diagnostic::new(Code::ConfigInvalid, "`[gitops.upgrade-from]` is not set")
                .at(Place::file(workspace::CONFIG_FILE), "")
                .help("add `argocd` and `sha256` of an earlier release under `[gitops.upgrade-from]`; docs/test-gitops.md describes them")
                .into());
        };
        let given = Given {
            file: self.request.earlier_argocd_manifest.as_deref(),
            option: "--earlier-argocd-manifest",
            variable: "XTASK_EARLIER_ARGOCD_MANIFEST",
        };
        Manifest::load(session, installation, given)
    }
}
