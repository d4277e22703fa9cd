//! `NetworkPolicies` and Ingresses: addresses, peers, ports, hosts, and paths.

use std::net::IpAddr;

use super::{At, Look, names};

pub(super) fn check(look: &mut Look<'_>) {
    let Some(spec) = look.root().get("spec") else { return };
    if look.is("networking.k8s.io/NetworkPolicy") {
        for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
            for rule in spec.list(direction) {
                rule.list(peers).iter().for_each(|at| peer(look, at));
                for port in rule.list("ports") {
                    look.port(port.get("port"));
                    let first = port.get("port").and_then(|at| at.number());
                    if let Some(end) = port.get("endPort")
                        && end.number() < first
                    {
                        look.refuse(&end, "is less than `port`", "expected the last of the ports");
                    }
                }
            }
        }
    }
    if look.is("networking.k8s.io/Ingress") {
        for rule in spec.list("rules") {
            if let Some(host) = rule.get("host") {
                let name = |text: &str| names::subdomain(text.strip_prefix("*.").unwrap_or(text));
                look.form(&host, host.text().filter(|text| !text.is_empty()).and_then(name));
            }
            for path in rule.get("http").map(|http| http.list("paths")).unwrap_or_default() {
                self::path(look, &path);
            }
        }
    }
}

fn path<'a>(look: &mut Look<'a>, path: &At<'a>) {
    let own = path.get("pathType").and_then(|at| at.text()) == Some("ImplementationSpecific");
    if let Some(at) = path.get("path")
        && at.text().is_some_and(|text| !(text.starts_with('/') || own && text.is_empty()))
    {
        look.refuse(&at, "is not absolute", "expected a path that begins with `/`");
    }
    let port = path.walk(&["backend", "service", "port"]);
    if let Some([_, second]) = port.map(|port| port.present(&["name", "number"])).as_deref() {
        look.refuse(second, "stands beside a name", "a port has a name or a number");
    }
}

fn peer<'a>(look: &mut Look<'a>, peer: &At<'a>) {
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
            (Some(outer), Some(inner))
                if !(outer.1 < inner.1 && masked(inner.0, outer.1) == masked(outer.0, outer.1)) =>
            {
                look.refuse(&except, "is not inside of `cidr`", "expected a part of that network");
            }
            _ => {}
        }
    }
}

/// An address with the length of its prefix.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let (address, length) = (address.parse::<IpAddr>().ok()?, length.parse::<u8>().ok()?);
    (length <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, length))
}

/// The first bits of an address; of one family never those of the other.
fn masked(address: IpAddr, length: u8) -> (bool, u128) {
    let (bits, width) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let rest = u32::from(width - length.min(width));
    (address.is_ipv4(), if rest >= 128 { 0 } else { bits >> rest })
}
