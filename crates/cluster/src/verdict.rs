//! What objects say about themselves: in order, on their way, or never to get there.
//!
//! A pod whose image cannot be pulled, that crashes, that no node takes, or whose configuration is wrong will not become
//! ready by waiting, so it ends a wait at once, with the reason that the cluster gives.
//!
//! Pure. Deliberately absent: waiting.

use std::fmt;

use serde_json::Value;

use crate::seen::Seen;
use kubernetes::manifest::ObjectKey;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ready,
    /// Not yet, and why.
    Pending(Trouble),
    /// It will not get there.
    Never(Trouble),
}

/// What is wrong with an object, or what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trouble {
    /// Kind, namespace, and name.
    pub resource: String,
    /// The state that it is in, in the cluster's own word.
    pub phase: String,
    /// Why, as far as the cluster says.
    pub cause: String,
}

impl Trouble {
    /// Some trouble.
    #[must_use]
    pub fn new(resource: impl Into<String>, phase: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { resource: resource.into(), phase: phase.into(), cause: cause.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A judge that only bides its time has none to tell of.
        if self.resource.is_empty() {
            return Ok(());
        }
        write!(f, "{} is {}: {}", self.resource, self.phase, self.cause)
    }
}

/// Reasons to wait that no waiting ends.
const FATAL: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "ImageInspectError",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
];

/// How often a volume may fail to be mounted because something is missing, before it will stay missing.
const MOUNT_TRIES: i64 = 3;

/// What the kubelet says of a volume whose source is not there: an object, a key of one, a path of the node.
const MISSING: [&str; 3] = ["not found", "references non-existent", "type check failed"];

/// How several objects stand together: the first that never gets there, else the first that is not there yet.
#[must_use]
pub fn of_all<'a>(seen: &Seen, keys: impl IntoIterator<Item = &'a ObjectKey>) -> Verdict {
    let mut pending = None;
    for key in keys {
        match of(seen, key) {
            Verdict::Ready => {}
            Verdict::Never(trouble) => return Verdict::Never(trouble),
            Verdict::Pending(trouble) => {
                pending.get_or_insert(trouble);
            }
        }
    }
    pending.map_or(Verdict::Ready, Verdict::Pending)
}

