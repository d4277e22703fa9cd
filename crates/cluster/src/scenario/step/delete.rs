//! `delete`: deletes objects, and waits until they no longer exist.

use std::sync::Arc;

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::object::Subject;
use crate::scenario::run::{Deadline, Runner};

pub(super) const KIND: Kind =
    Kind { key: "delete", read: |fields, _, _| Some(Arc::new(Delete(Subject::read_list(fields, "delete")))) };

#[derive(Debug)]
struct Delete(Vec<Subject>);

impl Action for Delete {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        for subject in &self.0 {
            let (namespace, argument) = runner.named(subject)?;
            let delete = ["delete", &argument, "--namespace", &namespace, "--wait=true", "--ignore-not-found"];
            runner.run_kubectl(&delete, deadline, &argument, "is not deleted")?;
        }
        Ok(None)
    }
}
