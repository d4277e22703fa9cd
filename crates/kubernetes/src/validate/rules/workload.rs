//! Workloads and `PodDisruptionBudgets`: selectors, replicas, and update strategies.

use diagnostics::Fact;
use document::{Key, Node, Value};

use super::look::{At, Look};
use super::{names, selector};

/// The fields of a label selector.
const SELECTOR_FIELDS: &[&str] = &["matchLabels", "matchExpressions"];

/// The default of `progressDeadlineSeconds`.
const DEFAULT_DEADLINE: i64 = 600;

pub(super) fn check(look: &mut Look<'_>) {
    let Some(spec) = look.root().get("spec") else { return };
    let deployment = look.is("apps/Deployment");
    let daemon = look.is("apps/DaemonSet");
    let set = look.is("apps/StatefulSet");
    if deployment || daemon || set || look.is("apps/ReplicaSet") {
        look.in_range(spec.get("replicas"), 0..=i64::from(i32::MAX));
        look.in_range(spec.get("minReadySeconds"), 0..=i64::MAX);
        selector(look, &spec);
        restart_policy(look, &["Always"]);
    }
    if look.is("batch/Job") || look.is("batch/CronJob") {
        restart_policy(look, &["OnFailure", "Never"]);
    }
    if deployment || daemon {
        look.in_range(spec.get("revisionHistoryLimit"), 0..=i64::MAX);
    }
    if deployment {
        progress_deadline(look, &spec);
    }
    if let Some(strategy) = spec.get("strategy").filter(|_| deployment) {
        deployment_strategy(look, &strategy);
    }
    if let Some(rolling) = spec.walk(&["updateStrategy", "rollingUpdate"])
        && daemon
        && spec.walk(&["updateStrategy", "type"]).and_then(|at| at.text()) != Some("OnDelete")
    {
        daemon_set_update(look, &rolling);
    }
    if set {
        stateful_set(look, &spec);
    }
    if look.is("policy/PodDisruptionBudget") {
        for at in spec.present(&["minAvailable", "maxUnavailable"]) {
            pod_count(look, &at, true);
        }
        if let [first, second] = spec.present(&["minAvailable", "maxUnavailable"]).as_slice() {
            look.conflict(second, first.name());
        }
    }
}

/// The selector must match the labels of the pod template.
fn selector<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let Some(selector) = spec.get("selector") else { return };
    let empty = |(key, node): &(Key, Node)| match &node.value {
        Value::Null => true,
        Value::Mapping(_) | Value::Sequence(_) => node.entries().is_empty() && node.items().is_empty(),
        // A label directly under `selector` is an unknown field, which the schema check reports.
        _ => SELECTOR_FIELDS.contains(&key.name.as_str()),
    };
    if matches!(selector.node.value, Value::Mapping(_)) && selector.node.entries().iter().all(empty) {
        look.reject(&selector, "must not be empty", "at least one label is required");
        return;
    }
    let labels = spec.walk(&["template", "metadata", "labels"]);
    let wanted = selector.get("matchLabels").as_ref().map(selector::valid_labels).unwrap_or_default();
    for (key, wanted, at) in wanted {
        let has = labels.as_ref().and_then(|labels| labels.get(key)).and_then(|label| label.text());
        if has != Some(wanted) {
            let label = has.map_or_else(
                || "`spec.template.metadata.labels` has no such label".to_owned(),
                |has| format!("`spec.template.metadata.labels` has `{has}`"),
            );
            look.reject(&at, "does not match the template labels", label).facts.push(Fact::OwnLabels);
        }
    }
    for expression in selector.list("matchExpressions") {
        if selector::matches(&expression, labels.as_ref()) == Some(false) {
            let label = "`spec.template.metadata.labels` does not match this expression";
            look.reject(&expression, "does not match the template labels", label).facts.push(Fact::OwnLabels);
        }
    }
}

/// The progress deadline must leave pods time to become available.
fn progress_deadline<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let ready = spec.get("minReadySeconds");
    let min_ready = ready.as_ref().and_then(At::number).unwrap_or(0);
    match (spec.get("progressDeadlineSeconds"), ready) {
        (Some(deadline), _) if deadline.number().is_some_and(|deadline| deadline <= min_ready) => {
            let label = format!("`minReadySeconds` is {min_ready}");
            look.reject(&deadline, "must be greater than `spec.minReadySeconds`", label);
        }
        (None, Some(ready)) if min_ready >= DEFAULT_DEADLINE => {
            let label = format!("`progressDeadlineSeconds` defaults to {DEFAULT_DEADLINE}");
            look.reject(&ready, "must be less than `spec.progressDeadlineSeconds`", label);
        }
        _ => {}
    }
}

