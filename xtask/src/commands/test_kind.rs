//! `test-kind`: deploys the applications to a kind cluster and runs their end-to-end scenarios.
//!
//! In a new cluster, each application is first deployed and tested on its own. Then all are deployed, scenarios that need
//! several run, and each is removed while the others must not change. In a kept cluster, the applications are updated and
//! all scenarios run concurrently. With `--upgrade-from`, the applications of another revision are deployed first.

mod applied;
mod changed;
mod create;
mod lane;
mod lanes;
mod prepare;
mod reports;
mod revision;
mod stage;

use std::time::{Duration, Instant, SystemTime};

use cluster::observer::Observer;
use cluster::scenario::{Scenario, Step};
use cluster::{Cluster, Existing, Provisioner, images, preflight};
use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::engine::Engine;
use toolbox::process;
use workspace::Workspace;
use workspace::plan::Inspections;

use self::lane::Run;
use self::prepare::Prepared;
pub use self::prepare::Request;
use self::reports::{Results, StepReport};
use self::stage::Stage;
use super::app_of_apps;
use super::{Outcome, Session};
use crate::report::json::{self, Output};
use crate::report::junit;

/// The results of a run.
#[derive(Debug, Default)]
pub struct RunResult {
    steps: Vec<StepReport>,
    /// Everything that went wrong.
    pub diagnostics: Diagnostics,
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let (workspace, found) = app_of_apps::load(session)?;
    found.into_result(())?;
    let mut result = run_workspace(session, request, &workspace);
    session.printer.result(&result.table());
    if let Some(path) = &request.junit {
        let written = junit::write(path, &result.suites());
        result.diagnostics.extend(written.err().unwrap_or_default());
    }
    if !request.delete {
        session.printer.finished(&result.summary());
    }
    let output = Output::TestKind(json::TestKind { steps: result.json() });
    Ok(Outcome { diagnostics: result.diagnostics, output })
}

/// Tests the applications of a workspace. Prints progress only.
#[must_use]
pub fn run_workspace(session: &Session<'_>, request: &Request, workspace: &Workspace) -> RunResult {
    let mut results = Results::default();
    let ran = test(session, request, workspace, &mut results);
    let Results { steps, mut diagnostics } = results;
    diagnostics.extend(ran.err().unwrap_or_default());
    // Programs that a signal ended fail in different ways, so the signal itself is reported, too.
    diagnostics.extend(process::check_interrupted().err().unwrap_or_default());
    diagnostics.sort();
    RunResult { steps, diagnostics }
}

impl RunResult {
    /// The closing table.
    #[must_use]
    pub fn table(&self) -> String {
        reports::table(&self.steps)
    }

    /// The steps for JUnit, one suite per scenario.
    #[must_use]
    pub fn suites(&self) -> Vec<junit::Suite> {
        reports::suites(&self.steps, &self.diagnostics)
    }

    /// The steps for `--format json`.
    #[must_use]
    pub fn json(&self) -> Vec<json::Step> {
        self.steps.iter().map(StepReport::json).collect()
    }

    /// The results in one line.
    fn summary(&self) -> String {
        let steps = plural(self.steps.len(), "step");
        let count = |result| self.steps.iter().filter(|step| step.result == result).count();
        match (count(reports::Result::Failed), count(reports::Result::Skipped)) {
            _ if self.steps.is_empty() => steps,
            (0, 0) => format!("{steps}: all passed"),
            (0, skipped) => format!("{steps}: {} passed, {skipped} skipped", self.steps.len() - skipped),
            (failed, _) => format!("{steps}: {failed} failed"),
        }
    }
}

