//! Services: their ports, and what goes with their type.

use std::net::IpAddr;

use super::address::{address, network};
use super::look::{At, Look};
use super::{names, selector};

pub(super) fn check(look: &mut Look<'_>) {
    if !look.is("/Service") {
        return;
    }
    let Some(spec) = look.root().get("spec") else { return };
    let kind = spec.get("type").and_then(|at| at.text()).unwrap_or("ClusterIP");
    if spec.lacks("ports") && kind != "ExternalName" && text(&spec, "clusterIP") != Some("None") {
        look.refuse(&spec, "has no `ports`", "expected at least one");
    }
    if let Some(wanted) = spec.get("selector") {
        selector::labels(look, &wanted);
    }
    own_addresses(look, &spec, kind);
    if kind == "ExternalName" {
        external_name(look, &spec);
    }
    outside(look, &spec, kind);
    ports(look, &spec, kind);
    look.known(spec.get("trafficDistribution"), &["PreferClose", "PreferSameZone", "PreferSameNode"]);
    if text(&spec, "sessionAffinity") == Some("ClientIP") {
        look.within(spec.walk(&["sessionAffinityConfig", "clientIP", "timeoutSeconds"]), 1..=86400);
    }
}

fn text<'a>(spec: &At<'a>, key: &str) -> Option<&'a str> {
    spec.get(key).and_then(|at| at.text())
}

/// The addresses that it has inside of the cluster.
fn own_addresses<'a>(look: &mut Look<'a>, spec: &At<'a>, kind: &str) {
    let one = spec.get("clusterIP").filter(|at| at.text() != Some(""));
    let all = spec.list("clusterIPs");
    if let Some(at) = &one {
        match at.text() {
            Some("None") if matches!(kind, "LoadBalancer" | "NodePort") => {
                look.refuse(at, format!("does not go with the type {kind}"), "delete this, or change `spec.type`");
            }
            Some(text) if text != "None" && address(text).is_none() => {
                look.refuse(at, "is no address", "expected an IP address, or `None`");
            }
            _ => {}
        }
    }
    if let Some(first) = all.first().filter(|_| kind != "ExternalName") {
        match one.as_ref().and_then(At::text) {
            None if one.is_none() => {
                look.refuse(first, "needs a `clusterIP`", "expected `spec.clusterIP` with the same value");
            }
            Some(one) if first.text().is_some_and(|first| first != one) => {
                look.refuse(first, "is not `spec.clusterIP`", format!("expected `{one}`"));
            }
            _ => {}
        }
    }
    let families = spec.list("ipFamilies");
    look.unique(families.iter().cloned());
    // Without a selector, a headless Service may have both on its own.
    let policy = text(spec, "ipFamilyPolicy").or_else(|| spec.get("selector").map(|_| "SingleStack"));
    if let (2.., Some("SingleStack"), Some(second)) = (families.len(), policy, families.get(1))
        && second.text() != families[0].text()
    {
        look.refuse(second, "is a second family of a Service with one", "expected `ipFamilyPolicy: PreferDualStack`");
    }
}

/// A name for something outside has nothing inside of the cluster.
fn external_name<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    match spec.get("externalName").filter(|at| at.text() != Some("")) {
        Some(at) => {
            let name = |text: &str| names::subdomain(text.strip_suffix('.').unwrap_or(text));
            look.form(&at, at.text().and_then(name));
        }
        None if spec.lacks("externalName") => {
            look.refuse(spec, "has no `externalName`", "expected the name that this Service stands for");
        }
        None => {}
    }
    for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if let Some(at) = spec.get(key).filter(|_| !spec.lacks(key)) {
            look.refuse(&at, "does not go with the type ExternalName", "delete this, or change `spec.type`");
        }
    }
}

