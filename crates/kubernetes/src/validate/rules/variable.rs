//! The variables of a container, and what variables and files of the downward API take their values from.

use super::look::{At, Look};
use super::names;
use diagnostics::suggestion;

/// Where the value of a variable comes from.
const SOURCES: &[&str] = &["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"];
/// The fields of a pod that a variable can take.
const FIELDS: &[&str] = &[
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
/// The fields of a pod that a file can take.
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
            look.refuse(&from, "stands beside a value", "only one of the two may be there");
        }
        // Not every server knows this one.
        if from.get("fileKeyRef").is_none() {
            look.one_of(&from, SOURCES, "names no source", "is a second source of one variable");
        }
        if let Some(field) = from.get("fieldRef") {
            self::field(look, &field, FIELDS);
        }
        if let Some(resource) = from.get("resourceFieldRef") {
            self::resource(look, &resource);
        }
        for key in from.present(&["configMapKeyRef", "secretKeyRef"]) {
            named(look, &key);
            if let Some(key) = key.get("key") {
                look.form(&key, key.text().and_then(names::config_key));
            }
        }
    }
    look.once(&variables, &[("name", "")]);
    for from in container.list("envFrom") {
        if let Some(prefix) = from.get("prefix") {
            name(look, &prefix, false);
        }
        let sources = ["configMapRef", "secretRef"];
        look.one_of(&from, &sources, "names no source", "is a second source of one entry");
        from.present(&sources).iter().for_each(|source| named(look, source));
    }
}

fn name(look: &mut Look<'_>, at: &At<'_>, empty: bool) {
    let plain = |text: &str| text.chars().all(|c| (' '..='~').contains(&c) && c != '=');
    if empty || at.text().is_some_and(|text| !plain(text)) {
        look.refuse(at, "is no name of a variable", "expected ASCII characters without `=`");
    }
}

/// What names a `ConfigMap` or a Secret.
fn named<'a>(look: &mut Look<'a>, owner: &At<'a>) {
    match owner.get("name") {
        Some(name) => look.form(&name, name.text().and_then(names::subdomain)),
        None if !owner.misspells("name") => {
            look.refuse(owner, "has no `name`", "expected one");
        }
        None => {}
    }
}

/// A file of the downward API.
pub(super) fn file<'a>(look: &mut Look<'a>, item: &At<'a>) {
    look.one_of(item, &["fieldRef", "resourceFieldRef"], "names no source", "is a second source of one file");
    if let Some(field) = item.get("fieldRef") {
        self::field(look, &field, FILE_FIELDS);
    }
    if let Some(resource) = item.get("resourceFieldRef") {
        self::resource(look, &resource);
        if resource.get("containerName").is_none_or(|name| name.text() == Some(""))
            && !resource.misspells("containerName")
        {
            look.refuse(&resource, "has no `containerName`", "expected the container whose resource is meant");
        }
    }
}

fn field<'a>(look: &mut Look<'a>, field: &At<'a>, known: &[&str]) {
    let Some(at) = field.get("fieldPath") else { return };
    let Some(text) = at.text().filter(|text| !known.contains(text)) else { return };
    let part = text.strip_suffix("']").and_then(|text| text.split_once("['"));
    match part {
        Some(("metadata.labels", key)) => look.form(&at, names::qualified(key)),
        // As everywhere, the key of an annotation may be in upper case.
        Some(("metadata.annotations", key)) => look.form(&at, names::qualified(&key.to_lowercase())),
        _ => {
            look.refuse(&at, "is no field that can stand here", suggestion(text, known.iter().copied()));
        }
    }
}

fn resource<'a>(look: &mut Look<'a>, resource: &At<'a>) {
    let Some(at) = resource.get("resource") else { return };
    let Some(text) = at.text() else { return };
    let pages = text.starts_with("limits.hugepages-") || text.starts_with("requests.hugepages-");
    if !pages && !RESOURCES.contains(&text) {
        look.refuse(&at, "is no resource that can stand here", suggestion(text, RESOURCES.iter().copied()));
    }
}
