//! Environment variables, and the sources of variables and downward API files.

use diagnostics::suggestion;

use super::look::{At, Look};
use super::names;

/// The sources of a variable's value.
const SOURCES: &[&str] = &["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"];
/// The pod fields that a variable can refer to.
const VARIABLE_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// The pod fields that a downward API file can refer to.
const FILE_FIELDS: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
];

pub(super) fn check<'a>(look: &mut Look<'a>, container: &At<'a>) {
    let variables = container.list("env");
    for variable in &variables {
        if let Some(name) = variable.get("name") {
            self::name(look, &name, name.text().is_some_and(str::is_empty));
        }
        let Some(from) = variable.get("valueFrom") else { continue };
        if variable.get("value").is_some_and(|value| value.text() != Some("")) {
            look.conflict(&from, "value");
        }
        // Not every API server supports `fileKeyRef`.
        if from.get("fileKeyRef").is_none() {
            look.exactly_one(&from, SOURCES, "has no source");
        }
        if let Some(field) = from.get("fieldRef") {
            self::field(look, &field, VARIABLE_FIELDS);
        }
        if let Some(resource) = from.get("resourceFieldRef") {
            self::resource(look, &resource);
        }
        for key in from.present(&["configMapKeyRef", "secretKeyRef"]) {
            reference(look, &key);
            if let Some(key) = key.get("key") {
                look.check_format(&key, key.text().and_then(names::config_key));
            }
        }
    }
    look.unique_merge_keys(&variables, &[("name", "")]);
    for from in container.list("envFrom") {
        if let Some(prefix) = from.get("prefix") {
            name(look, &prefix, false);
        }
        let sources = ["configMapRef", "secretRef"];
        look.exactly_one(&from, &sources, "has no source");
        from.present(&sources).iter().for_each(|source| reference(look, source));
    }
}

fn name(look: &mut Look<'_>, at: &At<'_>, empty: bool) {
    let plain = |text: &str| text.chars().all(|c| (' '..='~').contains(&c) && c != '=');
    if empty || at.text().is_some_and(|text| !plain(text)) {
        let label = "must consist of printable ASCII characters other than `=`";
        look.reject(at, "is not a valid environment variable name", label);
    }
}

/// A reference to a `ConfigMap` or a Secret.
fn reference<'a>(look: &mut Look<'a>, owner: &At<'a>) {
    match owner.get("name") {
        Some(name) => look.check_format(&name, name.text().and_then(names::subdomain)),
        None if owner.is_unset("name") => {
            look.requires(owner, "name", "a name is required");
        }
        None => {}
    }
}

/// Checks a downward API file.
pub(super) fn file<'a>(look: &mut Look<'a>, item: &At<'a>) {
    look.exactly_one(item, &["fieldRef", "resourceFieldRef"], "has no source");
    if let Some(field) = item.get("fieldRef") {
        self::field(look, &field, FILE_FIELDS);
    }
    if let Some(resource) = item.get("resourceFieldRef") {
        self::resource(look, &resource);
        if resource.lacks("containerName") {
            look.requires(&resource, "containerName", "required in a volume");
        }
    }
}

fn field<'a>(look: &mut Look<'a>, field: &At<'a>, supported: &[&str]) {
    let Some(at) = field.get("fieldPath") else { return };
    let Some(text) = at.text().filter(|text| !supported.contains(text)) else { return };
    let subscript = text.strip_suffix("']").and_then(|text| text.split_once("['"));
    match subscript {
        Some(("metadata.labels", key)) => look.check_format(&at, names::qualified(key)),
        // The API server accepts upper case in the prefix of an annotation key.
        Some(("metadata.annotations", key)) => look.check_format(&at, names::qualified(&key.to_lowercase())),
        _ => {
            look.reject(&at, "is not a supported field path", suggestion(text, supported.iter().copied()).text);
        }
    }
}

fn resource<'a>(look: &mut Look<'a>, resource: &At<'a>) {
    let Some(at) = resource.get("resource") else { return };
    let Some(text) = at.text() else { return };
    let pages = text.starts_with("limits.hugepages-") || text.starts_with("requests.hugepages-");
    if !pages && !RESOURCES.contains(&text) {
        look.reject(&at, "is not a supported resource", suggestion(text, RESOURCES.iter().copied()).text);
    }
}
