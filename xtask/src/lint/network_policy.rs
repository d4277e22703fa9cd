//! NetworkPolicies that allow more than they seem to: where a template filled in nothing, Kubernetes reads everything.
//!
//! What says plainly that all is allowed (a rule `{}`, a rule with ports alone, `0.0.0.0/0`) is meant and no finding.
//!
//! Deliberately absent: whether what is allowed is right, and the policies of network plugins.

use super::Subject;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Node, Value};
use crate::objects::Object;

/// What this check finds.
pub const CODES: &[Code] = &[Code::NetworkPolicyOpen];

/// A direction of traffic: the list of its rules, the key of a rule's peers, and its name among `policyTypes`.
const DIRECTIONS: [(&str, &str, &str); 2] = [("ingress", "from", "Ingress"), ("egress", "to", "Egress")];

/// Rules that hold no peers, and rules that are not in force.
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
    let mut find = |node: &Node, what: &str, allows: &str, help: String| {
        let message = format!("`{what}` of {} allows {allows}", object.key);
        let label = match &node.value {
            Value::Null => "null stands for no restriction",
            Value::Sequence(_) => "an empty list stands for no restriction",
            _ => "this selects nothing in particular",
        };
        diagnostics.push(object.finding(Code::NetworkPolicyOpen, message, node.place(), label).help(help));
    };
    let everybody = if peers == "from" { "everyone" } else { "every destination" };
    let leave_out = |key: &str| format!("fill in `{key}`, or leave the key out where that is meant");
    if matches!(rule.value, Value::Null) {
        find(rule, path, "everything", "write `{}` for a rule that allows everything, or remove the item".to_owned());
        return diagnostics;
    }
    if let Some(node) = rule.get(peers) {
        if is_nothing(node) {
            find(node, &format!("{path}.{peers}"), everybody, leave_out(peers));
        }
        for (index, peer) in node.items().iter().enumerate() {
            let path = format!("{path}.{peers}[{index}]");
            if peer.entries().iter().all(|(_, value)| matches!(value.value, Value::Null)) {
                find(peer, &path, everybody, "name an `ipBlock` or a selector; `{}` as a selector means all".to_owned());
                continue;
            }
            for (key, value) in peer.entries().iter().filter(|(key, _)| key.name.ends_with("Selector")) {
                let path = format!("{path}.{}", key.name);
                if matches!(value.value, Value::Null) {
                    find(value, &path, &format!("all of a `{}`", key.name), leave_out(&key.name));
                }
                let entries = value.entries();
                if !entries.is_empty() && entries.iter().all(|(_, part)| is_nothing(part)) {
                    let what = if key.name == "podSelector" { "every pod" } else { "every namespace" };
                    let help = format!("fill it in, or write `{}: {{}}` where that is meant", key.name);
                    find(&entries[0].1, &format!("{path}.{}", entries[0].0.name), what, help);
                }
            }
        }
    }
    if let Some(node) = rule.get("ports").filter(|node| is_nothing(node)) {
        find(node, &format!("{path}.ports"), "every port", leave_out("ports"));
    }
    diagnostics
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
