//! The health of objects in typical states.

use serde_json::{Value, json};

use super::outcome::Verdict;
use super::pod::{MOUNT_TRIES, SCHEDULE};
use super::*;
use crate::snapshot::testing;

/// A cluster with these objects, each with its name as its uid, in the namespace `ns`.
fn snapshot(objects: &[(&str, Value)]) -> Snapshot {
    let mut snapshot = testing::snapshot(&[("Node", node("True", &json!([])))]);
    for (kind, object) in objects {
        let mut object = object.clone();
        object["metadata"]["namespace"] = json!("ns");
        object["metadata"]["uid"] = object["metadata"]["name"].clone();
        testing::add(&mut snapshot, kind, object);
    }
    snapshot
}

fn node(ready: &str, taints: &Value) -> Value {
    let conditions = json!([{ "type": "Ready", "status": ready }]);
    json!({ "metadata": { "name": "node" }, "spec": { "taints": taints }, "status": { "conditions": conditions } })
}

fn key(kind: &str, name: &str) -> ObjectKey {
    let text = str::to_owned;
    ObjectKey { group: String::new(), kind: text(kind), namespace: text("ns"), name: text(name) }
}

/// `failed: <resource> is <phase>: <cause>` and the like.
fn shown(verdict: Verdict) -> String {
    match verdict {
        Verdict::Ready => "ready".to_owned(),
        Verdict::Pending(problem) => format!("pending: {problem}"),
        Verdict::Failed(problem, _) => format!("failed: {problem}"),
    }
}

fn event(name: &str, about: &str, kind: &str, reason: &str, message: &str, time: &str) -> Value {
    json!({
        "metadata": { "name": name },
        "involvedObject": { "uid": about },
        "type": kind,
        "reason": reason,
        "message": message,
        "lastTimestamp": format!("2026-01-01T00:00:{time}Z"),
    })
}

fn scheduled(ready: &str) -> Value {
    json!([{ "type": "PodScheduled", "status": "True" }, { "type": "Ready", "status": ready }])
}

/// A pod with one container in a state.
fn pod_with(name: &str, owner: &str, phase: &str, container: &Value) -> Value {
    let mut container = container.clone();
    container["name"] = json!("main");
    json!({
        "metadata": { "name": name, "ownerReferences": [{ "uid": owner }] },
        "status": {
            "phase": phase,
            "conditions": scheduled(if container["ready"] == true { "True" } else { "False" }),
            "containerStatuses": [container],
        },
    })
}

fn healthy(name: &str, owner: &str) -> Value {
    pod_with(name, owner, "Running", &json!({ "ready": true, "restartCount": 0, "state": { "running": {} } }))
}

fn starting(name: &str, owner: &str) -> Value {
    let state = json!({ "waiting": { "reason": "ContainerCreating" } });
    pod_with(name, owner, "Pending", &json!({ "ready": false, "restartCount": 0, "state": state }))
}

fn looping(name: &str, owner: &str) -> Value {
    let state = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s" } });
    let last = json!({ "terminated": { "exitCode": 1, "reason": "Error" } });
    let container = json!({ "ready": false, "restartCount": 2, "state": state, "lastState": last });
    pod_with(name, owner, "Running", &container)
}

fn of_pod(pod: Value, events: &[Value]) -> String {
    let mut objects = vec![("Pod", pod)];
    objects.extend(events.iter().map(|event| ("Event", event.clone())));
    shown(of(&snapshot(&objects), &key("Pod", "web-1")))
}

fn template(image: &str, labels: &Value) -> Value {
    json!({ "metadata": { "labels": labels }, "spec": { "containers": [{ "image": image }] } })
}

/// A Deployment of one replica of an image, of which `ready` are ready.
fn deployment(generation: i64, observed: i64, image: &str, ready: i64) -> Value {
    json!({
        "metadata": { "name": "web", "generation": generation },
        "spec": { "replicas": 1, "template": template(image, &json!({ "app": "web" })) },
        "status": {
            "observedGeneration": observed,
            "replicas": 1,
            "updatedReplicas": 1,
            "readyReplicas": ready,
            "availableReplicas": ready,
        },
    })
}

