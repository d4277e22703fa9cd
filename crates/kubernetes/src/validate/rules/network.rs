//! `NetworkPolicies`: peers, and their ports.

use super::address::{inside, network};
use super::look::{At, Look};
use document::Value;

/// What a peer may be.
const PEERS: &[&str] = &["ipBlock", "podSelector", "namespaceSelector"];

pub(super) fn check(look: &mut Look<'_>) {
    if !look.is("networking.k8s.io/NetworkPolicy") {
        return;
    }
    let Some(spec) = look.root().get("spec") else { return };
    if let Some(types) = spec.get("policyTypes").filter(|types| types.node.items().len() > 2) {
        look.refuse(&types, "lists more than there are", "expected `Ingress`, `Egress`, or both");
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
    look.within(Some(end.clone()), 1..=65535);
    match port.get("port") {
        Some(first) if first.text().is_some() => {
            look.refuse(&end, "stands beside the name of a port", "expected a number as `port`");
        }
        None if port.lacks("port") => {
            look.refuse(&end, "ends what has no beginning", "expected the first of the ports as `port`");
        }
        first => {
            let first = first.and_then(|at| at.number());
            if end.number() < first {
                look.refuse(&end, "is less than `port`", "expected the last of the ports");
            }
        }
    }
}

fn peer<'a>(look: &mut Look<'a>, peer: &At<'a>) {
    let null = |node: &document::Node| matches!(node.value, Value::Null);
    // An item that is null itself is for the schema to tell, and so is one that is misspelt.
    if matches!(&peer.node.value, Value::Mapping(entries) if entries.iter().all(|(_, node)| null(node))) {
        look.refuse(peer, "names nobody", format!("expected one of {}", PEERS.join(", ")))
            .helps
            .push("`podSelector: {}` means all pods here, `namespaceSelector: {}` those everywhere".to_owned());
    }
    let Some(block) = peer.get("ipBlock") else { return };
    if let Some(other) = peer.present(&["podSelector", "namespaceSelector"]).first() {
        look.refuse(other, "stands beside an `ipBlock`", "write two entries for two kinds of peers");
    }
    let Some(cidr) = block.get("cidr") else { return };
    let Some(outer) = cidr.text().map(network) else { return };
    if outer.is_none() {
        look.refuse(&cidr, "is no network", "expected one like `10.0.0.0/8` or `fd00::/8`");
    }
    for except in block.list("except") {
        match (outer, except.text().and_then(network)) {
            (_, None) => {
                look.refuse(&except, "is no network", "expected one like `10.1.0.0/16`");
            }
            (Some(outer), Some(inner)) if !inside(inner, outer) => {
                look.refuse(&except, "is not inside of `cidr`", "expected a part of that network");
            }
            _ => {}
        }
    }
}
