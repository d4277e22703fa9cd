//! Workloads whose pods are replaced, and why.

use std::collections::BTreeSet;

use diagnostics::wording;
use document::{Node, Value};

use super::subject::{Found, Subject, text};
use crate::change::delta::{Delta, Step, path};
use crate::change::difference;
use crate::inventory::pods::Pods;
use crate::object::Object;
use crate::references;
use crate::workload;

/// The help for configuration that running pods do not read again.
const KEPT: &str = "add an annotation with a checksum of it to the pod template, or restart the pods";

/// The number of reasons that a message names.
const NAMED: usize = 3;

/// Labels that only say what rendered or released the pods.
const RELEASE_LABELS: &[&str] =
    &["app.kubernetes.io/managed-by", "app.kubernetes.io/version", "chart", "helm.sh/chart", "version"];

/// Pods that are replaced because of more than new images and versions.
pub(super) fn configured(subject: &Subject<'_>) -> Vec<Found> {
    restarts(subject).filter(|restart| !restart.routine).map(|restart| restart.found).into_iter().collect()
}

/// Pods that are replaced only because of new images and versions.
pub(super) fn routine(subject: &Subject<'_>) -> Vec<Found> {
    restarts(subject).filter(|restart| restart.routine).map(|restart| restart.found).into_iter().collect()
}

struct Restart {
    found: Found,
    /// Whether only images and the labels of a release change.
    routine: bool,
}