fn replica_set(name: &str, image: &str) -> Value {
    let labels = json!({ "app": "web", "pod-template-hash": name });
    json!({
        "metadata": { "name": name, "ownerReferences": [{ "uid": "web" }] },
        "spec": { "template": template(image, &labels) },
    })
}

fn of_deployment(objects: &[(&str, Value)]) -> String {
    shown(of(&snapshot(objects), &key("Deployment", "web")))
}

#[test]
fn a_healthy_object_is_ready_and_an_absent_one_is_missing() {
    let objects = [
        ("Deployment", deployment(3, 3, "1", 1)),
        ("ReplicaSet", replica_set("web-1", "1")),
        ("Pod", healthy("web-1-a", "web-1")),
    ];
    assert_eq!(of_deployment(&objects), "ready");
    assert_eq!(of_deployment(&[]), "pending: Deployment ns/web is missing: the API server has no such object");
    assert_eq!(shown(of(&snapshot(&[]), &key("ConfigMap", "web"))), "ready");
    // A container that crashed and recovered is healthy.
    let container = json!({
        "ready": true,
        "restartCount": 3,
        "state": { "running": {} },
        "lastState": { "terminated": { "exitCode": 1, "reason": "Error" } },
    });
    assert_eq!(of_pod(pod_with("web-1", "", "Running", &container), &[]), "ready");
}

#[test]
fn an_image_that_cannot_be_pulled_is_a_failure() {
    for reason in ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"] {
        let state = json!({ "waiting": { "reason": reason, "message": "no such image" } });
        let container = json!({ "ready": false, "restartCount": 0, "state": state });
        let expected = format!("failed: Pod ns/web-1 is {reason}: container `main`: no such image");
        assert_eq!(of_pod(pod_with("web-1", "", "Pending", &container), &[]), expected);
    }
    assert_eq!(
        of_pod(starting("web-1", ""), &[]),
        "pending: Pod ns/web-1 is Pending: ContainerCreating",
        "the image is still being pulled"
    );
}

#[test]
fn invalid_configuration_is_a_failure() {
    let state = json!({ "waiting": { "reason": "CreateContainerConfigError", "message": "secret \"key\" not found" } });
    let container = json!({ "ready": false, "restartCount": 0, "state": state });
    assert_eq!(
        of_pod(pod_with("web-1", "", "Pending", &container), &[]),
        "failed: Pod ns/web-1 is CreateContainerConfigError: container `main`: secret \"key\" not found"
    );
    let mount = |count: i64| {
        let mut event = event("mount", "web-1", "Warning", "FailedMount", "any message", "01");
        event["count"] = json!(count);
        of_pod(starting("web-1", ""), &[event])
    };
    assert_eq!(mount(MOUNT_TRIES), "failed: Pod ns/web-1 is FailedMount: any message");
    assert_eq!(mount(MOUNT_TRIES - 1), "pending: Pod ns/web-1 is Pending: any message");
}

#[test]
fn a_crash_loop_shows_how_the_container_ended() {
    assert_eq!(
        of_pod(looping("web-1", ""), &[]),
        "failed: Pod ns/web-1 is CrashLoopBackOff: container `main`: it exited with code 1 (Error)"
    );
    // Between two attempts no back-off is reported.
    let mut running = looping("web-1", "");
    running["status"]["containerStatuses"][0]["state"] = json!({ "running": {} });
    assert_eq!(
        of_pod(running.clone(), &[]),
        "failed: Pod ns/web-1 is CrashLoop: container `main`: it exited with code 1 (Error), 2 restarts"
    );
    // After the first restart, what was missing may exist.
    let mut once = running.clone();
    once["status"]["containerStatuses"][0]["restartCount"] = json!(1);
    assert_eq!(of_pod(once, &[]), "pending: Pod ns/web-1 is Running, not ready: its containers are not ready yet");
    // The node was down, so how the container ended is unknown, and it is restarted.
    let last = &mut running["status"]["containerStatuses"][0]["lastState"];
    *last = json!({ "terminated": { "exitCode": 255, "reason": "Unknown" } });
    assert_eq!(of_pod(running, &[]), "pending: Pod ns/web-1 is Running, not ready: its containers are not ready yet");
}

