//! The first screen after a failure: what is wrong, why, and where there is more.
//!
//! In this order: the likely cause; pods; events, sorted and each once; what is not ready, described; logs, the present
//! and the previous ones, tailed; where the full export lies.
//!
//! What a run or a scenario brings about itself is no cause: events from before the run, log lines from before the step,
//! and what the scenario waits for.
//!
//! Deliberately absent: printing.

mod events;
mod logs;
mod node;
mod rights;
mod services;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::diagnosis::logs::Log;
use crate::kubectl::Kubectl;
use crate::lifecycle::Maker;
use crate::lifecycle::last_lines;
use crate::observer::Observer;
use crate::seen::Seen;
use crate::verdict::{self, Trouble, Verdict};

/// How much of each part is shown; the export has it all.
const CAUSES: usize = 6;
const DESCRIBED: usize = 2;
const DESCRIPTION: usize = 40;
const LOG: usize = 15;

/// How long after a state the event may come that tells why.
const EVENT: Duration = Duration::from_secs(1);

/// What failed, and where to look.
#[derive(Debug)]
pub struct Failure<'a> {
    /// What is wrong with what.
    pub trouble: &'a Trouble,
    /// The namespaces of the step, that of the application first.
    pub namespaces: &'a [String],
    /// How long the step took.
    pub took: Duration,
    /// What the scenario waits to see, errors among it.
    pub awaited: &'a [&'a str],
}

/// What a failure shows, each part a block of text.
#[derive(Debug, Clone, Default)]
pub struct Diagnosis {
    /// Why, as far as the cluster shows.
    pub causes: Vec<String>,
    /// The parts, in order.
    pub parts: Vec<String>,
}

/// Looks at the namespaces of a step that failed.
#[must_use]
pub fn look(maker: &Maker, observer: &Observer, failure: &Failure<'_>) -> Diagnosis {
    let namespaces = failure.namespaces;
    let lost = observer.lost().is_some();
    if !lost {
        observer.settle_events(EVENT, namespaces);
    }
    let seen = observer.seen();
    let unready = unready(&seen, namespaces);
    let mut causes = Vec::new();
    if lost {
        causes.push(node::state(maker));
    }
    let mut parts =
        vec![format!("pods:\n{}", pods(&seen, namespaces)), format!("events:\n{}", events::told(&seen, namespaces))];
    let mut logs = Vec::new();
    if !lost {
        let kubectl = maker.kubectl();
        parts.extend(unready.iter().take(DESCRIBED).filter_map(|pod| description(&kubectl, pod)));
        // Where all is ready, the logs still tell what happened.
        let all = namespaces.iter().flat_map(|namespace| seen.all("Pod", namespace));
        let staying = all.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let spoken: Vec<&Value> = if unready.is_empty() { staying.collect() } else { unready.clone() };
        logs = logs::of(&kubectl, &spoken, failure.took);
        let tails = logs.iter().filter(|log| !log.text.trim().is_empty());
        parts.extend(tails.map(|log| format!("{}:\n{}", log.title(), last_lines(&log.text, LOG))));
    }
    causes.extend(self::causes(&seen, failure, &unready, &logs));
    let mut told = Vec::new();
    for cause in causes {
        if !told.contains(&cause) && told.len() < CAUSES {
            told.push(cause);
        }
    }
    Diagnosis { causes: told, parts }
}

