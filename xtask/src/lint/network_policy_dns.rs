//! NetworkPolicies that allow DNS over TCP only: a port without a protocol is one of TCP, and resolvers ask over UDP.

use diagnostics::{Code, Diagnostics};
use document::Node;
use kubernetes::inventory::pods::{DEFAULT_PROTOCOL, number};
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::NetworkPolicyDns];

/// The port of DNS servers.
const DNS: i64 = 53;

/// Checks the NetworkPolicies of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let is_policy =
        |object: &&Object| (&*object.key.group, &*object.key.kind) == ("networking.k8s.io", "NetworkPolicy");
    for object in subject.objects.iter().filter(is_policy) {
        let others = subject.by_target.of(&object.target).iter().filter(is_policy);
        // Policies add up.
        if others.into_iter().any(allows_udp) {
            continue;
        }
        let over_tcp = |port: &&Node| port.get("port").and_then(number) == Some(DNS) && protocol(port) == "TCP";
        let Some(port) = rules(object).iter().flat_map(|rule| rule.items_at(&["ports"])).find(over_tcp) else {
            continue;
        };
        let message = format!("{} allows DNS over TCP, but not over UDP", object.title());
        let label = if port.get("protocol").is_some() { "only TCP" } else { "TCP, the default protocol" };
        let place = port.get("port").unwrap_or(port).place();
        let found = object.finding(Code::NetworkPolicyDns, message, place, label);
        diagnostics.push(found.help("add port 53 with `protocol: UDP`, which pods use to resolve names"));
    }
    diagnostics
}

fn rules(object: &Object) -> &[Node] {
    object.root.items_at(&["spec", "egress"])
}

fn protocol(port: &Node) -> &str {
    port.get("protocol").and_then(Node::as_str).unwrap_or(DEFAULT_PROTOCOL)
}

/// Whether a policy allows traffic to port 53 over UDP, by its number, in a range, or with all ports.
fn allows_udp(object: &Object) -> bool {
    rules(object).iter().any(|rule| {
        let ports = rule.items_at(&["ports"]);
        let includes = |port: &Node| {
            let Some(first) = port.get("port") else { return true };
            let first = number(first).unwrap_or(DNS);
            let last = port.get("endPort").and_then(number).unwrap_or(first);
            (first..=last).contains(&DNS)
        };
        ports.is_empty() || ports.iter().any(|port| protocol(port) == "UDP" && includes(port))
    })
}