/// Runs everything. After an error, `results` has the results up to then.
fn test(session: &Session<'_>, request: &Request, workspace: &Workspace, results: &mut Results) -> Result<()> {
    let tools = session.tools(workspace);
    let (inspections, found) = Inspections::new(workspace);
    found.into_result(())?;
    let mut missing = Diagnostics::default();
    let engine = missing.take(Engine::find());
    let kind = missing.take(stage::tool(workspace, &tools, "kind"));
    let kubectl = missing.take(stage::tool(workspace, &tools, "kubectl"));
    let (Some(engine), Some(kind), Some(kubectl)) = (engine, kind, kubectl) else { return Err(missing) };
    let provisioner = Provisioner::new(engine, kind, kubectl, &session.environment.cache, &session.root);
    if request.delete {
        let _lock = provisioner.lock()?;
        return provisioner.remove(session.printer);
    }
    let prepared = prepare::prepare(session, request, workspace, &inspections, &tools)?;
    let lock = provisioner.lock()?;
    let existing = provisioner.existing(&prepared.options)?;
    let reused = existing == Existing::Reusable;
    let mut invalid = Diagnostics::default();
    let step = request.step.as_deref().and_then(|name| invalid.take(prepared.step(name)));
    if request.step.is_some() && !reused {
        invalid.push(
            Diagnostic::new(Code::Usage, "`--step` requires a cluster that an earlier run has kept")
                .help("run `cargo xtask test-kind --keep` first"),
        );
    }
    invalid.into_result(())?;
    let mut needed = prepared.foreign_images();
    if !reused {
        let mut diagnostics = request.api_port.map(preflight::port).unwrap_or_default();
        // An obsolete cluster is deleted first, which frees what it uses.
        if existing == Existing::None {
            diagnostics.extend(preflight::check(&preflight::ask(&provisioner.engine)?));
        }
        diagnostics.into_result(())?;
        needed.insert(prepared.options.node_image.clone(), prepared.node_place.clone());
    }
    let mut ids = images::pull(&provisioner.engine, &needed, session.offline, session.printer)?;
    ids.remove(&prepared.options.node_image);
    provisioner.clear(&existing, session.printer)?;

    let cluster = provisioner.guard(lock, reused, request.keep || reused);
    let outcome = in_cluster(request, &prepared, step, &cluster, ids, results);
    let kept = cluster.keep;
    results.diagnostics.extend(cluster.finish(session.printer));
    if kept {
        session.printer.result(&kept_text(&provisioner));
    }
    outcome
}

/// How to use and how to delete a kept cluster.
fn kept_text(provisioner: &Provisioner) -> String {
    let config = provisioner.folder.join("kubeconfig");
    format!(
        "cluster {} is kept\n  use it:    kubectl --kubeconfig {} get pods --all-namespaces\n  \
         run again: cargo xtask test-kind --keep\n  delete it: cargo xtask test-kind --delete\n",
        provisioner.name,
        config.display()
    )
}

/// Runs everything that needs the cluster.
fn in_cluster(
    request: &Request,
    prepared: &Prepared<'_>,
    step: Option<(&Scenario, &Step)>,
    cluster: &Cluster,
    ids: images::Ids,
    results: &mut Results,
) -> Result<()> {
    let started = Instant::now();
    let order = prepared.in_order();
    // In a new cluster, the first application runs on its own, so its images are loaded first.
    let alone = step.is_none() && request.upgrade_from.is_none();
    let chosen: Vec<&str> = prepared.chosen.iter().map(String::as_str).collect();
    let first = order.iter().find(|app| alone && chosen.contains(&app.name.as_str()));
    let first = first.map(|app| prepared.images_of(app));
    let later = create::create(prepared, cluster, ids, first.as_ref())?;
    // The watches start while the node becomes ready, because starting them costs processor time.
    let observer = Observer::start(&cluster.kubectl);
    create::start(cluster, prepared.session.printer)?;
    results.extend(StepReport::passed("cluster", "is ready", started.elapsed()).into());
    let Prepared { session, workspace, inspections, tools, .. } = *prepared;
    let stage = Stage {
        session,
        workspace,
        inspections,
        tools,
        apps: &prepared.apps,
        kubectl: &cluster.kubectl,
        observer: &observer,
    };
    let run = Run {
        stage: &stage,
        cluster,
        scenarios: &prepared.scenarios,
        order,
        given: prepared.given(),
        folder: session.root.join("target/kind").join(run_name()),
    };
    if let Some(manifest) = &prepared.manifest {
        results.extend(run.apply(manifest));
        if results.failed() {
            return process::check_interrupted();
        }
    }
    results.extend(match (step, &request.upgrade_from) {
        (Some((scenario, step)), _) => run.single_step(scenario, step),
        (None, Some(revision)) => run.upgrade(revision, &prepared.before),
        (None, None) if cluster.reused => run.together(),
        (None, None) => run.apart_then_together(&chosen, later.as_ref()),
    });
    process::check_interrupted()
}

/// The name of a run's directory.
fn run_name() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    format!("{seconds}-{}", std::process::id())
}
