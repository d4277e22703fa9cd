//! The resources of a container: which there are, how much of each, and what they are when it is resized.

use super::look::{At, Look};
use diagnostics::nearest;
use document::Value;

const OWN: &[&str] = &["cpu", "memory", "ephemeral-storage"];
const PAGES: &str = "hugepages-";

/// `spec` is that of the pod.
pub(super) fn check<'a>(look: &mut Look<'a>, container: &At<'a>, spec: &At<'a>) {
    if let Some(resources) = container.get("resources") {
        amounts(look, &resources);
        let there = spec.list("resourceClaims");
        let there: Vec<&str> = there.iter().filter_map(|claim| claim.get("name")?.text()).collect();
        for name in resources.list("claims").iter().filter_map(|claim| claim.get("name")) {
            if name.text().is_some_and(|text| !there.contains(&text)) {
                look.refuse(&name, "is no claim of the pod", "no entry of `resourceClaims` has this name");
            }
        }
    }
    let policies = container.list("resizePolicy");
    for policy in &policies {
        look.known(policy.get("resourceName"), &["cpu", "memory"]);
        look.known(policy.get("restartPolicy"), &["NotRequired", "RestartContainer"]);
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
            if !key.name.contains('/') && !OWN.contains(&key.name.as_str()) && !key.name.starts_with(PAGES) {
                let short = OWN.iter().copied().find(|own| key.name.len() > 1 && own.starts_with(&key.name));
                let label = match short.or_else(|| nearest(&key.name, OWN.iter().copied())) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("expected {}, or one with a domain", OWN.join(", ")),
                };
                look.refuse(&amount, "is no resource of a container", label);
            }
            let Some(value) = quantity(&amount) else { continue };
            if value < 0.0 {
                look.refuse(&amount, "is negative", "expected 0 or more");
            } else if extended(&key.name) && (value - value.round()).abs() > 1e-6 {
                look.refuse(&amount, "is not whole", "only cpu and memory can be had in parts");
            }
        }
    }
    let has =
        |known: &dyn Fn(&str) -> bool| sides.iter().any(|side| side.entries().iter().any(|(k, _)| known(&k.name)));
    if has(&|key| key.starts_with(PAGES)) && !has(&|key| key == "cpu" || key == "memory") {
        look.refuse(resources, "has huge pages alone", "expected `cpu` or `memory` beside them");
    }
    let limits = resources.get("limits");
    for (key, request) in resources.get("requests").map(|requests| requests.entries()).unwrap_or_default() {
        let limit = limits.as_ref().and_then(|limits| limits.get(&key.name));
        let whole = extended(&key.name) || key.name.starts_with(PAGES);
        let Some(wanted) = quantity(&request) else { continue };
        match limit.as_ref().map(quantity) {
            None if whole => {
                look.refuse(&request, "has no limit", "expected the same amount under `limits`");
            }
            Some(Some(allowed)) if exceeds(wanted, allowed) => {
                look.refuse(&request, "is more than its limit", "expected no more than what `limits` says");
            }
            Some(Some(allowed)) if exceeds(allowed, wanted) && whole => {
                look.refuse(&request, "is less than its limit", "expected the same amount as under `limits`");
            }
            _ => {}
        }
    }
}

/// Whether one amount is more than another. `700m` is no more than `0.7`, though not to the last bit.
fn exceeds(one: f64, other: f64) -> bool {
    one - other > other.abs() * 1e-12
}

/// Whether a resource is one that Kubernetes itself does not know, such as `nvidia.com/gpu`.
fn extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

/// The amount that a quantity stands for.
pub(super) fn quantity(at: &At<'_>) -> Option<f64> {
    let text = match &at.node.value {
        Value::String(text) => text,
        Value::Number(number) => return number.parse().ok(),
        _ => return None,
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "Pi" => 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "Ei" => 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * factor)
}