/// How an object stands. Kinds that have no state of their own are always ready.
#[must_use]
pub fn of(seen: &Seen, key: &ObjectKey) -> Verdict {
    let workload = matches!(key.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job");
    let watched = workload || matches!(key.kind.as_str(), "Pod" | "PersistentVolumeClaim" | "SealedSecret");
    if !watched {
        return Verdict::Ready;
    }
    let Some(object) = seen.get(&key.kind, &key.namespace, &key.name) else {
        return Verdict::Pending(Trouble::new(key.to_string(), "missing", "the API server does not have it"));
    };
    match key.kind.as_str() {
        "Pod" => pod(seen, object),
        "PersistentVolumeClaim" => claim(seen, object),
        "SealedSecret" => sealed_secret(key, object),
        _ => workload_of(seen, key, object),
    }
}

fn name_of(object: &Value, kind: &str) -> String {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    format!("{kind} {}/{}", text("namespace"), text("name"))
}

fn workload_of(seen: &Seen, key: &ObjectKey, object: &Value) -> Verdict {
    let done = match key.kind.as_str() {
        "Job" => {
            let condition = |kind: &str| condition(object, kind).is_some_and(|found| found["status"] == "True");
            if condition("Failed") {
                let why = self::condition(object, "Failed").map(message).unwrap_or_default();
                return Verdict::Never(Trouble::new(key.to_string(), "Failed", why));
            }
            condition("Complete")
        }
        kind => rolled_out(kind, object),
    };
    if done {
        return Verdict::Ready;
    }
    if key.kind != "Job" && !observed(object) {
        // The pods that are there are those of what was changed.
        let cause = "its controller has not looked at it yet";
        return Verdict::Pending(Trouble::new(key.to_string(), "not rolled out", cause));
    }
    // A Deployment's pods belong to its ReplicaSets; the others own theirs themselves.
    let owner = if key.kind == "Deployment" { current(seen, object) } else { Some(object) };
    if let Some(refusal) = owner.and_then(|owner| refused(seen, owner)) {
        return Verdict::Never(Trouble::new(key.to_string(), "FailedCreate", refusal));
    }
    let mut pending = None;
    for owned in owner.into_iter().flat_map(|owner| seen.owned("Pod", owner)) {
        // A Job says itself when it has failed too often.
        let retried = key.kind == "Job" && owned["status"]["phase"] == "Failed";
        if retried || !owned["metadata"]["deletionTimestamp"].is_null() {
            continue;
        }
        match pod(seen, owned) {
            Verdict::Ready => {}
            Verdict::Pending(trouble) => {
                pending.get_or_insert(trouble);
            }
            never @ Verdict::Never(_) => return never,
        }
    }
    if let Some(trouble) = pending {
        return Verdict::Pending(trouble);
    }
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let wanted = object["spec"]["replicas"].as_i64().or(object["status"]["desiredNumberScheduled"].as_i64());
    let ready = number(&object["status"]["readyReplicas"]).max(number(&object["status"]["numberReady"]));
    let progress = condition(object, "Progressing").filter(|found| found["status"] == "False").map(message);
    let cause = progress.unwrap_or_else(|| format!("{ready} of {} are ready", wanted.unwrap_or(1)));
    Verdict::Pending(Trouble::new(key.to_string(), "not rolled out", cause))
}

/// The `ReplicaSet` of a Deployment's present template. Its revision does not tell: with `Recreate`, a Deployment keeps that
/// of the old set until the last old pod is gone.
fn current<'a>(seen: &'a Seen, deployment: &'a Value) -> Option<&'a Value> {
    let wanted = &deployment["spec"]["template"];
    seen.owned("ReplicaSet", deployment).find(|set| {
        let mut template = set["spec"]["template"].clone();
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove("pod-template-hash");
        }
        template == *wanted
    })
}

/// Whether the controller of an object has seen it as it is now.
fn observed(object: &Value) -> bool {
    object["status"]["observedGeneration"].as_i64().unwrap_or_default()
        >= object["metadata"]["generation"].as_i64().unwrap_or_default()
}

fn rolled_out(kind: &str, object: &Value) -> bool {
    let status = &object["status"];
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    if !observed(object) {
        return false;
    }
    if kind == "DaemonSet" {
        let wanted = number(&status["desiredNumberScheduled"]);
        return number(&status["updatedNumberScheduled"]) == wanted && number(&status["numberAvailable"]) == wanted;
    }
    let wanted = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let updated = if kind == "ReplicaSet" { wanted } else { number(&status["updatedReplicas"]) };
    let available = if kind == "StatefulSet" { &status["readyReplicas"] } else { &status["availableReplicas"] };
    updated == wanted && number(&status["replicas"]) == wanted && number(available) == wanted
}

/// Why the API server lets an owner create no pods: quotas and pod security say `forbidden`.
pub(crate) fn refused(seen: &Seen, owner: &Value) -> Option<String> {
    let events = seen.events_of(owner);
    let last = events
        .iter()
        .rev()
        .find(|event| matches!(event["reason"].as_str(), Some("FailedCreate" | "SuccessfulCreate")))?;
    let text = message(last);
    (last["reason"] == "FailedCreate" && (text.contains("forbidden") || text.contains("is invalid"))).then_some(text)
}

