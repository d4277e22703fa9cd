//! The scenarios of a run: which go one after the other, which side by side, and what became of each step.
//!
//! Deliberately absent: what a step does (`scenario`), and how an application gets into the cluster (stage.rs).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::stage::{self, App, Stage};
use crate::cluster::Cluster;
use crate::cluster::diagnosis::{self, Failure};
use crate::cluster::observer::Stop;
use crate::cluster::verdict::Trouble;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, suggestion};
use crate::progress::Progress;
use crate::report::junit;
use crate::scenario::Scenario;
use crate::scenario::run::Runner;
use crate::side_by_side::side_by_side;

/// How long an application may take to become healthy.
const DEPLOY: Duration = Duration::from_secs(120);

/// The file in a scenario's folder that holds what its steps saved.
const MEMORY: &str = "values.json";

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Result {
    Passed,
    Failed,
    Skipped,
}

impl Result {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One line of the closing table.
#[derive(Debug, Clone)]
pub(super) struct StepReport {
    /// The scenario, or the stage of the run.
    pub(super) lane: String,
    pub(super) name: String,
    pub(super) result: Result,
    pub(super) took: Duration,
    /// What it had to tell, or the one line of its failure.
    pub(super) told: Option<String>,
    /// What the cluster showed of a failure.
    pub(super) details: Vec<String>,
}

impl StepReport {
    pub(super) fn passed(lane: &str, name: &str, took: Duration) -> Self {
        Self {
            lane: lane.to_owned(),
            name: name.to_owned(),
            result: Result::Passed,
            took,
            told: None,
            details: Vec::new(),
        }
    }

    fn skipped(lane: &str, name: &str) -> Self {
        Self { result: Result::Skipped, ..Self::passed(lane, name, Duration::ZERO) }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "scenario": self.lane,
            "step": self.name,
            "result": self.result.word(),
            "seconds": (self.took.as_secs_f64() * 1000.0).round() / 1000.0,
            "told": self.told,
        })
    }
}

/// The table that a run closes with: step, result, seconds.
pub(super) fn table(reports: &[StepReport]) -> String {
    let name = |report: &StepReport| format!("{}: {}", report.lane, report.name);
    let width = reports.iter().map(|report| name(report).chars().count()).max().unwrap_or_default();
    let mut out = String::new();
    for report in reports {
        let told = report.told.as_ref().map(|told| format!("  {told}")).unwrap_or_default();
        let seconds = report.took.as_secs_f64();
        out.push_str(&format!("{:<width$}  {:<7} {seconds:>6.1} s{told}\n", name(report), report.result.word()));
    }
    out
}

/// The same as JUnit has it: a suite for each scenario.
pub(super) fn suites(reports: &[StepReport], diagnostics: &Diagnostics) -> Vec<junit::Suite> {
    let mut suites: Vec<junit::Suite> = Vec::new();
    for report in reports {
        let failure = || junit::Failure {
            kind: Code::ScenarioFailed.name().to_owned(),
            message: report.told.clone().unwrap_or_default(),
            text: report.details.join("\n\n"),
        };
        let case = junit::Case {
            name: report.name.clone(),
            time: Some(report.took),
            failures: if report.result == Result::Failed { vec![failure()] } else { Vec::new() },
            skipped: (report.result == Result::Skipped).then(|| "a step before it failed".to_owned()),
        };
        match suites.iter_mut().find(|suite| suite.name == report.lane) {
            Some(suite) => suite.cases.push(case),
            None => suites.push(junit::Suite { name: report.lane.clone(), cases: vec![case] }),
        }
    }
    // What kept the run from its steps belongs to it as well.
    let others: Vec<junit::Failure> = diagnostics
        .0
        .iter()
        .filter(|found| found.code != Code::ScenarioFailed && found.code.class() > crate::diagnostic::Class::Warning)
        .map(|found| junit::Failure {
            kind: found.code.name().to_owned(),
            message: found.message.clone(),
            text: found.notes.iter().chain(&found.helps).cloned().collect::<Vec<_>>().join("\n"),
        })
        .collect();
    if !others.is_empty() {
        let case = junit::Case { name: "the run".to_owned(), failures: others, ..junit::Case::default() };
        suites.push(junit::Suite { name: "test-kind".to_owned(), cases: vec![case] });
    }
    suites
}

