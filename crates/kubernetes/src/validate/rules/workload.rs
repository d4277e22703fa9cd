//! What makes pods: its selector and its template, its replicas, and how it replaces them.

use super::look::{At, Look};
use super::{names, selector};
use document::{Key, Node, Value};

/// What a selector consists of.
const PARTS: &[&str] = &["matchLabels", "matchExpressions"];

/// How long a Deployment waits for its pods where it does not say so.
const DEADLINE: i64 = 600;

pub(super) fn check(look: &mut Look<'_>) {
    let Some(spec) = look.root().get("spec") else { return };
    let deployment = look.is("apps/Deployment");
    let daemon = look.is("apps/DaemonSet");
    let set = look.is("apps/StatefulSet");
    if deployment || daemon || set || look.is("apps/ReplicaSet") {
        look.within(spec.get("replicas"), 0..=i64::from(i32::MAX));
        look.within(spec.get("minReadySeconds"), 0..=i64::MAX);
        selector(look, &spec);
        restart(look, &["Always"]);
    }
    if look.is("batch/Job") || look.is("batch/CronJob") {
        restart(look, &["OnFailure", "Never"]);
    }
    if deployment || daemon {
        look.within(spec.get("revisionHistoryLimit"), 0..=i64::MAX);
    }
    if deployment {
        progress(look, &spec);
    }
    if let Some(strategy) = spec.get("strategy").filter(|_| deployment) {
        replacing(look, &strategy);
    }
    if let Some(rolling) = spec.walk(&["updateStrategy", "rollingUpdate"])
        && daemon
        && spec.walk(&["updateStrategy", "type"]).and_then(|at| at.text()) != Some("OnDelete")
    {
        one_by_one(look, &rolling);
    }
    if set {
        of_set(look, &spec);
    }
    if look.is("policy/PodDisruptionBudget") {
        for at in spec.present(&["minAvailable", "maxUnavailable"]) {
            percentage(look, &at, true);
        }
        if let [_, second] = spec.present(&["minAvailable", "maxUnavailable"]).as_slice() {
            look.refuse(second, "stands beside `spec.minAvailable`", "only one of the two may be there");
        }
    }
}

/// What the selector asks for has to be among the labels of the pods.
fn selector<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let Some(selector) = spec.get("selector") else { return };
    let empty = |(key, node): &(Key, Node)| match &node.value {
        Value::Null => true,
        Value::Mapping(_) | Value::Sequence(_) => node.entries().is_empty() && node.items().is_empty(),
        // A label that stands where `matchLabels` belongs; the schema says so.
        _ => PARTS.contains(&key.name.as_str()),
    };
    if matches!(selector.node.value, Value::Mapping(_)) && selector.node.entries().iter().all(empty) {
        look.refuse(&selector, "selects everything", "expected at least one label");
        return;
    }
    let labels = spec.walk(&["template", "metadata", "labels"]);
    for (key, at) in selector.get("matchLabels").map(|labels| labels.entries()).unwrap_or_default() {
        let Some(wanted) = at.text() else { continue };
        // What is no label at all is told as that.
        if names::qualified(&key.name).or_else(|| names::label_value(wanted)).is_some() {
            continue;
        }
        let has = labels.as_ref().and_then(|labels| labels.get(&key.name)).and_then(|label| label.text());
        if has != Some(wanted) {
            let is = has.map_or_else(|| "has no such label".to_owned(), |has| format!("says `{has}`"));
            look.refuse(&at, "is not what the pods are labelled", format!("`spec.template.metadata.labels` {is}"));
        }
    }
    for expression in selector.list("matchExpressions") {
        if !selector::means(&expression, labels.as_ref()) {
            let label = "`spec.template.metadata.labels` says otherwise";
            look.refuse(&expression, "is not how the pods are labelled", label);
        }
    }
}

