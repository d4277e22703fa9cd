//! `announced`: waits until Applications are Synced and Healthy at the last commit, and verifies that exactly what `diff`
//! announces has changed in the cluster.

use std::sync::Arc;

use crate::observer::Stop;
use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::gitops::{names, wait_synced};
use crate::scenario::run::{Deadline, Runner};
use crate::verdict::Problem;

pub(super) const KIND: Kind =
    Kind { key: "announced", read: |fields, _, _| Some(Arc::new(Announced(names(fields, "announced")?))) };

#[derive(Debug)]
struct Announced(Vec<String>);

impl Action for Announced {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let apps = self.0.iter().map(|app| runner.fill(app)).collect::<diagnostics::Result<Vec<_>>>()?;
        let git = runner.gitops()?;
        wait_synced(runner.observer, git, &apps, deadline.left())?;
        let (differences, announced) = git.unannounced(&apps, deadline.left())?;
        if differences.is_empty() {
            return Ok(Some(announced));
        }
        let resource = format!("Application {}", apps.join(", "));
        Err(Stop::Problem(Problem::new(resource, "changed otherwise than `diff` announces", differences.join("; "))))
    }

    fn needs_git(&self) -> bool {
        true
    }
}
