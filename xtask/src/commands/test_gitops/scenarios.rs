//! Schedules scenarios: which run at the same time, and when which Applications must not drift.
//!
//! Each Application must stay Synced for a time in which no scenario changes its objects. Scenarios that change none run
//! then, and so do those of all Applications but one, which must not drift after their own scenarios.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cluster::api::Application;
use cluster::observer::Stop;
use cluster::scenario::Scenario;
use cluster::scenario::gitops::{of_application, wait_synced};
use cluster::verdict::{self, Problem, Verdict};

use super::repository::Repository;
use super::run::{SYNC, Stages};
use crate::commands::end_to_end::lane::{Run, each};
use crate::commands::end_to_end::reports::Results;

/// The order of the scenarios.
#[derive(Debug)]
struct Plan<'a> {
    /// The Applications that must not drift from the beginning on.
    at_once: Vec<&'a String>,
    /// Those that must not drift after their scenarios.
    after: Vec<&'a String>,
    /// The scenarios that change no Application.
    beside: Vec<&'a Scenario>,
    /// Those that change no object, but let Argo CD no longer compare an Application.
    breaking: Vec<&'a Scenario>,
    /// The scenarios of the Applications in `after`.
    first: Vec<&'a Scenario>,
    /// The other scenarios.
    last: Vec<&'a Scenario>,
}

impl<'a> Plan<'a> {
    fn new(scenarios: &'a [Scenario], apps: &[&'a String]) -> Self {
        let own = scenarios.iter().filter(|one| !one.gitops && !one.upgrade);
        let (beside, others): (Vec<_>, Vec<_>) = own.partition(|one| one.beside);
        let (breaking, beside) = beside.into_iter().partition(|one| !one.breaks().is_empty());
        let time = |app: &str| {
            let steps = others.iter().filter(|one| one.app == app).flat_map(|one| &one.steps);
            steps.map(|step| step.deadline).sum::<Duration>()
        };
        // The Application whose scenarios may take longest waits for nothing afterwards.
        let longest = apps.iter().rev().max_by_key(|app| time(app)).copied();
        let (last, first) = others.iter().copied().partition(|one| Some(&one.app) == longest);
        let (after, at_once) = apps.iter().copied().partition(|app| Some(*app) != longest && !time(app).is_zero());
        Self { at_once, after, beside, breaking, first, last }
    }
}

/// The Applications that a scenario lets Argo CD no longer compare now.
#[derive(Debug, Default)]
struct Broken(Mutex<BTreeSet<String>>);

impl Broken {
    fn apps(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stages<'_> {
    /// Compares the Applications with the goldens, and runs all scenarios.
    pub(super) fn scenarios(&self, run: &Run<'_>, repository: &Repository<'_>) -> Results {
        let apps: Vec<&String> = run.order.iter().map(|app| &app.name).collect();
        let plan = Plan::new(run.scenarios, &apps);
        let broken = Broken::default();
        let joined = |thread: std::thread::ScopedJoinHandle<'_, Results>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| self.stay_synced(&plan.at_once, &broken));
            let mut results = self.compare();
            results.extend(run.loaded());
            if run.stopped(&results) {
                results.extend(joined(watching));
                return results;
            }
            let beside = scope.spawn(|| one_by_one(run, &repository.line(), &plan.beside, |_| Vec::new()));
            let first = scope.spawn(|| {
                let own = |scenario: &Scenario| vec![scenario.app.clone()];
                let mut results = one_by_one(run, &repository.line(), &plan.first, own);
                if !run.stopped(&results) {
                    results.extend(self.stay_synced(&plan.after, &broken));
                }
                results
            });
            results.extend(run.scenarios(|scenario| scenario.gitops));
            // After those of `test-kind`, which replace pods.
            for scenario in &plan.breaking {
                if !run.stopped(&results) {
                    results.extend(breaking(run, repository, scenario, &broken));
                }
            }
            results.extend(joined(beside));
            results.extend(joined(watching));
            if !run.stopped(&results) {
                results.extend(run.timed("argocd", "has synced all Applications again", || {
                    wait_synced(run.stage.observer, repository, &repository.apps, SYNC)
                }));
            }
            if !run.stopped(&results) {
                // After the last one, the cluster is deleted, unless it is kept.
                let followed = |scenario: &Scenario| {
                    run.cluster.keep || plan.last.last().is_some_and(|last| !std::ptr::eq(*last, scenario))
                };
                let synced =
                    |scenario: &Scenario| if followed(scenario) { repository.apps.clone() } else { Vec::new() };
                results.extend(one_by_one(run, repository, &plan.last, synced));
            }
            results.extend(joined(first));
            results
        })
    }

    /// Waits for a time in which Applications have to stay Synced.
    fn stay_synced(&self, apps: &[&String], broken: &Broken) -> Results {
        let window = self.request.window;
        let name = format!("does not drift for {} s", window.as_secs());
        each(apps, |app: &String| self.run.timed(app, &name, || self.no_drift(app, window, broken)))
    }

    fn no_drift(&self, app: &str, window: Duration, broken: &Broken) -> std::result::Result<(), Stop> {
        const HOLDS: &str = "stays Synced";
        let judge = |found: &Application| match found.status.sync.status.as_str() {
            "Synced" => Verdict::Ready,
            "Unknown" if broken.apps().contains(app) => Verdict::Ready,
            _ => match verdict::application(found, None) {
                Verdict::Pending(problem) | Verdict::Failed(problem, _) => Verdict::Failed(problem, Duration::ZERO),
                Verdict::Ready => Verdict::Ready,
            },
        };
        let watched = self.run.stage.observer.wait(window, |snapshot| match of_application(snapshot, app, judge) {
            Verdict::Ready => Verdict::Pending(Problem::new(format!("Application {app}"), HOLDS, "the run watches it")),
            drifted => drifted,
        });
        match watched {
            Err(Stop::Problem(problem)) if problem.state == HOLDS => Ok(()),
            other => other,
        }
    }
}

