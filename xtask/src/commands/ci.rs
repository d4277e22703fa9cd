//! `ci`: renders, validates, and lints in one run with one report, and optionally runs the end-to-end scenarios. Does
//! not believe any render.lock; renders with unchanged inputs are taken from the cache, of which a sample is proven again.
//!
//! Findings in one stage do not stop the next: whatever could be rendered is validated, linted, and deployed.
//!
//! Does not build images or run the tool's own tests; `.ci/run` does.

mod changes;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use diagnostics::{Class, Code, Diagnostic, Diagnostics, Result};
use toolbox::process;
use toolbox::progress::Progress;
use workspace::plan::Inspections;
use workspace::shard::{self, Shard};
use workspace::target::{DEFAULT_CASE, Target};
use workspace::{Workspace, plan};

use self::changes::Changes;
use super::app_of_apps;
use super::consequences;
use super::end_to_end::prepare;
use super::placing::Placer;
use super::rendering::{self, Demand, RenderState, Rendering};
use super::{Outcome, Session, lint, render, test_kind, validate};
use crate::report;
use crate::report::json::Output;
use crate::report::junit::{Case, Failure, Suite};
use crate::report::outputs::Outputs;
use crate::report::rendered::{RenderReport, State};
use crate::report::{json, rendered};

/// The command's arguments.
#[derive(Debug, Default)]
pub struct Request {
    /// Where to write the report.
    pub outputs: Outputs,
    /// A directory with additional CustomResourceDefinitions, for `validate`.
    pub crds: Option<PathBuf>,
    /// The revision that `lint` compares charts and rendered objects with.
    pub base: Option<String>,
    /// Also run the end-to-end scenarios in a kind cluster.
    pub kind: bool,
    /// The part of the targets.
    pub shard: Option<Shard>,
}

/// A completed stage.
#[derive(Debug)]
struct Stage {
    name: &'static str,
    time: Duration,
    /// One test case per subject.
    cases: Vec<Case>,
    /// JUnit suites to use instead of one suite with `cases`.
    suites: Vec<Suite>,
    found: Diagnostics,
}

impl Stage {
    fn new(name: &'static str, started: Instant, cases: Vec<Case>, found: Diagnostics) -> Self {
        Self { name, time: started.elapsed(), cases, suites: Vec::new(), found }
    }
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    let started = Instant::now();
    let mut stages = Vec::new();
    let mut changes = Changes::default();
    let result = all(session, request, &mut stages, &mut changes);
    let mut diagnostics = Diagnostics::default();
    for stage in &stages {
        diagnostics.extend(stage.found.clone());
    }
    let output = match result {
        Ok(result) => Output::Ci(result),
        Err(found) => {
            diagnostics.extend(found.clone());
            stages.push(Stage::new("workspace", started, Vec::new(), found));
            Output::default()
        }
    };
    consequences::remove(&mut diagnostics);
    // Stages may have findings in common, which this removes.
    diagnostics.sort();
    let suites: Vec<Suite> = stages.iter().flat_map(suites).collect();
    let report = changes.report(session, &diagnostics, started.elapsed());
    let summary = session.environment.step_summary.as_deref();
    diagnostics.extend(request.outputs.write_with(&report, &suites, summary).err().unwrap_or_default());
    let names: Vec<&str> = stages.iter().map(|stage| stage.name).collect();
    session.printer.finished(&format!("{}: {}", names.join(", "), report::count(&diagnostics)));
    Ok(Outcome { diagnostics, output })
}

