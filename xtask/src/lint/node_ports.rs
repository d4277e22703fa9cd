//! Node ports that two Services of a target ask for, of which the API server rejects the second one, and node ports outside
//! of the default range.

use std::collections::BTreeSet;

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::pods::{DEFAULT_PROTOCOL, number};
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ObjectRefused, Code::NodePortRange];

/// The ports that an API server gives to Services by default.
const RANGE: std::ops::RangeInclusive<i64> = 30_000..=32_767;

/// Compares the Services of each target with each other.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let is_service = |object: &&Object| (&*object.key.group, &*object.key.kind) == ("", "Service");
    let services: Vec<&Object> = subject.objects.iter().filter(is_service).collect();
    let taken: BTreeSet<&str> =
        services.iter().filter(|object| ports(object).next().is_some()).map(|object| object.target.as_str()).collect();
    let mut diagnostics = Diagnostics::default();
    for target in taken {
        let Some(view) = subject.clusters.view(target) else { continue };
        diagnostics.extend(of_target(&view));
    }
    diagnostics
}

/// The fixed node ports of a Service: the entry, the number, and the protocol. A Service of another type must have none, which
/// is another finding.
fn ports(object: &Object) -> impl Iterator<Item = (&Node, i64, &str)> {
    let kind = object.find(&["spec", "type"]).and_then(Node::as_str);
    let counts = matches!(kind, Some("LoadBalancer" | "NodePort")) && sync_order::order(&object.root).is_some();
    let ports = object.find(&["spec", "ports"]).map(Node::items).unwrap_or_default().iter();
    ports.filter(move |_| counts).filter_map(|port| {
        let node = port.get("nodePort")?;
        let protocol = port.get("protocol").and_then(Node::as_str).unwrap_or(DEFAULT_PROTOCOL);
        Some((node, number(node).filter(|number| *number > 0)?, protocol))
    })
}

fn out_of_range(object: &Object, port: &Node, number: i64) -> Diagnostic {
    let message = format!("node port {number} of {} is outside of the default range", object.title());
    let place = port.get("nodePort").unwrap_or(port).place();
    let label = "unless the API server has another `--service-node-port-range`, it rejects the Service";
    let found = object.finding(Code::NodePortRange, message, place, label);
    let (start, end) = RANGE.into_inner();
    found.help(format!("use a port from {start} to {end}, or remove it to let Kubernetes choose one"))
}

fn of_target(view: &View<'_, '_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let own: Vec<&Object> =
        view.own().map(|entry| entry.object).filter(|object| object.key.kind == "Service").collect();
    for (index, object) in own.iter().enumerate() {
        for (node, number, protocol) in ports(object) {
            if !RANGE.contains(&number) {
                diagnostics.push(out_of_range(object, node, number));
            }
            let earlier = own[..index].iter().copied();
            let found = earlier
                .flat_map(|other| ports(other).map(move |port| (other, port)))
                .find(|(_, (_, same, one))| *same == number && *one == protocol);
            if let Some((other, (place, ..))) = found {
                let message = format!("node port {number} of {} is already that of {}", object.title(), other.title());
                let found = object.finding(Code::ObjectRefused, message, node.place(), "the API server rejects it");
                let found = found.at(place.place(), format!("used by {}", other.title()));
                diagnostics.push(found.help("choose another port, or remove it to let Kubernetes choose one"));
            }
        }
    }
    diagnostics
}