/// What runs the scenarios.
pub(super) struct Lanes<'a> {
    pub(super) stage: &'a Stage<'a>,
    pub(super) cluster: &'a Cluster,
    pub(super) scenarios: &'a [Scenario],
    /// Variables that every scenario has.
    pub(super) given: BTreeMap<String, String>,
    /// The folder of this run under target/.
    pub(super) run: PathBuf,
}

impl Lanes<'_> {
    /// Each application alone, then all together, then each removed while the others are watched.
    pub(super) fn apart(&self, reports: &mut Vec<StepReport>, diagnostics: &mut Diagnostics, chosen: &[&str]) {
        let apps: Vec<&App> = self.in_order();
        let alone: Vec<&App> = apps.iter().copied().filter(|app| chosen.contains(&app.name.as_str())).collect();
        let several = apps.len() > 1;
        for (index, app) in alone.iter().enumerate() {
            let mut own = Vec::new();
            if self.deploy(app, "is deployed, with nothing beside it", &mut own, diagnostics) {
                for scenario in self.scenarios.iter().filter(|one| one.app == app.name && one.needs.is_empty()) {
                    own.extend(self.scenario(scenario, diagnostics));
                }
            }
            reports.extend(own);
            if self.stopped(reports) {
                return;
            }
            // The last one is what the others join.
            if several && index + 1 < alone.len() {
                self.timed(&app.name, "is removed", reports, diagnostics, || self.stage.remove(app));
            }
        }
        if several && !self.stopped(reports) {
            let last = alone.last().map(|app| app.name.clone());
            self.join(&apps, last.as_deref(), reports, diagnostics);
        }
    }

    /// All applications beside each other, what needs several, and that none touches another.
    fn join(&self, apps: &[&App], there: Option<&str>, reports: &mut Vec<StepReport>, diagnostics: &mut Diagnostics) {
        for app in apps.iter().filter(|app| Some(app.name.as_str()) != there) {
            if !self.deploy(app, "is deployed beside the others", reports, diagnostics) {
                return;
            }
        }
        for scenario in self.scenarios.iter().filter(|scenario| !scenario.needs.is_empty()) {
            reports.extend(self.scenario(scenario, diagnostics));
        }
        for (index, app) in apps.iter().enumerate() {
            if self.stopped(reports) {
                return;
            }
            let others: Vec<&App> = apps.iter().copied().filter(|other| other.name != app.name).collect();
            self.timed(&app.name, "is removed, and the others are left as they were", reports, diagnostics, || {
                let before = self.pictures(&others)?;
                self.stage.remove(app)?;
                match stage::touched(&before, &self.pictures(&others)?) {
                    None => Ok(()),
                    Some(what) => Err(Stop::Trouble(Trouble::new("another application", "touched", what))),
                }
            });
            if index + 1 < apps.len() || self.cluster.keep {
                self.deploy(app, "is deployed again", reports, diagnostics);
            }
        }
    }

    fn pictures(&self, apps: &[&App]) -> crate::diagnostic::Result<BTreeMap<String, Value>> {
        let mut all = BTreeMap::new();
        for app in apps {
            all.extend(self.stage.picture(app)?);
        }
        Ok(all)
    }

    /// All applications applied over what is there, and all scenarios side by side.
    pub(super) fn together(&self, reports: &mut Vec<StepReport>, diagnostics: &mut Diagnostics) {
        let apps: Vec<&App> = self.in_order();
        let deployed = side_by_side(apps.len(), &apps, |app| {
            let (mut own, mut found) = (Vec::new(), Diagnostics::default());
            self.deploy(app, "is deployed", &mut own, &mut found);
            (own, found)
        });
        for (own, found) in deployed {
            reports.extend(own);
            diagnostics.extend(found);
        }
        if self.stopped(reports) {
            return;
        }
        let ran = side_by_side(self.scenarios.len(), self.scenarios, |scenario| {
            let mut found = Diagnostics::default();
            (self.scenario(scenario, &mut found), found)
        });
        for (own, found) in ran {
            reports.extend(own);
            diagnostics.extend(found);
        }
    }

    /// One step of a scenario on a cluster that is as an earlier run left it.
    pub(super) fn one(&self, name: &str, diagnostics: &mut Diagnostics) -> crate::diagnostic::Result<Vec<StepReport>> {
        if !self.cluster.reused {
            return Err(Diagnostic::new(Code::Usage, "`--step` needs a cluster that an earlier run kept")
                .help("run `cargo xtask test-kind --keep` first")
                .into());
        }
        let all = || self.scenarios.iter().flat_map(|scenario| scenario.steps.iter().map(move |step| (scenario, step)));
        let title = |scenario: &Scenario, step: &str| format!("{}:{step}", scenario.title());
        let Some((scenario, step)) = all().find(|(scenario, step)| title(scenario, &step.name) == name) else {
            let names: Vec<String> = all().map(|(scenario, step)| title(scenario, &step.name)).collect();
            return Err(Diagnostic::new(Code::Usage, format!("no step is named `{name}`"))
                .help(suggestion(name, names.iter().map(String::as_str)))
                .into());
        };
        let alone = Scenario { steps: vec![step.clone()], ..scenario.clone() };
        Ok(self.steps(&alone, self.remembered(scenario), diagnostics))
    }

    /// What others need comes before them.
    fn in_order(&self) -> Vec<&App> {
        let mut apps: Vec<&App> = self.stage.apps.values().collect();
        let needed = |app: &App| self.scenarios.iter().any(|scenario| scenario.needs.contains(&app.name));
        apps.sort_by_key(|app| (!needed(app), app.name.clone()));
        apps
    }

    /// Whether going on would show nothing: the cluster is gone, a signal came, or what failed is to be looked at.
    fn stopped(&self, reports: &[StepReport]) -> bool {
        let failed = reports.iter().any(|report| report.result == Result::Failed);
        crate::process::interrupted() || self.stage.observer.lost().is_some() || failed
    }

    /// Deploys an application; says whether that came to its end.
    fn deploy(&self, app: &App, name: &str, reports: &mut Vec<StepReport>, diagnostics: &mut Diagnostics) -> bool {
        self.timed(&app.name, name, reports, diagnostics, || self.stage.put(app, DEPLOY));
        reports.last().is_some_and(|report| report.result == Result::Passed)
    }

    /// Does something that is no step of a scenario, and reports it as one.
    fn timed(
        &self,
        lane: &str,
        name: &str,
        reports: &mut Vec<StepReport>,
        diagnostics: &mut Diagnostics,
        work: impl FnOnce() -> std::result::Result<(), Stop>,
    ) {
        let printer = self.stage.session.printer;
        let started = Instant::now();
        printer.status("Running", &format!("{lane}: {name}"));
        let result = work().map(|()| None);
        let namespaces = self.stage.apps.get(lane).map(|app| app.namespace.clone()).into_iter().collect::<Vec<_>>();
        let repeat = format!("cargo xtask test-kind --keep {lane}");
        reports.push(self.report(lane, name, None, started.elapsed(), result, &namespaces, &repeat, diagnostics));
    }

    /// The steps of a scenario, in namespaces of its own; the first that fails ends it.
    fn scenario(&self, scenario: &Scenario, diagnostics: &mut Diagnostics) -> Vec<StepReport> {
        let names: Vec<&str> = scenario.namespaces.iter().map(String::as_str).collect();
        let mut reports = Vec::new();
        let prepared = names.iter().try_for_each(|name| {
            self.stage.gone(name, DEPLOY)?;
            let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            let stage = self.stage;
            crate::scenario::run::apply(stage.kubectl, stage.observer, name, &object.to_string(), DEPLOY)
        });
        if let Err(stop) = prepared {
            self.timed(&scenario.title(), "has its namespaces", &mut reports, diagnostics, || Err(stop));
            return reports;
        }
        reports.extend(self.steps(scenario, BTreeMap::new(), diagnostics));
        let failed = reports.iter().any(|report| report.result == Result::Failed);
        // What failed is left for whoever keeps the cluster to look at it.
        let left = failed && self.cluster.keep;
        if !left && !crate::process::interrupted() && self.stage.observer.lost().is_none() {
            let _ = self.stage.remove_namespaces(&names, false);
        }
        reports
    }

    /// Where a scenario keeps what it needs between its steps, and between runs.
    fn folder(&self, scenario: &Scenario) -> PathBuf {
        self.cluster.maker.folder.join("scenarios").join(scenario.title().replace('/', "-"))
    }

    /// What the steps of an earlier run saved.
    fn remembered(&self, scenario: &Scenario) -> BTreeMap<String, String> {
        let text = std::fs::read(self.folder(scenario).join(MEMORY)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Runs steps, with the variables that are set already.
    fn steps(
        &self,
        scenario: &Scenario,
        mut values: BTreeMap<String, String>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<StepReport> {
        let stage = self.stage;
        let lane = scenario.title();
        let folder = self.folder(scenario);
        let memory = folder.join(MEMORY);
        let app = &stage.apps[&scenario.app];
        values.extend(self.given.clone());
        values.insert("app".to_owned(), app.name.clone());
        values.insert("namespace".to_owned(), app.namespace.clone());
        values.insert("release".to_owned(), app.release.clone());
        let mut runner = Runner {
            kubectl: stage.kubectl,
            observer: stage.observer,
            deployer: stage,
            scenario,
            namespace: app.namespace.clone(),
            objects: app.keys(),
            values,
            folder,
        };
        let mut namespaces = vec![app.namespace.clone()];
        namespaces.extend(scenario.namespaces.iter().cloned());
        let mut reports: Vec<StepReport> = Vec::new();
        for step in &scenario.steps {
            if reports.iter().any(|report| report.result != Result::Passed) || crate::process::interrupted() {
                reports.push(StepReport::skipped(&lane, &step.name));
                continue;
            }
            stage.session.printer.status("Running", &format!("{lane}: {}", step.name));
            let started = Instant::now();
            let result = runner.step(step);
            let kept = serde_json::to_vec(&runner.values).unwrap_or_default();
            diagnostics.extend(crate::whole::write(&memory, &kept).err().unwrap_or_default());
            let name = format!("{lane}:{}", step.name).replace('\'', r"'\''");
            let repeat = format!("cargo xtask test-kind --keep --step '{name}'");
            let place = Some(&step.place);
            let took = started.elapsed();
            reports.push(self.report(&lane, &step.name, place, took, result, &namespaces, &repeat, diagnostics));
        }
        reports
    }

    /// What became of a step; of one that failed, everything that the cluster shows goes to `diagnostics`.
    #[expect(clippy::too_many_arguments, reason = "a failure tells all of it")]
    fn report(
        &self,
        lane: &str,
        name: &str,
        place: Option<&Place>,
        took: Duration,
        result: std::result::Result<Option<String>, Stop>,
        namespaces: &[String],
        repeat: &str,
        diagnostics: &mut Diagnostics,
    ) -> StepReport {
        let mut report = StepReport::passed(lane, name, took);
        let observer = self.stage.observer;
        let trouble = match result.map_err(|stop| observer.explained(stop)) {
            Ok(told) => {
                report.told = told;
                return report;
            }
            Err(Stop::Trouble(trouble)) => trouble,
            Err(Stop::Other(found)) => {
                report.result = Result::Failed;
                report.told = found.0.first().map(|one| one.message.clone());
                diagnostics.extend(found);
                return report;
            }
        };
        let summary = format!("{} is {} after {:.1} s", trouble.resource, trouble.phase, took.as_secs_f64());
        report.result = Result::Failed;
        report.told = Some(summary.clone());
        let mut diagnostic = Diagnostic::new(Code::ScenarioFailed, format!("{name}: {summary}")).target(lane);
        if let Some(place) = place {
            diagnostic = diagnostic.at(place.clone(), "this step");
        }
        let scenario = self.scenarios.iter().find(|scenario| scenario.title() == lane);
        let awaited = scenario.map(Scenario::awaits).unwrap_or_default();
        let failure = Failure { trouble: &trouble, namespaces, took, awaited: &awaited };
        let found = diagnosis::look(&self.cluster.maker, observer, &failure);
        let mut causes = found.causes;
        let app = lane.split('/').next().and_then(|name| self.stage.apps.get(name));
        if let Some(app) = app.filter(|app| !app.changed.is_empty()) {
            causes.push("changed since the goldens were recorded:".to_owned());
            causes.extend(app.changed.iter().map(|line| format!("  {line}")));
        }
        diagnostic = diagnostic.note(format!("likely cause: {}", causes.join("\n")));
        for part in found.parts {
            diagnostic = diagnostic.note(part);
        }
        if let Some(export) = diagnosis::export(&self.cluster.maker, &self.run) {
            diagnostic = diagnostic.note(export);
        }
        diagnostic = diagnostic.help(if self.cluster.keep {
            format!("repeat just this on the kept cluster: `{repeat}`")
        } else {
            format!("run `cargo xtask test-kind --keep`, then repeat just this: `{repeat}`")
        });
        report.details.clone_from(&diagnostic.notes);
        diagnostics.push(diagnostic);
        report
    }
}
