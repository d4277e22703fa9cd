//! Upgrades of the Applications and of Argo CD itself: what is deployed changes exactly as `diff` announces.

use std::time::Duration;

use cluster::observer::Stop;
use cluster::scenario::gitops::{wait_compared, wait_synced};
use cluster::verdict::Problem;

use super::repository::Repository;
use super::run::{Bootstrapped, SYNC, Stages};
use crate::commands::end_to_end::reports::Results;

/// The deadline for `diff`, which renders everything with two releases.
const DIFF: Duration = Duration::from_secs(120);

impl Stages<'_> {
    /// Publishes the work tree in place of the revision that is deployed, and verifies that only those objects change, and
    /// only those pods are replaced, that are announced.
    pub(super) fn upgrade_applications(&self, repository: &Repository<'_>, revision: &str) -> Results {
        let run = self.run;
        let apps: Vec<String> = self.prepared.apps.keys().cloned().collect();
        let mut results = run.timed("argocd", &format!("upgrades the Applications from {revision}"), || {
            repository.upgrade(self.before()?.unwrap_or_default())?;
            wait_synced(run.stage.observer, repository, &apps, SYNC)
        });
        if !run.stopped(&results) {
            results.extend(self.as_announced(&["--offline"], "the upgrade", repository, &apps));
        }
        results
    }

    /// Verifies that Argo CD has changed what `diff` announces with some options.
    fn as_announced(&self, options: &[&str], cause: &str, repository: &Repository<'_>, apps: &[String]) -> Results {
        self.run.measured("argocd", "has changed exactly what diff announces", || {
            let (differences, summary) = repository.unannounced_with(options, apps, DIFF)?;
            if differences.is_empty() {
                return Ok(Some(summary));
            }
            let state = "changed the Applications in another way";
            Err(Stop::Problem(Problem::new(cause, state, differences.join("; "))))
        })
    }

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
            let base = ["--base-argocd", earlier.release.version];
            results.extend(self.as_announced(&base, "the upgrade of Argo CD", repository, &apps));
        }
        results
    }
}
