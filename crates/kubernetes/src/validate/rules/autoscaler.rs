//! `HorizontalPodAutoscalers`: replica bounds, metrics, and scaling behavior.

use super::look::{At, Look};

/// The types of a metric, each with the field that it requires.
const SOURCES: [(&str, &str); 5] = [
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
    ("Pods", "pods"),
    ("Object", "object"),
    ("External", "external"),
];

pub(super) fn check(look: &mut Look<'_>) {
    if !look.is("autoscaling/HorizontalPodAutoscaler") {
        return;
    }
    let Some(spec) = look.root().get("spec") else { return };
    look.in_range(spec.get("maxReplicas"), 1..=i64::from(i32::MAX));
    let number = |key: &str| spec.get(key).and_then(|at| at.number());
    if let (Some(min), Some(max), Some(at)) = (number("minReplicas"), number("maxReplicas"), spec.get("maxReplicas"))
        && min > max
    {
        look.reject(&at, "must be greater than or equal to `minReplicas`", format!("`minReplicas` is {min}"));
    }
    let metrics = spec.list("metrics");
    // With the HPAScaleToZero feature gate, Object and External metrics can scale a workload to zero.
    let outside = metrics.iter().filter_map(|metric| metric.get("type")?.text());
    let least = i64::from(!outside.into_iter().any(|name| matches!(name, "Object" | "External")));
    look.in_range(spec.get("minReplicas"), least..=i64::MAX);
    if let Some(target) = spec.get("scaleTargetRef") {
        look.not_empty(target.get("name"));
        look.not_empty(target.get("kind"));
        let text = |key: &str| target.get(key).and_then(|at| at.text()).unwrap_or_default();
        if !text("kind").is_empty() && text("kind") != "ReplicationController" && !text("apiVersion").contains('/') {
            let at = target.get("apiVersion").unwrap_or_else(|| target.clone());
            look.reject(&at, "has no API group", "expected an `apiVersion` such as `apps/v1`");
        }
    }
    for metric in metrics {
        self::metric(look, &metric);
    }
    for side in spec.get("behavior").map(|all| all.present(&["scaleUp", "scaleDown"])).unwrap_or_default() {
        scaling_rules(look, &side);
    }
}

fn metric<'a>(look: &mut Look<'a>, metric: &At<'a>) {
    let names = SOURCES.map(|(name, _)| name);
    look.supported(metric.get("type"), &names);
    let name = metric.get("type").and_then(|at| at.text());
    let Some((name, source)) = SOURCES.into_iter().find(|(known, _)| Some(*known) == name) else { return };
    for (_, other) in SOURCES.into_iter().filter(|(_, other)| *other != source) {
        if let Some(at) = metric.get(other) {
            look.reject_when(&at, "is not allowed", ("type", name), format!("expected `{source}`"));
            return;
        }
    }
    let Some(source) = metric.get(source) else {
        if metric.lacks(source) {
            look.requires(metric, source, format!("required when `type: {name}`"));
        }
        return;
    };
    for key in ["name", "container"] {
        look.not_empty(source.get(key));
    }
    look.not_empty(source.walk(&["metric", "name"]));
    if let Some(target) = source.get("target") {
        self::target(look, &target, name);
    }
}

/// The target value of a metric.
fn target<'a>(look: &mut Look<'a>, target: &At<'a>, metric: &str) {
    look.supported(target.get("type"), &["Utilization", "AverageValue", "Value"]);
    look.in_range(target.get("averageUtilization"), 1..=i64::MAX);
    for amount in target.present(&["averageValue", "value"]) {
        if amount.quantity().is_some_and(|amount| amount <= 0.0) {
            look.reject(&amount, "must be positive", "zero or negative");
        }
    }
    let (fields, exclusive): (&[&str], bool) = match metric {
        "Pods" => (&["averageValue"], false),
        "Object" => (&["value", "averageValue"], false),
        "External" => (&["value", "averageValue"], true),
        _ => (&["averageUtilization", "averageValue"], true),
    };
    match target.present(fields).as_slice() {
        [] if fields.iter().all(|field| target.lacks(field)) => {
            look.reject(target, "has no target value", format!("set `{}`", fields.join("` or `")));
        }
        [first, second] if exclusive => look.conflict(second, first.name()),
        _ => {}
    }
}

/// The rules for scaling in one direction.
fn scaling_rules<'a>(look: &mut Look<'a>, side: &At<'a>) {
    look.in_range(side.get("stabilizationWindowSeconds"), 0..=3600);
    look.supported(side.get("selectPolicy"), &["Max", "Min", "Disabled"]);
    if let Some(policies) = side.get("policies").filter(|_| side.lacks("policies")) {
        look.reject(&policies, "must not be empty", "add a policy, or remove the field");
    }
    for policy in side.list("policies") {
        look.supported(policy.get("type"), &["Pods", "Percent"]);
        look.in_range(policy.get("value"), 1..=i64::MAX);
        look.in_range(policy.get("periodSeconds"), 1..=1800);
    }
}