#[test]
fn the_cause_of_a_failed_pod_is_the_container_that_failed() {
    let pod = json!({
        "metadata": { "name": "web-1" },
        "status": {
            "phase": "Failed",
            "initContainerStatuses": [
                { "name": "init", "state": { "terminated": { "exitCode": 0, "reason": "Completed" } } },
            ],
            "containerStatuses": [
                { "name": "main", "state": { "terminated": { "exitCode": 2, "reason": "Error" } } },
            ],
        },
    });
    assert_eq!(of_pod(pod, &[]), "failed: Pod ns/web-1 is Failed: it exited with code 2 (Error)");
    let evicted = json!({
        "metadata": { "name": "web-1" },
        "status": { "phase": "Failed", "reason": "Evicted", "message": "the node was low on memory" },
    });
    assert_eq!(of_pod(evicted, &[]), "failed: Pod ns/web-1 is Failed: the node was low on memory");
}

fn unschedulable() -> Value {
    let condition =
        json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node fits" });
    json!({
        "metadata": { "name": "web-1" },
        "spec": { "volumes": [{ "persistentVolumeClaim": { "claimName": "data" } }] },
        "status": { "phase": "Pending", "conditions": [condition] },
    })
}

fn claim_in(phase: &str) -> Value {
    json!({ "metadata": { "name": "data" }, "status": { "phase": phase } })
}

#[test]
fn an_unschedulable_pod_fails_unless_its_claim_or_the_node_is_not_ready() {
    let pending = "pending: Pod ns/web-1 is Unschedulable: no node fits";
    let failed = Verdict::Failed(Problem::new("Pod ns/web-1", "is Unschedulable", "no node fits"), SCHEDULE);
    let judge = |objects: &[(&str, Value)]| of(&snapshot(objects), &key("Pod", "web-1"));
    assert_eq!(judge(&[("Pod", unschedulable())]), failed);
    let claim = |phase: &str| ("PersistentVolumeClaim", claim_in(phase));
    assert_eq!(judge(&[("Pod", unschedulable()), claim("Bound")]), failed);
    assert_eq!(shown(judge(&[("Pod", unschedulable()), claim("Pending")])), pending);
    let taint = json!([{ "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" }]);
    for node in [node("False", &json!([])), node("True", &taint)] {
        let mut snapshot = snapshot(&[("Pod", unschedulable())]);
        testing::list(&mut snapshot, "Node", vec![node]);
        assert_eq!(shown(of(&snapshot, &key("Pod", "web-1"))), pending);
    }
    // A scheduled pod no longer waits for its claim.
    let stale = event("old", "web-1", "Warning", "FailedScheduling", "unbound PersistentVolumeClaims", "01");
    assert_eq!(of_pod(starting("web-1", ""), &[stale]), "pending: Pod ns/web-1 is Pending: ContainerCreating");
}

#[test]
fn a_claim_that_cannot_be_bound_ends_the_wait_for_its_pod() {
    let of_claim = |phase: &str, events: &[Value]| {
        let mut objects = vec![("PersistentVolumeClaim", claim_in(phase))];
        objects.extend(events.iter().map(|event| ("Event", event.clone())));
        shown(of(&snapshot(&objects), &key("PersistentVolumeClaim", "data")))
    };
    let reason = |reason: &str, time: &str| event(reason, "data", "Normal", reason, reason, time);
    assert_eq!(of_claim("Bound", &[]), "ready");
    assert_eq!(of_claim("Pending", &[]), "pending: PersistentVolumeClaim ns/data is Pending: it is not bound yet");
    assert_eq!(of_claim("Pending", &[reason("WaitForFirstConsumer", "01")]), "ready");
    assert!(of_claim("Lost", &[]).starts_with("failed: "));
    // The latest event counts, in whatever order they arrive.
    let late = [reason("ProvisioningFailed", "09"), reason("ExternalProvisioning", "08")];
    assert!(of_claim("Pending", &late).starts_with("failed: "));

    let objects = [
        ("Pod", unschedulable()),
        ("PersistentVolumeClaim", claim_in("Pending")),
        ("Event", event("no", "data", "Warning", "ProvisioningFailed", "no storage class \"fast\"", "01")),
    ];
    assert_eq!(
        shown(of(&snapshot(&objects), &key("Pod", "web-1"))),
        "failed: PersistentVolumeClaim ns/data is Pending: no storage class \"fast\""
    );
}

