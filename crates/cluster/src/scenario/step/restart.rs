//! `restart`: replaces the pods of a workload, and waits until the new ones are ready and the old ones are gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use kubernetes::manifest::ObjectKey;

use crate::scenario::action::{Action, Kind, Outcome};
use crate::scenario::object::Subject;
use crate::scenario::run::{Deadline, Runner, pods_of};
use crate::snapshot::Snapshot;
use crate::verdict::{Problem, Verdict};

pub(super) const KIND: Kind =
    Kind { key: "restart", read: |fields, _, _| Some(Arc::new(Restart(Subject::read(fields, "restart")?))) };

#[derive(Debug)]
struct Restart(Subject);

impl Action for Restart {
    fn run(&self, runner: &mut Runner<'_>, deadline: Deadline) -> Outcome {
        let (namespace, argument) = runner.named(&self.0)?;
        let key = runner.key(&self.0)?;
        let old = uids(&runner.observer.snapshot(), &key);
        let restart = ["rollout", "restart", &argument, "--namespace", &namespace];
        runner.run_kubectl(&restart, deadline, &argument, "is not restarted")?;
        runner.wait_for_change(&namespace, &argument, deadline)?;
        runner.observer.wait(deadline.left(), |snapshot| ended(snapshot, &key, &old))?;
        Ok(None)
    }
}

fn uids(snapshot: &Snapshot, key: &ObjectKey) -> BTreeSet<String> {
    pods_of(snapshot, key).into_iter().flatten().map(|pod| pod.metadata.uid.clone()).collect()
}

/// Whether the old pods are gone. A terminating pod still answers, writes, and is what `kubectl logs` may choose.
fn ended(snapshot: &Snapshot, key: &ObjectKey, old: &BTreeSet<String>) -> Verdict {
    match pods_of(snapshot, key).into_iter().flatten().find(|pod| old.contains(&pod.metadata.uid)) {
        None => Verdict::Ready,
        Some(pod) => {
            let cause = format!("its previous Pod {} is terminating", pod.metadata.name);
            Verdict::Pending(Problem::new(key.to_string(), "is not restarted", cause))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::snapshot::testing::snapshot;

    #[test]
    fn a_restart_ends_when_the_previous_pods_are_gone() {
        let pod = |name: &str| {
            let metadata = json!({
                "name": name, "namespace": "ns", "uid": name, "ownerReferences": [{ "kind": "ReplicaSet", "uid": "set" }],
            });
            ("Pod", json!({ "metadata": metadata }))
        };
        let state = |pods: &[&str]| {
            let owner = json!([{ "kind": "Deployment", "uid": "web" }]);
            let set = json!({ "name": "web-1", "namespace": "ns", "uid": "set", "ownerReferences": owner });
            let mut objects = vec![
                ("Deployment", json!({ "metadata": { "name": "web", "namespace": "ns", "uid": "web" } })),
                ("ReplicaSet", json!({ "metadata": set })),
            ];
            objects.extend(pods.iter().map(|name| pod(name)));
            snapshot(&objects)
        };
        let key = ObjectKey {
            group: String::new(),
            kind: "Deployment".to_owned(),
            namespace: "ns".to_owned(),
            name: "web".to_owned(),
        };
        let old = uids(&state(&["old"]), &key);
        assert_eq!(ended(&state(&["new"]), &key, &old), Verdict::Ready);
        let Verdict::Pending(problem) = ended(&state(&["new", "old"]), &key, &old) else { panic!("not pending") };
        assert_eq!(problem.to_string(), "Deployment ns/web is not restarted: its previous Pod old is terminating");
    }
}
