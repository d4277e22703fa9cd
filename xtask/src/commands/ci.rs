//! `ci`: renders, validates, and lints in one run with one report, and optionally runs the end-to-end scenarios. Does
//! not believe any render.lock; renders with unchanged inputs are taken from the cache, of which a sample is proven again.
//!
//! Findings in one stage do not stop the next: whatever could be rendered is validated, linted, and deployed.
//!
//! Does not build images or run the tool's own tests; `.ci/run` does.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use diagnostics::{Class, Code, Diagnostic, Diagnostics, Result};
use toolbox::parallel::join;
use toolbox::process;
use toolbox::progress::Progress;
use workspace::shard::{self};
use workspace::target::{DEFAULT_CASE, Target};
use workspace::{Workspace, plan};

use super::app_of_apps;
use super::changed;
use super::consequences;
use super::diff::{Checkout, Compared, mark};
use super::end_to_end::{RunResult, prepare};
use super::placing::Placer;
use super::rendering::{self, Demand, RenderState, Rendering};
use super::{Outcome, Session, lint, render, test_gitops, test_kind, validate};
pub use crate::cli::Ci as Request;
use crate::lint::base::Base;
use crate::report;
use crate::report::baseline;
use crate::report::json::Output;
use crate::report::junit::{Case, Failure, Suite};
use crate::report::model::Report;
use crate::report::rendered::{RenderReport, State};
use crate::report::{json, rendered};

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
        Self::lasting(name, started.elapsed(), cases, found)
    }

    fn lasting(name: &'static str, time: Duration, cases: Vec<Case>, found: Diagnostics) -> Self {
        Self { name, time, cases, suites: Vec::new(), found }
    }
}

/// The result of some work, and how long it took.
fn timed<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let started = Instant::now();
    let result = work();
    (result, started.elapsed())
}

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    request.outputs.check(&session.root)?;
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
    changed::blame(&mut diagnostics, &session.root, request.base.as_deref());
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

/// The changes that the reports show, and the findings in the base, if a revision is the base.
type Comparison = (Report, Option<Diagnostics>);

/// Runs the stages. Fails only if the workspace cannot be loaded.
fn all(
    session: &Session<'_>,
    request: &Request,
    stages: &mut Vec<Stage>,
    compared: &mut Option<Comparison>,
) -> Result<json::Ci> {
    let started = Instant::now();
    session.engines.compare();
    let shard = request.shard;
    let (workspace, mut found) = app_of_apps::load(session)?;
    let argocd = workspace.config.argocd;
    let (targets, planned) = shard::plan(&workspace, argocd, &[], shard);
    found.extend(planned);
    let renderings = rendering::render(session, &workspace, argocd, targets, Demand::Proven, &mut found);
    let read = found.clone();
    let rendered = shard.is_none() && !found.has_errors() && renderings.iter().all(|one| one.rendered().is_some());
    let render_request = render::Request { force: true, shard, ..render::Request::default() };
    let judged = render::judge(session, &render_request, &workspace, argocd, &renderings, &mut found);
    let report = found.take(judged);
    if let Some(report) = &report {
        session.printer.render(report);
    }
    let cases = renderings.iter().map(|one| rendered_case(one, report.as_ref())).collect();
    let placer = Placer::new(session, &workspace, &renderings);
    placer.place(&mut found);
    stages.push(Stage::new("render", started, cases, found));

    let names = || renderings.iter().map(|one| one.target.id.to_string());
    let (others, _) = match shard {
        Some(_) => plan::plan(&workspace, argocd, &[]),
        None => Default::default(),
    };
    let own = || renderings.iter().map(|one| &one.target);
    let others = others.iter().filter(|target| own().all(|one| one.id != target.id));
    let targets: Vec<&Target<'_>> = own().chain(others).collect();
    let cases = |names: &mut dyn Iterator<Item = String>| names.map(|name| Case { name, ..Case::default() }).collect();
    let validate_request = validate::Request { crds: request.crds.clone(), shard, ..validate::Request::default() };
    let lint_request = lint::Request { base: request.base.clone(), shard, ..lint::Request::default() };
    // One waits for kubeconform, the other for Helm and Git.
    let ((mut validated, validate_time), (mut linted, lint_time)) = join(
        || timed(|| validate::check(session, &validate_request, &workspace, &targets, &renderings, rendered)),
        || timed(|| lint::check(session, &lint_request, &workspace, &targets, &renderings, rendered)),
    );
    placer.place(&mut validated.diagnostics);
    placer.place(&mut linted.diagnostics);
    validate::print_skipped(session, &validated);
    stages.push(Stage::lasting("validate", validate_time, cases(&mut names()), validated.diagnostics));
    let cases = cases(&mut names().chain(linted.charts));
    stages.push(Stage::lasting("lint", lint_time, cases, linted.diagnostics));

    if request.outputs.show_changes() || session.environment.step_summary.is_some() {
        let (workspace, renderings) = (&workspace, &renderings);
        let names: BTreeSet<&String> = renderings.iter().map(|one| &one.target.id.app).collect();
        let selection: Vec<String> = shard.map(|_| names.into_iter().cloned().collect()).unwrap_or_default();
        let checkout = Checkout { session, workspace, renderings, selection: &selection, found: &read, command: "ci" };
        // A part of the targets may be empty.
        if shard.is_none() || !selection.is_empty() {
            *compared = Some(compare(session, request, &checkout));
        }
    }

    let mut steps = None;
    for (wanted, name, test) in
        [(request.kind, "test-kind", in_kind as Test), (request.gitops, "test-gitops", with_argocd as Test)]
    {
        if wanted && !process::interrupted() {
            let done = run_scenarios(session, &workspace, &renderings, stages, name, test);
            steps.get_or_insert_with(Vec::new).extend(done);
        }
    }
    Ok(json::Ci { render: report.as_ref().map(json::Render::from), steps })
}

