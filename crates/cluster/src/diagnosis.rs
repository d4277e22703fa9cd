//! The diagnosis of a failed step: the likely causes, and the evidence.
//!
//! In this order: the likely causes; pods; events, sorted and deduplicated; descriptions of pods that are not ready; the
//! ends of current and previous logs; and where the full export is.
//!
//! Not causes: events from before the run, log lines from before the step, and output that the scenario waits for.

mod events;
mod logs;
mod node;
mod rights;
mod services;

use std::path::Path;
use std::time::Duration;

use diagnostics::excerpt::{excerpt, last_lines};

use crate::Provisioner;
use crate::api::Pod;
use crate::diagnosis::logs::Log;
use crate::kubectl::Kubectl;
use crate::observer::{Observer, UNREACHABLE};
use crate::snapshot::Snapshot;
use crate::verdict::{self, Evidence, Problem, Verdict};

/// How much of each part is shown; the export is complete.
const CAUSES: usize = 6;
const DESCRIBED: usize = 2;
const DESCRIPTION: usize = 40;
const LOG: usize = 15;

/// How long after a change of status the event that explains it may come.
const EVENT: Duration = Duration::from_secs(1);

/// A failed step.
#[derive(Debug)]
pub struct Failure<'a> {
    /// What is wrong.
    pub problem: &'a Problem,
    /// The namespaces of the step, the application's first.
    pub namespaces: &'a [String],
    /// How long the step ran.
    pub took: Duration,
    /// Texts that the scenario waits for, expected errors among them.
    pub awaited: &'a [&'a str],
}

/// What is shown for a failed step.
#[derive(Debug, Clone, Default)]
pub struct Diagnosis {
    /// The likely causes.
    pub causes: Vec<String>,
    /// The evidence, a block of text each.
    pub parts: Vec<String>,
}

/// Examines the namespaces of a failed step.
#[must_use]
pub fn look(provisioner: &Provisioner, observer: &Observer, failure: &Failure<'_>) -> Diagnosis {
    let namespaces = failure.namespaces;
    let lost = observer.lost();
    if lost.is_none() {
        observer.settle_events(EVENT, namespaces);
    }
    let snapshot = observer.snapshot();
    let unready = unready(&snapshot, namespaces);
    let mut all_causes = Vec::new();
    if lost.as_ref().is_some_and(|problem| problem.state == UNREACHABLE) {
        all_causes.push(node::state(provisioner));
    }
    let mut parts = vec![
        format!("pods:\n{}", pods(&snapshot, namespaces)),
        format!("events:\n{}", events::list(&snapshot, namespaces)),
    ];
    let mut logs = Vec::new();
    if lost.is_none() {
        let kubectl = provisioner.kubectl();
        parts.extend(unready.iter().take(DESCRIBED).filter_map(|pod| description(&kubectl, pod)));
        // When all pods are ready, their logs may still show what happened.
        let all = namespaces.iter().flat_map(|namespace| snapshot.pods(namespace));
        let remaining = all.filter(|pod| !pod.metadata.is_terminating());
        let relevant: Vec<&Pod> = if unready.is_empty() { remaining.collect() } else { unready.clone() };
        logs = logs::of(&kubectl, &relevant, failure.took);
        parts.extend(logs.iter().filter_map(tail));
    }
    all_causes.extend(causes(&snapshot, failure, &unready, &logs));
    let mut causes = Vec::new();
    for cause in all_causes {
        if !causes.contains(&cause) && causes.len() < CAUSES {
            causes.push(cause);
        }
    }
    Diagnosis { causes, parts }
}

/// The end of a log.
fn tail(log: &Log) -> Option<String> {
    let lines: Vec<String> = last_lines(&log.text, LOG).lines().map(excerpt).collect();
    (!lines.is_empty()).then(|| format!("{}:\n{}", log.title(), lines.join("\n")))
}

