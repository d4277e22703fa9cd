//! Services: their ports, and what goes with their type.

use super::{Look, names};

pub(super) fn check(look: &mut Look<'_>) {
    if !look.is("/Service") {
        return;
    }
    let Some(spec) = look.root().get("spec") else { return };
    let kind = spec.get("type").and_then(|at| at.text()).unwrap_or("ClusterIP");
    let cluster_ip = spec.get("clusterIP").and_then(|at| at.text());
    let ports = spec.list("ports");
    if ports.is_empty() && kind != "ExternalName" && cluster_ip != Some("None") {
        look.refuse(&spec, "has no `ports`", "expected at least one");
    }
    if kind == "ExternalName" && spec.get("externalName").is_none_or(|at| at.text() == Some("")) {
        look.refuse(&spec, "has no `externalName`", "expected the name that this Service stands for");
    }
    if let Some(at) = spec.get("clusterIP")
        && at.text().is_some_and(|text| !text.is_empty() && text != "None" && text.parse::<std::net::IpAddr>().is_err())
    {
        look.refuse(&at, "is no address", "expected an IP address, or `None`");
    }
    look.unique(ports.iter().filter_map(|port| port.get("name")));
    let mut seen = Vec::new();
    for port in &ports {
        look.within(port.get("port"), 1..=65535);
        look.port(port.get("targetPort"));
        match port.get("name") {
            Some(name) => look.form(&name, name.text().and_then(names::label)),
            None if ports.len() > 1 => {
                look.refuse(port, "has no `name`", "each of several ports needs one");
            }
            None => {}
        }
        if let Some(node) = port.get("nodePort").filter(|at| at.number() != Some(0))
            && kind == "ClusterIP"
        {
            look.refuse(&node, "does not go with the type ClusterIP", "delete this, or change `spec.type`");
        }
        let protocol = port.get("protocol").and_then(|at| at.text()).unwrap_or("TCP");
        let number = port.get("port").and_then(|at| at.number());
        if number.is_some() && seen.contains(&(number, protocol)) {
            look.refuse(port, "is there already", "another one has this number and protocol");
        }
        seen.push((number, protocol));
    }
}
