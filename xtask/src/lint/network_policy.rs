//! NetworkPolicies that allow more than intended: where a template renders an empty or null list, Kubernetes applies no
//! restriction.
//!
//! Explicit forms that allow everything are intended and not reported: a rule `{}`, a rule with only ports, and
//! `0.0.0.0/0`. Policies of network plugins are not checked.

use diagnostics::{Code, Diagnostic, Diagnostics, Help};
use document::{Node, Value};
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::NetworkPolicyOpen];

/// The directions of traffic: the key of the rules, the key of a rule's peers, and the name in `policyTypes`.
const DIRECTIONS: [(&str, &str, &str); 2] = [("ingress", "from", "Ingress"), ("egress", "to", "Egress")];

/// Reports rules with an empty restriction, and rules that are not in effect.
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

/// Reports rules for a direction that the policy does not restrict.
fn not_in_force(object: &Object, rules: &Node, direction: &str, policy_type: &str) -> Option<Diagnostic> {
    let types = object.find(&["spec", "policyTypes"]).map(Node::items).unwrap_or_default();
    let listed = types.iter().any(|node| node.as_str() == Some(policy_type));
    let (label, help) = if !types.is_empty() && !listed && !rules.items().is_empty() {
        (format!("`policyTypes` does not include `{policy_type}`"), format!("add `{policy_type}` to `policyTypes`"))
    } else if types.is_empty() && direction == "egress" && rules.items().is_empty() {
        // A policy without `policyTypes` always restricts ingress, but egress only if it has egress rules.
        (
            "no rules and no `policyTypes`".to_owned(),
            "add `policyTypes: [Egress]` to deny all egress, or remove `egress`".to_owned(),
        )
    } else {
        return None;
    };
    let message = format!("`{direction}` of {} has no effect", object.key);
    Some(object.finding(Code::NetworkPolicyOpen, message, rules.place(), label).help(help))
}

fn check_rule(object: &Object, rule: &Node, path: &str, peers: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let everybody = if peers == "from" { "all sources" } else { "all destinations" };
    if matches!(rule.value, Value::Null) {
        let help = "remove the item, or write `{}` to allow all traffic explicitly";
        return open(object, rule, path, "all traffic", help).into();
    }
    let leave_out = |key: &str| format!("fill in `{key}`, or remove the key to allow this explicitly");
    if let Some(node) = rule.get(peers) {
        if is_empty(node) {
            diagnostics.push(open(object, node, &format!("{path}.{peers}"), everybody, leave_out(peers)));
        }
        for (index, peer) in node.items().iter().enumerate() {
            // Without any selector, the peer is invalid instead of open.
            if !peer.entries().iter().all(|(_, value)| matches!(value.value, Value::Null)) {
                diagnostics.extend(check_selectors(object, peer, &format!("{path}.{peers}[{index}]")));
            }
        }
    }
    if let Some(node) = rule.get("ports").filter(|node| is_empty(node)) {
        diagnostics.push(open(object, node, &format!("{path}.ports"), "all ports", leave_out("ports")));
    }
    diagnostics
}

/// Reports selectors of a peer that are null or have only null values. A null `namespaceSelector` next to a
/// `podSelector` is fine: it means the policy's own namespace, which is more restrictive, not less.
fn check_selectors(object: &Object, peer: &Node, path: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (name, what) in [("podSelector", "all pods"), ("namespaceSelector", "all namespaces")] {
        let Some(selector) = peer.get(name) else { continue };
        let help = format!("fill in the selector, or write `{name}: {{}}` to allow {what} explicitly");
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

fn open(object: &Object, node: &Node, what: &str, allows: &str, help: impl Into<Help>) -> Diagnostic {
    let message = format!("`{what}` of {} implicitly allows {allows}", object.key);
    let label = match &node.value {
        Value::Null => "null means no restriction",
        Value::Sequence(_) => "an empty list means no restriction",
        _ => "matches everything",
    };
    object.finding(Code::NetworkPolicyOpen, message, node.place(), label).help(help)
}

/// Whether a node is null or an empty collection.
fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(entries) => entries.is_empty(),
        _ => false,
    }
}