/// Why: what failed in its own words, and what beside it is not as it should be.
fn causes(seen: &Seen, failure: &Failure<'_>, unready: &[&Value], logs: &[Log]) -> Vec<String> {
    let trouble = failure.trouble;
    let mut alarms: Vec<(usize, String, &Log)> =
        logs.iter().filter_map(|log| log.alarm(failure.awaited).map(|(rank, line)| (rank, line, log))).collect();
    alarms.sort_by_key(|(rank, ..)| *rank);
    // What a pod says that is well stands beside what a command in it said, not behind it.
    let of = |log: &Log| {
        let ill = unready.iter().any(|pod| place(pod) == (log.namespace.clone(), log.pod.clone()));
        ill && trouble.resource == format!("Pod {}/{}", log.namespace, log.pod)
    };
    let own = alarms.iter().position(|(_, _, log)| of(log)).map(|at| alarms.remove(at));
    alarms.retain(|(_, _, log)| !of(log));
    let first = match &own {
        Some((_, line, _)) if !trouble.cause.contains(line) => format!("{}; its log says: {line}", trouble.cause),
        _ => trouble.cause.clone(),
    };
    let mut causes = services::named(seen, failure.namespaces, &trouble.cause);
    causes.extend(failure.namespaces.iter().enumerate().flat_map(|(index, namespace)| {
        // What else a scenario has in namespaces of its own, it may have scaled down itself.
        services::astray(seen, namespace, index == 0)
    }));
    let services = causes.len();
    causes.extend(events::killed(seen, failure.namespaces));
    for pod in unready {
        if let Verdict::Pending(other) | Verdict::Never(other) = verdict::pod(seen, pod)
            && (other.cause != trouble.cause && other.resource != trouble.resource)
        {
            causes.push(format!("{} is {}: {}", other.resource, other.phase, other.cause));
        }
    }
    causes.extend(alarms.iter().map(|(_, line, log)| format!("log of {}: {line}", log.pod)));
    for namespace in failure.namespaces {
        for pod in seen.all("Pod", namespace) {
            let name = place(pod).1;
            let mine = if trouble.resource == format!("Pod {namespace}/{name}") { first.as_str() } else { "" };
            let logged = alarms.iter().filter(|(_, _, log)| log.pod == name).map(|(_, line, _)| line.as_str());
            causes.extend(std::iter::once(mine).chain(logged).flat_map(|error| rights::of(pod, error)));
        }
    }
    // That something did not come is the least of what can be said of it, unless it said itself what is wrong; and a
    // Service that reaches nobody is why it said so.
    let late = first.starts_with("it did not end within");
    let spoken = logs::alarm(&first, failure.awaited).is_some();
    let vague = first.starts_with("its containers are not ready yet") || (late && !spoken);
    if vague && causes.is_empty() {
        let mine = logs.iter().filter(|log| failure.namespaces.first() == Some(&log.namespace));
        causes.extend(mine.filter_map(|log| {
            let last = log.text.lines().rfind(|line| !line.trim().is_empty())?;
            Some(format!("nothing says why; the last that {} wrote: {}", log.pod, last.trim()))
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

/// Pods that are not in order.
fn unready<'a>(seen: &'a Seen, namespaces: &'a [String]) -> Vec<&'a Value> {
    namespaces
        .iter()
        .flat_map(|namespace| seen.all("Pod", namespace))
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null() && verdict::pod(seen, pod) != Verdict::Ready)
        .collect()
}

/// Writes all that the cluster has to tell into a folder.
#[must_use]
pub fn export(maker: &Maker, folder: &Path) -> Option<String> {
    let export = maker.kind().args(["export", "logs", "--name", &maker.name]).args([folder]);
    match export.deadline(Duration::from_secs(60)).run() {
        Ok(output) if output.success() => Some(format!("full export: {}", folder.display())),
        Ok(output) if folder.is_dir() => {
            // A part that could not be had is no reason to hide the others.
            let why = output.stderr.lines().find(|line| line.starts_with("ERROR")).unwrap_or("kind says no more");
            Some(format!("full export: {}, without what kind could not get: {why}", folder.display()))
        }
        Ok(output) => Some(format!("no full export: {}", last_lines(&output.stderr, 2))),
        Err(_) => None,
    }
}

fn ask(kubectl: &Kubectl, args: &[&str]) -> Option<String> {
    let output = kubectl.invocation().args(args.iter().copied()).deadline(Duration::from_secs(10)).run().ok()?;
    output.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn place(object: &Value) -> (String, String) {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

fn pods(seen: &Seen, namespaces: &[String]) -> String {
    let mut lines = Vec::new();
    for namespace in namespaces {
        for pod in seen.all("Pod", namespace) {
            let name = place(pod).1;
            let containers = pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
            let ready = containers.iter().filter(|container| container["ready"] == true).count();
            let restarts: i64 = containers.iter().filter_map(|container| container["restartCount"].as_i64()).sum();
            let state = containers
                .iter()
                .find_map(|container| container["state"]["waiting"]["reason"].as_str())
                .or(pod["status"]["phase"].as_str())
                .unwrap_or("Pending");
            let state = if pod["metadata"]["deletionTimestamp"].is_null() { state } else { "Terminating" };
            let total = pod["spec"]["containers"].as_array().map_or(0, Vec::len);
            let times = if restarts == 1 { "1 restart".to_owned() } else { format!("{restarts} restarts") };
            lines.push(format!("{namespace}/{name}  {ready}/{total} ready  {state}  {times}"));
        }
    }
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}

/// What `kubectl describe` says of a pod, without what tells nothing about why it is not ready.
fn description(kubectl: &Kubectl, pod: &Value) -> Option<String> {
    let (namespace, name) = place(pod);
    let text = ask(kubectl, &["describe", "pod", &name, "--namespace", &namespace, "--show-events=false"])?;
    Some(format!("describe pod {namespace}/{name}:\n{}", shortened(&text)))
}

/// Keys of a description that tell nothing about why a pod is not ready.
const ASIDE: &[&str] = &[
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
        if ASIDE.contains(&key) {
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

    #[test]
    fn a_description_keeps_what_tells_why() {
        let text = "Name:    web\nLabels:  app=web\n         tier=1\nStatus:  Pending\nIPs:\n  IP:  10.0.0.1\nContainers:\n  web:\n    \
                    Container ID:  \n    Image:         x\n    Environment:   <none>\n    State:         Waiting\n";
        assert_eq!(
            shortened(text),
            "Status:  Pending\nContainers:\n  web:\n    Image:         x\n    State:         Waiting"
        );
        let long = "Line: x\n".repeat(100);
        assert_eq!(shortened(&long).lines().count(), DESCRIPTION);
    }

    fn log(namespace: &str, pod: &str, recent: &str) -> Log {
        let text = str::to_owned;
        Log {
            namespace: text(namespace),
            pod: text(pod),
            container: text("main"),
            previous: false,
            text: text(recent),
            recent: text(recent),
        }
    }

    fn told(trouble: &Trouble, logs: &[Log], awaited: &[&str]) -> Vec<String> {
        let namespaces = ["ns".to_owned()];
        let failure = Failure { trouble, namespaces: &namespaces, took: Duration::ZERO, awaited };
        let ill = json!({ "metadata": { "namespace": "ns", "name": "web-1" } });
        let pods = if trouble.resource.starts_with("Pod ") { vec![&ill] } else { Vec::new() };
        causes(&Seen::default(), &failure, &pods, logs)
    }

    #[test]
    fn the_log_of_what_failed_stands_beside_its_state_and_others_follow() {
        let trouble = Trouble::new("Pod ns/web-1", "CrashLoopBackOff", "container `main`: it ended with exit code 1");
        let logs = [log("ns", "other", "error: lost\n"), log("ns", "web-1", "starting\nfatal: no port\nbye\n")];
        assert_eq!(
            told(&trouble, &logs, &[]),
            ["container `main`: it ended with exit code 1; its log says: fatal: no port", "log of other: error: lost"]
        );
    }

    #[test]
    fn what_says_little_comes_last() {
        let logs = [log("ns", "other", "error: lost\n")];
        let trouble = |cause: &str| Trouble::new("client", "not as expected", cause);
        let silent = "it did not end within 30 s; it said nothing";
        assert_eq!(told(&trouble(silent), &logs, &[]), ["log of other: error: lost", silent]);
        let idle = "it did not end within 30 s; it said: 0 of 1 arrived so far";
        assert_eq!(told(&trouble(idle), &logs, &[]), ["log of other: error: lost", idle]);
        let spoken = "it did not end within 30 s; it said: 554 5.7.1 Access denied";
        assert_eq!(told(&trouble(spoken), &logs, &[]), [spoken, "log of other: error: lost"]);
    }

    #[test]
    fn what_a_scenario_waits_for_is_no_cause() {
        let trouble = Trouble::new("secret/x", "not as expected", "it is not there");
        let logs = [log("ns", "controller", "error: no key could decrypt secret (a)\n")];
        assert_eq!(told(&trouble, &logs, &["no key could decrypt"]), ["it is not there"]);
        assert_eq!(told(&trouble, &logs, &["something else"]).len(), 2);
    }

    #[test]
    fn pods_are_told_in_a_line_each() {
        let mut seen = Seen::default();
        let pod = json!({
            "metadata": { "namespace": "ns", "name": "web" },
            "spec": { "containers": [{}, {}] },
            "status": { "phase": "Running", "containerStatuses": [
                { "ready": true, "restartCount": 0 },
                { "ready": false, "restartCount": 1, "state": { "waiting": { "reason": "CrashLoopBackOff" } } },
            ] },
        });
        seen.event("Pod", &json!({ "type": "ADDED", "object": pod }));
        assert_eq!(pods(&seen, &["ns".to_owned()]), "ns/web  1/2 ready  CrashLoopBackOff  1 restart");
        assert_eq!(pods(&seen, &["other".to_owned()]), "none");
    }
}
