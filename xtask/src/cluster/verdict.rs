//! What objects say about themselves: in order, on their way, or never to get there.
//!
//! A pod whose image cannot be pulled, that crashes, that no node takes, or whose configuration is wrong will not become
//! ready by waiting, so it ends a wait at once, with the reason that the cluster gives.
//!
//! Pure. Deliberately absent: waiting.

use serde_json::Value;

use super::seen::Seen;
use crate::manifest::ObjectKey;

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
    // A Deployment's pods belong to its ReplicaSets; the others own theirs themselves.
    let owners: Vec<&Value> = match key.kind.as_str() {
        "Deployment" => current(seen, object).into_iter().collect(),
        _ => vec![object],
    };
    for owner in owners {
        if let Some(refusal) = refused(seen, owner) {
            return Verdict::Never(Trouble::new(key.to_string(), "FailedCreate", refusal));
        }
        for pod_object in seen.owned("Pod", owner).filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()) {
            match pod(seen, pod_object) {
                Verdict::Ready => {}
                other => return other,
            }
        }
    }
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let wanted = object["spec"]["replicas"].as_i64().or(object["status"]["desiredNumberScheduled"].as_i64());
    let ready = number(&object["status"]["readyReplicas"]).max(number(&object["status"]["numberReady"]));
    let progress = condition(object, "Progressing").filter(|found| found["status"] == "False").map(message);
    let cause = progress.unwrap_or_else(|| format!("{ready} of {} are ready", wanted.unwrap_or(1)));
    Verdict::Pending(Trouble::new(key.to_string(), "not rolled out", cause))
}

/// The `ReplicaSet` of a Deployment's present template: its newest.
fn current<'a>(seen: &'a Seen, deployment: &'a Value) -> Option<&'a Value> {
    let revision = |set: &&Value| {
        let text = set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
        text.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default()
    };
    seen.owned("ReplicaSet", deployment).max_by_key(revision)
}

fn rolled_out(kind: &str, object: &Value) -> bool {
    let status = &object["status"];
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    if number(&status["observedGeneration"]) < number(&object["metadata"]["generation"]) {
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
fn refused(seen: &Seen, owner: &Value) -> Option<String> {
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
        let why = containers().find_map(|container| terminated(&container["state"]["terminated"]));
        let why =
            why.unwrap_or_else(|| pod["status"]["message"].as_str().unwrap_or("its containers failed").to_owned());
        return Verdict::Never(Trouble::new(name, phase, why));
    }
    let events = seen.events_of(pod);
    let mounts = events.iter().rev().find(|event| event["reason"] == "FailedMount");
    if let Some(event) = mounts
        && event["count"].as_i64().unwrap_or(1) >= MOUNT_TRIES
        && message(event).contains("not found")
    {
        return Verdict::Never(Trouble::new(name, "FailedMount", message(event)));
    }
    let waiting = containers().find_map(|container| container["state"]["waiting"]["reason"].as_str());
    let warning = events.iter().rev().find(|event| event["type"] == "Warning").map(|event| message(event));
    let running = containers().any(|container| !container["state"]["running"].is_null());
    let state = if running && phase == "Running" { "Running, not ready" } else { &phase };
    let cause = warning.or(waiting.map(str::to_owned)).unwrap_or_else(|| "its containers are not ready yet".to_owned());
    Verdict::Pending(Trouble::new(name, state, cause))
}

/// Why a container will not run: a reason that waiting does not end, or that it ended and had to be started again.
fn crashed(pod: &str, container: &Value) -> Option<Trouble> {
    let name = container["name"].as_str().unwrap_or_default();
    let ended =
        [&container["lastState"]["terminated"], &container["state"]["terminated"]].into_iter().find_map(terminated);
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
        Some(ended) if restarts >= 1 && container["ready"] != true => {
            told("CrashLoop", format!("{ended}, {restarts} restart{}", if restarts == 1 { "" } else { "s" }))
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
    let observed = object["status"]["observedGeneration"].as_i64().unwrap_or_default();
    let fresh = observed >= object["metadata"]["generation"].as_i64().unwrap_or_default();
    match condition(object, "Synced").filter(|_| fresh) {
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
