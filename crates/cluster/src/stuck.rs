//! Pods of an earlier run that failed, and what could not make any: an edit that mends why does not reach them for
//! minutes, since those who try again wait longer each time. So they are made anew once what is applied is there.
//!
//! Deliberately absent: pods of a Job, which counts them, and what somebody made by hand.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kubectl::{Kubectl, checked};
use crate::observer::{Observer, Stop};
use crate::seen::Seen;
use crate::verdict::{self, Trouble, Verdict};

/// What is stuck: kind, name, and identity.
type Stuck = Vec<(&'static str, String, String)>;

/// What is stuck in a namespace now.
pub fn of(observer: &Observer, namespace: &str, deadline: Duration) -> Result<Stuck, Stop> {
    observer.wait(deadline, |seen| {
        if ["Pod", "ReplicaSet", "Event"].iter().all(|kind| seen.knows(kind)) {
            Verdict::Ready
        } else {
            Verdict::Pending(Trouble::new("the cluster", "not seen yet", "its API server has not listed its pods"))
        }
    })?;
    Ok(within(&observer.seen(), namespace))
}

fn within(seen: &Seen, namespace: &str) -> Stuck {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let staying = |object: &&Value| object["metadata"]["deletionTimestamp"].is_null();
    let made_again = |pod: &&Value| {
        let owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        owners
            .map(|owner| &owner["kind"])
            .any(|kind| kind == "ReplicaSet" || kind == "StatefulSet" || kind == "DaemonSet")
    };
    let pods = seen.all("Pod", namespace).filter(staying).filter(made_again);
    let pods = pods.filter(|pod| matches!(verdict::pod(seen, pod), Verdict::Never(_))).map(|pod| ("Pod", pod));
    let sets = seen.all("ReplicaSet", namespace).filter(staying);
    let sets = sets.filter(|set| verdict::refused(seen, set).is_some()).map(|set| ("ReplicaSet", set));
    let both = pods.chain(sets);
    both.map(|(kind, one)| (kind, text(&one["metadata"]["name"]), text(&one["metadata"]["uid"]))).collect()
}

/// Deletes what was stuck, so that its owner makes it anew, and waits until it is seen to go.
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
    observer.wait(deadline.saturating_sub(started.elapsed()), |seen| {
        let stays = |(kind, name, uid): &&(&str, String, String)| {
            seen.get(kind, namespace, name).is_some_and(|one| {
                one["metadata"]["uid"] == uid.as_str() && one["metadata"]["deletionTimestamp"].is_null()
            })
        };
        match stuck.iter().find(stays) {
            None => Verdict::Ready,
            Some((kind, name, _)) => {
                let cause = "an earlier run left it, and it was deleted a moment ago";
                Verdict::Pending(Trouble::new(format!("{kind} {namespace}/{name}"), "not gone", cause))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_failed_and_is_made_again_is_stuck() {
        let mut seen = Seen::default();
        let pod = |name: &str, owner: &str, state: Value, deleted: bool| {
            let mut pod = json!({
                "metadata": {
                    "namespace": "ns", "name": name, "uid": name,
                    "ownerReferences": [{ "kind": owner, "uid": "o" }],
                },
                "status": { "phase": "Running", "containerStatuses": [{ "name": "main", "ready": false, "state": state }] },
            });
            if deleted {
                pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            }
            json!({ "type": "ADDED", "object": pod })
        };
        let waiting = || json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        seen.event("Pod", &pod("crashes", "ReplicaSet", waiting(), false));
        seen.event("Pod", &pod("of-a-job", "Job", waiting(), false));
        seen.event("Pod", &pod("goes", "ReplicaSet", waiting(), true));
        seen.event("Pod", &pod("starts", "ReplicaSet", json!({ "running": {} }), false));
        let set = |name: &str| json!({ "metadata": { "namespace": "ns", "name": name, "uid": name } });
        for name in ["refused", "well"] {
            seen.event("ReplicaSet", &json!({ "type": "ADDED", "object": set(name) }));
        }
        let event = json!({
            "metadata": { "namespace": "ns", "name": "e" }, "involvedObject": { "uid": "refused" },
            "reason": "FailedCreate", "message": "pods \"x\" is forbidden: no account",
        });
        seen.event("Event", &json!({ "type": "ADDED", "object": event }));
        let one = |kind: &'static str, name: &str| (kind, name.to_owned(), name.to_owned());
        assert_eq!(within(&seen, "ns"), [one("Pod", "crashes"), one("ReplicaSet", "refused")]);
        assert_eq!(within(&seen, "other"), []);
    }
}
