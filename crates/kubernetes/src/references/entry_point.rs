//! References of Ingresses and Gateways besides their backends: TLS Secrets, and the class.

use document::Node;

use super::reference::Reference;
use crate::object::Object;

/// The references of an Ingress or a Gateway.
#[must_use]
pub fn of(object: &Object) -> Vec<Reference<'_>> {
    let Some(spec) = object.find(&["spec"]) else { return Vec::new() };
    match (object.key.group.as_str(), object.key.kind.as_str()) {
        ("networking.k8s.io", "Ingress") => {
            let entries = spec.items_at(&["tls"]);
            let secrets = entries
                .iter()
                .filter_map(|entry| Reference::core("Secret", entry, "secretName", "used as the certificate"));
            let class = Reference::cluster(
                ("networking.k8s.io", "IngressClass"),
                spec,
                "ingressClassName",
                "class of the Ingress",
            );
            secrets.chain(class).collect()
        }
        ("gateway.networking.k8s.io", "Gateway") => {
            let listeners = spec.items_at(&["listeners"]);
            let references = listeners.iter().filter_map(|listener| listener.find(&["tls", "certificateRefs"]));
            let references = references.flat_map(Node::items).filter(|reference| {
                let kind = reference.get("kind").and_then(Node::as_str).unwrap_or("Secret");
                kind == "Secret"
            });
            references
                .filter_map(|reference| {
                    let namespace = reference.get("namespace").and_then(Node::as_str);
                    let secret = Reference::core("Secret", reference, "name", "used as the certificate")?;
                    Some(Reference { namespace: namespace.filter(|text| !text.is_empty()), ..secret })
                })
                .collect()
        }
        _ => Vec::new(),
    }
}
