//! A pod beside its containers: volumes, tolerations, and names.

use super::{At, Look, names};

/// Fields of a volume that are no source.
const NO_SOURCE: &[&str] = &["name"];

pub(super) fn check(look: &mut Look<'_>) {
    let Some(spec) = look.pod().and_then(|pod| pod.get("spec")) else { return };
    for key in ["serviceAccountName", "runtimeClassName", "priorityClassName"] {
        if let Some(at) = spec.get(key) {
            look.form(&at, at.text().filter(|text| !text.is_empty()).and_then(names::subdomain));
        }
    }
    for volume in spec.list("volumes") {
        self::volume(look, &volume);
    }
    look.unique(spec.list("volumes").iter().filter_map(|volume| volume.get("name")));
    for toleration in spec.list("tolerations") {
        let operator = toleration.get("operator").and_then(|at| at.text());
        let value = toleration.get("value").filter(|at| at.text().is_some_and(|text| !text.is_empty()));
        if let (Some("Exists"), Some(value)) = (operator, value) {
            look.refuse(&value, "does not go with `Exists`", "delete this, or compare with `Equal`");
        }
        if toleration.get("key").is_none() && operator != Some("Exists") {
            look.refuse(&toleration, "names no key", "expected a `key`, or `operator: Exists` to tolerate everything");
        }
    }
    user(look, spec.get("securityContext").as_ref());
    look.within(spec.get("terminationGracePeriodSeconds"), 0..=i64::MAX);
    look.within(spec.get("activeDeadlineSeconds"), 1..=i64::MAX);
}

fn volume<'a>(look: &mut Look<'a>, volume: &At<'a>) {
    if let Some(name) = volume.get("name") {
        look.form(&name, name.text().and_then(names::label));
    }
    let entries = volume.entries();
    let sources: Vec<&At<'a>> = entries
        .iter()
        .filter(|(key, at)| {
            !NO_SOURCE.contains(&key.name.as_str()) && volume.get(&key.name).is_some() && !at.steps.is_empty()
        })
        .map(|(_, at)| at)
        .collect();
    if let [_, second, ..] = sources.as_slice() {
        look.refuse(second, "is a second source of one volume", "a volume has one source");
    }
    for (source, key) in [("configMap", "name"), ("secret", "secretName")] {
        let Some(source) = volume.get(source) else { continue };
        if let Some(name) = source.get(key).filter(|name| name.text().is_some_and(str::is_empty)) {
            look.refuse(&name, "is empty", "expected a name");
        }
        look.within(source.get("defaultMode"), 0..=0o777);
        for item in source.list("items") {
            look.within(item.get("mode"), 0..=0o777);
            if let Some(path) = item.get("path") {
                inside(look, &path);
            }
        }
    }
}

/// A path that stays where it begins.
pub(super) fn inside(look: &mut Look<'_>, at: &At<'_>) {
    let leaves = |text: &str| text.starts_with('/') || text.split('/').any(|part| part == "..");
    if at.text().is_some_and(leaves) {
        look.refuse(at, "leads elsewhere", "expected a relative path without `..`");
    }
}

/// The ids in a security context.
pub(super) fn user<'a>(look: &mut Look<'a>, context: Option<&At<'a>>) {
    for key in ["runAsUser", "runAsGroup", "fsGroup"] {
        look.within(context.and_then(|context| context.get(key)), 0..=i64::from(i32::MAX));
    }
}
