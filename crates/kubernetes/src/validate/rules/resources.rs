//! Resource requests and limits of a container, and its resize policy.

use diagnostics::{did_you_mean, nearest};
use document::Value;

use super::look::{At, Look};

/// The standard resources of a container.
const STANDARD: &[&str] = &["cpu", "memory", "ephemeral-storage"];
const HUGE_PAGES: &str = "hugepages-";

/// Checks the resources of a container in a pod spec.
pub(super) fn check<'a>(look: &mut Look<'a>, container: &At<'a>, spec: &At<'a>) {
    if let Some(resources) = container.get("resources") {
        amounts(look, &resources);
        let claims = spec.list("resourceClaims");
        let claims: Vec<&str> = claims.iter().filter_map(|claim| claim.get("name")?.text()).collect();
        for name in resources.list("claims").iter().filter_map(|claim| claim.get("name")) {
            if name.text().is_some_and(|text| !claims.contains(&text)) {
                look.reject(&name, "is not a resource claim of the pod", "no entry of `resourceClaims` has this name");
            }
        }
    }
    let policies = container.list("resizePolicy");
    for policy in &policies {
        look.supported(policy.get("resourceName"), &["cpu", "memory"]);
        look.supported(policy.get("restartPolicy"), &["NotRequired", "RestartContainer"]);
    }
    look.unique(policies.iter().filter_map(|policy| policy.get("resourceName")));
}

fn amounts<'a>(look: &mut Look<'a>, resources: &At<'a>) {
    let sides = resources.present(&["limits", "requests"]);
    for side in &sides {
        for (key, amount) in side.entries() {
            if matches!(amount.node.value, Value::Null) {
                continue;
            }
            if !key.name.contains('/') && !STANDARD.contains(&key.name.as_str()) && !key.name.starts_with(HUGE_PAGES) {
                let short = STANDARD.iter().copied().find(|name| key.name.len() > 1 && name.starts_with(&key.name));
                let label = match short.or_else(|| nearest(&key.name, STANDARD.iter().copied())) {
                    Some(near) => did_you_mean(near).text,
                    None => format!("expected {}, or a fully qualified name", super::look::backticks(STANDARD)),
                };
                look.reject(&amount, "is not a standard resource", label);
            }
            let Some(value) = amount.quantity() else { continue };
            if value < 0.0 {
                look.reject(&amount, "must be greater than or equal to 0", "negative");
            } else if extended(&key.name) && (value - value.round()).abs() > 1e-6 {
                look.reject(&amount, "must be an integer", "extended resources cannot be divided");
            }
        }
    }
    let has =
        |known: &dyn Fn(&str) -> bool| sides.iter().any(|side| side.entries().iter().any(|(k, _)| known(&k.name)));
    if has(&|key| key.starts_with(HUGE_PAGES)) && !has(&|key| key == "cpu" || key == "memory") {
        look.reject(resources, "has huge pages without `cpu` or `memory`", "set `cpu` or `memory` as well");
    }
    let (limits, requests) = (resources.get("limits"), resources.get("requests"));
    for (key, request) in requests.as_ref().map(At::entries).unwrap_or_default() {
        let limit = limits.as_ref().and_then(|limits| limits.get(&key.name));
        let not_overcommittable = extended(&key.name) || key.name.starts_with(HUGE_PAGES);
        let amount = |list: &Option<At<'_>>, at: &At<'_>| super::quantity::intended(look, &key.name, list.as_ref(), at);
        let Some(wanted) = amount(&requests, &request) else { continue };
        match limit.as_ref().map(|limit| amount(&limits, limit)) {
            None if not_overcommittable => {
                look.reject(&request, "requires a limit", "set the same amount under `limits`");
            }
            Some(Some(allowed)) if exceeds(wanted, allowed) => {
                let found = look.reject(&request, "exceeds its limit", limit_label(&key.name, limit.as_ref()));
                found.places.extend(limit.as_ref().map(|limit| (limit.node.place(), "the limit".to_owned())));
            }
            Some(Some(allowed)) if exceeds(allowed, wanted) && not_overcommittable => {
                let found = look.reject(&request, "must be equal to its limit", limit_label(&key.name, limit.as_ref()));
                found.places.extend(limit.as_ref().map(|limit| (limit.node.place(), "the limit".to_owned())));
            }
            _ => {}
        }
    }
}

/// The limit of a resource, as a label.
fn limit_label(resource: &str, limit: Option<&At<'_>>) -> String {
    format!("`limits.{resource}` is `{}`", limit.map_or("", |limit| limit.written()))
}

/// Whether one amount exceeds another, apart from rounding: `700m` does not exceed `0.7`.
fn exceeds(one: f64, other: f64) -> bool {
    one - other > other.abs() * 1e-12
}

/// Whether this is an extended resource, such as `nvidia.com/gpu`.
fn extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}
