//! Pods that failed in an earlier run, and `ReplicaSets` whose pods were refused. Their controllers retry with growing
//! delays, so a fix may take minutes to reach them. They are deleted once the fix is applied, and their owners recreate
//! them at once.
//!
//! Leaves alone the pods of a Job, which counts failures, and pods without an owner.

use std::time::{Duration, Instant};

use crate::api::Metadata;
use crate::kubectl::{Kubectl, checked};
use crate::observer::{Observer, Stop};
use crate::snapshot::{Object, Snapshot};
use crate::verdict::{self, Problem, Verdict};

/// Stuck objects: kind, name, and uid.
type Stuck = Vec<(&'static str, String, String)>;

/// The owners that recreate a deleted pod.
const OWNERS: &[&str] = &["ReplicaSet", "StatefulSet", "DaemonSet"];

/// The objects of a namespace that are stuck now.
pub fn of(observer: &Observer, namespace: &str, deadline: Duration) -> Result<Stuck, Stop> {
    observer.wait(deadline, |snapshot| {
        if ["Pod", "ReplicaSet", "Event"].iter().all(|kind| snapshot.knows(kind)) {
            Verdict::Ready
        } else {
            let cause = "the API server has not listed its pods yet";
            Verdict::Pending(Problem::new("the cluster", "is not observed yet", cause))
        }
    })?;
    Ok(within(&observer.snapshot(), namespace))
}

fn within(snapshot: &Snapshot, namespace: &str) -> Stuck {
    let is_recreated = |pod: &Metadata| pod.owner_references.iter().any(|owner| OWNERS.contains(&owner.kind.as_str()));
    let pods = snapshot.pods(namespace).filter(|pod| is_recreated(&pod.metadata));
    let pods = pods.filter(|pod| matches!(verdict::pod(snapshot, pod), Verdict::Failed(..)));
    let pods = pods.map(|pod| ("Pod", &pod.metadata));
    let sets = snapshot.workloads("ReplicaSet", namespace);
    let sets = sets.filter(|set| verdict::refused(snapshot, "ReplicaSet", set).is_some());
    let sets = sets.map(|set| ("ReplicaSet", &set.metadata));
    let all = pods.chain(sets).filter(|(_, metadata)| !metadata.is_terminating());
    all.map(|(kind, metadata)| (kind, metadata.name.clone(), metadata.uid.clone())).collect()
}

/// Deletes stuck objects, so that their owners recreate them, and waits until the watches report it.
pub fn renew(
    kubectl: &Kubectl,
    observer: &Observer,
    namespace: &str,
    stuck: &Stuck,
    deadline: Duration,
) -> Result<(), Stop> {
    if stuck.is_empty() {
        return Ok(());
    }
    let started = Instant::now();
    let delete = ["delete", "--ignore-not-found", "--wait=false", "--grace-period=1", "--namespace", namespace];
    let names = stuck.iter().map(|(kind, name, _)| format!("{kind}/{name}"));
    checked(&kubectl.invocation().args(delete).args(names).deadline(deadline))?;
    observer.wait(deadline.saturating_sub(started.elapsed()), |snapshot| {
        let remains = |(kind, name, uid): &&(&str, String, String)| {
            let found = snapshot.get(kind, namespace, name).map(Object::metadata);
            found.is_some_and(|found| found.uid == *uid && !found.is_terminating())
        };
        match stuck.iter().find(remains) {
            None => Verdict::Ready,
            Some((kind, name, _)) => {
                let cause = "it failed in an earlier run and is being deleted";
                Verdict::Pending(Problem::new(format!("{kind} {namespace}/{name}"), "is not deleted", cause))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::snapshot::testing;

    #[test]
    fn failed_pods_and_replica_sets_with_refused_pods_are_stuck() {
        let pod = |name: &str, owner: &str, state: Value, deleted: Value| {
            let pod = json!({
                "metadata": {
                    "namespace": "ns", "name": name, "uid": name, "deletionTimestamp": deleted,
                    "ownerReferences": [{ "kind": owner, "uid": "o" }],
                },
                "status": { "phase": "Running", "containerStatuses": [{ "name": "main", "ready": false, "state": state }] },
            });
            ("Pod", pod)
        };
        let waiting = || json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        let set = |name: &str, failure: &str| {
            let conditions = json!([{ "type": "ReplicaFailure", "status": failure, "reason": "FailedCreate" }]);
            let metadata = json!({ "namespace": "ns", "name": name, "uid": name });
            ("ReplicaSet", json!({ "metadata": metadata, "status": { "conditions": conditions } }))
        };
        let snapshot = testing::snapshot(&[
            pod("crashes", "ReplicaSet", waiting(), Value::Null),
            pod("of-a-job", "Job", waiting(), Value::Null),
            pod("terminating", "ReplicaSet", waiting(), json!("2026-01-01T00:00:00Z")),
            pod("starts", "ReplicaSet", json!({ "running": {} }), Value::Null),
            set("refused", "True"),
            set("healthy", "False"),
        ]);
        let one = |kind: &'static str, name: &str| (kind, name.to_owned(), name.to_owned());
        assert_eq!(within(&snapshot, "ns"), [one("Pod", "crashes"), one("ReplicaSet", "refused")]);
        assert_eq!(within(&snapshot, "other"), []);
    }
}