/// Runs scenarios one after the other, and reverts the commits of each. After that, some Applications must be Synced.
fn one_by_one(
    run: &Run<'_>,
    repository: &Repository<'_>,
    scenarios: &[&Scenario],
    synced: impl Fn(&Scenario) -> Vec<String>,
) -> Results {
    let mut results = Results::default();
    let run = Run { gitops: Some(repository), ..run.clone() };
    for scenario in scenarios {
        if !run.stopped(&results) {
            results.extend(one(&run, repository, scenario, &synced(scenario)));
        }
    }
    results
}

/// Runs a scenario that lets Argo CD no longer compare some Applications.
fn breaking(run: &Run<'_>, repository: &Repository<'_>, scenario: &Scenario, broken: &Broken) -> Results {
    let apps: Vec<String> = scenario.breaks().into_iter().map(str::to_owned).collect();
    broken.apps().extend(apps.iter().cloned());
    let results = one(run, repository, scenario, &apps);
    broken.apps().retain(|app| !apps.contains(app));
    results
}

/// Runs a scenario, and reverts its commits. After that, some Applications must be Synced.
fn one(run: &Run<'_>, repository: &Repository<'_>, scenario: &Scenario, synced: &[String]) -> Results {
    let mut results = run.scenario(scenario);
    if toolbox::process::interrupted() || run.stage.observer.lost().is_some() {
        return results;
    }
    let name = "its commits are reverted";
    match repository.restore() {
        Ok(false) => {}
        Ok(true) => results
            .extend(run.timed(&scenario.title(), name, || wait_synced(run.stage.observer, repository, synced, SYNC))),
        Err(found) => results.extend(run.timed(&scenario.title(), name, || Err(Stop::Other(found)))),
    }
    results
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use diagnostics::Source;

    use super::*;

    fn scenario(app: &str, name: &str, text: &str) -> Scenario {
        Scenario::parse(&Source::new("s.yaml", text), app, name, Path::new("/tests/gitops")).expect("valid")
    }

    #[test]
    fn only_the_scenarios_of_one_application_wait_until_nothing_has_drifted() {
        let step = "steps: [{name: one, ready: pod/x}]\n";
        let two = "steps: [{name: one, ready: pod/x}, {name: two, ready: pod/x}]\n";
        let unknown = "beside: true\nsteps: [{name: one, app: web, sync: Unknown}]\n";
        let scenarios = [
            scenario("shop", "deleted", step),
            scenario("web", "changes", two),
            scenario("web", "blocked", &format!("beside: true\n{step}")),
            scenario("web", "broken", unknown),
            scenario("web", "smoke", &format!("gitops: true\n{step}")),
        ];
        let [blog, shop, web] = ["blog", "shop", "web"].map(str::to_owned);
        let plan = Plan::new(&scenarios, &[&blog, &shop, &web]);
        let names = |scenarios: &[&Scenario]| scenarios.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        assert_eq!((plan.at_once, plan.after), (vec![&blog, &web], vec![&shop]));
        assert_eq!(names(&plan.beside), ["blocked"]);
        assert_eq!(names(&plan.breaking), ["broken"]);
        assert_eq!(names(&plan.first), ["deleted"]);
        assert_eq!(names(&plan.last), ["changes"]);

        let plan = Plan::new(&[], &[&blog, &shop]);
        assert_eq!((plan.at_once, plan.after), (vec![&blog, &shop], vec![]));
    }
}