fn stateful_set<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    if let Some(name) = spec.get("serviceName") {
        look.check_format(&name, name.text().filter(|text| !text.is_empty()).and_then(names::label));
    }
    look.in_range(spec.walk(&["ordinals", "start"]), 0..=i64::MAX);
    let Some(strategy) = spec.get("updateStrategy") else { return };
    look.in_range(strategy.walk(&["rollingUpdate", "partition"]), 0..=i64::MAX);
    if let (Some(rolling), Some("OnDelete")) =
        (strategy.get("rollingUpdate"), strategy.get("type").and_then(|at| at.text()))
    {
        look.reject_when(&rolling, "is not allowed", ("type", "OnDelete"), "remove it");
    }
}

/// A `DaemonSet` replaces the pod of a node either by surging or by stopping the old pod first.
fn daemon_set_update<'a>(look: &mut Look<'a>, rolling: &At<'a>) {
    let zero = |key: &str| rolling.get(key).map(|at| at.number() == Some(0) || at.text() == Some("0%"));
    for (key, limited) in [("maxSurge", false), ("maxUnavailable", true)] {
        if let Some(at) = rolling.get(key) {
            pod_count(look, &at, limited);
        }
    }
    if let Some(surge) = rolling.get("maxSurge").filter(|_| zero("maxSurge") == Some(false))
        && zero("maxUnavailable") != Some(true)
    {
        look.reject_when(&surge, "is only allowed", ("maxUnavailable", "0"), "`maxUnavailable` defaults to 1")
            .helps
            .push("set `maxUnavailable: 0`, or remove `maxSurge`".to_owned());
    }
}

fn restart_policy(look: &mut Look<'_>, allowed: &[&str]) {
    let Some(pod) = look.pod().and_then(|pod| pod.get("spec")) else { return };
    match pod.get("restartPolicy") {
        Some(at) if at.text().is_some_and(|text| !allowed.contains(&text)) => {
            look.reject(&at, "is not supported in this kind", format!("expected {}", choice(allowed)));
        }
        None if !allowed.contains(&"Always") => {
            look.requires(&pod, "restartPolicy", format!("set it to {}", choice(allowed)));
        }
        _ => {}
    }
}

fn deployment_strategy<'a>(look: &mut Look<'a>, strategy: &At<'a>) {
    let Some(rolling) = strategy.get("rollingUpdate") else { return };
    if strategy.get("type").and_then(|at| at.text()) == Some("Recreate") {
        look.reject_when(&rolling, "is not allowed", ("type", "Recreate"), "remove it");
        return;
    }
    let zero = |key: &str| rolling.get(key).is_some_and(|at| at.number() == Some(0) || at.text() == Some("0%"));
    for (key, limited) in [("maxSurge", false), ("maxUnavailable", true)] {
        if let Some(at) = rolling.get(key) {
            pod_count(look, &at, limited);
        }
    }
    if zero("maxSurge") && zero("maxUnavailable") {
        look.reject(&rolling, "cannot replace any pod", "`maxSurge` and `maxUnavailable` must not both be 0");
    }
}

/// Values as a choice: `` `OnFailure` or `Never` ``.
fn choice(values: &[&str]) -> String {
    values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ")
}

/// A number or percentage of pods; `limited` to 100 % where it is a share of the existing pods.
fn pod_count(look: &mut Look<'_>, at: &At<'_>, limited: bool) {
    let digits =
        |text: &str| text.strip_suffix('%').is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    if at.text().is_some_and(|text| !digits(text)) || at.number().is_some_and(|number| number < 0) {
        look.reject(at, "is not a valid number or percentage", "expected a value such as `1` or `50%`");
    } else if limited && at.text().is_some_and(|text| text.trim_end_matches('%').parse().is_ok_and(|n: u64| n > 100)) {
        look.reject(at, "must not be greater than 100%", "expected at most `100%`");
    }
}
