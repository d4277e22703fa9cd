//! NetworkPolicies that are removed, or that allow more traffic.

mod traffic;

use std::collections::BTreeSet;

use document::Node;

use super::subject::{Found, Subject};
use super::surroundings::Side;
use crate::inventory::selector::Selector;
use crate::object::Object;

/// The number of pairs of rules up to which they are compared by what they allow.
const MOST: usize = 10_000;

/// The kinds of network policies.
const POLICIES: &[(&str, &str)] = &[
    ("cilium.io", "CiliumClusterwideNetworkPolicy"),
    ("cilium.io", "CiliumNetworkPolicy"),
    ("crd.projectcalico.org", "GlobalNetworkPolicy"),
    ("crd.projectcalico.org", "NetworkPolicy"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("projectcalico.org", "GlobalNetworkPolicy"),
    ("projectcalico.org", "NetworkPolicy"),
];

/// A network policy that is deleted, unless the pods that it selects are, too.
pub(super) fn removed(subject: &Subject<'_>) -> Vec<Found> {
    let Some(before) = subject.change.removed().filter(|_| subject.prunes() && subject.change.after.is_none()) else {
        return Vec::new();
    };
    if !POLICIES.contains(&(before.key.group.as_str(), before.key.kind.as_str())) {
        return Vec::new();
    }
    let selected = |side: &Side<'_>| {
        before.find(&["spec", "podSelector"]).map_or(0, |node| {
            let selector = Selector::of_labels(node);
            side.pods().iter().filter(|pods| pods.namespace == before.key.namespace && selector.matches(pods)).count()
        })
    };
    if selected(subject.around.before()) > 0 && selected(subject.around.after()) == 0 {
        return Vec::new();
    }
    let message = format!("{} is deleted, so the pods that it selects are no longer isolated by it", before.title());
    vec![Found::new(message)]
}

/// A `NetworkPolicy` that allows more than before.
pub(super) fn opened(subject: &Subject<'_>) -> Vec<Found> {
    let (Some(before), Some(after)) = (subject.change.before, subject.change.after) else { return Vec::new() };
    if !subject.is("networking.k8s.io", "NetworkPolicy") || !subject.applies() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (kind, list) in [("Ingress", "ingress"), ("Egress", "egress")] {
        if !isolates(before, kind, list) {
            continue;
        }
        if !isolates(after, kind, list) {
            let message = format!("{} no longer restricts {list} traffic", after.title());
            found.push(Found::new(message).at(&["spec", "policyTypes"]));
            continue;
        }
        let rules = |object: &Object| object.find(&["spec", list]).map(Node::items).unwrap_or_default().to_vec();
        let old = rules(before);
        let new = rules(after);
        // Of very many rules, only equal ones are known to allow no more.
        let many = old.len().saturating_mul(new.len()) > MOST;
        let equal: BTreeSet<String> = if many { old.iter().map(Node::to_json).collect() } else { BTreeSet::new() };
        let covered = |rule: &Node| {
            if many {
                equal.contains(&rule.to_json())
            } else {
                old.iter().any(|other| traffic::covers(other, rule, list))
            }
        };
        let more = new.iter().position(|rule| !covered(rule));
        if let Some(index) = more {
            let message = format!("{} allows more {list} traffic", after.title());
            found.push(Found::new(message).at(&["spec", list, &index.to_string()]));
        }
    }
    found
}

/// Whether a policy restricts traffic in a direction.
fn isolates(policy: &Object, kind: &str, list: &str) -> bool {
    match policy.find(&["spec", "policyTypes"]).map(Node::items).filter(|types| !types.is_empty()) {
        Some(types) => types.iter().any(|node| node.as_str() == Some(kind)),
        None => kind == "Ingress" || policy.find(&["spec", list]).is_some_and(|node| !node.items().is_empty()),
    }
}
