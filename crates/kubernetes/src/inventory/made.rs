//! Objects that controllers make from rendered ones, as far as the rendered one names them.

use std::collections::BTreeSet;

use document::Node;

use super::keys::Keys;
use super::pods;
use crate::object::Object;

/// The keys of a TLS Secret by cert-manager.
const TLS: [&str; 3] = ["ca.crt", "tls.crt", "tls.key"];

/// How many replicas of a `StatefulSet` have their claims listed.
const LISTED_REPLICAS: i64 = 100;

/// The kind, the name, and the keys of each object that a controller makes from an object.
#[must_use]
pub fn of(object: &Object) -> Vec<(&'static str, String, Keys)> {
    let secret = |name: Option<&str>, keys: Keys| name.map(|name| ("Secret", name.to_owned(), keys));
    let text = |path: &[&str]| object.find(path).and_then(Node::as_str).filter(|text| !text.is_empty());
    let own = Some(object.key.name.as_str());
    match (object.key.group.as_str(), object.key.kind.as_str()) {
        // The Secret always has the name of its SealedSecret.
        ("bitnami.com", "SealedSecret") => secret(own, sealed(object)).into_iter().collect(),
        ("cert-manager.io", "Certificate") => {
            secret(text(&["spec", "secretName"]), certificate(object)).into_iter().collect()
        }
        ("cert-manager.io", "Issuer") => {
            secret(text(&["spec", "acme", "privateKeySecretRef", "name"]), Keys::Unknown).into_iter().collect()
        }
        ("external-secrets.io", "ExternalSecret") => {
            secret(text(&["spec", "target", "name"]).or(own), external(object)).into_iter().collect()
        }
        ("onepassword.com", "OnePasswordItem") => secret(own, Keys::Unknown).into_iter().collect(),
        ("networking.k8s.io", "Ingress") if has_issuer(object) => {
            let entries = object.root.items_at(&["spec", "tls"]);
            let names = entries.iter().filter_map(|entry| entry.get("secretName")?.as_str());
            names.map(|name| ("Secret", name.to_owned(), Keys::known(TLS))).collect()
        }
        ("gateway.networking.k8s.io", "Gateway") if has_issuer(object) => {
            let listeners = object.root.items_at(&["spec", "listeners"]);
            let references = listeners.iter().filter_map(|listener| listener.find(&["tls", "certificateRefs"]));
            let names = references.flat_map(Node::items).filter_map(|reference| reference.get("name")?.as_str());
            names.map(|name| ("Secret", name.to_owned(), Keys::known(TLS))).collect()
        }
        ("apps", "StatefulSet") => claims(object),
        _ => Vec::new(),
    }
}

/// Whether a controller copies an object to other namespaces.
#[must_use]
pub(crate) fn is_copied(object: &Object) -> bool {
    let annotations = object.find(&["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
    let copied = |key: &str| {
        key.starts_with("reflector.v1.k8s.emberstack.com/") || key.starts_with("replicator.v1.mittwald.de/replicate-to")
    };
    let custom = matches!(
        (object.key.group.as_str(), object.key.kind.as_str()),
        ("external-secrets.io", "ClusterExternalSecret") | ("trust.cert-manager.io", "Bundle")
    );
    custom || annotations.iter().any(|(key, _)| copied(&key.name) || key.name.starts_with("kubed.appscode.com/sync"))
}

/// The keys of the Secret that a `SealedSecret` is unsealed to.
fn sealed(object: &Object) -> Keys {
    let sections = [&["spec", "encryptedData"][..], &["spec", "template", "data"]];
    let keys: BTreeSet<String> = sections
        .iter()
        .filter_map(|path| object.find(path))
        .flat_map(Node::entries)
        .map(|(key, _)| key.name.clone())
        .collect();
    if keys.is_empty() { Keys::Unknown } else { Keys::Known(keys) }
}

fn certificate(object: &Object) -> Keys {
    let simple = ["keystores", "additionalOutputFormats"].iter().all(|key| object.find(&["spec", key]).is_none());
    if simple { Keys::known(TLS) } else { Keys::Unknown }
}

/// The keys of the Secret of an `ExternalSecret`, unless a template or a whole secret determines them.
fn external(object: &Object) -> Keys {
    let data = object.root.items_at(&["spec", "data"]);
    let keys: Vec<&str> = data.iter().filter_map(|entry| entry.get("secretKey")?.as_str()).collect();
    let simple = object.find(&["spec", "dataFrom"]).is_none() && object.find(&["spec", "target", "template"]).is_none();
    // Another owner's Secret has other keys, too.
    let owner = object.find(&["spec", "target", "creationPolicy"]).and_then(Node::as_str).unwrap_or("Owner");
    if simple && owner == "Owner" && !keys.is_empty() { Keys::known(keys) } else { Keys::Unknown }
}

/// Whether cert-manager makes the certificates of an Ingress or a Gateway.
fn has_issuer(object: &Object) -> bool {
    let annotations = object.find(&["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
    annotations.iter().any(|(key, _)| {
        matches!(
            key.name.as_str(),
            "cert-manager.io/cluster-issuer" | "cert-manager.io/issuer" | "kubernetes.io/tls-acme"
        )
    })
}

/// The claims of a `StatefulSet`.
fn claims(object: &Object) -> Vec<(&'static str, String, Keys)> {
    let number = |path: &[&str]| object.find(path).and_then(pods::number);
    let start = number(&["spec", "ordinals", "start"]).unwrap_or(0).max(0);
    let replicas = number(&["spec", "replicas"]).unwrap_or(1).clamp(0, LISTED_REPLICAS);
    let templates = object.root.items_at(&["spec", "volumeClaimTemplates"]);
    let names = templates.iter().filter_map(|template| template.find(&["metadata", "name"])?.as_str());
    names
        .flat_map(|name| {
            let claim = move |ordinal: i64| format!("{name}-{}-{ordinal}", object.key.name);
            (start..start.saturating_add(replicas)).map(claim)
        })
        .map(|name| ("PersistentVolumeClaim", name, Keys::Unknown))
        .collect()
}