/// The likely causes: that of the problem itself, and whatever else is wrong in the namespaces.
fn causes(snapshot: &Snapshot, failure: &Failure<'_>, unready: &[&Pod], logs: &[Log]) -> Vec<String> {
    let problem = failure.problem;
    let mut alarms: Vec<(usize, String, &Log)> =
        logs.iter().filter_map(|log| log.alarm(failure.awaited).map(|(rank, line)| (rank, line, log))).collect();
    alarms.sort_by_key(|(rank, ..)| *rank);
    // The log of a pod that is not ready belongs to its cause. That of a ready pod is a cause of its own.
    let own = |log: &Log| problem.is_with(&log.pod) && unready.iter().any(|pod| pod.metadata.uid == log.pod.uid);
    let first_own = alarms.iter().position(|(_, _, log)| own(log)).map(|at| alarms.remove(at));
    alarms.retain(|(_, _, log)| !own(log));
    let first = match &first_own {
        Some((_, line, _)) if !problem.cause.contains(line) => format!("{}; its log: {line}", problem.cause),
        _ => problem.cause.clone(),
    };
    let mut causes = services::named(snapshot, failure.namespaces, &problem.cause);
    causes.extend(failure.namespaces.iter().enumerate().flat_map(|(index, namespace)| {
        // In its own namespaces, a scenario may scale workloads to zero.
        services::misdirected(snapshot, namespace, index == 0)
    }));
    let services = causes.len();
    causes.extend(events::killed(snapshot, failure.namespaces));
    for pod in unready {
        if let Verdict::Pending(other) | Verdict::Failed(other, _) = verdict::pod(snapshot, pod)
            && (other.cause != problem.cause && other.resource != problem.resource)
        {
            causes.push(other.to_string());
        }
    }
    causes.extend(alarms.iter().map(|(_, line, log)| format!("log of {}: {line}", log.pod.name)));
    for pod in failure.namespaces.iter().flat_map(|namespace| snapshot.pods(namespace)) {
        let reported = if problem.is_with(&pod.metadata) { first.as_str() } else { "" };
        let logged = alarms.iter().filter(|(_, _, log)| log.pod.uid == pod.metadata.uid);
        let errors = std::iter::once(reported).chain(logged.map(|(_, line, _)| line.as_str()));
        causes.extend(errors.flat_map(|error| rights::of(pod, error)));
    }
    // A timeout explains little unless the output contains an error. A misdirected Service explains that error.
    let late = problem.evidence == Evidence::Timeout;
    let has_error = logs::alarm(&first, failure.awaited).is_some();
    let vague = problem.evidence == Evidence::Nothing || (late && !has_error);
    if vague && causes.is_empty() {
        let in_app = logs.iter().filter(|log| failure.namespaces.first() == Some(&log.pod.namespace));
        causes.extend(in_app.filter_map(|log| {
            let last = log.text.lines().rfind(|line| !line.trim().is_empty())?;
            Some(format!(
                "no cause was reported; the last line of the log of {}: {}",
                log.pod.name,
                excerpt(last.trim())
            ))
        }));
    }
    let at = match (vague, late) {
        (true, _) => causes.len(),
        (false, true) => services,
        (false, false) => 0,
    };
    causes.insert(at, first);
    causes
}

/// Pods that are not ready.
fn unready<'a>(snapshot: &'a Snapshot, namespaces: &'a [String]) -> Vec<&'a Pod> {
    let pods = namespaces.iter().flat_map(|namespace| snapshot.pods(namespace));
    pods.filter(|pod| !pod.metadata.is_terminating() && verdict::pod(snapshot, pod) != Verdict::Ready).collect()
}

/// Exports all logs of the cluster to a directory; returns a line about it.
#[must_use]
pub fn export(provisioner: &Provisioner, folder: &Path) -> Option<String> {
    let export = provisioner.kind().args(["export", "logs", "--name", &provisioner.name]).args([folder]);
    match export.deadline(Duration::from_secs(60)).run() {
        Ok(output) if output.success() => Some(format!("full export: {}", folder.display())),
        Ok(output) if folder.is_dir() => {
            // kind fails if one part cannot be exported; the others are there.
            let why = output.stderr.lines().find(|line| line.starts_with("ERROR")).unwrap_or("no reason given");
            Some(format!("partial export: {}; kind reported: {why}", folder.display()))
        }
        Ok(output) => Some(format!("no export: {}", last_lines(&output.stderr, 2))),
        Err(_) => None,
    }
}

fn pods(snapshot: &Snapshot, namespaces: &[String]) -> String {
    let lines: Vec<String> = namespaces.iter().flat_map(|namespace| snapshot.pods(namespace)).map(line).collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}

/// A pod in one line.
fn line(pod: &Pod) -> String {
    let containers = &pod.status.container_statuses;
    let ready = containers.iter().filter(|container| container.ready).count();
    let restarts: i64 = containers.iter().map(|container| container.restart_count).sum();
    let mut waiting = containers.iter().filter_map(|container| container.state.waiting.as_ref()?.reason.as_deref());
    let state = waiting.next().or(pod.status.phase.as_deref()).unwrap_or("Pending");
    let state = if pod.metadata.is_terminating() { "Terminating" } else { state };
    let total = pod.spec.containers.len();
    let times = if restarts == 1 { "1 restart".to_owned() } else { format!("{restarts} restarts") };
    format!("{}  {ready}/{total} ready  {state}  {times}", pod.metadata)
}

/// The relevant part of `kubectl describe` for a pod.
fn description(kubectl: &Kubectl, pod: &Pod) -> Option<String> {
    let (namespace, name) = (&pod.metadata.namespace, &pod.metadata.name);
    let text = kubectl.output(&["describe", "pod", name, "--namespace", namespace, "--show-events=false"])?;
    Some(format!("describe pod {namespace}/{name}:\n{}", shortened(&text)))
}

/// Keys of a description that do not help to find out why a pod is not ready.
const OMITTED: &[&str] = &[
    "Name",
    "Namespace",
    "Priority",
    "Start Time",
    "Labels",
    "Annotations",
    "SeccompProfile",
    "IP",
    "IPs",
    "Controlled By",
    "Container ID",
    "Image ID",
    "Host Port",
    "Host Ports",
    "QoS Class",
    "Tolerations",
    "Optional",
    "DownwardAPI",
];

