//! One lane of a run: a scenario with its namespaces and its steps, or something else that is timed and told like one.
//!
//! Deliberately absent: what a step does (`scenario`), and which lanes there are when (lanes.rs).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::lanes::Lanes;
use super::prepare::Manifest;
use super::reports::{Result, StepReport, Told};
use super::stage::App;
use crate::cluster::diagnosis::{self, Failure};
use crate::cluster::observer::Stop;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::progress::Progress;
use crate::scenario::run::Runner;
use crate::scenario::{Scenario, apply};
use crate::wording::plural;

/// How long an application may take to become healthy.
const DEPLOY: Duration = Duration::from_secs(120);

/// The file in a scenario's folder that holds what its steps saved.
const MEMORY: &str = "values.json";

/// How something is called, where it stands, and where to look when it fails.
struct Subject<'a> {
    lane: &'a str,
    name: &'a str,
    place: Option<&'a Place>,
    namespaces: &'a [String],
    /// What the scenario waits to see, errors among it.
    awaited: &'a [&'a str],
    /// The command that does it again on a kept cluster.
    repeat: String,
}

impl Lanes<'_> {
    /// Deploys an application, and waits until it is healthy.
    pub(super) fn deploy(&self, app: &App, name: &str) -> Told {
        self.timed(&app.name, name, || self.stage.put(app, DEPLOY))
    }

    /// Applies the manifests that were added to the run, and waits until they are in order.
    pub(super) fn added(&self, manifest: &Manifest) -> Told {
        self.timed("cluster", &format!("the manifests in {} are applied", manifest.name), || {
            let started = Instant::now();
            self.stage.network(DEPLOY)?;
            let left = DEPLOY.saturating_sub(started.elapsed());
            apply::apply(self.stage.kubectl, self.stage.observer, "default", &manifest.text, left)
        })
    }

    /// Does something that is no step of a scenario, and tells it as one.
    pub(super) fn timed(&self, lane: &str, name: &str, work: impl FnOnce() -> std::result::Result<(), Stop>) -> Told {
        let under_way = self.stage.session.printer.under_way("Running", &format!("{lane}: {name}"));
        let started = Instant::now();
        let result = work().map(|()| None);
        under_way.over(result.is_ok(), "Passed");
        let namespaces: Vec<String> = self.stage.apps.get(lane).map(|app| app.namespace.clone()).into_iter().collect();
        let repeat = format!("cargo xtask test-kind --keep {}", lane.split('/').next().unwrap_or(lane));
        let subject = Subject { lane, name, place: None, namespaces: &namespaces, awaited: &[], repeat };
        self.told(&subject, started.elapsed(), result)
    }

    /// The steps of a scenario, in namespaces of its own; the first that fails ends it.
    pub(super) fn scenario(&self, scenario: &Scenario) -> Told {
        let names: Vec<&str> = scenario.namespaces.iter().map(String::as_str).collect();
        let prepared = self.stage.make_namespaces(&names, DEPLOY);
        if let Err(stop) = prepared {
            return self.timed(&scenario.title(), "has its namespaces", || Err(stop));
        }
        let told = self.steps(scenario, BTreeMap::new());
        // What failed is left for whoever keeps the cluster to look at it.
        let left = told.failed() && self.cluster.keep;
        if !left && !crate::process::interrupted() && self.stage.observer.lost().is_none() {
            self.stage.leave(&names);
        }
        told
    }

    /// Where a scenario keeps what it needs between its steps, and between runs.
    fn folder(&self, scenario: &Scenario) -> PathBuf {
        self.cluster.maker.folder.join("scenarios").join(scenario.title().replace('/', "-"))
    }

    /// What the steps of an earlier run saved.
    pub(super) fn remembered(&self, scenario: &Scenario) -> BTreeMap<String, String> {
        let text = std::fs::read(self.folder(scenario).join(MEMORY)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Runs steps, with the variables that are set already.
    pub(super) fn steps(&self, scenario: &Scenario, mut values: BTreeMap<String, String>) -> Told {
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
        let awaited = scenario.awaits();
        let mut told = Told::default();
        let mut skipped: BTreeMap<String, (Place, usize)> = BTreeMap::new();
        for step in &scenario.steps {
            if told.failed() || crate::process::interrupted() {
                told.steps.push(StepReport::skipped(&lane, &step.name));
                continue;
            }
            match runner.skips(step) {
                Ok(None) => {}
                Ok(Some(why)) => {
                    stage.session.printer.status("Skipping", &format!("{lane}: {}: {why}", step.name));
                    told.steps.push(StepReport { told: Some(why.clone()), ..StepReport::skipped(&lane, &step.name) });
                    skipped.entry(why).or_insert_with(|| (step.place.clone(), 0)).1 += 1;
                    continue;
                }
                Err(found) => {
                    told.extend(self.timed(&lane, &step.name, || Err(Stop::Other(found))));
                    continue;
                }
            }
            let under_way = stage.session.printer.under_way("Running", &format!("{lane}: {}", step.name));
            let started = Instant::now();
            let result = runner.step(step);
            under_way.over(result.is_ok(), "Passed");
            let took = started.elapsed();
            let kept = serde_json::to_vec(&runner.values).unwrap_or_default();
            told.found.extend(crate::whole::write(&memory, &kept).err().unwrap_or_default());
            let name = format!("{lane}:{}", step.name).replace('\'', r"'\''");
            let repeat = format!("cargo xtask test-kind --keep --step '{name}'");
            let (name, place) = (&step.name, Some(&step.place));
            let subject = Subject { lane: &lane, name, place, namespaces: &namespaces, awaited: &awaited, repeat };
            told.extend(self.told(&subject, took, result));
        }
        for (why, (place, count)) in skipped {
            let message = format!("{} skipped: {why}", plural(count, "step"));
            told.found
                .push(Diagnostic::new(Code::ScenarioSkipped, message).target(&lane).at(place, "the first of them"));
        }
        told
    }

    /// What became of a step; of one that failed, everything that the cluster shows is found.
    fn told(&self, subject: &Subject<'_>, took: Duration, result: std::result::Result<Option<String>, Stop>) -> Told {
        let mut report = StepReport::passed(subject.lane, subject.name, took);
        let observer = self.stage.observer;
        let trouble = match result.map_err(|stop| observer.explained(stop)) {
            Ok(told) => {
                report.told = told;
                return report.into();
            }
            Err(Stop::Trouble(trouble)) => trouble,
            Err(Stop::Other(found)) => {
                report.result = Result::Failed;
                report.told = found.0.first().map(|one| one.message.clone());
                return Told { steps: vec![report], found };
            }
        };
        let what = format!("the cluster: {}: {}", subject.lane, subject.name);
        let _under_way = self.stage.session.printer.under_way("Examining", &what);
        let summary = format!("{} is {} after {:.1} s", trouble.resource, trouble.phase, took.as_secs_f64());
        report.result = Result::Failed;
        report.told = Some(summary.clone());
        let message = format!("{}: {summary}", subject.name);
        let mut diagnostic = Diagnostic::new(Code::ScenarioFailed, message).target(subject.lane);
        if let Some(place) = subject.place {
            diagnostic = diagnostic.at(place.clone(), "this step");
        }
        let failure = Failure { trouble: &trouble, namespaces: subject.namespaces, took, awaited: subject.awaited };
        let found = diagnosis::look(&self.cluster.maker, observer, &failure);
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
        if let Some(export) = diagnosis::export(&self.cluster.maker, &self.run) {
            diagnostic = diagnostic.note(export);
        }
        let repeat = &subject.repeat;
        diagnostic = diagnostic.help(if self.cluster.keep {
            format!("repeat just this on the kept cluster: `{repeat}`")
        } else {
            format!("run `cargo xtask test-kind --keep`, then repeat just this: `{repeat}`")
        });
        report.details.clone_from(&diagnostic.notes);
        Told { steps: vec![report], found: diagnostic.into() }
    }
}
