//! The health of a pod.

use std::time::Duration;

use super::claim::claim;
use super::outcome::{SETTLE, Verdict, worst};
use super::problem::{Evidence, Problem, title};
use crate::api::{Condition, ContainerStatus, Event, Node, Pod, Terminated, condition};
use crate::snapshot::Snapshot;

/// Reasons of waiting containers that do not go away.
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

/// The scheduler retries a pod at most ten seconds after what it waited for: until then its condition is out of date.
pub(super) const SCHEDULE: Duration = Duration::from_secs(12);

/// How often mounting a volume may fail. Within the first seconds the kubelet fills its caches, and a Secret may be created.
pub(super) const MOUNT_TRIES: i64 = 4;

/// The health of a pod.
#[must_use]
pub fn pod(snapshot: &Snapshot, pod: &Pod) -> Verdict {
    let name = title("Pod", &pod.metadata);
    let phase = pod.status.phase.as_deref().unwrap_or("Pending");
    let holds = |kind: &str| condition(&pod.status.conditions, kind).is_some_and(Condition::is_true);
    if phase == "Succeeded" || holds("Ready") {
        return Verdict::Ready;
    }
    let scheduling = condition(&pod.status.conditions, "PodScheduled");
    if let Some(found) = scheduling.filter(|found| found.reason == "Unschedulable") {
        return unschedulable(snapshot, pod, Problem::new(name, "is Unschedulable", found.text()));
    }
    if let Some(problem) = pod.container_statuses().find_map(|container| crashed(&name, container)) {
        return Verdict::Failed(problem, SETTLE);
    }
    if phase == "Failed" {
        // Containers that succeeded, such as init containers, are not the cause.
        let states = pod.container_statuses().filter_map(|container| container.state.terminated.as_ref());
        let cause = states.filter(|state| state.exit_code != 0).map(ended).next();
        let cause = cause.or(pod.status.message.clone()).unwrap_or_else(|| "its containers failed".to_owned());
        return Verdict::Failed(Problem::new(name, "is Failed", cause), SETTLE);
    }
    let events = snapshot.events_of(&pod.metadata);
    let mount = events.iter().rev().find(|event| event.reason == "FailedMount");
    if let Some(event) = mount.filter(|event| event.times() >= MOUNT_TRIES) {
        return Verdict::Failed(Problem::new(name, "is FailedMount", event.text()), SETTLE);
    }
    let waiting = pod.container_statuses().find_map(|container| container.state.waiting.as_ref()?.reason.clone());
    // A scheduled pod was schedulable in the end, whatever was reported before.
    let scheduled = holds("PodScheduled");
    let relevant = |event: &&&Event| event.is_warning() && !(scheduled && event.reason == "FailedScheduling");
    let warning = events.iter().rev().find(relevant).map(|event| event.text());
    let running = pod.container_statuses().any(|container| container.state.running.is_some());
    let state = if running && phase == "Running" { "is Running, not ready" } else { &format!("is {phase}") };
    Verdict::Pending(match warning.or(waiting) {
        Some(cause) => Problem::new(name, state, cause),
        None => Problem::new(name, state, "its containers are not ready yet").evidence(Evidence::Nothing),
    })
}

/// The health of a pod that the scheduler has found no node for.
fn unschedulable(snapshot: &Snapshot, pod: &Pod, problem: Problem) -> Verdict {
    // Its claims may be bound a moment later, or report themselves why they are not.
    let claims = pod.claims().filter_map(|name| snapshot.claim(&pod.metadata.namespace, name));
    match worst(claims.map(|found| claim(snapshot, found))) {
        failed @ Verdict::Failed(..) => return failed,
        Verdict::Pending(_) => return Verdict::Pending(problem),
        Verdict::Ready => {}
    }
    let starting = snapshot.nodes().next().is_none() || !snapshot.nodes().all(Node::is_ready);
    if starting { Verdict::Pending(problem) } else { Verdict::Failed(problem, SCHEDULE) }
}

/// Why a container will not run: a reason that does not go away, or repeated restarts.
fn crashed(pod: &str, container: &ContainerStatus) -> Option<Problem> {
    // A node that was down reports `Unknown` for the containers that it lost: they are restarted and did not crash.
    let states = [&container.last_state.terminated, &container.state.terminated];
    let known = states.into_iter().flatten().filter(|state| state.reason.as_deref() != Some("Unknown"));
    let end = known.map(ended).next();
    let problem = |reason: &str, cause: &str| {
        Some(Problem::new(pod, format!("is {reason}"), format!("container `{}`: {cause}", container.name)))
    };
    let waiting = container.state.waiting.as_ref();
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
    if let Some(reason) = reason.filter(|reason| FATAL.contains(reason)) {
        let reported = waiting.and_then(|waiting| waiting.message.as_deref()).unwrap_or(reason);
        return problem(reason, end.as_deref().filter(|_| reason == "CrashLoopBackOff").unwrap_or(reported));
    }
    match end {
        // One restart is not a loop: what the container needs may have appeared in the meantime.
        Some(end) if container.restart_count >= 2 && !container.ready => {
            problem("CrashLoop", &format!("{end}, {} restarts", container.restart_count))
        }
        _ => None,
    }
}

/// How a container ended that should have run on.
fn ended(state: &Terminated) -> String {
    let reason = state.reason.as_deref().unwrap_or("ended");
    if state.exit_code == 0 && reason == "Completed" {
        return "it exited with code 0, but should keep running".to_owned();
    }
    let reported = state.message.as_deref().map(|text| format!(": {}", text.trim())).unwrap_or_default();
    format!("it exited with code {} ({reason}){reported}", state.exit_code)
}
