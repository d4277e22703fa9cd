//! `NetworkPolicies`: peers and ports.

use super::address::{inside, network};
use super::look::{At, Look};

/// The fields that define a peer.
const PEERS: &[&str] = &["ipBlock", "podSelector", "namespaceSelector"];

pub(super) fn check(look: &mut Look<'_>) {
    if !look.is("networking.k8s.io/NetworkPolicy") {
        return;
    }
    let Some(spec) = look.root().get("spec") else { return };
    if let Some(types) = spec.get("policyTypes").filter(|types| types.node.items().len() > 2) {
        look.reject(&types, "has more than two entries", "expected `Ingress`, `Egress`, or both");
    }
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.list(direction) {
            rule.list(peers).iter().for_each(|at| peer(look, at));
            rule.list("ports").iter().for_each(|at| port(look, at));
        }
    }
}

fn port<'a>(look: &mut Look<'a>, port: &At<'a>) {
    look.port(port.get("port"));
    let Some(end) = port.get("endPort") else { return };
    look.in_range(Some(end.clone()), 1..=65535);
    match port.get("port") {
        Some(first) if first.text().is_some() => {
            look.reject(&end, "is not allowed when `port` is a name", "`port` must be a number");
        }
        None if port.lacks("port") => {
            look.reject(&end, "is not allowed without `port`", "set `port` to the first port of the range");
        }
        first => {
            let first = first.and_then(|at| at.number());
            if end.number() < first {
                look.reject(&end, "must be greater than or equal to `port`", "expected the last port of the range");
            }
        }
    }
}

fn peer<'a>(look: &mut Look<'a>, peer: &At<'a>) {
    if peer.is_empty() {
        let help =
            "`podSelector: {}` selects all pods in the namespace, `namespaceSelector: {}` all pods in all namespaces";
        look.reject(peer, "must specify a peer", format!("set one of {}", super::look::backticks(PEERS)))
            .helps
            .push(help.to_owned());
    }
    let Some(block) = peer.get("ipBlock") else { return };
    if let Some(other) = peer.present(&["podSelector", "namespaceSelector"]).first() {
        look.conflicts(other, "ipBlock", "use a separate entry for each of the two");
    }
    let Some(cidr) = block.get("cidr") else { return };
    let Some(outer) = cidr.text().map(network) else { return };
    if outer.is_none() {
        look.reject(&cidr, "is not a valid CIDR block", "expected a value such as `10.0.0.0/8` or `fd00::/8`");
    }
    for except in block.list("except") {
        match (outer, except.text().and_then(network)) {
            (_, None) => {
                look.reject(&except, "is not a valid CIDR block", "expected a value such as `10.1.0.0/16`");
            }
            (Some(outer), Some(inner)) if !inside(inner, outer) => {
                look.reject(&except, "must be a strict subset of `cidr`", "not inside `cidr`");
            }
            _ => {}
        }
    }
}
