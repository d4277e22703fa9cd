//! What makes pods: its selector and its template, its replicas, and how it replaces them.

use super::{At, Look};

pub(super) fn check(look: &mut Look<'_>) {
    let Some(spec) = look.root().get("spec") else { return };
    let deployment = look.is("apps/Deployment");
    let set = look.is("apps/StatefulSet") || look.is("apps/DaemonSet") || look.is("apps/ReplicaSet");
    if deployment || set {
        look.within(spec.get("replicas"), 0..=i64::from(i32::MAX));
        selector(look, &spec);
        restart(look, &["Always"]);
    }
    if look.is("batch/Job") || look.is("batch/CronJob") {
        restart(look, &["OnFailure", "Never"]);
    }
    if let Some(strategy) = spec.get("strategy").filter(|_| deployment) {
        replacing(look, &strategy);
    }
    if let Some(at) = spec.get("schedule").filter(|_| look.is("batch/CronJob")) {
        let named = at.text().is_some_and(|text| text.starts_with('@'));
        if at.text().is_some_and(|text| text.split_whitespace().count() != 5) && !named {
            look.refuse(&at, "is no schedule", "expected five fields, such as `0 3 * * *`");
        }
    }
    if look.is("autoscaling/HorizontalPodAutoscaler") {
        look.within(spec.get("maxReplicas"), 1..=i64::from(i32::MAX));
        let number = |key: &str| spec.get(key).and_then(|at| at.number());
        if let (Some(min), Some(max), Some(at)) =
            (number("minReplicas"), number("maxReplicas"), spec.get("maxReplicas"))
            && min > max
        {
            look.refuse(&at, "is less than `spec.minReplicas`", format!("expected {min} or more"));
        }
    }
    if look.is("policy/PodDisruptionBudget") {
        for at in spec.present(&["minAvailable", "maxUnavailable"]) {
            percentage(look, &at);
        }
        if let [_, second] = spec.present(&["minAvailable", "maxUnavailable"]).as_slice() {
            look.refuse(second, "stands beside `spec.minAvailable`", "only one of the two may be there");
        }
    }
}

/// What the selector asks for has to be among the labels of the pods.
fn selector<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let Some(selector) = spec.get("selector") else { return };
    if selector.node.entries().iter().all(|(_, node)| node.entries().is_empty() && node.items().is_empty()) {
        look.refuse(&selector, "selects everything", "expected at least one label");
        return;
    }
    let labels = spec.walk(&["template", "metadata", "labels"]);
    for (key, at) in selector.get("matchLabels").map(|labels| labels.entries()).unwrap_or_default() {
        let Some(wanted) = at.text() else { continue };
        let has = labels.as_ref().and_then(|labels| labels.get(&key.name)).and_then(|label| label.text());
        if has != Some(wanted) {
            let is = has.map_or_else(|| "has no such label".to_owned(), |has| format!("says `{has}`"));
            look.refuse(&at, "is not what the pods are labelled", format!("`spec.template.metadata.labels` {is}"));
        }
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
    for at in rolling.present(&["maxSurge", "maxUnavailable"]) {
        percentage(look, &at);
    }
    if none("maxSurge") && none("maxUnavailable") {
        look.refuse(&rolling, "lets no pod be replaced", "`maxSurge` and `maxUnavailable` may not both be 0");
    }
}

/// A number of pods, or a share of them.
fn percentage(look: &mut Look<'_>, at: &At<'_>) {
    let digits =
        |text: &str| text.strip_suffix('%').is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    if at.text().is_some_and(|text| !digits(text)) || at.number().is_some_and(|number| number < 0) {
        look.refuse(at, "is no number of pods", "expected a number, or a share such as `50%`");
    }
}