fn shortened(text: &str) -> String {
    let mut lines = Vec::new();
    let mut skipped = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if skipped.is_some_and(|outer| indent > outer) {
            continue;
        }
        skipped = None;
        let key = line.trim_start().split(':').next().unwrap_or_default();
        if OMITTED.contains(&key) {
            skipped = Some(indent);
        } else if !line.trim().is_empty() && !line.ends_with("<none>") {
            lines.push(line);
        }
    }
    lines.truncate(DESCRIPTION);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::Metadata;
    use crate::snapshot::testing;

    #[test]
    fn a_description_keeps_what_helps() {
        let text = "Name:    web\nLabels:  app=web\n         tier=1\nStatus:  Pending\nIPs:\n  IP:  10.0.0.1\nContainers:\n  web:\n    \
                    Container ID:  \n    Image:         x\n    Environment:   <none>\n    State:         Waiting\n";
        assert_eq!(
            shortened(text),
            "Status:  Pending\nContainers:\n  web:\n    Image:         x\n    State:         Waiting"
        );
        let long = "Line: x\n".repeat(100);
        assert_eq!(shortened(&long).lines().count(), DESCRIPTION);
    }

    fn metadata(name: &str) -> Metadata {
        let text = str::to_owned;
        Metadata { namespace: text("ns"), name: text(name), uid: text(name), ..Metadata::default() }
    }

    fn log(pod: &str, text: &str) -> Log {
        let recent = text.to_owned();
        Log { pod: metadata(pod), container: "main".to_owned(), previous: false, text: recent.clone(), recent }
    }

    fn causes_of(problem: &Problem, logs: &[Log], awaited: &[&str]) -> Vec<String> {
        let namespaces = ["ns".to_owned()];
        let failure = Failure { problem, namespaces: &namespaces, took: Duration::ZERO, awaited };
        let unready = Pod { metadata: metadata("web-1"), ..Pod::default() };
        let pods = if problem.resource.starts_with("Pod ") { vec![&unready] } else { Vec::new() };
        causes(&Snapshot::default(), &failure, &pods, logs)
    }

    #[test]
    fn the_log_of_the_failed_pod_is_part_of_its_cause_and_other_logs_follow() {
        let problem = Problem::new("Pod ns/web-1", "CrashLoopBackOff", "container `main`: it exited with code 1");
        let logs = [log("other", "error: lost\n"), log("web-1", "starting\nfatal: no port\nbye\n")];
        assert_eq!(
            causes_of(&problem, &logs, &[]),
            ["container `main`: it exited with code 1; its log: fatal: no port", "log of other: error: lost"]
        );
    }

    #[test]
    fn a_vague_cause_comes_last() {
        let logs = [log("other", "error: lost\n")];
        let problem = |cause: &str| Problem::new("client", "not as expected", cause).evidence(Evidence::Timeout);
        let silent = "no result within 30 s; no output";
        assert_eq!(causes_of(&problem(silent), &logs, &[]), ["log of other: error: lost", silent]);
        let idle = "no result within 30 s; output: 0 of 1 arrived so far";
        assert_eq!(causes_of(&problem(idle), &logs, &[]), ["log of other: error: lost", idle]);
        let error = "no result within 30 s; output: 554 5.7.1 Access denied";
        assert_eq!(causes_of(&problem(error), &logs, &[]), [error, "log of other: error: lost"]);
    }

    #[test]
    fn an_awaited_text_is_not_a_cause() {
        let problem = Problem::new("secret/x", "not as expected", "it does not exist");
        let logs = [log("controller", "error: no key could decrypt secret (a)\n")];
        assert_eq!(causes_of(&problem, &logs, &["no key could decrypt"]), ["it does not exist"]);
        assert_eq!(causes_of(&problem, &logs, &["something else"]).len(), 2);
    }

    #[test]
    fn each_pod_is_one_line() {
        let pod = json!({
            "metadata": { "namespace": "ns", "name": "web" },
            "spec": { "containers": [{}, {}] },
            "status": { "phase": "Running", "containerStatuses": [
                { "ready": true, "restartCount": 0 },
                { "ready": false, "restartCount": 1, "state": { "waiting": { "reason": "CrashLoopBackOff" } } },
            ] },
        });
        let snapshot = testing::snapshot(&[("Pod", pod)]);
        assert_eq!(pods(&snapshot, &["ns".to_owned()]), "ns/web  1/2 ready  CrashLoopBackOff  1 restart");
        assert_eq!(pods(&snapshot, &["other".to_owned()]), "none");
    }

    #[test]
    fn data_in_a_log_is_cut() {
        let shown = tail(&log("web", &format!("sealed {}\n", "AgBy".repeat(256)))).expect("a log");
        assert_eq!(shown, "current log of ns/web, container main:\nsealed AgByAgByAgByAgByAgByAgBy… (1024 characters)");
        assert_eq!(tail(&log("web", "\n")), None);
    }
}
