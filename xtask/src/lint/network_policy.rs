//! NetworkPolicies that allow more than they seem to: where a template filled in nothing, Kubernetes reads everything.
//!
//! What says plainly that all is allowed (a rule `{}`, a rule with ports alone, `0.0.0.0/0`) is meant and no finding.
//!
//! Deliberately absent: whether what is allowed is right, what the API server refuses, and the policies of network
//! plugins.

use super::Subject;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Node, Value};
use kubernetes::object::Object;

/// What this check finds.
pub const CODES: &[Code] = &[Code::NetworkPolicyOpen];

/// A direction of traffic: the list of its rules, the key of a rule's peers, and its name among `policyTypes`.
const DIRECTIONS: [(&str, &str, &str); 2] = [("ingress", "from", "Ingress"), ("egress", "to", "Egress")];

/// Rules that hold no peers, and rules that are not in force.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let policies = subject.objects.iter().filter(|object| {
        object.key.kind == "NetworkPolicy" && matches!(object.key.group.as_str(), "networking.k8s.io" | "extensions")
    });
    for object in policies {
        for (direction, peers, policy_type) in DIRECTIONS {
            let Some(rules) = object.find(&["spec", direction]) else { continue };
            if let Some(found) = not_in_force(object, rules, direction, policy_type) {
                diagnostics.push(found);
                continue;
            }
            for (index, rule) in rules.items().iter().enumerate() {
                let path = format!("{direction}[{index}]");
                diagnostics.extend(check_rule(object, rule, &path, peers));
            }
        }
    }
    diagnostics
}

/// Rules of a direction that the policy does not restrict.
fn not_in_force(object: &Object, rules: &Node, direction: &str, policy_type: &str) -> Option<Diagnostic> {
    let types = object.find(&["spec", "policyTypes"]).map(Node::items).unwrap_or_default();
    let listed = types.iter().any(|node| node.as_str() == Some(policy_type));
    let (label, help) = if !types.is_empty() && !listed && !rules.items().is_empty() {
        (format!("`policyTypes` does not list `{policy_type}`"), format!("add `{policy_type}` to `policyTypes`"))
    } else if types.is_empty() && direction == "egress" && rules.items().is_empty() {
        // Ingress is restricted by every policy without types, egress only by one that has rules for it.
        (
            "no rules, and no `policyTypes` that say so".to_owned(),
            "list `Egress` in `policyTypes` to forbid all of it, or leave `egress` out".to_owned(),
        )
    } else {
        return None;
    };
    let message = format!("`{direction}` of {} restricts nothing", object.key);
    Some(object.finding(Code::NetworkPolicyOpen, message, rules.place(), label).help(help))
}

fn check_rule(object: &Object, rule: &Node, path: &str, peers: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let everybody = if peers == "from" { "everyone" } else { "every destination" };
    if matches!(rule.value, Value::Null) {
        let help = "write `{}` for a rule that allows everything, or remove the item";
        return open(object, rule, path, "everything", help).into();
    }
    let leave_out = |key: &str| format!("fill in `{key}`, or leave the key out where that is meant");
    if let Some(node) = rule.get(peers) {
        if is_nothing(node) {
            diagnostics.push(open(object, node, &format!("{path}.{peers}"), everybody, leave_out(peers)));
        }
        for (index, peer) in node.items().iter().enumerate() {
            // What names nobody at all allows nothing either: it is refused, which `validate` tells.
            if !peer.entries().iter().all(|(_, value)| matches!(value.value, Value::Null)) {
                diagnostics.extend(check_selectors(object, peer, &format!("{path}.{peers}[{index}]")));
            }
        }
    }
    if let Some(node) = rule.get("ports").filter(|node| is_nothing(node)) {
        diagnostics.push(open(object, node, &format!("{path}.ports"), "every port", leave_out("ports")));
    }
    diagnostics
}

/// Selectors of a peer that were to select something. A null `namespaceSelector` beside a selector of pods is none: it
/// leaves the policy's own namespace, which is less, not more.
fn check_selectors(object: &Object, peer: &Node, path: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (name, what) in [("podSelector", "every pod"), ("namespaceSelector", "every namespace")] {
        let Some(selector) = peer.get(name) else { continue };
        let help = format!("fill it in, or write `{name}: {{}}` where that is meant");
        let entries = selector.entries();
        if matches!(selector.value, Value::Null) && name == "podSelector" {
            diagnostics.push(open(object, selector, &format!("{path}.{name}"), what, help));
        } else if let Some((key, part)) = entries.first()
            && entries.iter().all(|(_, part)| matches!(part.value, Value::Null))
        {
            diagnostics.push(open(object, part, &format!("{path}.{name}.{}", key.name), what, help));
        }
    }
    diagnostics
}

fn open(object: &Object, node: &Node, what: &str, allows: &str, help: impl Into<String>) -> Diagnostic {
    let message = format!("`{what}` of {} allows {allows}", object.key);
    let label = match &node.value {
        Value::Null => "null stands for no restriction",
        Value::Sequence(_) => "an empty list stands for no restriction",
        _ => "this selects nothing in particular",
    };
    object.finding(Code::NetworkPolicyOpen, message, node.place(), label).help(help)
}

/// Null, or a collection of nothing.
fn is_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(entries) => entries.is_empty(),
        _ => false,
    }
}