/// Runs the stages one after the other. Fails only if the workspace cannot be loaded.
fn all(session: &Session<'_>, request: &Request, stages: &mut Vec<Stage>, changes: &mut Changes) -> Result<json::Ci> {
    let started = Instant::now();
    let shard = request.shard;
    let (workspace, mut found) = app_of_apps::load(session)?;
    let argocd = workspace.config.argocd;
    let (inspections, dependencies) = Inspections::new(&workspace);
    found.extend(dependencies);
    let (targets, planned) = shard::plan(&workspace, &inspections, argocd, &[], shard);
    found.extend(planned);
    let renderings = rendering::render(session, &workspace, argocd, targets, Demand::Proven, &mut found);
    let rendered = shard.is_none() && !found.has_errors() && renderings.iter().all(|one| one.rendered().is_some());
    let render_request = render::Request { force: true, shard, ..render::Request::default() };
    let judged = render::judge(session, &render_request, &workspace, argocd, &renderings, &mut found);
    let report = found.take(judged);
    if let Some(report) = &report {
        session.printer.render(report);
    }
    *changes = Changes::new(argocd, &renderings, report.as_ref());
    let cases = renderings.iter().map(|one| rendered_case(one, report.as_ref())).collect();
    stages.push(Stage::new("render", started, cases, found));

    let names = || renderings.iter().map(|one| one.target.id.to_string());
    let (others, _) = match shard {
        Some(_) => plan::plan(&workspace, &inspections, argocd, &[]),
        None => Default::default(),
    };
    let own = || renderings.iter().map(|one| &one.target);
    let others = others.iter().filter(|target| own().all(|one| one.id != target.id));
    let targets: Vec<&Target<'_>> = own().chain(others).collect();
    let cases = |names: &mut dyn Iterator<Item = String>| names.map(|name| Case { name, ..Case::default() }).collect();
    let started = Instant::now();
    let validate_request = validate::Request { crds: request.crds.clone(), shard, ..validate::Request::default() };
    let placer = Placer::new(session, &workspace, &renderings);
    let mut checked = validate::check(session, &validate_request, &workspace, &targets, &renderings, rendered);
    placer.place(&mut checked.diagnostics);
    validate::print_skipped(session, &checked);
    stages.push(Stage::new("validate", started, cases(&mut names()), checked.diagnostics));

    let started = Instant::now();
    let lint_request = lint::Request { base: request.base.clone(), shard, ..lint::Request::default() };
    let mut checked = lint::check(session, &lint_request, &workspace, &targets, &renderings, rendered);
    placer.place(&mut checked.diagnostics);
    let cases = cases(&mut names().chain(checked.charts));
    stages.push(Stage::new("lint", started, cases, checked.diagnostics));

    let run_kind = request.kind && !process::interrupted();
    let steps = run_kind.then(|| run_scenarios(session, &workspace, &renderings, stages));
    Ok(json::Ci { render: report.as_ref().map(json::Render::from), steps })
}

/// Runs the end-to-end scenarios for everything that could be rendered, and returns the steps for JSON output.
fn run_scenarios(
    session: &Session<'_>,
    workspace: &Workspace,
    renderings: &[Rendering<'_>],
    stages: &mut Vec<Stage>,
) -> Vec<json::Step> {
    let started = Instant::now();
    let deployed = |one: &&Rendering<'_>| one.target.id.case == DEFAULT_CASE && one.manifests().is_some();
    let apps: Vec<String> = renderings.iter().filter(deployed).map(|one| one.target.id.app.clone()).collect();
    if apps.is_empty() {
        let skipped = Some("nothing could be rendered".to_owned());
        let case = Case { name: "the run".to_owned(), skipped, ..Case::default() };
        let suites = vec![Suite { name: "test-kind".to_owned(), cases: vec![case] }];
        let stage = Stage::new("test-kind", started, Vec::new(), Diagnostics::default());
        session.printer.status("Skipping", "test-kind: nothing could be rendered");
        stages.push(Stage { suites, ..stage });
        return Vec::new();
    }
    let result =
        test_kind::run_workspace(session, &prepare::Request { apps, ..prepare::Request::default() }, workspace);
    session.printer.result(&result.table());
    let (suites, steps) = (result.suites(), result.json());
    stages.push(Stage { suites, ..Stage::new("test-kind", started, Vec::new(), result.diagnostics) });
    steps
}

/// The test case of a target: a failure with the diff if it differs from its goldens.
fn rendered_case(one: &Rendering<'_>, report: Option<&RenderReport>) -> Case {
    let mut case = Case { name: one.target.id.to_string(), ..Case::default() };
    if matches!(one.state, RenderState::Blocked(_)) {
        case.skipped = Some("could not be rendered; see the test case `workspace`".to_owned());
    }
    let target = report.and_then(|report| report.targets.iter().find(|target| target.id == one.target.id));
    if let Some(target) = target.filter(|target| target.state == State::Changed) {
        let text = target.diffs.iter().map(|diff| format!("{}\n", rendered::unified(diff))).collect();
        let code = if one.unrecorded() { Code::GoldenMissing } else { Code::GoldenDiffers };
        case.failures.push(Failure { kind: code.name().to_owned(), message: code.about().to_owned(), text });
    }
    case
}

/// Converts a stage to JUnit suites: one test case per subject, and one for everything else.
fn suites(stage: &Stage) -> Vec<Suite> {
    if !stage.suites.is_empty() {
        return stage.suites.clone();
    }
    let others = Case { name: "workspace".to_owned(), time: Some(stage.time), ..Case::default() };
    let mut cases: Vec<Case> = std::iter::once(others).chain(stage.cases.iter().cloned()).collect();
    // Each target already has its own failure for these.
    let summary =
        |found: &Diagnostic| found.places.is_empty() && matches!(found.code, Code::GoldenDiffers | Code::GoldenMissing);
    for diagnostic in &stage.found.0 {
        if diagnostic.code.class() == Class::Warning || summary(diagnostic) {
            continue;
        }
        let name = diagnostic.target.as_deref().unwrap_or_default();
        let index = cases.iter().position(|case| case.name == name).unwrap_or_default();
        cases[index].failures.push(Failure {
            kind: diagnostic.code.name().to_owned(),
            message: diagnostic.message.clone(),
            text: report::plain(diagnostic),
        });
    }
    vec![Suite { name: stage.name.to_owned(), cases }]
}