/// How a pod stands.
#[must_use]
pub fn pod(seen: &Seen, pod: &Value) -> Verdict {
    let name = name_of(pod, "Pod");
    let phase = pod["status"]["phase"].as_str().unwrap_or("Pending").to_owned();
    if phase == "Succeeded" || condition(pod, "Ready").is_some_and(|found| found["status"] == "True") {
        return Verdict::Ready;
    }
    if let Some(found) = condition(pod, "PodScheduled").filter(|found| found["reason"] == "Unschedulable") {
        let text = message(found);
        // A claim is bound a moment later, or tells by itself why not; a node becomes ready.
        if !text.contains("PersistentVolumeClaim") && !text.contains("node.kubernetes.io/not-ready") {
            return Verdict::Never(Trouble::new(name, "Unschedulable", text));
        }
        for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
            let claim_name = volume["persistentVolumeClaim"]["claimName"].as_str().unwrap_or_default();
            let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
            if let Some(object) = seen.get("PersistentVolumeClaim", namespace, claim_name)
                && let never @ Verdict::Never(_) = claim(seen, object)
            {
                return never;
            }
        }
        return Verdict::Pending(Trouble::new(name, "Unschedulable", text));
    }
    let statuses = ["initContainerStatuses", "containerStatuses"];
    let containers = || statuses.iter().flat_map(|key| pod["status"][*key].as_array().into_iter().flatten());
    for container in containers() {
        if let Some(trouble) = crashed(&name, container) {
            return Verdict::Never(trouble);
        }
    }
    if phase == "Failed" {
        // What went well, such as its init containers, is not why.
        let states = || containers().map(|container| &container["state"]["terminated"]);
        let why = states().filter(|state| state["exitCode"] != 0).find_map(terminated);
        let why =
            why.unwrap_or_else(|| pod["status"]["message"].as_str().unwrap_or("its containers failed").to_owned());
        return Verdict::Never(Trouble::new(name, phase, why));
    }
    let events = seen.events_of(pod);
    let mounts = events.iter().rev().find(|event| event["reason"] == "FailedMount");
    if let Some(event) = mounts
        && event["count"].as_i64().unwrap_or(1) >= MOUNT_TRIES
        && MISSING.iter().any(|words| message(event).contains(words))
    {
        return Verdict::Never(Trouble::new(name, "FailedMount", message(event)));
    }
    let waiting = containers().find_map(|container| container["state"]["waiting"]["reason"].as_str());
    // Why it had no node once says nothing of a pod that has one.
    let scheduled = condition(pod, "PodScheduled").is_some_and(|found| found["status"] == "True");
    let warning = events
        .iter()
        .rev()
        .find(|event| event["type"] == "Warning" && !(scheduled && event["reason"] == "FailedScheduling"))
        .map(|event| message(event));
    let running = containers().any(|container| !container["state"]["running"].is_null());
    let state = if running && phase == "Running" { "Running, not ready" } else { &phase };
    let cause = warning.or(waiting.map(str::to_owned)).unwrap_or_else(|| "its containers are not ready yet".to_owned());
    Verdict::Pending(Trouble::new(name, state, cause))
}

/// Why a container will not run: a reason that waiting does not end, or that it ended and had to be started again.
fn crashed(pod: &str, container: &Value) -> Option<Trouble> {
    let name = container["name"].as_str().unwrap_or_default();
    // What a node lost sight of while it was down is started again, and did not crash.
    let states = [&container["lastState"]["terminated"], &container["state"]["terminated"]];
    let ended = states.into_iter().filter(|state| state["reason"] != "Unknown").find_map(terminated);
    let told = |reason: &str, text: String| {
        Some(Trouble::new(pod.to_owned(), reason.to_owned(), format!("container `{name}`: {text}")))
    };
    let waiting = &container["state"]["waiting"];
    if let Some(reason) = waiting["reason"].as_str().filter(|reason| FATAL.contains(reason)) {
        let said = waiting["message"].as_str().unwrap_or(reason).to_owned();
        return told(reason, if reason == "CrashLoopBackOff" { ended.unwrap_or(said) } else { said });
    }
    let restarts = container["restartCount"].as_i64().unwrap_or_default();
    match ended {
        // Once is no loop: what a container waits for may come a moment after it.
        Some(ended) if restarts >= 2 && container["ready"] != true => {
            told("CrashLoop", format!("{ended}, {restarts} restarts"))
        }
        _ => None,
    }
}