fn restarts(subject: &Subject<'_>) -> Option<Restart> {
    let (before, after) = subject.updates()?;
    let (template_path, new) = workload::template(after)?;
    let (_, old) = workload::template(before)?;
    let how = how(after)?;
    let inside: Vec<&Delta<'_>> = subject.deltas.iter().filter(|delta| delta.is_in(template_path)).collect();
    let (mut reasons, mut known): (Vec<Reason>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
    for delta in inside {
        for found in reasons_of(subject, after, delta, template_path.len()) {
            if known.insert(found.text.clone()) {
                reasons.push(found);
            }
        }
    }
    // What is configured comes first, and what is only released with it is not worth a mention then.
    reasons.sort_by_key(|reason| reason.routine);
    let routine = reasons.iter().all(|reason| reason.routine) && !reasons.is_empty();
    if !routine {
        reasons.retain(|reason| !reason.routine);
    }
    if reasons.is_empty() {
        // The order of a list means nothing, but makes another template.
        let start: Vec<String> = template_path.iter().map(|step| (*step).to_owned()).collect();
        let moved = difference::first(Some(old), Some(new), &start, &[])?;
        let place = moved.path.iter().rev().find(|step| !step.chars().all(|c| c.is_ascii_digit()))?;
        reasons.push(Reason { text: format!("the order around `{place}`"), path: moved.path.clone(), routine: false });
    }
    let first = reasons.first()?;
    let mut names: Vec<String> = reasons.iter().take(NAMED).map(|reason| reason.text.clone()).collect();
    if reasons.len() > NAMED {
        names.push(format!("{} more", reasons.len() - NAMED));
    }
    let verb = if names.len() > 1 { "change" } else { "changes" };
    let message = format!("the pods of {} {how}: {} {verb}", after.title(), wording::all(&names));
    Some(Restart { found: Found::new(message).at(&first.path), routine })
}

/// Why pods are replaced.
struct Reason {
    text: String,
    path: Vec<String>,
    /// Whether only an image, or a label of the release, changes.
    routine: bool,
}

/// How the pods are replaced; `None` if there are none, or if they are not.
fn how(after: &Object) -> Option<String> {
    let number = |path: &[&str]| match &after.find(path)?.value {
        Value::Number(number) => number.parse::<i64>().ok(),
        _ => None,
    };
    let idle = number(&["spec", "replicas"]) == Some(0);
    let paused = after.find(&["spec", "paused"]).is_some_and(|node| matches!(node.value, Value::Bool(true)));
    let kind = after.key.kind.as_str();
    let how = match (after.key.group.as_str(), kind) {
        ("apps", "Deployment") if !idle && !paused => {
            if text(after, &["spec", "strategy", "type"]) == Some("Recreate") {
                "are stopped before new ones start".to_owned()
            } else {
                "are replaced one after another".to_owned()
            }
        }
        ("apps", "StatefulSet") if !idle => {
            let partition = number(&["spec", "updateStrategy", "rollingUpdate", "partition"]).unwrap_or_default();
            let replicas = number(&["spec", "replicas"]).unwrap_or(1);
            match text(after, &["spec", "updateStrategy", "type"]) {
                Some("OnDelete") => "are replaced when somebody deletes them".to_owned(),
                _ if partition >= replicas => "stay, because of the `partition` of the update strategy".to_owned(),
                _ if partition > 0 => format!("from number {partition} on are replaced one after another"),
                _ => "are replaced one after another".to_owned(),
            }
        }
        ("apps", "DaemonSet") => match text(after, &["spec", "updateStrategy", "type"]) {
            Some("OnDelete") => "are replaced when somebody deletes them".to_owned(),
            _ => "are replaced one node after another".to_owned(),
        },
        _ => return None,
    };
    Some(how)
}

/// The reasons in a change of the template; one for each label and annotation.
fn reasons_of(subject: &Subject<'_>, after: &Object, delta: &Delta<'_>, skipped: usize) -> Vec<Reason> {
    let mut steps: Vec<Step> = delta.path.iter().skip(skipped).cloned().collect();
    let reason = |steps: &[Step], path: Vec<String>| {
        let names: Vec<&str> = steps.iter().filter_map(Step::key).collect();
        let (text, routine) = reason(subject, after, &names, steps);
        Reason { text, path, routine }
    };
    let names: Vec<&str> = steps.iter().filter_map(Step::key).collect();
    if !matches!(names.as_slice(), ["metadata"] | ["metadata", "labels" | "annotations"]) {
        return vec![reason(&steps, delta.pointer.clone())];
    }
    let Some(node) = delta.after.or(delta.before) else { return Vec::new() };
    let mut found = Vec::new();
    let groups: Vec<(&str, &Node)> = if names.len() == 1 {
        node.entries().iter().map(|(key, node)| (key.name.as_str(), node)).collect()
    } else {
        vec![("", node)]
    };
    for (group, node) in groups {
        let length = steps.len();
        let mut pointer = delta.pointer.clone();
        if !group.is_empty() {
            steps.push(Step::Key(group.to_owned()));
            pointer.push(group.to_owned());
        }
        for (key, _) in node.entries() {
            steps.push(Step::Key(key.name.clone()));
            found.push(reason(&steps, [pointer.as_slice(), std::slice::from_ref(&key.name)].concat()));
            steps.pop();
        }
        steps.truncate(length);
    }
    found
}

/// What changes, in words, and whether only an image or a label of the release does.
fn reason(subject: &Subject<'_>, after: &Object, names: &[&str], steps: &[Step]) -> (String, bool) {
    match names {
        ["metadata", "annotations", key] if is_checksum(key) => {
            let changed = configurations(subject, after);
            // Without a change of configuration, only the metadata of what the digest is of changes.
            let routine = !subject.around.is_configured();
            if changed.is_empty() { (format!("annotation `{key}`"), routine) } else { (wording::all(&changed), false) }
        }
        ["metadata", "annotations", key] => (format!("annotation `{key}`"), RELEASE_LABELS.contains(key)),
        ["metadata", "labels", key] => (format!("label `{key}`"), RELEASE_LABELS.contains(key)),
        ["spec", ..] => {
            let routine =
                matches!(names, ["spec", "containers" | "initContainers", "image"] | ["spec", "volumes", "image", ..]);
            // `spec.containers[name=relay].image` → `image` of container `relay`
            let item = steps.get(2).and_then(|step| if let Step::Item(key) = step { key.first() } else { None });
            let text = match (names.get(1), item) {
                (Some(&list @ ("containers" | "initContainers" | "volumes")), Some((_, name))) => {
                    let kind = match list {
                        "containers" => "container",
                        "initContainers" => "init container",
                        _ => "volume",
                    };
                    let rest = path::text(&steps[3..]);
                    if rest.is_empty() { format!("{kind} `{name}`") } else { format!("`{rest}` of {kind} `{name}`") }
                }
                _ => format!("`{}`", path::text(&steps[1..])),
            };
            (text, routine)
        }
        _ => (format!("`{}`", path::text(steps)), false),
    }
}

/// Whether an annotation is a digest of configuration, which makes pods restart with it.
fn is_checksum(key: &str) -> bool {
    let key = key.to_lowercase();
    ["checksum", "digest", "hash", "sha256"].iter().any(|word| key.contains(word))
}

/// Jobs that a sync recreates.
pub(super) fn rerun(subject: &Subject<'_>) -> Vec<Found> {
    let recreated = subject.updates().filter(|_| subject.is("batch", "Job") && subject.change.update.is_none());
    recreated
        .map(|(_, after)| Found::new(format!("{} is recreated, and runs again", after.title())))
        .into_iter()
        .collect()
}

/// Configuration that changes, and that pods read only when they start, although they are not replaced.
pub(super) fn kept(subject: &Subject<'_>) -> Vec<Found> {
    let Some((_, after)) = subject.updates() else { return Vec::new() };
    let kind = if subject.is("", "ConfigMap") {
        "ConfigMap"
    } else if subject.is("", "Secret") {
        "Secret"
    } else {
        return Vec::new();
    };
    let key = &after.key;
    if !subject.around.is_changed(kind, &key.namespace, &key.name) {
        return Vec::new();
    }
    let readers = subject.around.readers(kind, &key.namespace, &key.name);
    let [first, more @ ..] = readers.as_slice() else { return Vec::new() };
    let more = wording::and_more(more.len());
    let message = format!(
        "the pods of {}{more} keep the former values of {} until they restart: they read it only when they start",
        first.title(),
        after.title()
    );
    vec![Found::new(message).help(KEPT)]
}

/// The ConfigMaps and Secrets that the pods use and that change.
fn configurations(subject: &Subject<'_>, after: &Object) -> Vec<String> {
    let Some(pods) = Pods::of(after, 0, &after.key.namespace) else { return Vec::new() };
    let mut names: Vec<String> = references::pod::of(&pods)
        .into_iter()
        .filter_map(|reference| Some((reference.kind, reference.name.as_str()?)))
        .filter(|(kind, name)| subject.around.is_changed(kind, &after.key.namespace, name))
        .map(|(kind, name)| format!("{kind} `{name}`"))
        .collect();
    names.sort();
    names.dedup();
    names
}
