//! The order of a run: which applications are deployed when, and which scenarios run concurrently.

use std::collections::BTreeMap;

use cluster::observer::Stop;
use cluster::scenario::{Scenario, Step};
use cluster::verdict::Problem;
use diagnostics::Result;
use serde_json::Value;
use toolbox::parallel::parallel;

use super::create::Later;
use super::lane::Run;
use super::reports::Results;
use super::stage::{self, App};

impl Run<'_> {
    /// Tests each application on its own, then all together, then removes each while the others must not change. The
    /// images that the first application does not need are loaded `later`, while it is tested.
    pub(super) fn apart_then_together(&self, chosen: &[&str], later: Option<&Later>) -> Results {
        let alone: Vec<&App> = self.order.iter().copied().filter(|app| chosen.contains(&app.name.as_str())).collect();
        let several = self.order.len() > 1;
        let mut results = Results::default();
        for (index, app) in alone.iter().enumerate() {
            results.extend(self.deploy(app, "is deployed on its own"));
            if self.stopped(&results) {
                return results;
            }
            let test = || self.scenarios(|one| one.app == app.name && one.alone && !one.upgrade);
            match later.filter(|_| index == 0) {
                Some(later) => results.extend(self.while_loading(later, test)),
                None => results.extend(test()),
            }
            // The last one stays deployed, and the others are added to it.
            if several && index + 1 < alone.len() && !self.stopped(&results) {
                results.extend(self.timed(&app.name, "is removed", || self.stage.remove(app)));
            }
            if self.stopped(&results) {
                return results;
            }
        }
        if several {
            self.join(alone.last().map(|app| app.name.as_str()), &mut results);
        } else {
            results.extend(self.scenarios(|one| !one.alone && !one.upgrade));
        }
        results
    }

    /// Loads images during other work. Loading is in the results only if it fails.
    fn while_loading(&self, later: &Later, work: impl FnOnce() -> Results) -> Results {
        std::thread::scope(|scope| {
            let loading = scope.spawn(|| later.load(self.cluster, self.stage.session.printer));
            let mut results = work();
            let loaded = loading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if let Err(found) = loaded {
                results.extend(self.timed("cluster", "loads the remaining images", || Err(Stop::Other(found))));
            }
            results
        })
    }

    /// Deploys all applications, runs the scenarios that need several, and checks that removing one leaves the others
    /// unchanged.
    fn join(&self, deployed: Option<&str>, results: &mut Results) {
        let apps = &self.order;
        for app in apps.iter().filter(|app| Some(app.name.as_str()) != deployed) {
            results.extend(self.deploy(app, "is deployed alongside the others"));
        }
        if self.stopped(results) {
            return;
        }
        results.extend(self.scenarios(|one| !one.alone && !one.upgrade));
        for (index, app) in apps.iter().enumerate() {
            if self.stopped(results) {
                return;
            }
            let others: Vec<&App> = apps.iter().copied().filter(|other| other.name != app.name).collect();
            results.extend(self.timed(&app.name, "is removed without changing the others", || {
                let before = self.states(&others)?;
                self.stage.remove(app)?;
                match stage::differences(&before, &self.states(&others)?) {
                    None => Ok(()),
                    Some(cause) => Err(Stop::Problem(Problem::new("another Application", "was changed", cause))),
                }
            }));
            if !self.stopped(results) && (index + 1 < apps.len() || self.cluster.keep) {
                results.extend(self.deploy(app, "is deployed again"));
            }
        }
    }

    fn states(&self, apps: &[&App]) -> Result<BTreeMap<String, Value>> {
        let mut all = BTreeMap::new();
        for app in apps {
            all.extend(self.stage.state(app)?);
        }
        Ok(all)
    }

    /// Deploys all applications, over existing ones if there are any, and runs all scenarios concurrently.
    pub(super) fn together(&self) -> Results {
        let mut results = each(&self.order, |app| self.deploy(app, "is deployed"));
        if !self.stopped(&results) {
            results.extend(self.scenarios(|one| !one.upgrade));
        }
        results
    }

    /// Deploys the applications of another revision and runs the upgrade scenarios, which upgrade them; then deploys all
    /// current applications and runs all other scenarios.
    pub(super) fn upgrade(&self, revision: &str, before: &BTreeMap<String, App>) -> Results {
        let name = format!("is deployed from {revision}");
        let older: Vec<&App> = self.order.iter().filter_map(|app| before.get(&app.name)).collect();
        let mut results = each(&older, |app| self.deploy(app, &name));
        if !self.stopped(&results) {
            results.extend(self.scenarios(|one| one.upgrade && before.contains_key(&one.app)));
        }
        if !self.stopped(&results) {
            results.extend(self.together());
        }
        results
    }

    /// Runs one step of a scenario on a kept cluster.
    pub(super) fn single_step(&self, scenario: &Scenario, step: &Step) -> Results {
        let alone = Scenario { steps: vec![step.clone()], ..scenario.clone() };
        self.steps(&alone, self.saved(scenario))
    }

    /// Runs some scenarios concurrently: each has its own namespaces.
    fn scenarios(&self, which: impl Fn(&Scenario) -> bool) -> Results {
        let chosen: Vec<&Scenario> = self.scenarios.iter().filter(|one| which(one)).collect();
        each(&chosen, |scenario| self.scenario(scenario))
    }

    /// Whether the run must not continue: a step failed, a signal arrived, or the cluster can no longer be watched.
    fn stopped(&self, results: &Results) -> bool {
        toolbox::process::interrupted() || self.stage.observer.lost().is_some() || results.failed()
    }
}

/// Works on all items concurrently; the results are in the order of the items.
fn each<T: Sync>(items: &[&T], work: impl Fn(&T) -> Results + Sync) -> Results {
    let mut results = Results::default();
    for one in parallel(items.len(), items, |item| work(item)) {
        results.extend(one);
    }
    results
}