/// How a container ended that should not have.
fn terminated(state: &Value) -> Option<String> {
    let code = state["exitCode"].as_i64()?;
    let reason = state["reason"].as_str().unwrap_or("ended");
    if code == 0 && reason == "Completed" {
        return Some("it ended with exit code 0, and should run on".to_owned());
    }
    let said = state["message"].as_str().map(|text| format!(": {}", text.trim())).unwrap_or_default();
    Some(format!("it ended with exit code {code} ({reason}){said}"))
}

fn claim(seen: &Seen, claim: &Value) -> Verdict {
    let phase = claim["status"]["phase"].as_str().unwrap_or("Pending");
    if phase == "Bound" {
        return Verdict::Ready;
    }
    let name = name_of(claim, "PersistentVolumeClaim");
    if phase == "Lost" {
        return Verdict::Never(Trouble::new(name, phase, "its volume is gone"));
    }
    let events = seen.events_of(claim);
    let reason = |event: &&&Value| event["reason"].as_str().unwrap_or_default().to_owned();
    let Some(last) = events.last() else { return Verdict::Pending(Trouble::new(name, phase, "it is not bound yet")) };
    match reason(&last).as_str() {
        "ProvisioningFailed" | "FailedBinding" => Verdict::Never(Trouble::new(name, phase, message(last))),
        // It is bound once a pod asks for it, and the pod is watched.
        "WaitForFirstConsumer" => Verdict::Ready,
        _ => Verdict::Pending(Trouble::new(name, phase, message(last))),
    }
}

