//! Names, labels, annotations, and the keys of `ConfigMaps` and Secrets.
//!
//! Deliberately absent: the forms themselves (`forms`), which others ask for, too.

use super::look::{At, Look};
pub(super) use crate::forms::{
    config_key, label, label_1035, label_value, port, qualified, segment, subdomain, sysctl,
};
use diagnostics::{Code, Place};

/// Kinds of rbac.authorization.k8s.io have names of nearly any form.
const FREE: &str = "rbac.authorization.k8s.io";

/// Finalizers that are Kubernetes' own.
const FINALIZERS: &[&str] = &["kubernetes", "orphan", "foregroundDeletion"];

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    let kind = &look.subject.kind;
    if let Some(metadata) = root.get("metadata") {
        for (key, made) in [("name", ""), ("generateName", "x")] {
            let Some(at) = metadata.get(key) else { continue };
            let Some(name) = at.text().map(|text| format!("{text}{made}")) else { continue };
            let wrong = match (kind.group.as_str(), kind.kind.as_str()) {
                (FREE, _) => segment(&name),
                ("", "Service") => label_1035(&name),
                ("", "Namespace") => label(&name),
                ("batch", "CronJob") if name.len() > 52 => {
                    Some("more than 52 characters: each Job appends 11".to_owned())
                }
                _ => subdomain(&name),
            };
            look.form(&at, wrong);
        }
        if let Some(at) = metadata.get("namespace") {
            // Empty, it is that of whoever applies it.
            look.form(&at, at.text().filter(|text| !text.is_empty()).and_then(label));
        }
        of_metadata(look, &metadata);
        finalizers(look, &metadata);
        owners(look, &metadata);
    }
    if let Some(metadata) = look.pod().filter(|pod| !pod.steps.is_empty()).and_then(|pod| pod.get("metadata")) {
        of_metadata(look, &metadata);
    }
    if look.is("/ConfigMap") || look.is("/Secret") {
        for field in ["data", "stringData", "binaryData"] {
            let Some(data) = root.get(field) else { continue };
            for (key, at) in data.entries() {
                wrong_key(look, &at, key, config_key(&key.name));
            }
        }
    }
    if let (Some(texts), Some(binary)) = (root.get("data"), root.get("binaryData").filter(|_| look.is("/ConfigMap"))) {
        for (key, at) in binary.entries() {
            if texts.get(&key.name).is_some() {
                look.refuse(&at, "is there already", "`data` has this key, too");
            }
        }
    }
}

/// Without a domain, kinds of these groups have only Kubernetes' own.
fn finalizers<'a>(look: &mut Look<'a>, metadata: &At<'a>) {
    const GROUPS: [&str; 6] = ["", "apps", "autoscaling", "batch", "networking.k8s.io", FREE];
    let strict = GROUPS.contains(&look.subject.kind.group.as_str());
    for at in metadata.list("finalizers") {
        let Some(text) = at.text() else { continue };
        let wrong = qualified(text);
        if wrong.is_some() {
            look.form(&at, wrong);
        } else if strict && !text.contains('/') && !FINALIZERS.contains(&text) {
            look.refuse(&at, "is no finalizer that Kubernetes takes", "expected one with a domain, `example.com/name`");
        }
    }
}

fn owners<'a>(look: &mut Look<'a>, metadata: &At<'a>) {
    let owners = metadata.list("ownerReferences");
    for owner in &owners {
        for key in ["apiVersion", "kind", "name", "uid"] {
            look.filled(owner.get(key));
        }
    }
    let controllers: Vec<&At<'_>> = owners.iter().filter(|owner| owner.says("controller", true)).collect();
    if let [_, second, ..] = controllers.as_slice() {
        look.refuse(second, "is a second controller", "an object has one at most");
    }
}

fn of_metadata<'a>(look: &mut Look<'a>, metadata: &At<'a>) {
    for field in ["labels", "annotations"] {
        let Some(map) = metadata.get(field) else { continue };
        for (key, at) in map.entries() {
            // Of annotations, the server takes upper case in the prefix, too.
            let name = if field == "annotations" { key.name.to_lowercase() } else { key.name.clone() };
            wrong_key(look, &at, key, qualified(&name));
            if field == "labels" {
                look.form(&at, at.text().and_then(label_value));
            }
        }
    }
}

/// Says that a key has not the form that it should have.
pub(super) fn wrong_key(look: &mut Look<'_>, at: &At<'_>, key: &document::Key, wrong: Option<String>) {
    let Some(wrong) = wrong else { return };
    let place = Place::new(&look.subject.object.root.source, key.span.clone());
    let message = format!(
        "{} has the key `{}`, which Kubernetes does not take",
        look.subject.title(),
        crate::validate::pointer::path(&at.steps)
    );
    look.found.push(look.subject.finding(Code::ObjectRefused, message, place, wrong));
}
