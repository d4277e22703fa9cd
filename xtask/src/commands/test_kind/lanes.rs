//! The order of a run: what is alone, what is beside what, and which scenarios go side by side.
//!
//! Deliberately absent: what a lane does (lane.rs), and how an application gets into the cluster (stage.rs).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::raise::Later;
use super::reports::Told;
use super::stage::{self, App, Stage};
use cluster::Cluster;
use cluster::observer::Stop;
use cluster::scenario::{Scenario, Step};
use cluster::verdict::Trouble;
use diagnostics::Result;
use toolbox::side_by_side::side_by_side;

/// What runs the scenarios.
pub(super) struct Lanes<'a> {
    pub(super) stage: &'a Stage<'a>,
    pub(super) cluster: &'a Cluster,
    pub(super) scenarios: &'a [Scenario],
    /// The applications, what others need before them.
    pub(super) order: Vec<&'a App>,
    /// Variables that every scenario has.
    pub(super) given: BTreeMap<String, String>,
    /// The folder of this run under target/.
    pub(super) run: PathBuf,
}

impl Lanes<'_> {
    /// Each application alone, then all together, then each removed while the others are watched. What only the first of
    /// them does without is loaded `later`, while that one is proven.
    pub(super) fn apart(&self, chosen: &[&str], later: Option<&Later>) -> Told {
        let alone: Vec<&App> = self.order.iter().copied().filter(|app| chosen.contains(&app.name.as_str())).collect();
        let several = self.order.len() > 1;
        let mut told = Told::default();
        for (index, app) in alone.iter().enumerate() {
            told.extend(self.deploy(app, "is deployed, with nothing beside it"));
            if self.stopped(&told) {
                return told;
            }
            let prove = || self.scenarios(|one| one.app == app.name && one.alone && !one.upgrade);
            match later.filter(|_| index == 0) {
                Some(later) => told.extend(self.beside(later, prove)),
                None => told.extend(prove()),
            }
            // The last one is what the others join.
            if several && index + 1 < alone.len() && !self.stopped(&told) {
                told.extend(self.timed(&app.name, "is removed", || self.stage.remove(app)));
            }
            if self.stopped(&told) {
                return told;
            }
        }
        if several {
            self.join(alone.last().map(|app| app.name.as_str()), &mut told);
        } else {
            told.extend(self.scenarios(|one| !one.alone && !one.upgrade));
        }
        told
    }

    /// Loads images while something else goes on; the loading is told only when it failed.
    fn beside(&self, later: &Later, work: impl FnOnce() -> Told) -> Told {
        std::thread::scope(|scope| {
            let loading = scope.spawn(|| later.load(self.cluster, self.stage.session.printer));
            let mut told = work();
            let loaded = loading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if let Err(found) = loaded {
                told.extend(self.timed("cluster", "the other images are loaded", || Err(Stop::Other(found))));
            }
            told
        })
    }

    /// All applications beside each other, what needs several, and that none touches another.
    fn join(&self, there: Option<&str>, told: &mut Told) {
        let apps = &self.order;
        for app in apps.iter().filter(|app| Some(app.name.as_str()) != there) {
            told.extend(self.deploy(app, "is deployed beside the others"));
        }
        if self.stopped(told) {
            return;
        }
        told.extend(self.scenarios(|one| !one.alone && !one.upgrade));
        for (index, app) in apps.iter().enumerate() {
            if self.stopped(told) {
                return;
            }
            let others: Vec<&App> = apps.iter().copied().filter(|other| other.name != app.name).collect();
            told.extend(self.timed(&app.name, "is removed, and the others are left as they were", || {
                let before = self.pictures(&others)?;
                self.stage.remove(app)?;
                match stage::touched(&before, &self.pictures(&others)?) {
                    None => Ok(()),
                    Some(what) => Err(Stop::Trouble(Trouble::new("another application", "touched", what))),
                }
            }));
            if !self.stopped(told) && (index + 1 < apps.len() || self.cluster.keep) {
                told.extend(self.deploy(app, "is deployed again"));
            }
        }
    }

    fn pictures(&self, apps: &[&App]) -> Result<BTreeMap<String, Value>> {
        let mut all = BTreeMap::new();
        for app in apps {
            all.extend(self.stage.picture(app)?);
        }
        Ok(all)
    }

    /// All applications applied over what is there, and all scenarios side by side.
    pub(super) fn together(&self) -> Told {
        let mut told = each(&self.order, |app| self.deploy(app, "is deployed"));
        if !self.stopped(&told) {
            told.extend(self.scenarios(|one| !one.upgrade));
        }
        told
    }

    /// The applications of another revision first; today's then come over them, in the scenarios of upgrades and after
    /// these, and all others run on what has become of it.
    pub(super) fn upgraded(&self, revision: &str, before: &BTreeMap<String, App>) -> Told {
        let name = format!("is deployed as it is in {revision}");
        let older: Vec<&App> = self.order.iter().filter_map(|app| before.get(&app.name)).collect();
        let mut told = each(&older, |app| self.deploy(app, &name));
        if !self.stopped(&told) {
            told.extend(self.scenarios(|one| one.upgrade && before.contains_key(&one.app)));
        }
        if !self.stopped(&told) {
            told.extend(self.together());
        }
        told
    }

    /// One step of a scenario on a cluster that is as an earlier run left it.
    pub(super) fn one(&self, scenario: &Scenario, step: &Step) -> Told {
        let alone = Scenario { steps: vec![step.clone()], ..scenario.clone() };
        self.steps(&alone, self.remembered(scenario))
    }

    /// Some scenarios, side by side: each has namespaces of its own.
    fn scenarios(&self, which: impl Fn(&Scenario) -> bool) -> Told {
        let chosen: Vec<&Scenario> = self.scenarios.iter().filter(|one| which(one)).collect();
        each(&chosen, |scenario| self.scenario(scenario))
    }

    /// Whether going on would show nothing: the cluster is gone, a signal came, or what failed is to be looked at.
    fn stopped(&self, told: &Told) -> bool {
        toolbox::process::interrupted() || self.stage.observer.lost().is_some() || told.failed()
    }
}

/// Work for several items at once, told in their order.
fn each<T: Sync>(items: &[&T], work: impl Fn(&T) -> Told + Sync) -> Told {
    let mut told = Told::default();
    for one in side_by_side(items.len(), items, |item| work(item)) {
        told.extend(one);
    }
    told
}
