//! PodDisruptionBudgets, NetworkPolicies, and PodMonitors: the pods that they select, and the named ports of these.
//!
//! An empty selector selects everything, and peers in other namespaces may be anything. A name is only compared with the
//! ports of pods that are rendered in the policy's own namespace.

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, did_you_mean, fact, nearest_within, suggestion};
use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::pods::{Pods, Port, number};
use kubernetes::inventory::selector::Selector;
use kubernetes::object::Object;

use super::subject::Subject;
use super::unmatched::{self, Candidate, Selecting};

/// The codes of this check.
pub const CODES: &[Code] = &[Code::PortUndeclared, Code::ReferencePort, Code::SelectorUnmatched];

/// Checks the objects of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects.iter().filter(|object| sync_order::order(&object.root).is_some()) {
        let field = match (object.key.group.as_str(), object.key.kind.as_str()) {
            ("policy", "PodDisruptionBudget") => ("spec.selector", "selector"),
            ("networking.k8s.io", "NetworkPolicy") => ("spec.podSelector", "podSelector"),
            ("monitoring.coreos.com", "PodMonitor") if is_local(object) => ("spec.selector", "selector"),
            _ => continue,
        };
        let Some(view) = subject.clusters.view(&object.target) else { continue };
        let Some(node) = object.find(&["spec", field.1]) else { continue };
        let selector = Selector::of_labels(node);
        let namespace = view.namespace_of(object);
        let selected = view.selected(namespace, &selector);
        if selected.is_empty() && !selector.is_empty() && !selects_unapplied(subject, object, &selector) {
            let selecting = Selecting {
                object,
                field: field.0,
                node,
                noun: "pod",
                hidden: view.may_contain("Pod", namespace),
                deployed: view.is_deployed(),
            };
            diagnostics.0.extend(unmatched::finding(selecting, &candidates(&view, namespace)));
        }
        // Pods that are not rendered may have the port.
        if !selected.is_empty() && (!selector.is_empty() || !view.may_contain("Pod", namespace)) {
            for port in ports(object) {
                diagnostics.0.extend(match port.as_str() {
                    Some(name) => named_port(object, port, name, &selected),
                    None => number(port).and_then(|typed| {
                        let service = service_port(&view, object, port, typed, &selected);
                        service.or_else(|| similar_port(object, port, typed, &selected))
                    }),
                });
            }
        }
    }
    diagnostics
}

/// Whether a selector selects pods of the target that no sync applies, such as those of a Helm test.
pub(super) fn selects_unapplied(subject: &Subject<'_>, object: &Object, selector: &Selector<'_>) -> bool {
    let own = subject.by_target.of(&object.target).iter();
    let unapplied = own.filter(|other| sync_order::order(&other.root).is_none());
    unapplied.filter_map(|other| Pods::of(other, 0, &object.key.namespace)).any(|pods| selector.matches(&pods))
}

/// Whether a `PodMonitor` selects pods of its own namespace only.
fn is_local(object: &Object) -> bool {
    object.find(&["spec", "namespaceSelector"]).is_none_or(|node| node.entries().is_empty())
}

/// The pods of a namespace that a selector could be for.
pub(super) fn candidates<'i>(view: &View<'i, '_>, namespace: &str) -> Vec<Candidate<'i>> {
    let candidate = |pods: &'i Pods<'_>| Candidate {
        object: pods.object,
        labels: pods.template.find(&["metadata", "labels"]).unwrap_or(pods.template),
        own: view.is_own_pods(pods),
    };
    view.pods(namespace).map(candidate).collect()
}

/// The ports that the selected pods must have.
fn ports(object: &Object) -> Vec<&Node> {
    let Some(spec) = object.find(&["spec"]) else { return Vec::new() };
    let rules = |key: &str| spec.get(key).map(Node::items).unwrap_or_default();
    if object.key.kind == "PodMonitor" {
        rules("podMetricsEndpoints").iter().filter_map(|endpoint| endpoint.get("port")).collect()
    } else {
        let ports = rules("ingress").iter().filter_map(|rule| rule.get("ports")).flat_map(Node::items);
        ports.filter_map(|port| port.get("port")).collect()
    }
}

