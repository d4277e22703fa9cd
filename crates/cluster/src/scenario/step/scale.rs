//! `scale`: sets the number of a workload's pods, and waits until it has that many.

use std::sync::Arc;

use document::{Fields, Syntax};

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::object::Subject;
use crate::scenario::run::{Deadline, Runner, pods_of};
use crate::verdict;
use crate::verdict::{Problem, Verdict};

pub(super) const KIND: Kind = Kind {
    key: "scale",
    read: |fields, _, diagnostics| {
        let mut inner = Fields::new(fields.node("scale")?, &fields.path_of("scale"), Syntax::Scenario);
        let subject = Subject::read(&mut inner, "object");
        inner.required("replicas");
        let replicas = inner.count("replicas");
        inner.finish(diagnostics);
        Some(Arc::new(Scale { subject: subject?, replicas: replicas? }))
    },
};

#[derive(Debug)]
struct Scale {
    subject: Subject,
    replicas: u64,
}

impl Action for Scale {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let (namespace, argument) = runner.named(&self.subject)?;
        let replicas = format!("--replicas={}", self.replicas);
        let scale = ["scale", &argument, &replicas, "--namespace", &namespace];
        runner.run_kubectl(&scale, deadline, &argument, "is not scaled")?;
        runner.wait_for_change(&namespace, &argument, deadline)?;
        // A terminating pod still serves requests.
        let key = runner.key(&self.subject)?;
        runner.observer.wait(deadline.left(), |snapshot| {
            let Some(pods) = pods_of(snapshot, &key) else { return verdict::of(snapshot, &key) };
            if pods.len() as u64 <= self.replicas {
                return Verdict::Ready;
            }
            let cause = format!("{} pods exist, {} expected", pods.len(), self.replicas);
            Verdict::Pending(Problem::new(key.to_string(), "is not scaled", cause))
        })?;
        Ok(None)
    }
}
