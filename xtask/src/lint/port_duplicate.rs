//! Containers of a pod that declare the same port: they share the network of the pod, so only one of them can listen.
//!
//! The API server warns, too, and does not refuse it, because a container may declare a port on which it does not listen.

use diagnostics::{Code, Diagnostics};
use kubernetes::inventory::pods::{Pods, Port};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::PortDuplicate];

/// Checks the pods of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        let Some(pods) = Pods::of(object, 0, &object.key.namespace) else { continue };
        let mut seen: Vec<(&str, &Port<'_>)> = Vec::new();
        for container in pods.containers.iter().filter(|container| container.serves) {
            let name = container.name();
            for port in &container.ports {
                let Some(number) = port.number else { continue };
                let same = |(owner, other): &&(&str, &Port<'_>)| {
                    *owner != name && (other.number, other.protocol) == (port.number, port.protocol)
                };
                if let Some((owner, other)) = seen.iter().find(same) {
                    let message = format!(
                        "containers `{owner}` and `{name}` of {} both declare port {number}/{}",
                        object.title(),
                        port.protocol
                    );
                    let place = |port: &Port<'_>| port.node.get("containerPort").unwrap_or(port.node).place();
                    let label = "only one container of a pod can listen on a port";
                    let found = object.finding(Code::PortDuplicate, message, place(port), label);
                    diagnostics.push(
                        found.at(place(other), format!("port of container `{owner}`")).help(
                            "change one of the two ports, or remove the one on which its container does not listen",
                        ),
                    );
                }
                seen.push((name, port));
            }
        }
    }
    diagnostics
}
