//! `synced`: waits until Applications are Synced and Healthy at the last commit.

use std::sync::Arc;

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::gitops::{names, wait_synced};
use crate::scenario::run::{Deadline, Runner};

pub(super) const KIND: Kind =
    Kind { key: "synced", read: |fields, _, _| Some(Arc::new(Synced(names(fields, "synced")?))) };

#[derive(Debug)]
struct Synced(Vec<String>);

impl Action for Synced {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let apps = self.0.iter().map(|app| runner.fill(app)).collect::<diagnostics::Result<Vec<_>>>()?;
        wait_synced(runner.observer, runner.gitops()?, &apps, deadline.left())?;
        Ok(None)
    }

    fn needs_git(&self) -> bool {
        true
    }
}
