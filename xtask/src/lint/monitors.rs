//! ServiceMonitors: the Services that they select, and the ports of these that they scrape.
//!
//! A monitor of every namespace, or of one whose Services nobody can see, may select any Service.

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, fact, suggestion};
use document::{Node, Value};
use kubernetes::inventory::View;
use kubernetes::inventory::entry::Entry;
use kubernetes::inventory::near::is_near_number;
use kubernetes::inventory::pods::{Pods, Port, number};
use kubernetes::inventory::selector::Selector;
use kubernetes::object::Object;

use super::subject::Subject;
use super::unmatched::{self, Candidate, Selecting};

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ReferencePort, Code::SelectorUnmatched];

/// Checks the ServiceMonitors of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        let monitor =
            (object.key.group.as_str(), object.key.kind.as_str()) == ("monitoring.coreos.com", "ServiceMonitor");
        if !monitor || sync_order::order(&object.root).is_none() {
            continue;
        }
        let Some(view) = subject.clusters.view(&object.target) else { continue };
        let Some(node) = object.find(&["spec", "selector"]) else { continue };
        let Some(namespaces) = namespaces(object, view.namespace_of(object)) else { continue };
        let selector = Selector::of_labels(node);
        let services: Vec<&Entry<'_>> =
            namespaces.iter().flat_map(|namespace| view.of_kind("", "Service", namespace)).collect();
        let selected: Vec<&Object> =
            services.iter().map(|entry| entry.object).filter(|service| selector.selects(service)).collect();
        let hidden = namespaces.iter().any(|namespace| view.may_contain("Service", namespace));
        if selected.is_empty() {
            if let Some(found) = elsewhere(&view, object, &selector) {
                diagnostics.push(found);
                continue;
            }
            let deployed = view.is_deployed();
            let selecting = Selecting { object, field: "spec.selector", node, noun: "Service", hidden, deployed };
            diagnostics.0.extend(unmatched::finding(selecting, &candidates(&view, &services)));
        } else if !(hidden && selector.is_empty()) {
            for endpoint in object.find(&["spec", "endpoints"]).map(Node::items).unwrap_or_default() {
                diagnostics.0.extend(port(object, endpoint, &selected));
                diagnostics.0.extend(target_port(&view, object, endpoint, &selected));
            }
        }
    }
    diagnostics
}

/// The namespaces of the Services; `None` for all namespaces.
fn namespaces<'a>(object: &'a Object, own: &'a str) -> Option<Vec<&'a str>> {
    let Some(selector) = object.find(&["spec", "namespaceSelector"]) else { return Some(vec![own]) };
    if selector.get("any").is_some_and(|any| matches!(any.value, Value::Bool(true))) {
        return None;
    }
    let names: Vec<&str> =
        selector.get("matchNames").map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str).collect();
    Some(if names.is_empty() { vec![own] } else { names })
}

/// The finding about a namespace in which the monitor selects nothing, while it selects a Service of its own target in its
/// own namespace.
fn elsewhere(view: &View<'_, '_>, object: &Object, selector: &Selector<'_>) -> Option<Diagnostic> {
    let node = object.find(&["spec", "namespaceSelector", "matchNames"])?.items().first()?;
    let own = view.namespace_of(object);
    let mut services = view.of_kind("", "Service", own).filter(|entry| view.is_own(entry));
    let service = services.find(|entry| !selector.is_empty() && selector.selects(entry.object))?;
    let message = format!("`spec.namespaceSelector` of {} leaves out the namespace of its Service", object.title());
    let found = object.finding(Code::SelectorUnmatched, message, node.place(), "selects no Service there");
    let label = format!("selected by the labels, in namespace `{own}`");
    Some(found.at(service.object.name_place(), label).help(format!("remove `namespaceSelector`, or add `{own}` to it")))
}

/// Reports the target port of an endpoint that no pod of the Services has. A container may listen on a number that it does not
/// declare, so a number is only reported if it is nearly a declared one.
fn target_port(view: &View<'_, '_>, object: &Object, endpoint: &Node, selected: &[&Object]) -> Option<Diagnostic> {
    let node = endpoint.get("targetPort").filter(|_| endpoint.get("port").is_none())?;
    let services = selected.iter().filter_map(|service| Some((service, Selector::of_service(service)?)));
    let pods: Vec<&Pods<'_>> =
        services.flat_map(|(service, selector)| view.selected(view.namespace_of(service), &selector)).collect();
    let [first, ..] = pods.as_slice() else { return None };
    let ports = || pods.iter().flat_map(|pods| pods.ports());
    let typed = node.as_str().map(str::to_owned).or_else(|| number(node).map(|number| number.to_string()))?;
    let has = |port: &Port<'_>| port.name == node.as_str() && port.name.is_some() || port.number == number(node);
    if number(node)
        .is_some_and(|typed| !ports().filter_map(|port| port.number).any(|known| is_near_number(typed, known)))
        || ports().any(has)
    {
        return None;
    }
    let message = format!("target port `{typed}` of {} is not a port of the pods", object.title());
    let label = format!("no container of {} has this port", first.object.title());
    let found = object.finding(Code::ReferencePort, message, node.place(), label);
    let names = ports().filter_map(|port| port.name);
    let numbers: Vec<String> = ports().filter_map(|port| port.number).map(|number| number.to_string()).collect();
    let known: Vec<&str> = match node.as_str() {
        Some(_) => names.collect(),
        None => numbers.iter().map(String::as_str).collect(),
    };
    Some(if known.is_empty() { found } else { found.help(suggestion(&typed, known)) })
}

fn candidates<'i>(view: &View<'i, '_>, services: &[&'i Entry<'_>]) -> Vec<Candidate<'i>> {
    let candidate = |entry: &&'i Entry<'_>| Candidate {
        object: entry.object,
        labels: entry.object.find(&["metadata", "labels"]).unwrap_or(&entry.object.root),
        own: view.is_own(entry),
    };
    services.iter().map(candidate).collect()
}

/// Reports the port of an endpoint that none of the Services has.
fn port(object: &Object, endpoint: &Node, selected: &[&Object]) -> Option<Diagnostic> {
    let node = endpoint.get("port")?;
    let name = node.as_str().filter(|name| !name.is_empty())?;
    let ports = selected.iter().filter_map(|service| service.find(&["spec", "ports"])).flat_map(Node::items);
    let known: Vec<&str> = ports.filter_map(|port| port.get("name")?.as_str()).collect();
    if known.contains(&name) {
        return None;
    }
    let [service, others @ ..] = selected else { return None };
    let title = service.title();
    let title = if others.is_empty() { title } else { format!("{title} and {} more", others.len()) };
    let has = if others.is_empty() { "has" } else { "have" };
    let message = format!("{title} {has} no port named `{name}`");
    let found = object.finding(Code::ReferencePort, message, node.place(), "scraped by the ServiceMonitor");
    let found = found.fact(Fact::missing(fact::SERVICE_PORT, name));
    let place = service.find(&["spec"]).unwrap_or(&service.root).key_place("ports");
    Some(found.at(place, "ports of the Service").help(if known.is_empty() {
        "name the port of the Service".into()
    } else {
        suggestion(name, known)
    }))
}
