//! Ports of probes and lifecycle hooks that their container does not have.
//!
//! A name must be one of the container's own ports. A container may listen on a number that it does not declare, as many
//! do for their health endpoint. A number is therefore only a warning, and only if it looks like a mistake: it is nearly
//! the number of a declared port, or another probe of the container uses a declared port.

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Help, did_you_mean, fact, nearest};
use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::mention;
use kubernetes::inventory::near::is_near_number;
use kubernetes::inventory::pods::{Container, Pods, Port, number};

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::PortUndeclared, Code::ReferencePort];

/// Checks the containers of all pods.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (view, pods) in subject.workloads() {
        for container in pods.containers.iter().filter(|container| container.serves) {
            for (field, node) in container.probed() {
                let found = match node.as_str() {
                    Some(name) => unknown_name(pods, container, field, node, name),
                    None => number(node).and_then(|number| {
                        let found = service_number(&view, pods, container, field, node, number);
                        found.or_else(|| unknown_number(pods, container, field, node, number))
                    }),
                };
                diagnostics.0.extend(found);
            }
        }
    }
    diagnostics
}

/// The finding about a name that is not a port of the container.
fn unknown_name(
    pods: &Pods<'_>,
    container: &Container<'_>,
    field: &str,
    node: &Node,
    name: &str,
) -> Option<Diagnostic> {
    // Invalid names are reported elsewhere.
    if kubernetes::forms::port(name).is_some() || container.ports.iter().any(|port| port.name == Some(name)) {
        return None;
    }
    let object = pods.object;
    let message = format!("port `{name}` of `{field}` is not a port of container `{}`", container.name());
    let found = object.finding(Code::ReferencePort, message, node.place(), "").fact(Fact::missing(fact::PORT, name));
    let other = pods.containers.iter().find(|other| other.ports.iter().any(|port| port.name == Some(name)));
    if let Some((other, port)) =
        other.and_then(|other| Some((other, other.ports.iter().find(|port| port.name == Some(name))?)))
    {
        return Some(
            found
                .at(name_place(port), format!("port of container `{}`", other.name()))
                .help("use the number of the port, or move the probe to that container"),
        );
    }
    let names = || container.ports.iter().filter_map(|port| port.name);
    let near = nearest(name, names());
    let port = container.ports.iter().find(|port| port.name.is_some() && (near.is_none() || port.name == near));
    let found = match port {
        Some(port) => found.at(name_place(port), "port of the container"),
        None => found.at(container.node.key_place("name"), "declares no port by name"),
    };
    let known: Vec<String> = names().map(|name| format!("`{name}`")).collect();
    Some(found.help(match near {
        Some(near) => did_you_mean(near),
        None if known.is_empty() => "use the number of the port, or name the port in the container".into(),
        None => Help::from(format!("use one of the container's ports: {}", known.join(", "))).naming(names()),
    }))
}

fn name_place(port: &Port<'_>) -> diagnostics::Place {
    port.node.get("name").unwrap_or(port.node).place()
}

/// The warning about the number of a port of a Service that leads to another port of the pods.
fn service_number(
    view: &View<'_, '_>,
    pods: &Pods<'_>,
    container: &Container<'_>,
    field: &str,
    node: &Node,
    typed: i64,
) -> Option<Diagnostic> {
    if container.ports.is_empty() || pods.ports().any(|port| port.number == Some(typed)) {
        return None;
    }
    let services = view.services_of(pods);
    let ports = services.iter().flat_map(|entry| entry.object.root.items_at(&["spec", "ports"]));
    let (port, target) = ports
        .filter(|port| port.get("port").and_then(number) == Some(typed))
        .find_map(|port| Some((port, port.get("targetPort")?)))?;
    let meant = pods.ports().find(|port| match target.as_str() {
        Some(name) => port.name == Some(name),
        None => number(target).is_some() && port.number == number(target),
    })?;
    let message = format!("port {typed} of `{field}` is not declared by container `{}`", container.name());
    let found = pods.object.finding(Code::PortUndeclared, message, node.place(), "");
    let found = found.at(port.key_place("port"), "port of the Service, which the container does not have");
    Some(found.help(match (meant.name, meant.number) {
        (Some(name), _) => did_you_mean(name),
        (None, Some(number)) => format!("did you mean {number}?").into(),
        (None, None) => "use the port of the container".into(),
    }))
}

/// The warning about a number that no container declares, if it is most likely wrong.
fn unknown_number(
    pods: &Pods<'_>,
    container: &Container<'_>,
    field: &str,
    node: &Node,
    typed: i64,
) -> Option<Diagnostic> {
    let declares = |typed: i64| pods.ports().any(|port| port.number == Some(typed));
    let text = typed.to_string();
    if container.ports.is_empty()
        || declares(typed)
        || mention::words(container.node).any(|words| mention::has_word(words, &text))
    {
        return None;
    }
    let near = container.ports.iter().find(|port| port.number.is_some_and(|known| is_near_number(typed, known)));
    let used = || {
        let probed = || container.probed().map(|(_, other)| other);
        container.ports.iter().find(|port| {
            probed().any(|other| {
                let same = other.as_str().is_some_and(|name| port.name == Some(name));
                same || number(other).is_some() && number(other) == port.number
            })
        })
    };
    let port = near.or_else(used)?;
    let message = format!("port {typed} of `{field}` is not declared by container `{}`", container.name());
    let place = port.node.get("containerPort").unwrap_or(port.node).place();
    let label = if near.is_some() { "declared port" } else { "declared port, used by another probe" };
    let found = pods.object.finding(Code::PortUndeclared, message, node.place(), "");
    Some(found.at(place, label).help(match (near, port.number) {
        (Some(_), Some(known)) => format!("did you mean {known}?"),
        _ => "use a declared port, or declare this one in the container".to_owned(),
    }))
}