/// What is for traffic from outside of the cluster.
fn outside<'a>(look: &mut Look<'a>, spec: &At<'a>, kind: &str) {
    let balanced = kind == "LoadBalancer";
    let away = |look: &mut Look<'a>, at: &At<'a>| {
        look.refuse(at, format!("does not go with the type {kind}"), "delete this, or change `spec.type`");
    };
    let external = spec.list("externalIPs");
    for at in &external {
        let Some(text) = at.text() else { continue };
        let Some(address) = address(text) else {
            look.refuse(at, "is no address", "expected an IP address");
            continue;
        };
        let local = match address {
            IpAddr::V4(address) => {
                let near = address.octets().starts_with(&[224, 0, 0]);
                address.is_loopback() || address.is_unspecified() || address.is_link_local() || near
            }
            IpAddr::V6(address) => address.is_loopback() || address.is_unspecified() || address.is_unicast_link_local(),
        };
        if local {
            look.refuse(at, "is an address that leads nowhere", "expected one that others can reach");
        }
    }
    let reachable = balanced || kind == "NodePort" || kind == "ClusterIP" && !external.is_empty();
    if let Some(at) = spec.get("externalTrafficPolicy").filter(|at| !reachable && at.text() != Some("")) {
        away(look, &at);
    }
    for key in ["loadBalancerSourceRanges", "loadBalancerClass", "allocateLoadBalancerNodePorts"] {
        if let Some(at) = spec
            .get(key)
            .filter(|at| !balanced && !matches!(&at.node.value, document::Value::Sequence(items) if items.is_empty()))
        {
            away(look, &at);
        }
    }
    if let Some(at) = spec.get("healthCheckNodePort").filter(|at| at.number() != Some(0)) {
        if balanced && text(spec, "externalTrafficPolicy") == Some("Local") {
            look.within(Some(at), 1..=65535);
        } else {
            let label = "only for a LoadBalancer with `externalTrafficPolicy: Local`";
            look.refuse(&at, "checks nothing", label);
        }
    }
    if !balanced {
        return;
    }
    if let Some(class) = spec.get("loadBalancerClass") {
        look.form(&class, class.text().and_then(names::qualified));
    }
    for range in spec.list("loadBalancerSourceRanges") {
        if range.text().is_some_and(|text| network(text.trim()).is_none()) {
            look.refuse(&range, "is no network", "expected one like `10.0.0.0/8` or `fd00::/8`");
        }
    }
}

fn ports<'a>(look: &mut Look<'a>, spec: &At<'a>, kind: &str) {
    let ports = spec.list("ports");
    look.unique(ports.iter().filter_map(|port| port.get("name")).filter(|name| name.text() != Some("")));
    let mut seen = Vec::new();
    let mut nodes = Vec::new();
    for port in &ports {
        look.within(port.get("port"), 1..=65535);
        // Empty, it is what `port` says.
        look.port(port.get("targetPort").filter(|at| at.text() != Some("") && at.number() != Some(0)));
        match port.get("name").filter(|name| name.text() != Some("")) {
            Some(name) => look.form(&name, name.text().and_then(names::label)),
            None if ports.len() > 1 => {
                look.refuse(port, "has no `name`", "each of several ports needs one");
            }
            None => {}
        }
        if let Some(protocol) = port.get("appProtocol") {
            look.form(&protocol, protocol.text().and_then(names::qualified));
        }
        let protocol = text(port, "protocol").unwrap_or("TCP");
        if let Some(node) = port.get("nodePort").filter(|at| at.number() != Some(0)) {
            let taken = node.number().map(|number| (number, protocol));
            if kind == "ClusterIP" {
                look.refuse(&node, "does not go with the type ClusterIP", "delete this, or change `spec.type`");
            } else if taken.is_some() && nodes.contains(&taken) {
                look.refuse(&node, "is there already", "the second one");
            }
            nodes.push(taken);
        }
        let number = port.get("port").and_then(|at| at.number());
        if number.is_some() && seen.contains(&(number, protocol)) {
            look.refuse(port, "is there already", "another one has this number and protocol");
        }
        seen.push((number, protocol));
    }
}
