//! `ready`: waits until objects are ready.

use std::sync::Arc;

use diagnostics::Result;

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::object::Subject;
use crate::scenario::run::{Deadline, Runner};
use crate::verdict;

pub(super) const KIND: Kind =
    Kind { key: "ready", read: |fields, _, _| Some(Arc::new(Ready(Subject::read_list(fields, "ready")))) };

/// The objects; those of the application when there are none.
#[derive(Debug)]
struct Ready(Vec<Subject>);

impl Action for Ready {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let mut keys = runner.objects.clone();
        if !self.0.is_empty() {
            keys = self.0.iter().map(|subject| runner.key(subject)).collect::<Result<_>>()?;
        }
        runner.observer.wait(deadline.left(), |snapshot| verdict::of_all(snapshot, &keys))?;
        Ok(None)
    }
}