#[test]
fn a_pod_that_is_not_ready_is_pending_with_the_message_of_its_probe() {
    let container = json!({ "ready": false, "restartCount": 0, "state": { "running": {} } });
    let pod = pod_with("web-1", "", "Running", &container);
    let probe = event("probe", "web-1", "Warning", "Unhealthy", "Readiness probe failed: refused", "05");
    let normal = event("started", "web-1", "Normal", "Started", "Started container main", "09");
    assert_eq!(
        of_pod(pod, &[probe, normal]),
        "pending: Pod ns/web-1 is Running, not ready: Readiness probe failed: refused"
    );
}

#[test]
fn a_failed_pod_outweighs_a_pending_one() {
    let objects = [
        ("Deployment", deployment(1, 1, "1", 0)),
        ("ReplicaSet", replica_set("web-1", "1")),
        ("Pod", starting("web-1-a", "web-1")),
        ("Pod", looping("web-1-b", "web-1")),
    ];
    assert!(of_deployment(&objects).starts_with("failed: Pod ns/web-1-b is CrashLoopBackOff"));
    assert!(of_deployment(&objects[..3]).starts_with("pending: Pod ns/web-1-a is Pending"));
    assert_eq!(
        of_deployment(&objects[..2]),
        "pending: Deployment ns/web is not rolled out: 0 of 1 pods are ready",
        "it has no pods yet"
    );
    let keys = [key("Pod", "web-1-a"), key("ConfigMap", "web"), key("Pod", "web-1-b")];
    assert!(shown(of_all(&snapshot(&objects), &keys)).starts_with("failed: Pod ns/web-1-b"));
    assert!(shown(of_all(&snapshot(&objects), &keys[..2])).starts_with("pending: Pod ns/web-1-a"));
}

#[test]
fn pods_of_an_earlier_template_do_not_count() {
    let old = [("ReplicaSet", replica_set("web-1", "1")), ("Pod", looping("web-1-a", "web-1"))];
    let with = |more: &[(&str, Value)]| of_deployment(&[&old[..], more].concat());
    let waits = "pending: Deployment ns/web is not rolled out: its controller has not observed the change yet";
    assert_eq!(with(&[("Deployment", deployment(2, 1, "1", 0))]), waits);
    // The new ReplicaSet exists and is not watched yet.
    let late = with(&[("Deployment", deployment(2, 2, "2", 0))]);
    assert_eq!(late, "pending: Deployment ns/web is not rolled out: 0 of 1 pods are ready");
    let new = [("Deployment", deployment(2, 2, "2", 0)), ("ReplicaSet", replica_set("web-2", "2"))];
    assert!(
        with(&[&new[..], &[("Pod", starting("web-2-a", "web-2"))]].concat()).starts_with("pending: Pod ns/web-2-a")
    );
    assert!(with(&[&new[..], &[("Pod", looping("web-2-a", "web-2"))]].concat()).starts_with("failed: Pod ns/web-2-a"));
    // A terminating pod does not count.
    let mut leaving = looping("web-2-a", "web-2");
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert!(with(&[&new[..], &[("Pod", leaving)]].concat()).starts_with("pending: Deployment"));
}