/// Reports a named port that none of the pods has.
fn named_port(object: &Object, port: &Node, name: &str, selected: &[&Pods<'_>]) -> Option<Diagnostic> {
    if name.is_empty() {
        return None;
    }
    let containers = || selected.iter().flat_map(|pods| &pods.containers);
    let known: Vec<&str> = containers().flat_map(|container| &container.ports).filter_map(|port| port.name).collect();
    if known.contains(&name) {
        return None;
    }
    let [owner, others @ ..] = selected else { return None };
    let owner = owner.object.title();
    let owner = if others.is_empty() { owner } else { format!("{owner} and {} more", others.len()) };
    let message = format!("no container of {owner} has a port named `{name}`");
    let found = object.finding(Code::ReferencePort, message, port.place(), format!("used by {}", object.key.kind));
    let found = found.fact(Fact::missing(fact::PORT, name));
    Some(found.help(if known.is_empty() {
        "use the number of the port, or name the port of the container".into()
    } else {
        suggestion(name, known)
    }))
}

/// The warning about the number of a port of a Service that leads to another port of all selected pods: a policy applies to
/// the ports of pods.
fn service_port(
    view: &View<'_, '_>,
    object: &Object,
    node: &Node,
    typed: i64,
    selected: &[&Pods<'_>],
) -> Option<Diagnostic> {
    if object.key.kind != "NetworkPolicy"
        || selected.iter().any(|pods| pods.ports().any(|port| port.number == Some(typed)))
    {
        return None;
    }
    let services = selected.first().map(|pods| view.services_of(pods))?;
    let ports = services.iter().flat_map(|entry| entry.object.root.items_at(&["spec", "ports"]));
    let (port, target) = ports
        .filter(|port| port.get("port").and_then(number) == Some(typed))
        .find_map(|port| Some((port, port.get("targetPort")?)))?;
    let leads = |pods: &&Pods<'_>| {
        pods.ports().any(|port| match target.as_str() {
            Some(name) => port.name == Some(name),
            None => number(target).is_some() && port.number == number(target),
        })
    };
    if !selected.iter().all(leads) {
        return None;
    }
    let message = format!("port {typed} of {} is not a port of the pods", object.key);
    let found = object.finding(Code::PortUndeclared, message, node.place(), "a policy applies to the ports of pods");
    let found = found.at(port.key_place("port"), "port of the Service");
    Some(found.help(match target.as_str() {
        Some(name) => did_you_mean(name),
        None => format!("did you mean {}?", number(target).unwrap_or_default()).into(),
    }))
}

/// The warning about the number of a port that none of the selected pods has, but nearly.
fn similar_port(object: &Object, node: &Node, typed: i64, selected: &[&Pods<'_>]) -> Option<Diagnostic> {
    if object.key.kind != "NetworkPolicy" || !selected.iter().all(|pods| pods.declare_ports()) {
        return None;
    }
    let known: Vec<i64> = selected.iter().flat_map(|pods| pods.ports()).filter_map(|port| port.number).collect();
    // A policy that allows one of their ports has another one for a reason.
    let allowed = ports(object);
    let is_allowed = |port: &Port<'_>| {
        allowed.iter().any(|one| number(one).map_or(one.as_str() == port.name, |number| port.number == Some(number)))
    };
    if selected.iter().flat_map(|pods| pods.ports()).any(is_allowed) {
        return None;
    }
    let (text, known): (String, Vec<String>) = (typed.to_string(), known.iter().map(i64::to_string).collect());
    let near = nearest_within(&text, 2, known.iter().map(String::as_str)).filter(|near| is_slip(&text, near))?;
    let owner = selected.first()?.object.title();
    let message = format!("port {typed} of {} is not a port of the pods", object.key);
    let found = object.finding(Code::PortUndeclared, message, node.place(), format!("{owner} does not declare it"));
    Some(found.help(format!("did you mean {near}?")))
}

/// Whether two numbers of ports differ in one digit, or in the order of two.
fn is_slip(one: &str, other: &str) -> bool {
    let pairs: Vec<(char, char)> = one.chars().zip(other.chars()).filter(|(left, right)| left != right).collect();
    one.len() == other.len()
        && one.len() >= 4
        && match pairs[..] {
            [_] => true,
            [(a, b), (c, d)] => a == d && b == c,
            _ => false,
        }
}