/// Runs the end-to-end scenarios of some Applications.
type Test = fn(&Session<'_>, &Workspace, Vec<String>) -> RunResult;

fn in_kind(session: &Session<'_>, workspace: &Workspace, apps: Vec<String>) -> RunResult {
    test_kind::run_workspace(session, &prepare::Request { apps, ..prepare::Request::default() }, workspace)
}

fn with_argocd(session: &Session<'_>, workspace: &Workspace, apps: Vec<String>) -> RunResult {
    let common = prepare::Request { apps, ..prepare::Request::default() };
    let request = test_gitops::Request { common, window: test_gitops::WINDOW, ..test_gitops::Request::default() };
    test_gitops::run_workspace(session, &request, workspace)
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
    name: &'static str,
    test: Test,
) -> Vec<json::Step> {
    let started = Instant::now();
    let deployed = |one: &&Rendering<'_>| one.target.id.case == DEFAULT_CASE && one.manifests().is_some();
    let apps: Vec<String> = renderings.iter().filter(deployed).map(|one| one.target.id.app.clone()).collect();
    if apps.is_empty() {
        let skipped = Some("nothing could be rendered".to_owned());
        let case = Case { name: "the run".to_owned(), skipped, ..Case::default() };
        let suites = vec![Suite { name: name.to_owned(), cases: vec![case] }];
        let stage = Stage::new(name, started, Vec::new(), Diagnostics::default());
        session.printer.status("Skipping", &format!("{name}: nothing could be rendered"));
        stages.push(Stage { suites, ..stage });
        return Vec::new();
    }
    let result = test(session, workspace, apps);
    session.printer.result(&result.table());
    let (suites, steps) = (result.suites(), result.json());
    stages.push(Stage { suites, ..Stage::new(name, started, Vec::new(), result.diagnostics) });
    steps
}

/// The test case of a target: a failure with the diff if it differs from its goldens.
fn rendered_case(one: &Rendering<'_>, report: Option<&RenderReport>) -> Case {
    let mut case = Case { name: one.target.id.to_string(), ..Case::default() };
    if matches!(one.state, RenderState::Blocked(_)) {
        case.skipped = Some("could not be rendered; see the test case `workspace`".to_owned());
    }
    let target = report.and_then(|report| {
        let found = report.targets.binary_search_by(|target| target.id.cmp(&one.target.id));
        report.targets.get(found.ok()?)
    });
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
    let mut indexes: HashMap<String, usize> = HashMap::new();
    for (index, case) in cases.iter().enumerate() {
        indexes.entry(case.name.clone()).or_insert(index);
    }
    for diagnostic in &stage.found.0 {
        if diagnostic.code.class() == Class::Warning || summary(diagnostic) {
            continue;
        }
        let name = diagnostic.target.as_deref().unwrap_or_default();
        let index = indexes.get(name).copied().unwrap_or_default();
        cases[index].failures.push(Failure {
            kind: diagnostic.code.name().to_owned(),
            message: diagnostic.message.clone(),
            text: report::plain(diagnostic),
        });
    }
    vec![Suite { name: stage.name.to_owned(), cases }]
}
