//! `restart`: restarts the pods of a workload, and waits until they are ready.

use std::sync::Arc;

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::object::Subject;
use crate::scenario::run::{Deadline, Runner};

pub(super) const KIND: Kind =
    Kind { key: "restart", read: |fields, _, _| Some(Arc::new(Restart(Subject::read(fields, "restart")?))) };

#[derive(Debug)]
struct Restart(Subject);

impl Action for Restart {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let (namespace, argument) = runner.named(&self.0)?;
        let restart = ["rollout", "restart", &argument, "--namespace", &namespace];
        runner.run_kubectl(&restart, deadline, &argument, "is not restarted")?;
        runner.wait_for_change(&namespace, &argument, deadline)?;
        Ok(None)
    }
}
