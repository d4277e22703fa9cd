//! `ci`: renders, validates, and lints in one run with one report, and optionally runs the end-to-end scenarios. Renders
//! everything again, regardless of render.lock.
//!
//! Findings in one stage do not stop the next: whatever could be rendered is validated, linted, and deployed.
//!
//! Does not build images or run the tool's own tests; `.ci/run` does.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use diagnostics::{Class, Code, Diagnostic, Diagnostics, Result};
use toolbox::process;
use toolbox::progress::Progress;
use workspace::plan::Inspections;
use workspace::target::{DEFAULT_CASE, Target};
use workspace::{Workspace, plan};

use super::app_of_apps;
use super::consequences;
use super::diff::{Checkout, Compared, mark};
use super::end_to_end::prepare;
use super::placing::Placer;
use super::rendering::{self, RenderState, Rendering};
use super::{Outcome, Session, lint, render, test_kind, validate};
use crate::lint::base::Base;
use crate::report;
use crate::report::baseline;
use crate::report::json::Output;
use crate::report::junit::{Case, Failure, Suite};
use crate::report::model::Report;
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
    let mut compared = None;
    let result = all(session, request, &mut stages, &mut compared);
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
    let summary = session.environment.step_summary.as_deref();
    if request.outputs.is_any() || summary.is_some() {
        let suites: Vec<Suite> = stages.iter().flat_map(suites).collect();
        let (report, base) = compared.unwrap_or_else(|| (Report::empty("ci", "the base", "the checkout"), None));
        let findings = baseline::findings(base.as_ref(), &diagnostics);
        let mut report = Report { findings, elapsed: started.elapsed(), ..report };
        report.validity = mark(&mut report.applications, &diagnostics);
        diagnostics.extend(request.outputs.write_with(&report, &suites, summary).err().unwrap_or_default());
    }
    let names: Vec<&str> = stages.iter().map(|stage| stage.name).collect();
    session.printer.finished(&format!("{}: {}", names.join(", "), report::count(&diagnostics)));
    Ok(Outcome { diagnostics, output })
}

/// What the reports show besides the findings, and the findings in the base, if a revision is the base.
type Comparison = (Report, Option<Diagnostics>);

/// Runs the stages one after the other. Fails only if the workspace cannot be loaded.
fn all(
    session: &Session<'_>,
    request: &Request,
    stages: &mut Vec<Stage>,
    compared: &mut Option<Comparison>,
) -> Result<json::Ci> {
    let started = Instant::now();
    let (workspace, mut found) = app_of_apps::load(session)?;
    let argocd = workspace.config.argocd;
    let (inspections, dependencies) = Inspections::new(&workspace);
    found.extend(dependencies);
    let (targets, planned) = plan::plan(&workspace, &inspections, argocd, &[]);
    found.extend(planned);
    let renderings = rendering::render(session, &workspace, argocd, targets, true, &mut found);
    let read = found.clone();
    let rendered = !found.has_errors() && renderings.iter().all(|one| one.rendered().is_some());
    let render_request = render::Request { force: true, ..render::Request::default() };
    let judged = render::judge(session, &render_request, &workspace, argocd, &renderings, &mut found);
    let report = found.take(judged);
    if let Some(report) = &report {
        session.printer.render(report);
    }
    let cases = renderings.iter().map(|one| rendered_case(one, report.as_ref())).collect();
    stages.push(Stage::new("render", started, cases, found));

    let targets: Vec<&Target<'_>> = renderings.iter().map(|one| &one.target).collect();
    let names = || targets.iter().map(|target| target.id.to_string());
    let cases = |names: &mut dyn Iterator<Item = String>| names.map(|name| Case { name, ..Case::default() }).collect();
    let started = Instant::now();
    let validate_request = validate::Request { crds: request.crds.clone(), ..validate::Request::default() };
    let placer = Placer::new(session, &workspace, &renderings);
    let mut checked = validate::check(session, &validate_request, &workspace, &targets, &renderings, rendered);
    placer.place(&mut checked.diagnostics);
    validate::print_skipped(session, &checked);
    stages.push(Stage::new("validate", started, cases(&mut names()), checked.diagnostics));

    let started = Instant::now();
    let lint_request = lint::Request { base: request.base.clone(), ..lint::Request::default() };
    let mut checked = lint::check(session, &lint_request, &workspace, &targets, &renderings, rendered);
    placer.place(&mut checked.diagnostics);
    let cases = cases(&mut names().chain(checked.charts));
    stages.push(Stage::new("lint", started, cases, checked.diagnostics));

    if request.outputs.show_changes() || session.environment.step_summary.is_some() {
        let (workspace, inspections, renderings) = (&workspace, &inspections, &renderings);
        let checkout = Checkout { session, workspace, inspections, renderings, found: &read, command: "ci" };
        *compared = Some(compare(session, request, &checkout));
    }

    let run_kind = request.kind && !process::interrupted();
    let steps = run_kind.then(|| run_scenarios(session, &workspace, &renderings, stages));
    Ok(json::Ci { render: report.as_ref().map(json::Render::from), steps })
}

/// Compares the checkout with the base, or else with the goldens.
fn compare(session: &Session<'_>, request: &Request, checkout: &Checkout<'_>) -> Comparison {
    // That a requested revision does not exist is a finding of `lint`.
    if let Some(base) = Base::find(&session.root, request.base.as_deref()).ok().flatten() {
        let name = base.name.clone();
        match checkout.since(base, request.crds.as_deref()) {
            Ok(Compared { report, base }) => return (report, Some(base)),
            Err(found) => {
                let reason = found.0.first().map(|one| one.message.as_str()).unwrap_or_default();
                session.printer.status("Skipped", &format!("the comparison with {name}: {reason}"));
            }
        }
    }
    let report = checkout.since_goldens();
    (report.unwrap_or_else(|_| Report::empty("ci", "the goldens", "the checkout")), None)
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
