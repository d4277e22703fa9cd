//! References to Services and to their ports: of Ingresses, of routes of the Gateway API, and of the API server, for
//! webhooks and aggregated APIs.

use document::Node;

use super::reference::Reference;
use crate::object::Object;

/// The port of the API server's requests, if a reference names none.
const HTTPS: i64 = 443;

/// A Service with the port that an object uses.
#[derive(Debug)]
pub struct Backend<'a> {
    /// The reference to the Service.
    pub service: Reference<'a>,
    /// The port, by its name or its number; `None` if the reference names none.
    pub port: Option<&'a Node>,
    /// The number of the port without `port`.
    pub default_port: Option<i64>,
}

/// The Services that an object uses.
#[must_use]
pub fn of(object: &Object) -> Vec<Backend<'_>> {
    let root = &object.root;
    let mut found = Vec::new();
    match (object.key.group.as_str(), object.key.kind.as_str()) {
        ("networking.k8s.io", "Ingress") => {
            found.extend(root.find(&["spec", "defaultBackend"]).and_then(ingress));
            let paths = root.items_at(&["spec", "rules"]).iter().flat_map(|rule| rule.items_at(&["http", "paths"]));
            found.extend(paths.filter_map(|path| ingress(path.get("backend")?)));
        }
        ("gateway.networking.k8s.io", kind) if kind.ends_with("Route") => {
            for rule in root.items_at(&["spec", "rules"]) {
                found.extend(rule.items_at(&["backendRefs"]).iter().filter_map(route));
                let filters = rule.items_at(&["filters"]).iter();
                let mirrors = filters.filter_map(|filter| filter.find(&["requestMirror", "backendRef"]));
                found.extend(mirrors.filter_map(route));
            }
        }
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            let webhooks = root.items_at(&["webhooks"]).iter();
            let services = webhooks.filter_map(|webhook| webhook.find(&["clientConfig", "service"]));
            found.extend(services.filter_map(|service| api_server(service, "called as a webhook")));
        }
        ("apiregistration.k8s.io", "APIService") => {
            let service = root.find(&["spec", "service"]);
            found.extend(service.and_then(|service| api_server(service, "serves the API")));
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            let service = root.find(&["spec", "conversion", "webhook", "clientConfig", "service"]);
            found.extend(service.and_then(|service| api_server(service, "converts the objects")));
        }
        _ => {}
    }
    found
}

/// The backend of an Ingress.
fn ingress(backend: &Node) -> Option<Backend<'_>> {
    let service = backend.get("service")?;
    let port = service.get("port").and_then(|port| {
        let name = port.get("name").filter(|name| name.as_str().is_some_and(|name| !name.is_empty()));
        name.or_else(|| port.get("number"))
    });
    Some(Backend {
        service: Reference::core("Service", service, "name", "used as a backend")?,
        port,
        default_port: None,
    })
}

/// The backend of a route.
fn route(backend: &Node) -> Option<Backend<'_>> {
    let text = |key: &str| backend.get(key).and_then(Node::as_str).unwrap_or_default();
    if !matches!(text("group"), "" | "core") || !matches!(text("kind"), "" | "Service") {
        return None;
    }
    let namespace = Some(text("namespace")).filter(|namespace| !namespace.is_empty());
    let service = Reference { namespace, ..Reference::core("Service", backend, "name", "used as a backend")? };
    Some(Backend { service, port: backend.get("port"), default_port: None })
}

/// A Service that the API server calls.
fn api_server<'a>(service: &'a Node, role: &'static str) -> Option<Backend<'a>> {
    let namespace = Some(service.get("namespace")?.as_str()?);
    let reference = Reference { namespace, ..Reference::core("Service", service, "name", role)? };
    Some(Backend { service: reference, port: service.get("port"), default_port: Some(HTTPS) })
}
