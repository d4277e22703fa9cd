//! One lane of a run: a scenario with its namespaces and steps, or a deployment that is timed and reported like a step.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cluster::diagnosis::Failure;
use cluster::observer::Stop;
use cluster::scenario::action::Outcome;
use cluster::scenario::gitops::GitOps;
use cluster::scenario::run::{Deadline, Runner};
use cluster::scenario::{Scenario, Step, apply};
use cluster::{Cluster, diagnosis, images};
use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Place};
use toolbox::parallel::parallel;
use toolbox::progress::Progress;

use super::loading::Loading;
use super::prepare::Manifest;
use super::reports::{LOADS, Result, Results, StepReport};
use super::stage::{App, Stage};

/// The deadline for an application to become healthy.
const DEPLOY: Duration = Duration::from_secs(120);

/// The file in a scenario's directory with the variables that its steps saved.
const SAVED: &str = "values.json";

/// A run in a cluster.
#[derive(Clone)]
pub(crate) struct Run<'a> {
    pub(crate) stage: &'a Stage<'a>,
    pub(crate) cluster: &'a Cluster,
    pub(crate) scenarios: &'a [Scenario],
    /// The applications, those that others need first.
    pub(crate) order: Vec<&'a App>,
    /// The variables that all scenarios have.
    pub(crate) given: BTreeMap<String, String>,
    /// The directory of this run under target/.
    pub(crate) folder: PathBuf,
    /// The namespaces of Argo CD and its repository, if the run has them. They may be the cause of any failure.
    pub(crate) namespaces: Vec<String>,
    /// The images that are not loaded yet.
    pub(crate) loading: &'a Loading,
    /// The images that this repository does not build, for another cluster.
    pub(crate) images: &'a images::Ids,
    /// The repository that Argo CD reads, if the run has one.
    pub(crate) gitops: Option<&'a dyn GitOps>,
}

/// A step: its name, its place, and where to look when it fails.
struct Subject<'a> {
    lane: &'a str,
    name: &'a str,
    place: Option<&'a Place>,
    namespaces: &'a [String],
    /// Texts that the scenario waits for, expected errors among them.
    awaited: &'a [&'a str],
    /// The command that repeats it on a kept cluster.
    repeat: String,
}

