//! `HorizontalPodAutoscalers`: between how many pods they scale, by what, and how fast.

use super::look::{At, Look};
use super::resources;

/// What a metric may be, and the field that describes it.
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
    look.within(spec.get("maxReplicas"), 1..=i64::from(i32::MAX));
    let number = |key: &str| spec.get(key).and_then(|at| at.number());
    if let (Some(min), Some(max), Some(at)) = (number("minReplicas"), number("maxReplicas"), spec.get("maxReplicas"))
        && min > max
    {
        look.refuse(&at, "is less than `spec.minReplicas`", format!("expected {min} or more"));
    }
    let metrics = spec.list("metrics");
    // Some clusters scale to zero, by what is measured without pods.
    let outside = metrics.iter().filter_map(|metric| metric.get("type")?.text());
    let least = i64::from(!outside.into_iter().any(|name| matches!(name, "Object" | "External")));
    look.within(spec.get("minReplicas"), least..=i64::MAX);
    if let Some(target) = spec.get("scaleTargetRef") {
        look.filled(target.get("name"));
        look.filled(target.get("kind"));
        let text = |key: &str| target.get(key).and_then(|at| at.text()).unwrap_or_default();
        if !text("kind").is_empty() && text("kind") != "ReplicationController" && !text("apiVersion").contains('/') {
            let at = target.get("apiVersion").unwrap_or_else(|| target.clone());
            look.refuse(&at, "names no group", "expected an `apiVersion` such as `apps/v1`");
        }
    }
    for metric in metrics {
        self::metric(look, &metric);
    }
    for side in spec.get("behavior").map(|all| all.present(&["scaleUp", "scaleDown"])).unwrap_or_default() {
        pace(look, &side);
    }
}

fn metric<'a>(look: &mut Look<'a>, metric: &At<'a>) {
    let names = SOURCES.map(|(name, _)| name);
    look.known(metric.get("type"), &names);
    let name = metric.get("type").and_then(|at| at.text());
    let Some((name, source)) = SOURCES.into_iter().find(|(known, _)| Some(*known) == name) else { return };
    for (_, other) in SOURCES.into_iter().filter(|(_, other)| *other != source) {
        if let Some(at) = metric.get(other) {
            look.refuse(&at, format!("does not go with the type {name}"), format!("expected `{source}`"));
            return;
        }
    }
    let Some(source) = metric.get(source) else {
        if metric.lacks(source) {
            look.refuse(metric, format!("has no `{source}`"), format!("the type {name} needs it"));
        }
        return;
    };
    for key in ["name", "container"] {
        look.filled(source.get(key));
    }
    look.filled(source.walk(&["metric", "name"]));
    if let Some(target) = source.get("target") {
        self::target(look, &target, name);
    }
}

/// What a metric is held against.
fn target<'a>(look: &mut Look<'a>, target: &At<'a>, metric: &str) {
    look.known(target.get("type"), &["Utilization", "AverageValue", "Value"]);
    look.within(target.get("averageUtilization"), 1..=i64::MAX);
    for amount in target.present(&["averageValue", "value"]) {
        if resources::quantity(&amount).is_some_and(|amount| amount <= 0.0) {
            look.refuse(&amount, "is nothing to aim at", "expected more than 0");
        }
    }
    let (fields, twice): (&[&str], bool) = match metric {
        "Pods" => (&["averageValue"], false),
        "Object" => (&["value", "averageValue"], false),
        "External" => (&["value", "averageValue"], true),
        _ => (&["averageUtilization", "averageValue"], true),
    };
    match target.present(fields).as_slice() {
        [] if fields.iter().all(|field| target.lacks(field)) => {
            look.refuse(target, "names no amount", format!("expected `{}`", fields.join("` or `")));
        }
        [_, second] if twice => {
            look.refuse(second, "is a second amount", "only one of the two may be there");
        }
        _ => {}
    }
}

/// How fast it scales.
fn pace<'a>(look: &mut Look<'a>, side: &At<'a>) {
    look.within(side.get("stabilizationWindowSeconds"), 0..=3600);
    look.known(side.get("selectPolicy"), &["Max", "Min", "Disabled"]);
    if let Some(policies) = side.get("policies").filter(|_| side.lacks("policies")) {
        look.refuse(&policies, "is empty", "expected at least one, or no `policies`");
    }
    for policy in side.list("policies") {
        look.known(policy.get("type"), &["Pods", "Percent"]);
        look.within(policy.get("value"), 1..=i64::MAX);
        look.within(policy.get("periodSeconds"), 1..=1800);
    }
}
