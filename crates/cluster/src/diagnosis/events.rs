//! The events of a failure: in order of time, those that say the same once.
//!
//! On a kept cluster events of earlier runs are still there; they count only where what they are about still is.
//!
//! Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::seen::{Seen, event_time};
use crate::verdict;
use crate::verdict::Verdict;

/// How many are shown; the export has them all.
const EVENTS: usize = 20;

/// The events of some namespaces, a line each.
pub(super) fn told(seen: &Seen, namespaces: &[String]) -> String {
    let mut told: BTreeMap<(String, String, String), (String, i64)> = BTreeMap::new();
    for event in namespaces.iter().flat_map(|namespace| seen.all("Event", namespace)).filter(|one| counts(seen, one)) {
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

/// Containers that are there and were killed in this run, as the kubelet says it.
pub(super) fn killed(seen: &Seen, namespaces: &[String]) -> Vec<String> {
    let events = namespaces.iter().flat_map(|namespace| seen.all("Event", namespace));
    let killed = events.filter(|event| !seen.is_old(event) && counts(seen, event) && is_killing(event));
    let told = killed.filter_map(|event| {
        let text = event["message"].as_str()?;
        let object = &event["involvedObject"];
        let name = |key: &str| object[key].as_str().unwrap_or_default();
        let why = seen.all("Event", name("namespace")).find(|other| {
            let said = other["message"].as_str().unwrap_or_default();
            other["involvedObject"]["uid"] == object["uid"]
                && other["reason"] == "Unhealthy"
                && said.starts_with("Liveness")
        });
        let why = why.and_then(|other| other["message"].as_str()).map(str::trim).unwrap_or_default();
        let why = if why.is_empty() { String::new() } else { format!(" ({})", why.trim_end_matches(':')) };
        Some(format!("Pod {}/{}: {text}{why}", name("namespace"), name("name")))
    });
    told.collect()
}

/// Whether an event may be of interest: a warning of this run, or whatever is about a pod or a claim that is there and not
/// in order. How things start that are well says nothing.
fn counts(seen: &Seen, event: &Value) -> bool {
    let object = &event["involvedObject"];
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let there = seen
        .get(text("kind"), text("namespace"), text("name"))
        .filter(|found| found["metadata"]["uid"] == object["uid"] && found["metadata"]["deletionTimestamp"].is_null());
    let warning = event["type"] == "Warning";
    match (text("kind"), there) {
        ("Pod", Some(pod)) => warning || verdict::pod(seen, pod) != Verdict::Ready || is_killing(event),
        ("PersistentVolumeClaim", Some(claim)) => warning || claim["status"]["phase"] != "Bound",
        _ => warning && !seen.is_old(event),
    }
}

/// Whether it tells that a container is killed for a reason.
fn is_killing(event: &Value) -> bool {
    event["reason"] == "Killing" && event["message"].as_str().is_some_and(|text| text.contains("failed"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, about: &str, reason: &str, second: &str, count: i64) -> Value {
        json!({
            "metadata": { "namespace": "ns", "name": name, "resourceVersion": second },
            "involvedObject": { "kind": "Pod", "namespace": "ns", "name": about, "uid": about },
            "type": if reason == "Started" { "Normal" } else { "Warning" },
            "reason": reason,
            "message": "why",
            "count": count,
            "lastTimestamp": format!("2026-01-01T00:00:{second}Z"),
        })
    }

    #[test]
    fn events_are_sorted_by_time_and_each_is_told_once() {
        let mut seen = Seen::default();
        seen.replace("Event", &json!({ "items": [] }));
        for one in [
            event("c", "web", "BackOff", "09", 2),
            event("a", "web", "Started", "03", 1),
            event("b", "web", "BackOff", "05", 1),
        ] {
            seen.event("Event", &json!({ "type": "ADDED", "object": one }));
        }
        assert_eq!(told(&seen, &["ns".to_owned()]), "00:00:09 Pod ns/web BackOff: why (3 times)");
        let pod = json!({ "metadata": { "namespace": "ns", "name": "web", "uid": "web" } });
        seen.event("Pod", &json!({ "type": "ADDED", "object": pod }));
        assert_eq!(
            told(&seen, &["ns".to_owned()]),
            "00:00:03 Pod ns/web Started: why\n00:00:09 Pod ns/web BackOff: why (3 times)"
        );
    }

    #[test]
    fn of_earlier_runs_only_those_of_what_is_there_count() {
        let mut seen = Seen::default();
        let gone = event("a", "gone", "Failed", "01", 1);
        let there = event("b", "web", "Failed", "02", 1);
        seen.replace("Event", &json!({ "items": [gone, there] }));
        let pod = json!({ "metadata": { "namespace": "ns", "name": "web", "uid": "web" } });
        seen.event("Pod", &json!({ "type": "ADDED", "object": pod }));
        assert_eq!(told(&seen, &["ns".to_owned()]), "00:00:02 Pod ns/web Failed: why");
        // It happened again, in this run.
        seen.event("Event", &json!({ "type": "MODIFIED", "object": event("a", "gone", "Failed", "07", 2) }));
        assert!(told(&seen, &["ns".to_owned()]).ends_with("00:00:07 Pod ns/gone Failed: why (2 times)"));
    }
}
