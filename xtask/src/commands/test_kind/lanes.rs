//! The order of a run: which applications are deployed when, and which scenarios run concurrently.

use std::collections::BTreeMap;

use cluster::observer::Stop;
use cluster::verdict::Problem;
use diagnostics::Result;
use serde_json::Value;

use crate::commands::end_to_end::lane::{Run, each};
use crate::commands::end_to_end::reports::Results;
use crate::commands::end_to_end::stage::{self, App};

/// The order of a run.
pub(super) struct Lanes<'a>(pub(super) &'a Run<'a>);

impl Lanes<'_> {
    /// Tests each application on its own, then all together, then removes each while the others must not change. The
    /// images that the first application does not need are loaded while it is tested.
    pub(super) fn apart_then_together(&self, chosen: &[&str]) -> Results {
        let alone: Vec<&App> = self.0.order.iter().copied().filter(|app| chosen.contains(&app.name.as_str())).collect();
        let several = self.0.order.len() > 1;
        let mut results = Results::default();
        for (index, app) in alone.iter().enumerate() {
            results.extend(self.0.deploy(app, "is deployed on its own"));
            if self.0.stopped(&results) {
                return results;
            }
            results.extend(self.0.scenarios(|one| one.app == app.name && one.alone && !one.upgrade));
            results.extend(self.0.loaded());
            // The last one stays deployed, and the others are added to it.
            if several && index + 1 < alone.len() && !self.0.stopped(&results) {
                results.extend(self.0.timed(&app.name, "is removed", || self.0.stage.remove(app)));
            }
            if self.0.stopped(&results) {
                return results;
            }
        }
        if several {
            self.join(alone.last().map(|app| app.name.as_str()), &mut results);
        } else {
            results.extend(self.0.scenarios(|one| !one.alone && !one.upgrade));
        }
        results
    }

    /// Deploys all applications, runs the scenarios that need several, and checks that removing one leaves the others
    /// unchanged.
    fn join(&self, deployed: Option<&str>, results: &mut Results) {
        let apps = &self.0.order;
        for app in apps.iter().filter(|app| Some(app.name.as_str()) != deployed) {
            results.extend(self.0.deploy(app, "is deployed alongside the others"));
        }
        if self.0.stopped(results) {
            return;
        }
        results.extend(self.0.scenarios(|one| !one.alone && !one.upgrade));
        for (index, app) in apps.iter().enumerate() {
            if self.0.stopped(results) {
                return;
            }
            let others: Vec<&App> = apps.iter().copied().filter(|other| other.name != app.name).collect();
            results.extend(self.0.timed(&app.name, "is removed without changing the others", || {
                let before = self.states(&others)?;
                self.0.stage.remove(app)?;
                match stage::differences(&before, &self.states(&others)?) {
                    None => Ok(()),
                    Some(cause) => Err(Stop::Problem(Problem::new("another Application", "was changed", cause))),
                }
            }));
            if !self.0.stopped(results) && (index + 1 < apps.len() || self.0.cluster.keep) {
                results.extend(self.0.deploy(app, "is deployed again"));
            }
        }
    }

    fn states(&self, apps: &[&App]) -> Result<BTreeMap<String, Value>> {
        let mut all = BTreeMap::new();
        for app in apps {
            all.extend(self.0.stage.state(app)?);
        }
        Ok(all)
    }

    /// Deploys all applications, over existing ones if there are any, and runs all scenarios concurrently.
    pub(super) fn together(&self) -> Results {
        let mut results = each(&self.0.order, |app| self.0.deploy(app, "is deployed"));
        if !self.0.stopped(&results) {
            results.extend(self.0.scenarios(|one| !one.upgrade));
        }
        results
    }

    /// Deploys the applications of another revision and runs the upgrade scenarios, which upgrade them; then deploys all
    /// current applications and runs all other scenarios.
    pub(super) fn upgrade(&self, revision: &str, before: &BTreeMap<String, App>) -> Results {
        let name = format!("is deployed from {revision}");
        let older: Vec<&App> = self.0.order.iter().filter_map(|app| before.get(&app.name)).collect();
        let mut results = each(&older, |app| self.0.deploy(app, &name));
        if !self.0.stopped(&results) {
            results.extend(self.0.scenarios(|one| one.upgrade && before.contains_key(&one.app)));
        }
        if !self.0.stopped(&results) {
            results.extend(self.together());
        }
        results
    }
}