fn sealed_secret(key: &ObjectKey, object: &Value) -> Verdict {
    match condition(object, "Synced").filter(|_| observed(object)) {
        Some(found) if found["status"] == "True" => Verdict::Ready,
        Some(found) => Verdict::Never(Trouble::new(key.to_string(), "not unsealed", message(found))),
        None => Verdict::Pending(Trouble::new(key.to_string(), "not unsealed", "no controller has looked at it yet")),
    }
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn message(value: &Value) -> String {
    value["message"].as_str().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A cluster with these objects, each with its name as its uid, in the namespace `ns`.
    fn seen(objects: &[(&str, Value)]) -> Seen {
        let mut seen = Seen::default();
        for (kind, object) in objects {
            let mut object = object.clone();
            object["metadata"]["namespace"] = json!("ns");
            object["metadata"]["uid"] = object["metadata"]["name"].clone();
            seen.event(kind, &json!({ "type": "ADDED", "object": object }));
        }
        seen
    }

    fn key(kind: &str, name: &str) -> ObjectKey {
        let text = str::to_owned;
        ObjectKey { group: String::new(), kind: text(kind), namespace: text("ns"), name: text(name) }
    }

    /// `never: <resource> is <phase>: <cause>` and kin.
    fn told(verdict: Verdict) -> String {
        let trouble = |Trouble { resource, phase, cause }| format!("{resource} is {phase}: {cause}");
        match verdict {
            Verdict::Ready => "ready".to_owned(),
            Verdict::Pending(found) => format!("pending: {}", trouble(found)),
            Verdict::Never(found) => format!("never: {}", trouble(found)),
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
        told(of(&seen(&objects), &key("Pod", "web-1")))
    }

    fn template(image: &str, labels: &Value) -> Value {
        json!({ "metadata": { "labels": labels }, "spec": { "containers": [{ "image": image }] } })
    }

    /// A Deployment of one replica of an image, of which `ready` are.
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
        told(of(&seen(objects), &key("Deployment", "web")))
    }

    #[test]
    fn what_is_healthy_is_ready_and_what_is_not_there_is_missing() {
        let objects = [
            ("Deployment", deployment(3, 3, "1", 1)),
            ("ReplicaSet", replica_set("web-1", "1")),
            ("Pod", healthy("web-1-a", "web-1")),
        ];
        assert_eq!(of_deployment(&objects), "ready");
        assert_eq!(of_deployment(&[]), "pending: Deployment ns/web is missing: the API server does not have it");
        assert_eq!(told(of(&seen(&[]), &key("ConfigMap", "web"))), "ready");
        // A container that crashed and recovered is well.
        let container = json!({
            "ready": true,
            "restartCount": 3,
            "state": { "running": {} },
            "lastState": { "terminated": { "exitCode": 1, "reason": "Error" } },
        });
        assert_eq!(of_pod(pod_with("web-1", "", "Running", &container), &[]), "ready");
    }

    #[test]
    fn an_image_that_cannot_be_had_never_comes() {
        for reason in ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"] {
            let state = json!({ "waiting": { "reason": reason, "message": "no such image" } });
            let container = json!({ "ready": false, "restartCount": 0, "state": state });
            let expected = format!("never: Pod ns/web-1 is {reason}: container `main`: no such image");
            assert_eq!(of_pod(pod_with("web-1", "", "Pending", &container), &[]), expected);
        }
        assert_eq!(
            of_pod(starting("web-1", ""), &[]),
            "pending: Pod ns/web-1 is Pending: ContainerCreating",
            "an image on its way is waited for"
        );
    }

    #[test]
    fn wrong_configuration_never_mends_itself() {
        let state =
            json!({ "waiting": { "reason": "CreateContainerConfigError", "message": "secret \"key\" not found" } });
        let container = json!({ "ready": false, "restartCount": 0, "state": state });
        assert_eq!(
            of_pod(pod_with("web-1", "", "Pending", &container), &[]),
            "never: Pod ns/web-1 is CreateContainerConfigError: container `main`: secret \"key\" not found"
        );
        let mount = |count: i64, why: &str| {
            let text = &format!("MountVolume.SetUp failed for volume \"config\": {why}");
            let mut event = event("mount", "web-1", "Warning", "FailedMount", text, "01");
            event["count"] = json!(count);
            of_pod(starting("web-1", ""), &[event])
        };
        for why in ["configmap \"web\" not found", "references non-existent secret key: password"] {
            let (once, often) = (mount(1, why), mount(3, why));
            assert!(often.starts_with("never: Pod ns/web-1 is FailedMount: "), "{often}");
            assert!(once.starts_with("pending: "), "what is applied a moment later is waited for: {once}");
        }
    }

    #[test]
    fn a_crash_loop_tells_how_the_container_ended() {
        assert_eq!(
            of_pod(looping("web-1", ""), &[]),
            "never: Pod ns/web-1 is CrashLoopBackOff: container `main`: it ended with exit code 1 (Error)"
        );
        // Between two attempts there is no back-off to be seen, and it is no better.
        let mut running = looping("web-1", "");
        running["status"]["containerStatuses"][0]["state"] = json!({ "running": {} });
        assert_eq!(
            of_pod(running.clone(), &[]),
            "never: Pod ns/web-1 is CrashLoop: container `main`: it ended with exit code 1 (Error), 2 restarts"
        );
        // The first time, what it missed may be there by now.
        let mut once = running.clone();
        once["status"]["containerStatuses"][0]["restartCount"] = json!(1);
        assert_eq!(of_pod(once, &[]), "pending: Pod ns/web-1 is Running, not ready: its containers are not ready yet");
        // The node was down: nobody knows how the container ended, and it is started again.
        let last = &mut running["status"]["containerStatuses"][0]["lastState"];
        *last = json!({ "terminated": { "exitCode": 255, "reason": "Unknown" } });
        assert_eq!(
            of_pod(running, &[]),
            "pending: Pod ns/web-1 is Running, not ready: its containers are not ready yet"
        );
    }

    #[test]
    fn of_a_failed_pod_the_container_that_failed_is_the_cause() {
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
        assert_eq!(of_pod(pod, &[]), "never: Pod ns/web-1 is Failed: it ended with exit code 2 (Error)");
        let evicted = json!({
            "metadata": { "name": "web-1" },
            "status": { "phase": "Failed", "reason": "Evicted", "message": "the node was low on memory" },
        });
        assert_eq!(of_pod(evicted, &[]), "never: Pod ns/web-1 is Failed: the node was low on memory");
    }

    fn unschedulable(message: &str) -> Value {
        let condition =
            json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message });
        json!({
            "metadata": { "name": "web-1" },
            "spec": { "volumes": [{ "persistentVolumeClaim": { "claimName": "data" } }] },
            "status": { "phase": "Pending", "conditions": [condition] },
        })
    }

    #[test]
    fn what_no_node_takes_never_runs_but_claims_and_nodes_get_their_time() {
        let text = "0/1 nodes are available: 1 Insufficient memory.";
        assert_eq!(of_pod(unschedulable(text), &[]), format!("never: Pod ns/web-1 is Unschedulable: {text}"));
        for text in [
            "0/1 nodes are available: 1 node(s) had untolerated taint(s) {node.kubernetes.io/not-ready: }.",
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
        ] {
            assert_eq!(of_pod(unschedulable(text), &[]), format!("pending: Pod ns/web-1 is Unschedulable: {text}"));
        }
        // Why it had to wait for its claim is no longer of interest once it has a node.
        let stale = event("old", "web-1", "Warning", "FailedScheduling", "unbound PersistentVolumeClaims", "01");
        assert_eq!(of_pod(starting("web-1", ""), &[stale]), "pending: Pod ns/web-1 is Pending: ContainerCreating");
    }

    #[test]
    fn a_claim_that_cannot_be_bound_ends_the_wait_for_its_pod() {
        let claim = |phase: &str| json!({ "metadata": { "name": "data" }, "status": { "phase": phase } });
        let of_claim = |phase: &str, events: &[Value]| {
            let mut objects = vec![("PersistentVolumeClaim", claim(phase))];
            objects.extend(events.iter().map(|event| ("Event", event.clone())));
            told(of(&seen(&objects), &key("PersistentVolumeClaim", "data")))
        };
        let reason = |reason: &str, time: &str| event(reason, "data", "Normal", reason, reason, time);
        assert_eq!(of_claim("Bound", &[]), "ready");
        assert_eq!(of_claim("Pending", &[]), "pending: PersistentVolumeClaim ns/data is Pending: it is not bound yet");
        assert_eq!(of_claim("Pending", &[reason("WaitForFirstConsumer", "01")]), "ready");
        assert!(of_claim("Lost", &[]).starts_with("never: "));
        // The latest event counts, in whatever order they come.
        let late = [reason("ProvisioningFailed", "09"), reason("ExternalProvisioning", "08")];
        assert!(of_claim("Pending", &late).starts_with("never: "));

        let objects = [
            ("Pod", unschedulable("pod has unbound immediate PersistentVolumeClaims.")),
            ("PersistentVolumeClaim", claim("Pending")),
            ("Event", event("no", "data", "Warning", "ProvisioningFailed", "no storage class \"fast\"", "01")),
        ];
        assert_eq!(
            told(of(&seen(&objects), &key("Pod", "web-1"))),
            "never: PersistentVolumeClaim ns/data is Pending: no storage class \"fast\""
        );
    }

    #[test]
    fn readiness_that_does_not_come_is_waited_for_and_says_what_the_probe_says() {
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
    fn a_pod_that_never_comes_counts_before_one_that_is_late() {
        let objects = [
            ("Deployment", deployment(1, 1, "1", 0)),
            ("ReplicaSet", replica_set("web-1", "1")),
            ("Pod", starting("web-1-a", "web-1")),
            ("Pod", looping("web-1-b", "web-1")),
        ];
        assert!(of_deployment(&objects).starts_with("never: Pod ns/web-1-b is CrashLoopBackOff"));
        assert!(of_deployment(&objects[..3]).starts_with("pending: Pod ns/web-1-a is Pending"));
        assert_eq!(
            of_deployment(&objects[..2]),
            "pending: Deployment ns/web is not rolled out: 0 of 1 are ready",
            "its pods are not there yet"
        );
        let keys = [key("Pod", "web-1-a"), key("ConfigMap", "web"), key("Pod", "web-1-b")];
        assert!(told(of_all(&seen(&objects), &keys)).starts_with("never: Pod ns/web-1-b"));
        assert!(told(of_all(&seen(&objects), &keys[..2])).starts_with("pending: Pod ns/web-1-a"));
    }

    #[test]
    fn pods_of_an_earlier_template_are_not_held_against_the_present_one() {
        let old = [("ReplicaSet", replica_set("web-1", "1")), ("Pod", looping("web-1-a", "web-1"))];
        let with = |more: &[(&str, Value)]| of_deployment(&[&old[..], more].concat());
        let waits = "pending: Deployment ns/web is not rolled out: its controller has not looked at it yet";
        assert_eq!(with(&[("Deployment", deployment(2, 1, "1", 0))]), waits);
        // The new set exists, and is not seen yet.
        let late = with(&[("Deployment", deployment(2, 2, "2", 0))]);
        assert_eq!(late, "pending: Deployment ns/web is not rolled out: 0 of 1 are ready");
        let new = [("Deployment", deployment(2, 2, "2", 0)), ("ReplicaSet", replica_set("web-2", "2"))];
        assert!(
            with(&[&new[..], &[("Pod", starting("web-2-a", "web-2"))]].concat()).starts_with("pending: Pod ns/web-2-a")
        );
        assert!(
            with(&[&new[..], &[("Pod", looping("web-2-a", "web-2"))]].concat()).starts_with("never: Pod ns/web-2-a")
        );
        // On its way out, it is of no interest.
        let mut leaving = looping("web-2-a", "web-2");
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert!(with(&[&new[..], &[("Pod", leaving)]].concat()).starts_with("pending: Deployment"));
    }

    #[test]
    fn a_refusal_to_create_pods_ends_the_wait_until_one_is_created() {
        let failed = event("a", "web-1", "Warning", "FailedCreate", "pods \"x\" is forbidden: exceeded quota", "01");
        let created = event("b", "web-1", "Normal", "SuccessfulCreate", "Created pod: x", "02");
        let objects = [
            ("Deployment", deployment(1, 1, "1", 0)),
            ("ReplicaSet", replica_set("web-1", "1")),
            ("Event", failed),
            ("Event", created),
        ];
        assert_eq!(
            of_deployment(&objects[..3]),
            "never: Deployment ns/web is FailedCreate: pods \"x\" is forbidden: exceeded quota"
        );
        assert!(of_deployment(&objects).starts_with("pending: "));
    }

    #[test]
    fn a_job_may_try_again_until_it_says_that_it_failed() {
        let job = |condition: &str| {
            let conditions = json!([{ "type": condition, "status": "True", "message": "the limit is reached" }]);
            json!({ "metadata": { "name": "load" }, "status": { "conditions": conditions } })
        };
        let mut failed = pod_with("load-a", "load", "Failed", &json!({ "ready": false }));
        failed["status"]["containerStatuses"][0]["state"] = json!({ "terminated": { "exitCode": 1 } });
        let of_job =
            |condition: &str| told(of(&seen(&[("Job", job(condition)), ("Pod", failed.clone())]), &key("Job", "load")));
        assert_eq!(of_job("Complete"), "ready");
        assert!(of_job("Suspended").starts_with("pending: Job ns/load"));
        assert_eq!(of_job("Failed"), "never: Job ns/load is Failed: the limit is reached");
    }

    #[test]
    fn other_workloads_are_ready_when_all_of_theirs_are() {
        let ready = |kind: &str, object: Value| told(of(&seen(&[(kind, object)]), &key(kind, "web"))) == "ready";
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
    fn a_sealed_secret_is_as_its_controller_says_of_its_present_generation() {
        let of_sealed = |observed: i64, status: &str| {
            let conditions = json!([{ "type": "Synced", "status": status, "message": "no key could decrypt it" }]);
            let object = json!({
                "metadata": { "name": "demo", "generation": 2 },
                "status": { "observedGeneration": observed, "conditions": conditions },
            });
            told(of(&seen(&[("SealedSecret", object)]), &key("SealedSecret", "demo")))
        };
        assert_eq!(of_sealed(2, "True"), "ready");
        assert_eq!(of_sealed(2, "False"), "never: SealedSecret ns/demo is not unsealed: no key could decrypt it");
        assert!(of_sealed(1, "False").starts_with("pending: "));
    }
}
