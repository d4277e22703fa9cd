//! The common part of `test-kind` and `test-gitops`: the life cycle of their cluster, scenarios, and reports.
//!
//! A [`Course`] is what differs: which scenarios run, and in which order.

mod changed;
pub mod create;
pub mod lane;
pub mod loading;
mod object_record;
pub mod prepare;
pub mod reports;
mod revision;
pub mod stage;

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use cluster::observer::Observer;
use cluster::scenario::{Scenario, Step};
use cluster::{Cluster, Existing, Provisioner, images, preflight};
use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::engine::Engine;
use toolbox::process;
use workspace::Workspace;

use self::lane::Run;
use self::loading::Loading;
use self::prepare::{Additions, Prepared, Request};
use self::reports::{Results, StepReport};
use self::stage::Stage;
use super::Session;
use crate::report::{json, junit};

/// The step that `--step` names, and its scenario.
pub(crate) type Chosen<'a> = (&'a Scenario, &'a Step);

/// The part of a run in which the two commands differ.
pub(crate) trait Course {
    /// The name of the command.
    fn command(&self) -> &'static str;

    /// The namespaces of what the command itself runs in the cluster.
    fn namespaces(&self) -> Vec<String> {
        Vec::new()
    }

    /// The images and scenarios that the run needs in addition to those of the applications.
    fn additions(&mut self, session: &Session<'_>, workspace: &Workspace, apps: &[String]) -> Result<Additions>;

    /// The images in the order in which they are needed: the first ones are loaded before the node accepts pods, and those in
    /// no batch last. If there are no batches, all are loaded first.
    fn batches(&self, prepared: &Prepared<'_>) -> Vec<BTreeSet<String>>;

    /// Runs everything in the cluster, or one step of a scenario.
    fn run(&self, run: &Run<'_>, prepared: &Prepared<'_>, step: Option<Chosen<'_>>) -> Results;
}

/// The results of a run.
#[derive(Debug, Default)]
pub(crate) struct RunResult {
    command: &'static str,
    steps: Vec<StepReport>,
    /// Everything that went wrong.
    pub(crate) diagnostics: Diagnostics,
}

/// Runs a course for the applications of a workspace. Prints progress only.
#[must_use]
pub(crate) fn run(
    session: &Session<'_>,
    request: &Request,
    workspace: &Workspace,
    course: &mut dyn Course,
) -> RunResult {
    let mut results = Results::default();
    let ran = test(session, request, workspace, course, &mut results);
    let Results { steps, mut diagnostics } = results;
    diagnostics.extend(ran.err().unwrap_or_default());
    // Programs that a signal ended fail in different ways, so the signal itself is reported, too.
    diagnostics.extend(process::check_interrupted().err().unwrap_or_default());
    diagnostics.sort();
    RunResult { command: course.command(), steps, diagnostics }
}

/// Prints the results of a command, writes them as JUnit XML, and returns them for JSON.
pub(crate) fn conclude(session: &Session<'_>, request: &Request, result: &mut RunResult) -> Vec<json::Step> {
    session.printer.result(&result.table());
    if let Some(path) = &request.junit {
        let written = junit::write(path, &result.suites());
        result.diagnostics.extend(written.err().unwrap_or_default());
    }
    if !request.delete {
        session.printer.finished(&result.summary());
    }
    result.json()
}

impl RunResult {
    /// The closing table.
    #[must_use]
    pub(crate) fn table(&self) -> String {
        reports::table(&self.steps)
    }

    /// The steps for JUnit, one suite per scenario.
    #[must_use]
    pub(crate) fn suites(&self) -> Vec<junit::Suite> {
        reports::suites(self.command, &self.steps, &self.diagnostics)
    }

    /// The steps for `--format json`.
    #[must_use]
    pub(crate) fn json(&self) -> Vec<json::Step> {
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
fn test(
    session: &Session<'_>,
    request: &Request,
    workspace: &Workspace,
    course: &mut dyn Course,
    results: &mut Results,
) -> Result<()> {
    let tools = session.tools(workspace);
    workspace.inspections().found.clone().into_result(())?;
    let mut missing = Diagnostics::default();
    let engine = missing.take(Engine::find());
    let kind = missing.take(stage::tool(workspace, &tools, "kind"));
    let kubectl = missing.take(stage::tool(workspace, &tools, "kubectl"));
    let (Some(engine), Some(kind), Some(kubectl)) = (engine, kind, kubectl) else { return Err(missing) };
    let command = course.command();
    let provisioner = Provisioner::new(engine, kind, kubectl, &session.environment.cache, &session.root, command);
    if request.delete {
        let _lock = provisioner.lock()?;
        return provisioner.remove(session.printer);
    }
    let prepared =
        prepare::prepare(session, request, workspace, &tools, |apps| course.additions(session, workspace, apps))?;
    let lock = provisioner.lock()?;
    let existing = provisioner.existing(&prepared.options)?;
    let reused = existing == Existing::Reusable;
    let mut invalid = Diagnostics::default();
    let step = request.step.as_deref().and_then(|name| invalid.take(prepared.step(name)));
    if request.step.is_some() && !reused {
        invalid.push(
            Diagnostic::new(Code::Usage, "`--step` requires a cluster that an earlier run has kept")
                .help(format!("run `cargo xtask {command} --keep` first")),
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
    let outcome = in_cluster(course, &prepared, step, &cluster, &ids, results);
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
    let command = provisioner.command;
    format!(
        "cluster {} is kept\n  use it:    kubectl --kubeconfig {} get pods --all-namespaces\n  \
         run again: cargo xtask {command} --keep\n  delete it: cargo xtask {command} --delete\n",
        provisioner.name,
        config.display()
    )
}

/// Runs everything that needs the cluster.
fn in_cluster(
    course: &dyn Course,
    prepared: &Prepared<'_>,
    step: Option<Chosen<'_>>,
    cluster: &Cluster,
    ids: &images::Ids,
    results: &mut Results,
) -> Result<()> {
    let started = Instant::now();
    let batches = if step.is_none() { course.batches(prepared) } else { Vec::new() };
    let later = create::create(prepared, cluster, ids.clone(), &batches)?;
    // The watches start while the node becomes ready, because starting them costs processor time.
    let observer = Observer::start(&cluster.kubectl);
    create::start(cluster, prepared.session.printer)?;
    results.extend(StepReport::passed("cluster", "is ready", started.elapsed()).into());
    let Prepared { session, workspace, tools, .. } = *prepared;
    let stage =
        Stage { session, workspace, tools, apps: &prepared.apps, kubectl: &cluster.kubectl, observer: &observer };
    let ((), loaded) = Loading::during(later, cluster, session.printer, |loading| {
        let run = Run {
            stage: &stage,
            cluster,
            scenarios: &prepared.scenarios,
            order: prepared.in_order(),
            given: prepared.given(),
            folder: session.root.join("target/kind").join(run_name()),
            namespaces: course.namespaces(),
            loading,
            images: ids,
            gitops: None,
        };
        if let Some(manifest) = &prepared.manifest {
            results.extend(run.apply(manifest));
        }
        if !results.failed() {
            results.extend(course.run(&run, prepared, step));
        }
    });
    process::check_interrupted()?;
    results.extend(loaded.err().map(Results::not_loaded).unwrap_or_default());
    Ok(())
}

/// The name of a run's directory.
fn run_name() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    format!("{seconds}-{}", std::process::id())
}