/// A Deployment gives up only after its pods could have become available.
fn progress<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let ready = spec.get("minReadySeconds");
    let least = ready.as_ref().and_then(At::number).unwrap_or(0);
    match (spec.get("progressDeadlineSeconds"), ready) {
        (Some(deadline), _) if deadline.number().is_some_and(|deadline| deadline <= least) => {
            look.refuse(&deadline, "is not above `spec.minReadySeconds`", format!("expected {} or more", least + 1));
        }
        (None, Some(ready)) if least >= DEADLINE => {
            let label = format!("that is {DEADLINE} where it is not given");
            look.refuse(&ready, "is not below `spec.progressDeadlineSeconds`", label);
        }
        _ => {}
    }
}

fn of_set<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    if let Some(name) = spec.get("serviceName") {
        look.form(&name, name.text().filter(|text| !text.is_empty()).and_then(names::label));
    }
    look.within(spec.walk(&["ordinals", "start"]), 0..=i64::MAX);
    let Some(strategy) = spec.get("updateStrategy") else { return };
    look.within(strategy.walk(&["rollingUpdate", "partition"]), 0..=i64::MAX);
    if let (Some(rolling), Some("OnDelete")) =
        (strategy.get("rollingUpdate"), strategy.get("type").and_then(|at| at.text()))
    {
        look.refuse(&rolling, "does not go with `OnDelete`", "delete this");
    }
}

/// A `DaemonSet` starts the new pod of a node first, or ends the old one first.
fn one_by_one<'a>(look: &mut Look<'a>, rolling: &At<'a>) {
    let none = |key: &str| rolling.get(key).map(|at| at.number() == Some(0) || at.text() == Some("0%"));
    for (key, share) in [("maxSurge", false), ("maxUnavailable", true)] {
        if let Some(at) = rolling.get(key) {
            percentage(look, &at, share);
        }
    }
    if let Some(surge) = rolling.get("maxSurge").filter(|_| none("maxSurge") == Some(false))
        && none("maxUnavailable") != Some(true)
    {
        look.refuse(&surge, "goes only with `maxUnavailable: 0`", "which is 1 where it is not given")
            .helps
            .push("set `maxUnavailable: 0`, or delete this".to_owned());
    }
}

fn restart(look: &mut Look<'_>, allowed: &[&str]) {
    let Some(pod) = look.pod().and_then(|pod| pod.get("spec")) else { return };
    match pod.get("restartPolicy") {
        Some(at) if at.text().is_some_and(|text| !allowed.contains(&text)) => {
            look.refuse(&at, "is not for this kind", format!("expected {}", allowed.join(" or ")));
        }
        None if !allowed.contains(&"Always") => {
            look.refuse(&pod, "has no `restartPolicy`", format!("expected {}", allowed.join(" or ")));
        }
        _ => {}
    }
}

fn replacing<'a>(look: &mut Look<'a>, strategy: &At<'a>) {
    let Some(rolling) = strategy.get("rollingUpdate") else { return };
    if strategy.get("type").and_then(|at| at.text()) == Some("Recreate") {
        look.refuse(&rolling, "does not go with `Recreate`", "delete this");
        return;
    }
    let none = |key: &str| rolling.get(key).is_some_and(|at| at.number() == Some(0) || at.text() == Some("0%"));
    for (key, share) in [("maxSurge", false), ("maxUnavailable", true)] {
        if let Some(at) = rolling.get(key) {
            percentage(look, &at, share);
        }
    }
    if none("maxSurge") && none("maxUnavailable") {
        look.refuse(&rolling, "lets no pod be replaced", "`maxSurge` and `maxUnavailable` may not both be 0");
    }
}

/// A number of pods, or a share of them: of those that there are, at most all.
fn percentage(look: &mut Look<'_>, at: &At<'_>, share: bool) {
    let digits =
        |text: &str| text.strip_suffix('%').is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    if at.text().is_some_and(|text| !digits(text)) || at.number().is_some_and(|number| number < 0) {
        look.refuse(at, "is no number of pods", "expected a number, or a share such as `50%`");
    } else if share && at.text().is_some_and(|text| text.trim_end_matches('%').parse().is_ok_and(|n: u64| n > 100)) {
        look.refuse(at, "is more than all", "expected at most `100%`");
    }
}
