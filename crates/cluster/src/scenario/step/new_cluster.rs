//! `new-cluster`: the cluster is lost, and a new one is bootstrapped from Git. The run does that itself, between the steps
//! before this one and those after it.

use std::sync::Arc;

use crate::observer::Stop;
use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::run::{Deadline, Runner};
use crate::verdict::Problem;

pub(super) const KIND: Kind =
    Kind { key: "new-cluster", read: |fields, _, _| fields.bool("new-cluster").then(|| Arc::new(NewCluster) as _) };

#[derive(Debug)]
struct NewCluster;

impl Action for NewCluster {
    fn run(&self, _: &mut Runner<'_>, _: Deadline) -> Outcome {
        let cause = "only a run with `--recovery` does that, and not `--step`";
        Err(Stop::Problem(Problem::new("the cluster", "is not replaced", cause)))
    }

    fn needs_git(&self) -> bool {
        true
    }

    fn replaces_cluster(&self) -> bool {
        true
    }
}
