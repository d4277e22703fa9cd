//! Names, labels, annotations, finalizers, owner references, and the keys of `ConfigMaps` and Secrets.
//!
//! The formats themselves are in [`crate::forms`].

use diagnostics::{Code, Place};

use super::look::{At, Look};
pub(super) use crate::forms::{config_key, label, label_1035, label_value, qualified, segment, subdomain, sysctl};

/// The group whose kinds may have names of nearly any format.
const RBAC: &str = "rbac.authorization.k8s.io";

/// Kubernetes' standard finalizers.
const FINALIZERS: &[&str] = &["kubernetes", "orphan", "foregroundDeletion"];

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    let kind = &look.subject.kind;
    if let Some(metadata) = root.get("metadata") {
        for (key, suffix) in [("name", ""), ("generateName", "x")] {
            let Some(at) = metadata.get(key) else { continue };
            let Some(name) = at.text().map(|text| format!("{text}{suffix}")) else { continue };
            let wrong = match (kind.group.as_str(), kind.kind.as_str()) {
                (RBAC, _) => segment(&name),
                ("", "Service") => label_1035(&name),
                ("", "Namespace") => label(&name),
                ("batch", "CronJob") if name.len() > 52 => {
                    Some("must be no more than 52 characters, since Job names append 11".to_owned())
                }
                _ => subdomain(&name),
            };
            look.check_format(&at, wrong);
        }
        if let Some(at) = metadata.get("namespace") {
            // An empty namespace counts as unset.
            look.check_format(&at, at.text().filter(|text| !text.is_empty()).and_then(label));
        }
        labels_and_annotations(look, &metadata);
        finalizers(look, &metadata);
        owners(look, &metadata);
    }
    if let Some(metadata) = look.pod().filter(|pod| !pod.steps.is_empty()).and_then(|pod| pod.get("metadata")) {
        labels_and_annotations(look, &metadata);
    }
    if look.is("/ConfigMap") || look.is("/Secret") {
        for field in ["data", "stringData", "binaryData"] {
            let Some(data) = root.get(field) else { continue };
            for (key, at) in data.entries() {
                check_key(look, &at, key, config_key(&key.name));
            }
        }
    }
    if let (Some(texts), Some(binary)) = (root.get("data"), root.get("binaryData").filter(|_| look.is("/ConfigMap"))) {
        for (key, at) in binary.entries() {
            if texts.get(&key.name).is_some() {
                look.reject(&at, "duplicates a key of `data`", "the key is also in `data`");
            }
        }
    }
}

/// In these groups, a finalizer without a domain must be a standard one.
fn finalizers<'a>(look: &mut Look<'a>, metadata: &At<'a>) {
    const GROUPS: [&str; 6] = ["", "apps", "autoscaling", "batch", "networking.k8s.io", RBAC];
    let strict = GROUPS.contains(&look.subject.kind.group.as_str());
    for at in metadata.list("finalizers") {
        let Some(text) = at.text() else { continue };
        let wrong = qualified(text);
        if wrong.is_some() {
            look.check_format(&at, wrong);
        } else if strict && !text.contains('/') && !FINALIZERS.contains(&text) {
            let label = "must have a domain, such as `example.com/name`";
            look.reject(&at, "is not a standard finalizer", label);
        }
    }
}

fn owners<'a>(look: &mut Look<'a>, metadata: &At<'a>) {
    let owners = metadata.list("ownerReferences");
    for owner in &owners {
        for key in ["apiVersion", "kind", "name", "uid"] {
            look.not_empty(owner.get(key));
        }
    }
    let controllers: Vec<&At<'_>> = owners.iter().filter(|owner| owner.is_set_to("controller", true)).collect();
    if let [_, second, ..] = controllers.as_slice() {
        look.reject(second, "must not set `controller: true`", "another owner is the controller already");
    }
}

fn labels_and_annotations<'a>(look: &mut Look<'a>, metadata: &At<'a>) {
    for field in ["labels", "annotations"] {
        let Some(map) = metadata.get(field) else { continue };
        for (key, at) in map.entries() {
            // The API server accepts upper case in the prefix of an annotation key.
            let name = if field == "annotations" { key.name.to_lowercase() } else { key.name.clone() };
            check_key(look, &at, key, qualified(&name));
            if field == "labels" {
                look.check_format(&at, at.text().and_then(label_value));
            }
        }
    }
}

/// Reports a key of the wrong format, at the key; `wrong` is the format that it must have.
pub(super) fn check_key(look: &mut Look<'_>, at: &At<'_>, key: &document::Key, wrong: Option<String>) {
    let Some(wrong) = wrong else { return };
    let place = Place::new(&look.subject.object.root.source, key.span.clone());
    let message =
        format!("the key `{}` of {} is invalid", crate::validate::pointer::path(&at.steps), look.subject.title());
    look.found.push(look.subject.finding(Code::ObjectRefused, message, place, wrong));
}
