//! The hosts that objects serve.

use std::collections::BTreeSet;

use document::Node;

use crate::object::Object;

/// The kinds of objects that route requests by host.
const ROUTES: &[(&str, &str)] = &[
    ("gateway.networking.k8s.io", "GRPCRoute"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("gateway.networking.k8s.io", "TLSRoute"),
    ("networking.k8s.io", "Ingress"),
    ("route.openshift.io", "Route"),
];

/// Whether an object routes requests by host.
pub(super) fn is_route(object: &Object) -> bool {
    ROUTES.contains(&(object.key.group.as_str(), object.key.kind.as_str()))
}

/// The hosts that an object serves.
pub(super) fn hosts(object: &Object) -> BTreeSet<&str> {
    let list = |path: &[&str]| object.find(path).map(Node::items).unwrap_or_default();
    let hosts: BTreeSet<&str> = match object.key.kind.as_str() {
        "Ingress" => list(&["spec", "rules"]).iter().filter_map(|rule| rule.get("host")?.as_str()).collect(),
        "Route" => object.find(&["spec", "host"]).and_then(Node::as_str).into_iter().collect(),
        _ => list(&["spec", "hostnames"]).iter().filter_map(Node::as_str).collect(),
    };
    hosts.into_iter().filter(|host| !host.is_empty()).collect()
}
