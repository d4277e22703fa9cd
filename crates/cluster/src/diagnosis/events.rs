//! The events around a failure, sorted by time and without repetitions.
//!
//! A kept cluster still has the events of earlier runs: they count only if their object still exists.
//!
//! Pure.

use std::collections::BTreeMap;

use diagnostics::excerpt::excerpt;

use crate::api::Event;
use crate::snapshot::{Object, Snapshot};
use crate::verdict;
use crate::verdict::Verdict;

/// How many events are shown; the export is complete.
const EVENTS: usize = 20;

/// The relevant events of some namespaces, a line each.
pub(super) fn list(snapshot: &Snapshot, namespaces: &[String]) -> String {
    let mut merged: BTreeMap<(String, &str, &str), (&str, i64)> = BTreeMap::new();
    let events = namespaces.iter().flat_map(|namespace| snapshot.events(namespace));
    for event in events.filter(|event| is_relevant(snapshot, event)) {
        let object = &event.involved_object;
        let subject = format!("{} {}/{}", object.kind, object.namespace, object.name);
        let entry = merged.entry((subject, &event.reason, &event.message)).or_default();
        entry.0 = entry.0.max(event.time());
        entry.1 += event.times();
    }
    let mut lines: Vec<(&str, String)> = merged
        .into_iter()
        .map(|((subject, reason, message), (time, count))| {
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            let clock = time.get(11..).unwrap_or_default();
            (time, format!("{clock} {subject} {reason}: {}{times}", excerpt(message.trim())))
        })
        .collect();
    lines.sort();
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    if lines.is_empty() { "none".to_owned() } else { lines[lines.len().saturating_sub(EVENTS)..].join("\n") }
}

/// Existing containers that the kubelet killed in this run, with the probe failures that it reported for them.
pub(super) fn killed(snapshot: &Snapshot, namespaces: &[String]) -> Vec<String> {
    let events = || namespaces.iter().flat_map(|namespace| snapshot.events(namespace));
    let killed = events().filter(|event| is_killing(event) && !snapshot.is_old(event) && is_relevant(snapshot, event));
    let described = killed.map(|event| {
        let object = &event.involved_object;
        let probes = events().filter(|other| other.reason == "Unhealthy" && other.involved_object == *object);
        let mut probes: Vec<&str> = probes.map(|other| other.message.trim().trim_end_matches(':')).collect();
        probes.dedup();
        let probes = if probes.is_empty() { String::new() } else { format!(" ({})", probes.join("; ")) };
        excerpt(&format!("Pod {}/{}: {}{probes}", object.namespace, object.name, event.message.trim()))
    });
    described.collect()
}

/// Whether an event may explain a failure: a warning of this run, or any event about an existing pod or claim that is not
/// ready. The normal start of a healthy object explains nothing.
fn is_relevant(snapshot: &Snapshot, event: &Event) -> bool {
    let reference = &event.involved_object;
    let object = snapshot
        .get(&reference.kind, &reference.namespace, &reference.name)
        .filter(|found| found.metadata().uid == reference.uid && !found.metadata().is_terminating());
    let warning = event.is_warning();
    match object {
        Some(Object::Pod(pod)) => warning || is_killing(event) || verdict::pod(snapshot, pod) != Verdict::Ready,
        Some(Object::Claim(claim)) => warning || claim.status.phase.as_deref() != Some("Bound"),
        _ => warning && !snapshot.is_old(event),
    }
}

/// Whether a container was killed. For a pod that is not terminating, a probe failed or the container was evicted.
fn is_killing(event: &Event) -> bool {
    event.reason == "Killing"
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::snapshot::testing;
    use crate::snapshot::testing::add;

    fn event(name: &str, about: &str, reason: &str, second: &str, count: i64) -> Value {
        json!({
            "metadata": { "namespace": "ns", "name": name, "resourceVersion": second },
            "involvedObject": { "kind": "Pod", "namespace": "ns", "name": about, "uid": about },
            "type": if matches!(reason, "Started" | "Killing") { "Normal" } else { "Warning" },
            "reason": reason,
            "message": "why",
            "count": count,
            "lastTimestamp": format!("2026-01-01T00:00:{second}Z"),
        })
    }

    fn pod() -> Value {
        json!({ "metadata": { "namespace": "ns", "name": "web", "uid": "web" } })
    }

    fn shown(snapshot: &Snapshot) -> String {
        list(snapshot, &["ns".to_owned()])
    }

    #[test]
    fn events_are_sorted_by_time_and_merged() {
        let mut snapshot = testing::snapshot(&[
            ("Event", event("c", "web", "BackOff", "09", 2)),
            ("Event", event("a", "web", "Started", "03", 1)),
            ("Event", event("b", "web", "BackOff", "05", 1)),
        ]);
        assert_eq!(shown(&snapshot), "00:00:09 Pod ns/web BackOff: why (3 times)");
        add(&mut snapshot, "Pod", pod());
        assert_eq!(shown(&snapshot), "00:00:03 Pod ns/web Started: why\n00:00:09 Pod ns/web BackOff: why (3 times)");
    }

    #[test]
    fn events_of_earlier_runs_count_only_for_existing_objects() {
        let mut snapshot = Snapshot::default();
        let events = vec![event("a", "gone", "Failed", "01", 1), event("b", "web", "Failed", "02", 1)];
        testing::list(&mut snapshot, "Event", events);
        add(&mut snapshot, "Pod", pod());
        assert_eq!(shown(&snapshot), "00:00:02 Pod ns/web Failed: why");
        // It happened again in this run.
        add(&mut snapshot, "Event", event("a", "gone", "Failed", "07", 2));
        assert!(shown(&snapshot).ends_with("00:00:07 Pod ns/gone Failed: why (2 times)"));
    }

    #[test]
    fn a_killed_container_is_shown_with_its_probe_failures() {
        let mut unhealthy = event("a", "web", "Unhealthy", "05", 3);
        unhealthy["message"] = json!("Liveness probe failed: refused");
        let mut snapshot = testing::snapshot(&[("Event", unhealthy), ("Event", event("b", "web", "Killing", "06", 1))]);
        let killed = |snapshot: &Snapshot| killed(snapshot, &["ns".to_owned()]);
        assert!(killed(&snapshot).is_empty(), "the pod does not exist");
        add(&mut snapshot, "Pod", pod());
        assert_eq!(killed(&snapshot), ["Pod ns/web: why (Liveness probe failed: refused)"]);
        let mut terminating = pod();
        terminating["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:06Z");
        add(&mut snapshot, "Pod", terminating);
        assert!(killed(&snapshot).is_empty(), "the pod was deleted");
    }
}