impl Run<'_> {
    /// Waits until all images are loaded, which is in the results only if it fails.
    pub(crate) fn loaded(&self) -> Results {
        match self.loading.wait_for_all() {
            Ok(()) => Results::default(),
            Err(stop) => self.timed("cluster", LOADS, || Err(stop)),
        }
    }

    /// Deploys an application, and waits until it is healthy.
    pub(crate) fn deploy(&self, app: &App, name: &str) -> Results {
        self.timed(&app.name, name, || self.stage.put(app, DEPLOY))
    }

    /// Applies the manifests of `--manifest`, and waits until their objects are ready.
    pub(crate) fn apply(&self, manifest: &Manifest) -> Results {
        self.timed("cluster", &format!("{} is applied", manifest.name), || {
            let deadline = Deadline::after(DEPLOY);
            self.stage.network(deadline.left())?;
            apply::apply(self.stage.kubectl, self.stage.observer, "default", &manifest.text, deadline.left())
        })
    }

    /// Does work outside of a scenario, and reports it as a step.
    pub(crate) fn timed(
        &self,
        lane: &str,
        name: &str,
        work: impl FnOnce() -> std::result::Result<(), Stop>,
    ) -> Results {
        self.measured(lane, name, || work().map(|()| None))
    }

    /// Does work outside of a scenario, and reports it as a step with a line for the closing table.
    pub(crate) fn measured(&self, lane: &str, name: &str, work: impl FnOnce() -> Outcome) -> Results {
        let under_way = self.stage.session.printer.under_way("Running", &format!("{lane}: {name}"));
        let started = Instant::now();
        let result = work();
        under_way.over(result.is_ok(), "Passed");
        let own = self.stage.apps.get(lane).map(|app| &app.namespace);
        let namespaces: Vec<String> = own.into_iter().chain(&self.namespaces).cloned().collect();
        let command = self.cluster.provisioner.command;
        let app = lane.split('/').next().filter(|app| self.stage.apps.contains_key(*app));
        let app = app.map(|app| format!(" {app}")).unwrap_or_default();
        let repeat = format!("cargo xtask {command} --keep{app}");
        let subject = Subject { lane, name, place: None, namespaces: &namespaces, awaited: &[], repeat };
        self.report(&subject, started.elapsed(), result)
    }

    /// Runs a scenario in its own namespaces, up to the first step that fails.
    pub(crate) fn scenario(&self, scenario: &Scenario) -> Results {
        self.scenario_with(scenario, BTreeMap::new())
    }

    /// Runs a scenario, given variables that are already set.
    pub(crate) fn scenario_with(&self, scenario: &Scenario, values: BTreeMap<String, String>) -> Results {
        let names: Vec<&str> = scenario.namespaces.iter().map(String::as_str).collect();
        let prepared = self.stage.make_namespaces(&names, DEPLOY);
        if let Err(stop) = prepared {
            return self.timed(&scenario.title(), "creates its namespaces", || Err(stop));
        }
        let results = self.steps(scenario, values);
        if toolbox::process::interrupted() || self.stage.observer.lost().is_some() {
            return results;
        }
        match self.cluster.keep {
            // The API server looks for objects of every kind in a namespace that is deleted, and this cluster is deleted soon.
            false => self.stage.empty(&names),
            // The objects of a failed scenario can be examined.
            true if results.failed() => {}
            true => self.stage.leave(&names),
        }
        results
    }

    /// The directory in which a scenario keeps files between its steps and between runs.
    fn directory(&self, scenario: &Scenario) -> PathBuf {
        self.cluster.provisioner.folder.join("scenarios").join(scenario.title().replace('/', "-"))
    }

    /// The variables that an earlier run of a scenario saved.
    pub(crate) fn saved(&self, scenario: &Scenario) -> BTreeMap<String, String> {
        let text = toolbox::regular_file::read(self.directory(scenario).join(SAVED)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Runs the steps of a scenario, given variables that are already set.
    pub(crate) fn steps(&self, scenario: &Scenario, mut values: BTreeMap<String, String>) -> Results {
        let stage = self.stage;
        let lane = scenario.title();
        let folder = self.directory(scenario);
        let saved = folder.join(SAVED);
        let app = &stage.apps[&scenario.app];
        values.extend(self.given.clone());
        values.insert("app".to_owned(), app.name.clone());
        values.insert("namespace".to_owned(), app.namespace.clone());
        values.insert("release".to_owned(), app.release.clone());
        values.insert("kubeconfig".to_owned(), stage.kubectl.kubeconfig.display().to_string());
        let mut runner = Runner {
            kubectl: stage.kubectl,
            observer: stage.observer,
            deployer: stage,
            gitops: self.gitops,
            app: &app.name,
            files: &scenario.folder,
            namespace: app.namespace.clone(),
            objects: app.keys(),
            values,
            folder,
        };
        let mut namespaces = vec![app.namespace.clone()];
        namespaces.extend(scenario.namespaces.iter().chain(&self.namespaces).cloned());
        let awaited = scenario.awaits();
        let mut results = Results::default();
        let mut skipped: BTreeMap<String, Vec<&Place>> = BTreeMap::new();
        for step in &scenario.steps {
            if results.failed() || toolbox::process::interrupted() {
                results.steps.push(StepReport::skipped(&lane, &step.name));
                continue;
            }
            match step.skip_reason(&runner) {
                Ok(None) => {}
                Ok(Some(reason)) => {
                    stage.session.printer.status("Skipping", &format!("{lane}: {}: {reason}", step.name));
                    let report = StepReport::skipped(&lane, &step.name);
                    results.steps.push(StepReport { summary: Some(reason.clone()), ..report });
                    skipped.entry(reason).or_default().push(&step.place);
                    continue;
                }
                Err(found) => {
                    results.extend(self.timed(&lane, &step.name, || Err(Stop::Other(found))));
                    continue;
                }
            }
            let under_way = stage.session.printer.under_way("Running", &format!("{lane}: {}", step.name));
            let started = Instant::now();
            let result = step.run(&mut runner);
            under_way.over(result.is_ok(), "Passed");
            let took = started.elapsed();
            let values = serde_json::to_vec(&runner.values).unwrap_or_default();
            results.diagnostics.extend(toolbox::atomic_file::write(&saved, &values).err().unwrap_or_default());
            let name = format!("{lane}:{}", step.name).replace('\'', r"'\''");
            let command = self.cluster.provisioner.command;
            let repeat = format!("cargo xtask {command} --keep --step '{name}'");
            let (name, place) = (&step.name, Some(&step.place));
            let subject = Subject { lane: &lane, name, place, namespaces: &namespaces, awaited: &awaited, repeat };
            results.extend(self.report(&subject, took, result));
        }
        for (reason, places) in skipped {
            let message = format!("{} skipped: {reason}", plural(places.len(), "step"));
            let mut diagnostic = Diagnostic::new(Code::ScenarioSkipped, message).target(&lane);
            for place in places {
                diagnostic = diagnostic.at(place.clone(), "this step");
            }
            results.diagnostics.push(diagnostic);
        }
        results
    }

    /// Runs one step of a scenario on a kept cluster.
    pub(crate) fn single_step(&self, scenario: &Scenario, step: &Step) -> Results {
        let alone = Scenario { steps: vec![step.clone()], ..scenario.clone() };
        self.steps(&alone, self.saved(scenario))
    }

    /// Runs some scenarios concurrently: each has its own namespaces.
    pub(crate) fn scenarios(&self, which: impl Fn(&Scenario) -> bool) -> Results {
        let chosen: Vec<&Scenario> = self.scenarios.iter().filter(|one| which(one)).collect();
        each(&chosen, |scenario| self.scenario(scenario))
    }

    /// Whether the run must not continue: a step failed, a signal arrived, or the cluster can no longer be watched.
    pub(crate) fn stopped(&self, results: &Results) -> bool {
        toolbox::process::interrupted() || self.stage.observer.lost().is_some() || results.failed()
    }

    /// The result of a step, with a diagnosis if it failed.
    fn report(&self, subject: &Subject<'_>, took: Duration, outcome: Outcome) -> Results {
        let mut report = StepReport::passed(subject.lane, subject.name, took);
        let observer = self.stage.observer;
        let problem = match outcome.map_err(|stop| observer.explained(stop)) {
            Ok(shown) => {
                report.summary = shown;
                return report.into();
            }
            Err(Stop::Problem(problem)) => problem,
            Err(Stop::Other(diagnostics)) => {
                report.result = Result::Failed;
                report.summary = diagnostics.0.first().map(|one| one.message.clone());
                return Results { steps: vec![report], diagnostics };
            }
        };
        let what = format!("the cluster: {}: {}", subject.lane, subject.name);
        let _under_way = self.stage.session.printer.under_way("Examining", &what);
        let summary = format!("{} {} after {:.1} s", problem.resource, problem.state, took.as_secs_f64());
        report.result = Result::Failed;
        report.summary = Some(summary.clone());
        let message = format!("{}: {summary}", subject.name);
        let mut diagnostic = Diagnostic::new(Code::ScenarioFailed, message).target(subject.lane);
        if let Some(place) = subject.place {
            diagnostic = diagnostic.at(place.clone(), "this step");
        }
        let failure = Failure { problem: &problem, namespaces: subject.namespaces, took, awaited: subject.awaited };
        let found = diagnosis::look(&self.cluster.provisioner, observer, &failure);
        let mut causes = found.causes;
        let app = subject.lane.split('/').next().and_then(|name| self.stage.apps.get(name));
        if let Some(app) = app.filter(|app| !app.changed.is_empty()) {
            causes.push("changed since the goldens were recorded:".to_owned());
            causes.extend(app.changed.iter().map(|line| format!("  {line}")));
        }
        diagnostic = diagnostic.note(format!("likely cause: {}", causes.join("\n")));
        for part in found.parts {
            diagnostic = diagnostic.note(part);
        }
        if let Some(export) = diagnosis::export(&self.cluster.provisioner, &self.folder) {
            diagnostic = diagnostic.note(export);
        }
        let repeat = &subject.repeat;
        let command = self.cluster.provisioner.command;
        diagnostic = diagnostic.help(if self.cluster.keep {
            format!("to repeat only this on the kept cluster, run `{repeat}`")
        } else {
            format!("to repeat only this, run `cargo xtask {command} --keep`, then `{repeat}`")
        });
        report.details.clone_from(&diagnostic.notes);
        Results { steps: vec![report], diagnostics: diagnostic.into() }
    }
}

/// Works on all items concurrently; the results are in the order of the items.
pub(crate) fn each<T: Sync>(items: &[&T], work: impl Fn(&T) -> Results + Sync) -> Results {
    let mut results = Results::default();
    for one in parallel(items.len(), items, |item| work(item)) {
        results.extend(one);
    }
    results
}
