//! Services: ports, addresses, and the fields that each type allows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use diagnostics::Fact;

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
        look.requires(&spec, "ports", "at least one port is required");
    }
    if let Some(wanted) = spec.get("selector") {
        selector::labels(look, &wanted);
    }
    cluster_ips(look, &spec, kind);
    if kind == "ExternalName" {
        external_name(look, &spec);
    }
    external_traffic(look, &spec, kind);
    ports(look, &spec, kind);
    look.supported(spec.get("trafficDistribution"), &["PreferClose", "PreferSameZone", "PreferSameNode"]);
    if text(&spec, "sessionAffinity") == Some("ClientIP") {
        look.in_range(spec.walk(&["sessionAffinityConfig", "clientIP", "timeoutSeconds"]), 1..=86400);
    }
}

fn text<'a>(spec: &At<'a>, key: &str) -> Option<&'a str> {
    spec.get(key).and_then(|at| at.text())
}

/// Cluster IPs and IP families.
fn cluster_ips<'a>(look: &mut Look<'a>, spec: &At<'a>, kind: &str) {
    let one = spec.get("clusterIP").filter(|at| at.text() != Some(""));
    let all = spec.list("clusterIPs");
    if let Some(at) = &one {
        match at.text() {
            Some("None") if matches!(kind, "LoadBalancer" | "NodePort") => {
                look.reject_when(at, "must not be `None`", ("type", kind), "remove it, or change `spec.type`");
            }
            Some(text) if text != "None" && address(text).is_none() => {
                look.reject(at, "is not a valid IP address", "expected an IP address, or `None`");
            }
            _ => {}
        }
    }
    if let Some(first) = all.first().filter(|_| kind != "ExternalName") {
        match one.as_ref().and_then(At::text) {
            None if one.is_none() => {
                look.reject(first, "requires `spec.clusterIP`", "set `spec.clusterIP` to the same value");
            }
            Some(one) if first.text().is_some_and(|first| first != one) => {
                look.reject(first, "must match `spec.clusterIP`", format!("expected `{one}`"));
            }
            _ => {}
        }
    }
    let families = spec.list("ipFamilies");
    look.unique(families.iter().cloned());
    // A headless Service without a selector defaults to dual-stack.
    let policy = text(spec, "ipFamilyPolicy").or_else(|| spec.get("selector").map(|_| "SingleStack"));
    if let (2.., Some("SingleStack"), Some(second)) = (families.len(), policy, families.get(1))
        && second.text() != families[0].text()
    {
        let when = ("ipFamilyPolicy", "SingleStack");
        look.reject_when(second, "is not allowed", when, "remove it, or set `ipFamilyPolicy: PreferDualStack`");
    }
}

/// An `ExternalName` Service has a DNS name and no cluster IP.
fn external_name<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    match spec.get("externalName").filter(|at| at.text() != Some("")) {
        Some(at) => {
            let name = |text: &str| names::subdomain(text.strip_suffix('.').unwrap_or(text));
            look.check_format(&at, at.text().and_then(name));
        }
        None if spec.lacks("externalName") => {
            look.requires(spec, "externalName", "required when `type: ExternalName`");
        }
        None => {}
    }
    for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if let Some(at) = spec.get(key).filter(|_| !spec.lacks(key)) {
            look.reject_when(&at, "is not allowed", ("type", "ExternalName"), "remove it, or change `spec.type`");
        }
    }
}

