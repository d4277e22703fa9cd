//! NetworkPolicies that are removed, that allow more traffic, or that isolate pods for the first time, and Services that are
//! exposed to more addresses.

mod traffic;

use std::collections::BTreeSet;

use document::Node;

use super::subject::{Found, Subject};
use super::surroundings::Side;
use crate::inventory::selector::Selector;
use crate::network_policy::isolates;
use crate::object::Object;

/// The number of pairs of rules up to which they are compared by what they allow.
const MOST: usize = 10_000;

/// The number of workloads that a new policy selects and that are examined.
const EXAMINED: usize = 100;

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

/// A new policy that isolates running pods which no other policy isolated.
pub(super) fn isolated(subject: &Subject<'_>) -> Vec<Found> {
    let Some(after) = subject.change.added().filter(|_| subject.applies() && subject.change.before.is_none()) else {
        return Vec::new();
    };
    let Some(node) = after.find(&["spec", "podSelector"]).filter(|_| subject.is("networking.k8s.io", "NetworkPolicy"))
    else {
        return Vec::new();
    };
    let (selector, before) = (Selector::of_labels(node), subject.around.before());
    let policies: Vec<(&Object, Selector<'_>)> = before
        .of_kind("networking.k8s.io", "NetworkPolicy")
        .iter()
        .filter(|policy| policy.key.namespace == after.key.namespace)
        .filter_map(|policy| Some((*policy, Selector::of_labels(policy.find(&["spec", "podSelector"])?))))
        .collect();
    let selected = before.pods().iter().filter(|pods| pods.namespace == after.key.namespace && selector.matches(pods));
    let selected: Vec<_> = selected.take(EXAMINED).collect();
    let mut found = Vec::new();
    for (kind, list, verb) in [("Ingress", "ingress", "accepted"), ("Egress", "egress", "could send")] {
        let allows_all = || {
            let rules = after.find(&["spec", list]).map(Node::items).unwrap_or_default();
            rules.iter().any(|rule| rule.entries().iter().all(|(_, node)| node.items().is_empty()))
        };
        if !isolates(after, kind, list) || allows_all() {
            continue;
        }
        let isolating: Vec<&Selector<'_>> =
            policies.iter().filter(|(policy, _)| isolates(policy, kind, list)).map(|(_, selector)| selector).collect();
        let open = selected.iter().find(|pods| !isolating.iter().any(|selector| selector.matches(pods)));
        found.extend(open.map(|pods| {
            Found::new(format!(
                "{} isolates the pods of {}, which {verb} all {list} traffic",
                after.title(),
                pods.object.title()
            ))
        }));
    }
    found
}

/// A Service of type `LoadBalancer` that accepts traffic from more addresses.
pub(super) fn exposed(subject: &Subject<'_>) -> Vec<Found> {
    let Some((before, after)) = subject.updates().filter(|_| subject.is("", "Service")) else { return Vec::new() };
    let path = ["spec", "loadBalancerSourceRanges"];
    let balances = |object: &Object| object.find(&["spec", "type"]).and_then(Node::as_str) == Some("LoadBalancer");
    let ranges = |object: &'_ Object| -> Vec<String> {
        let items = object.find(&path).map(Node::items).unwrap_or_default();
        items.iter().filter_map(|node| Some(node.as_str()?.trim().to_owned())).collect()
    };
    let (old, new) = (ranges(before), ranges(after));
    if !balances(before) || !balances(after) || old.is_empty() {
        return Vec::new();
    }
    if new.is_empty() {
        let message = format!("{} accepts traffic from all addresses", after.title());
        return vec![Found::new(message).at(&path[..1])];
    }
    let known: BTreeSet<&String> = old.iter().collect();
    let many = old.len().saturating_mul(new.len()) > MOST;
    let covered =
        |range: &String| known.contains(range) || !many && old.iter().any(|wide| traffic::covers_range(wide, range));
    let more = new.iter().position(|range| !covered(range));
    let found = more.map(|index| {
        let message = format!("{} also accepts traffic from `{}`", after.title(), new[index]);
        Found::new(message).at(&[path[0], path[1], &index.to_string()])
    });
    found.into_iter().collect()
}
