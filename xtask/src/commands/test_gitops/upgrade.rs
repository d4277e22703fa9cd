//! The upgrade of Argo CD itself: what it deploys changes exactly as `diff --base-argocd` announces.

use std::time::Duration;

use cluster::observer::Stop;
use cluster::scenario::gitops::wait_compared;
use cluster::verdict::Problem;

use super::repository::Repository;
use super::run::{Bootstrapped, SYNC, Stages};
use crate::commands::end_to_end::reports::Results;

/// The deadline for `diff`, which renders everything with two releases.
const DIFF: Duration = Duration::from_secs(120);

impl Stages<'_> {
    /// Upgrades Argo CD, and verifies that it changes only those objects, and replaces only those pods, that are announced.
    pub(super) fn upgrade_argocd(&self, repository: &Repository<'_>, bootstrapped: &Bootstrapped) -> Results {
        let run = self.run;
        let Some(earlier) = &self.config.upgrade_from else { return Results::default() };
        let apps: Vec<String> = self.prepared.apps.keys().cloned().collect();
        let (from, to) = (&earlier.version, &self.config.argocd.version);
        let mut results = run.timed("argocd", &format!("is upgraded from {from} to {to}"), || {
            repository.remember()?;
            self.install(self.manifest, bootstrapped)
        });
        if !run.stopped(&results) {
            results.extend(run.timed(
                "argocd",
                "compares all Applications again, which are Synced and Healthy",
                || wait_compared(run.stage.observer, repository, &apps, SYNC),
            ));
        }
        if !run.stopped(&results) {
            results.extend(run.measured("argocd", "has changed exactly what diff announces", || {
                let base = ["--base-argocd", earlier.release.version];
                let (differences, summary) = repository.unannounced_with(&base, &apps, DIFF)?;
                if differences.is_empty() {
                    return Ok(Some(summary));
                }
                let state = "changed the Applications in another way";
                Err(Stop::Problem(Problem::new("the upgrade of Argo CD", state, differences.join("; "))))
            }));
        }
        results
    }
}