/// Fields for traffic from outside the cluster.
fn external_traffic<'a>(look: &mut Look<'a>, spec: &At<'a>, kind: &str) {
    let load_balancer = kind == "LoadBalancer";
    let reject = |look: &mut Look<'a>, at: &At<'a>| {
        look.reject_when(at, "is not allowed", ("type", kind), "remove it, or change `spec.type`");
    };
    let external = spec.list("externalIPs");
    for at in &external {
        let Some(text) = at.text() else { continue };
        let Some(address) = address(text) else {
            look.reject(at, "is not a valid IP address", "expected a value such as `192.0.2.10`");
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
            let label = "unspecified, loopback, link-local, or local multicast address";
            look.reject(at, "must be reachable from outside the node", label);
        }
    }
    let external_access = load_balancer || kind == "NodePort" || kind == "ClusterIP" && !external.is_empty();
    if let Some(at) = spec.get("externalTrafficPolicy").filter(|at| !external_access && at.text() != Some("")) {
        reject(look, &at);
    }
    for key in ["loadBalancerSourceRanges", "loadBalancerClass", "allocateLoadBalancerNodePorts"] {
        if let Some(at) = spec.get(key).filter(|at| {
            !load_balancer && !matches!(&at.node.value, document::Value::Sequence(items) if items.is_empty())
        }) {
            reject(look, &at);
        }
    }
    if let Some(at) = spec.get("healthCheckNodePort").filter(|at| at.number() != Some(0)) {
        if load_balancer && text(spec, "externalTrafficPolicy") == Some("Local") {
            look.in_range(Some(at), 1..=65535);
        } else {
            let what = "is only allowed when `type: LoadBalancer` and `externalTrafficPolicy: Local`";
            look.reject(&at, what, "remove it").facts.push(Fact::When("type".to_owned()));
        }
    }
    if !load_balancer {
        return;
    }
    if let Some(class) = spec.get("loadBalancerClass") {
        look.check_format(&class, class.text().and_then(names::qualified));
    }
    for range in spec.list("loadBalancerSourceRanges") {
        if range.text().is_some_and(|text| network(text.trim()).is_none()) {
            look.reject(&range, "is not a valid CIDR block", "expected a value such as `10.0.0.0/8` or `fd00::/8`");
        }
    }
}

fn ports<'a>(look: &mut Look<'a>, spec: &At<'a>, kind: &str) {
    let ports = spec.list("ports");
    look.unique(ports.iter().filter_map(|port| port.get("name")).filter(|name| name.text() != Some("")));
    let mut seen: HashMap<_, &At<'_>> = HashMap::new();
    let mut unnamed = false;
    let mut node_ports: HashMap<_, At<'_>> = HashMap::new();
    for port in &ports {
        look.in_range(port.get("port"), 1..=65535);
        // An empty target port defaults to `port`.
        look.port(port.get("targetPort").filter(|at| at.text() != Some("") && at.number() != Some(0)));
        match port.get("name").filter(|name| name.text() != Some("")) {
            Some(name) => look.check_format(&name, name.text().and_then(names::label)),
            None if ports.len() > 1 && !unnamed => {
                unnamed = true;
                look.requires(port, "name", "required for each port when a Service has several ones");
            }
            None => {}
        }
        if let Some(protocol) = port.get("appProtocol") {
            look.check_format(&protocol, protocol.text().and_then(names::qualified));
        }
        let protocol = text(port, "protocol").unwrap_or("TCP");
        if let Some(node) = port.get("nodePort").filter(|at| at.number() != Some(0)) {
            let key = node.number().map(|number| (number, protocol));
            let first = key.and_then(|key| node_ports.get(&key));
            if kind == "ClusterIP" {
                look.reject_when(&node, "is not allowed", ("type", "ClusterIP"), "remove it, or change `spec.type`");
            } else if let Some(first) = first {
                look.duplicate(&node, first);
            }
            if let Some(key) = key {
                node_ports.entry(key).or_insert(node);
            }
        }
        let Some(number) = port.get("port").and_then(|at| at.number()) else { continue };
        match seen.entry((number, protocol)) {
            Entry::Occupied(first) => {
                let other = first.get().get("port").map(|at| at.node.place());
                let first = crate::validate::pointer::path(&first.get().steps);
                let found = look.reject(port, "is a duplicate", format!("same port and protocol as `{first}`"));
                found.places.extend(other.map(|place| (place, "the first one".to_owned())));
            }
            Entry::Vacant(entry) => drop(entry.insert(port)),
        }
    }
}
