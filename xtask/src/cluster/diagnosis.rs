//! The first screen after a failure: what is wrong, why, and where there is more.
//!
//! In this order: the likely cause; pods; events, sorted and each once; what is not ready, described; logs, the present
//! and the previous ones, tailed; where the full export lies.
//!
//! Deliberately absent: printing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::Maker;
use super::kubectl::Kubectl;
use super::last_lines;
use super::seen::{Seen, event_time};
use super::verdict::{self, Trouble, Verdict};

/// How much of each part is shown; the export has it all.
const EVENTS: usize = 20;
const DESCRIBED: usize = 2;
const DESCRIPTION: usize = 40;
const LOG: usize = 15;

/// What words in a log say that something is wrong.
const ALARMS: &[&str] =
    &["fatal", "panic", "error", "denied", "refused", "not permitted", "cannot", "unable", "warning"];

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
pub fn look(kubectl: &Kubectl, seen: &Seen, lost: Option<&str>, trouble: &Trouble, namespaces: &[String]) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    let unready: Vec<&Value> = namespaces
        .iter()
        .flat_map(|namespace| seen.all("Pod", namespace))
        .filter(|pod| verdict::pod(seen, pod) != Verdict::Ready)
        .collect();
    diagnosis.causes.push(trouble.cause.clone());
    diagnosis.causes.extend(unready.iter().filter_map(|pod| match verdict::pod(seen, pod) {
        Verdict::Ready => None,
        Verdict::Pending(other) | Verdict::Never(other) => {
            (other.cause != trouble.cause).then(|| format!("{} is {}: {}", other.resource, other.phase, other.cause))
        }
    }));
    diagnosis.causes.extend(namespaces.iter().flat_map(|namespace| doors(seen, namespace)));
    diagnosis.parts.push(format!("pods:\n{}", pods(seen, namespaces)));
    diagnosis.parts.push(format!("events:\n{}", events(seen, namespaces)));
    if lost.is_some() {
        return diagnosis;
    }
    for pod in unready.iter().take(DESCRIBED) {
        let (namespace, name) = place(pod);
        let describe = ["describe", "pod", &name, "--namespace", &namespace, "--show-events=false"];
        if let Some(text) = ask(kubectl, &describe) {
            let lines: Vec<&str> = text.lines().take(DESCRIPTION).collect();
            diagnosis.parts.push(format!("describe pod {namespace}/{name}:\n{}", lines.join("\n")));
        }
    }
    // Where all is ready, the logs still tell what happened.
    let all: Vec<&Value> = namespaces.iter().flat_map(|namespace| seen.all("Pod", namespace)).collect();
    for pod in if unready.is_empty() { all } else { unready } {
        let (namespace, name) = place(pod);
        for container in pod["status"]["containerStatuses"].as_array().into_iter().flatten() {
            let container_name = container["name"].as_str().unwrap_or_default();
            for (which, flag) in [("current", "--previous=false"), ("previous", "--previous=true")] {
                if which == "previous" && container["restartCount"].as_i64().unwrap_or_default() == 0 {
                    continue;
                }
                let tail = format!("--tail={}", LOG * 4);
                let logs = ["logs", &name, "--namespace", &namespace, "--container", container_name, &tail, flag];
                let Some(text) = ask(kubectl, &logs).filter(|text| !text.trim().is_empty()) else { continue };
                let alarm = |line: &&str| {
                    let line = line.to_lowercase();
                    ALARMS.iter().position(|word| line.contains(word))
                };
                let worst =
                    text.lines().rev().filter_map(|line| Some((alarm(&line)?, line))).min_by_key(|(rank, _)| *rank);
                diagnosis.causes.extend(worst.map(|(_, line)| format!("{name} logs: {}", line.trim())));
                let tail = last_lines(&text, LOG);
                diagnosis.parts.push(format!("{which} log of {namespace}/{name}, container {container_name}:\n{tail}"));
            }
        }
    }
    diagnosis.causes.dedup();
    diagnosis
}

/// Writes all that the cluster has to tell into a folder.
#[must_use]
pub fn export(maker: &Maker, folder: &PathBuf) -> Option<String> {
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

/// Services that lead nowhere: no pod behind them is ready, or their port is none of its.
fn doors(seen: &Seen, namespace: &str) -> Vec<String> {
    let mut told = Vec::new();
    for service in seen.all("Service", namespace) {
        let Some(selector) = service["spec"]["selector"].as_object().filter(|selector| !selector.is_empty()) else {
            continue;
        };
        let name = service["metadata"]["name"].as_str().unwrap_or_default();
        let chosen: Vec<&Value> = seen
            .all("Pod", namespace)
            .filter(|pod| selector.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value))
            .collect();
        if chosen.is_empty() {
            told.push(format!("Service {namespace}/{name} selects no pod"));
            continue;
        }
        if !chosen.iter().any(|pod| verdict::pod(seen, pod) == Verdict::Ready) {
            told.push(format!("Service {namespace}/{name} has no pod that is ready"));
        }
        let ports: Vec<&Value> = chosen
            .iter()
            .flat_map(|pod| pod["spec"]["containers"].as_array().into_iter().flatten())
            .flat_map(|container| container["ports"].as_array().into_iter().flatten())
            .collect();
        for port in service["spec"]["ports"].as_array().into_iter().flatten() {
            let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
            let known = ports.iter().any(|own| &own["containerPort"] == target || &own["name"] == target);
            if !known && !ports.is_empty() {
                let own: Vec<String> = ports
                    .iter()
                    .map(|own| format!("{} ({})", own["containerPort"], own["name"].as_str().unwrap_or("unnamed")))
                    .collect();
                told.push(format!(
                    "Service {namespace}/{name} sends port {} to {target}, and its pods have {}",
                    port["port"],
                    own.join(", ")
                ));
            }
        }
    }
    told
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
            lines.push(format!("{namespace}/{name}  {ready}/{total} ready  {state}  {restarts} restarts"));
        }
    }
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}

/// Warnings and the last of the others, in order of time, those that say the same once.
fn events(seen: &Seen, namespaces: &[String]) -> String {
    let mut told: BTreeMap<(String, String, String), (String, i64)> = BTreeMap::new();
    for event in namespaces.iter().flat_map(|namespace| seen.all("Event", namespace)) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &event["involvedObject"];
        let subject = format!("{} {}/{}", text(&object["kind"]), text(&object["namespace"]), text(&object["name"]));
        let key = (subject, text(&event["reason"]), text(&event["message"]));
        let count = event["count"].as_i64().or(event["series"]["count"].as_i64()).unwrap_or(1);
        let entry = told.entry(key).or_insert((String::new(), 0));
        entry.0 = entry.0.clone().max(event_time(event));
        entry.1 += count;
    }
    let mut lines: Vec<(String, String)> = told
        .into_iter()
        .map(|((subject, reason, message), (time, count))| {
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            let clock = time.get(11..).unwrap_or_default().to_owned();
            (time, format!("{clock} {subject} {reason}: {}{times}", message.trim()))
        })
        .collect();
    lines.sort();
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    if lines.is_empty() { "none".to_owned() } else { lines[lines.len().saturating_sub(EVENTS)..].join("\n") }
}
