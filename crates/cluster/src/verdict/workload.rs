//! The health of a Deployment, `ReplicaSet`, `StatefulSet`, `DaemonSet`, or Job.

use std::time::Duration;

use kubernetes::manifest::ObjectKey;

use super::outcome::{SETTLE, Verdict, worst};
use super::pod::pod;
use super::problem::Problem;
use crate::api::{Condition, Workload, condition};
use crate::snapshot::Snapshot;

/// A refused pod may be accepted a moment later, when its service account exists or a webhook answers.
const CREATE: Duration = Duration::from_secs(3);

pub(super) fn workload_of(snapshot: &Snapshot, key: &ObjectKey, object: &Workload) -> Verdict {
    let holds = |kind: &str| condition(&object.status.conditions, kind).filter(|found| found.is_true());
    let done = if key.kind == "Job" {
        if let Some(found) = holds("Failed") {
            return Verdict::Failed(Problem::new(key.to_string(), "is Failed", found.text()), SETTLE);
        }
        holds("Complete").is_some()
    } else {
        rolled_out(&key.kind, object)
    };
    if done {
        return Verdict::Ready;
    }
    if key.kind != "Job" && !object.is_observed() {
        // The existing pods are those of the previous spec.
        let cause = "its controller has not observed the change yet";
        return Verdict::Pending(Problem::new(key.to_string(), "is not rolled out", cause));
    }
    // A Deployment's pods belong to its ReplicaSets; other workloads own theirs directly.
    let (owner, kind) = if key.kind == "Deployment" {
        (current(snapshot, object), "ReplicaSet")
    } else {
        (Some(object), key.kind.as_str())
    };
    if let Some(refusal) = owner.and_then(|owner| refused(snapshot, kind, owner)) {
        return Verdict::Failed(Problem::new(key.to_string(), "is FailedCreate", refusal), CREATE);
    }
    let pods = owner.into_iter().flat_map(|owner| snapshot.pods_of(&owner.metadata)).filter(|pod| {
        // A Job reports by itself when it has failed too often.
        let retried = key.kind == "Job" && pod.status.phase.as_deref() == Some("Failed");
        !retried && !pod.metadata.is_terminating()
    });
    match worst(pods.map(|found| pod(snapshot, found))) {
        Verdict::Ready => {}
        other => return other,
    }
    let status = &object.status;
    let expected = object.spec.replicas.or(status.desired_number_scheduled).unwrap_or(1);
    let ready = status.ready_replicas.max(status.number_ready);
    let progress =
        condition(&status.conditions, "Progressing").filter(|found| found.status == "False").map(Condition::text);
    let cause = progress.unwrap_or_else(|| format!("{ready} of {expected} pods are ready"));
    Verdict::Pending(Problem::new(key.to_string(), "is not rolled out", cause))
}

/// The `ReplicaSet` of a Deployment's current template. The revision annotation does not identify it: with `Recreate`, a
/// Deployment keeps the old one until the last old pod is gone.
fn current<'a>(snapshot: &'a Snapshot, deployment: &'a Workload) -> Option<&'a Workload> {
    snapshot.replica_sets_of(&deployment.metadata).find(|set| {
        let mut template = set.spec.template.clone();
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove("pod-template-hash");
        }
        template == deployment.spec.template
    })
}

fn rolled_out(kind: &str, object: &Workload) -> bool {
    let status = &object.status;
    if !object.is_observed() {
        return false;
    }
    if kind == "DaemonSet" {
        let expected = status.desired_number_scheduled.unwrap_or_default();
        return status.updated_number_scheduled == expected && status.number_available == expected;
    }
    let expected = object.spec.replicas.unwrap_or(1);
    let updated = if kind == "ReplicaSet" { expected } else { status.updated_replicas };
    let available = if kind == "StatefulSet" { status.ready_replicas } else { status.available_replicas };
    updated == expected && status.replicas == expected && available == expected
}

/// Why the API server rejects the pods of an owner, as quotas and pod security do.
pub(crate) fn refused(snapshot: &Snapshot, kind: &str, owner: &Workload) -> Option<String> {
    if kind == "ReplicaSet" {
        let failure = condition(&owner.status.conditions, "ReplicaFailure").filter(|found| found.is_true());
        return failure.filter(|found| found.reason == "FailedCreate").map(Condition::text);
    }
    let events = snapshot.events_of(&owner.metadata);
    let last =
        events.into_iter().rfind(|event| matches!(event.reason.as_str(), "FailedCreate" | "SuccessfulCreate"))?;
    (last.reason == "FailedCreate").then(|| last.text())
}