#[test]
fn refused_pods_are_a_failure_until_one_is_created() {
    let mut set = replica_set("web-1", "1");
    let refused = ("Deployment", deployment(1, 1, "1", 0));
    let failure = |status: &str| json!([{ "type": "ReplicaFailure", "status": status, "reason": "FailedCreate", "message": "over quota" }]);
    set["status"]["conditions"] = failure("True");
    assert_eq!(
        of_deployment(&[refused.clone(), ("ReplicaSet", set.clone())]),
        "failed: Deployment ns/web is FailedCreate: over quota"
    );
    set["status"]["conditions"] = failure("False");
    assert!(of_deployment(&[refused, ("ReplicaSet", set)]).starts_with("pending: "));

    let set = json!({ "metadata": { "name": "db", "generation": 1 }, "status": { "observedGeneration": 1 } });
    let failed = event("a", "db", "Warning", "FailedCreate", "over quota", "01");
    let created = event("b", "db", "Normal", "SuccessfulCreate", "created", "02");
    let objects = [("StatefulSet", set), ("Event", failed), ("Event", created)];
    let of_set = |objects: &[(&str, Value)]| shown(of(&snapshot(objects), &key("StatefulSet", "db")));
    assert_eq!(of_set(&objects[..2]), "failed: StatefulSet ns/db is FailedCreate: over quota");
    assert!(of_set(&objects).starts_with("pending: "));
}

#[test]
fn a_job_may_retry_until_it_reports_failure() {
    let job = |condition: &str| {
        let conditions = json!([{ "type": condition, "status": "True", "message": "the limit is reached" }]);
        json!({ "metadata": { "name": "load" }, "status": { "conditions": conditions } })
    };
    let mut failed = pod_with("load-a", "load", "Failed", &json!({ "ready": false }));
    failed["status"]["containerStatuses"][0]["state"] = json!({ "terminated": { "exitCode": 1 } });
    let of_job = |condition: &str| {
        shown(of(&snapshot(&[("Job", job(condition)), ("Pod", failed.clone())]), &key("Job", "load")))
    };
    assert_eq!(of_job("Complete"), "ready");
    assert!(of_job("Suspended").starts_with("pending: Job ns/load"));
    assert_eq!(of_job("Failed"), "failed: Job ns/load is Failed: the limit is reached");
}

#[test]
fn daemon_sets_and_stateful_sets_are_ready_when_all_their_pods_are() {
    let ready = |kind: &str, object: Value| shown(of(&snapshot(&[(kind, object)]), &key(kind, "web"))) == "ready";
    let daemons = |updated: i64, available: i64| {
        let status = json!({
            "observedGeneration": 1,
            "desiredNumberScheduled": 2,
            "updatedNumberScheduled": updated,
            "numberAvailable": available,
        });
        json!({ "metadata": { "name": "web", "generation": 1 }, "status": status })
    };
    assert!(ready("DaemonSet", daemons(2, 2)) && !ready("DaemonSet", daemons(1, 2)));
    assert!(!ready("DaemonSet", daemons(2, 1)));
    let set = |updated: i64, ready: i64| {
        let status = json!({
            "observedGeneration": 1, "replicas": 2, "updatedReplicas": updated, "readyReplicas": ready,
        });
        json!({ "metadata": { "name": "web", "generation": 1 }, "spec": { "replicas": 2 }, "status": status })
    };
    assert!(ready("StatefulSet", set(2, 2)));
    assert!(!ready("StatefulSet", set(1, 2)) && !ready("StatefulSet", set(2, 1)));
}

#[test]
fn the_health_of_a_sealed_secret_is_its_condition_for_the_current_generation() {
    let of_sealed = |observed: i64, status: &str| {
        let conditions = json!([{ "type": "Synced", "status": status, "message": "no key could decrypt it" }]);
        let object = json!({
            "metadata": { "name": "demo", "generation": 2 },
            "status": { "observedGeneration": observed, "conditions": conditions },
        });
        shown(of(&snapshot(&[("SealedSecret", object)]), &key("SealedSecret", "demo")))
    };
    assert_eq!(of_sealed(2, "True"), "ready");
    assert_eq!(of_sealed(2, "False"), "failed: SealedSecret ns/demo is not unsealed: no key could decrypt it");
    assert!(of_sealed(1, "False").starts_with("pending: "));
}

#[test]
fn data_in_a_cause_is_cut() {
    let problem =
        Problem::new("SealedSecret ns/demo", "is not unsealed", format!("cannot decode {}", "AgBy".repeat(256)));
    assert_eq!(problem.cause, "cannot decode AgByAgByAgByAgByAgByAgBy… (1024 characters)");
}
