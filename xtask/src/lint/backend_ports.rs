//! Ports of Services that Ingresses, routes, webhooks, and APIServices refer to.
//!
//! The Service itself is left to `references`. A Service without ports, such as one of type `ExternalName`, has any.

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Help, did_you_mean, fact, nearest};
use document::Node;
use kubernetes::inventory::entry::Id;
use kubernetes::inventory::near::is_near_number;
use kubernetes::inventory::pods::number;
use kubernetes::inventory::{Presence, View};
use kubernetes::object::Object;
use kubernetes::references::backend::{self, Backend};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ReferencePort];

/// Checks the objects of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects.iter().filter(|object| sync_order::order(&object.root).is_some()) {
        let backends = backend::of(object);
        if backends.is_empty() {
            continue;
        }
        let Some(view) = subject.clusters.view(&object.target) else { continue };
        let mut reported: Vec<String> = Vec::new();
        for backend in &backends {
            let Some(found) = port(&view, object, backend) else { continue };
            // The hosts and paths of an Ingress often have the same backend.
            if !reported.contains(&found.message) {
                reported.push(found.message.clone());
                diagnostics.push(found);
            }
        }
    }
    diagnostics
}

/// A port of a Service.
struct Port<'a> {
    node: &'a Node,
    name: Option<&'a str>,
    number: Option<i64>,
    target: Option<&'a Node>,
}

fn port(view: &View<'_, '_>, object: &Object, backend: &Backend<'_>) -> Option<Diagnostic> {
    let namespace = backend.service.namespace.unwrap_or_else(|| view.namespace_of(object));
    let name = backend.service.name.as_str()?;
    let Presence::Rendered(entry) = view.presence(&Id { group: "", kind: "Service", namespace, name }) else {
        return None;
    };
    let service = entry.object;
    let ports: Vec<Port<'_>> =
        service.find(&["spec", "ports"]).map(Node::items).unwrap_or_default().iter().map(read).collect();
    let (typed, node) = match backend.port {
        Some(node) => {
            (node.as_str().map(str::to_owned).or_else(|| number(node).map(|number| number.to_string()))?, node)
        }
        None => (backend.default_port?.to_string(), backend.service.name),
    };
    let wanted = backend.port.map_or(backend.default_port, number);
    let exists = |port: &Port<'_>| match wanted {
        Some(wanted) => port.number == Some(wanted),
        None => port.name == Some(typed.as_str()),
    };
    if ports.is_empty() || ports.iter().any(exists) {
        return None;
    }
    let message = format!("{} has no port `{typed}`", service.title());
    let label = if backend.port.is_some() { backend.service.role } else { "uses port 443 by default" };
    let found = object.finding(Code::ReferencePort, message, node.place(), label);
    let found = found.fact(Fact::missing(fact::SERVICE_PORT, &typed));
    let shown = |port: &Port<'_>| match wanted {
        Some(_) => port.number.map(|number| number.to_string()),
        None => port.name.map(str::to_owned),
    };
    // The port of the pods instead of that of the Service.
    let target = ports.iter().find(|port| {
        let target = port
            .target
            .and_then(|node| node.as_str().map(str::to_owned).or_else(|| number(node).map(|n| n.to_string())));
        target.as_deref() == Some(typed.as_str())
    });
    if let Some(target) = target
        && let Some(right) = shown(target).or_else(|| target.number.map(|number| number.to_string()))
    {
        let found = found.at(target.node.place(), format!("`{typed}` is the target port of port `{right}`"));
        let help = Help::from(format!("use `{right}`, the port of the Service"));
        return Some(found.help(help.naming([right])));
    }
    let known: Vec<String> = ports.iter().filter_map(shown).collect();
    let near = match wanted {
        Some(wanted) => ports
            .iter()
            .filter_map(|port| port.number)
            .find(|known| is_near_number(wanted, *known))
            .map(|known| known.to_string()),
        None => nearest(&typed, known.iter().map(String::as_str)).map(str::to_owned),
    };
    let place = service.find(&["spec"]).unwrap_or(&service.root).key_place("ports");
    let named: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let help = match (near, named.as_slice()) {
        (Some(near), _) => did_you_mean(near),
        (None, []) => "use the number of the port, since the ports of the Service have no names".into(),
        (None, [one]) => Help::from(format!("use {one}")).naming(known),
        (None, all) => Help::from(format!("use one of {}", all.join(", "))).naming(known),
    };
    Some(found.at(place, "ports of the Service").help(help))
}

fn read(node: &Node) -> Port<'_> {
    Port {
        node,
        name: node.get("name").and_then(Node::as_str),
        number: node.get("port").and_then(number),
        target: node.get("targetPort"),
    }
}
