//! Workloads whose pods are replaced, and why.

use document::Value;

use super::subject::{Found, Subject, text};
use crate::change::delta::{Delta, Step, path};
use crate::change::difference;
use crate::inventory::pods::Pods;
use crate::object::Object;
use crate::references;
use crate::workload;

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
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    let mut routine = true;
    for delta in inside {
        let relative = relative(delta, template_path.len());
        let names: Vec<&str> = relative.iter().filter_map(Step::key).collect();
        routine &= is_routine(&names);
        let reason = reason(subject, after, &names, &relative);
        if !reasons.iter().any(|(known, _)| *known == reason) {
            reasons.push((reason, delta.pointer.clone()));
        }
    }
    if reasons.is_empty() {
        // The order of a list means nothing, but makes another template.
        let start: Vec<String> = template_path.iter().map(|step| (*step).to_owned()).collect();
        let moved = difference::first(Some(old), Some(new), &start, &[])?;
        let place = moved.path.iter().rev().find(|step| !step.chars().all(|c| c.is_ascii_digit()))?;
        reasons.push((format!("the order around `{place}`"), moved.path.clone()));
        routine = false;
    }
    let (_, path) = reasons.first()?;
    let path = path.clone();
    let mut names: Vec<String> = reasons.iter().take(NAMED).map(|(reason, _)| reason.clone()).collect();
    if reasons.len() > NAMED {
        names.push(format!("{} more", reasons.len() - NAMED));
    }
    let message = format!("the pods of {} {how}: {} changes", after.title(), joined(&names));
    let message = if names.len() > 1 { message.replace(" changes", " change") } else { message };
    Some(Restart { found: Found::new(message).at(&path), routine })
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
                "all stop before new ones start".to_owned()
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

/// The steps of a path in the template.
fn relative(delta: &Delta<'_>, skipped: usize) -> Vec<Step> {
    delta.path.iter().skip(skipped).cloned().collect()
}

fn is_routine(names: &[&str]) -> bool {
    match names {
        ["metadata", "labels" | "annotations", key] => RELEASE_LABELS.contains(key),
        ["spec", "containers" | "initContainers", "image"] | ["spec", "volumes", "image", ..] => true,
        _ => false,
    }
}

/// What changes, in words.
fn reason(subject: &Subject<'_>, after: &Object, names: &[&str], steps: &[Step]) -> String {
    match names {
        ["metadata", "annotations", key] => {
            let changed = if is_checksum(key) { configurations(subject, after) } else { Vec::new() };
            match changed.as_slice() {
                [] => format!("annotation `{key}`"),
                names => joined(names),
            }
        }
        ["metadata", "labels", key] => format!("label `{key}`"),
        ["spec", ..] => {
            // `spec.containers[name=relay].image` → `image` of container `relay`
            let item = steps.get(2).and_then(|step| if let Step::Item(key) = step { key.first() } else { None });
            match (names.get(1), item) {
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
            }
        }
        _ => format!("`{}`", path::text(steps)),
    }
}

/// Whether an annotation is a digest of configuration, which makes pods restart with it.
fn is_checksum(key: &str) -> bool {
    let key = key.to_lowercase();
    ["checksum", "digest", "hash", "sha256"].iter().any(|word| key.contains(word))
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

/// Texts joined as in a sentence.
fn joined(texts: &[String]) -> String {
    match texts {
        [] => String::new(),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [most @ .., last] => format!("{}, and {last}", most.join(", ")),
    }
}
