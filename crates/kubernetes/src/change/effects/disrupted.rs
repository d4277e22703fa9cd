//! Changes that interrupt what is running.

use std::collections::BTreeSet;

use diagnostics::wording;
use document::{Node, Value};

use super::replicas;
use super::subject::{Found, Subject, text};
use crate::inventory::pods::Pods;
use crate::inventory::selector::Selector;
use crate::object::Object;
use crate::scope;
use crate::workload;

/// Workloads that no longer run pods.
pub(super) fn stopped(subject: &Subject<'_>) -> Vec<Found> {
    if let Some(before) = subject.change.removed().filter(|_| subject.prunes() && subject.change.after.is_none()) {
        let runs = replicas::is_scalable(&before.key) || before.key.kind == "DaemonSet" && before.key.group == "apps";
        let idle = replicas::of(before) == Some(0);
        let found = (runs && !idle).then(|| Found::new(format!("{} is deleted, which stops its pods", before.title())));
        return found.into_iter().collect();
    }
    let Some((before, after)) = subject.updates() else { return Vec::new() };
    if subject.is("batch", "CronJob") {
        let suspended = |object: &Object| is_true(object.find(&["spec", "suspend"]));
        let found = !suspended(before) && suspended(after);
        return found
            .then(|| {
                Found::new(format!("{} is suspended, and starts no more jobs", after.title())).at(&["spec", "suspend"])
            })
            .into_iter()
            .collect();
    }
    if !replicas::is_scalable(&after.key) {
        return Vec::new();
    }
    let (old, new) = (replicas::of(before), replicas::of(after));
    let path = &["spec", "replicas"];
    if new == Some(0) && old != Some(0) {
        let autoscaled = replicas::scaler(subject.around.after(), &after.key);
        let also =
            autoscaled.map_or_else(String::new, |scaler| format!(", and {} no longer scales it", scaler.title()));
        return vec![
            Found::new(format!("{} is scaled to 0 replicas, which stops its pods{also}", after.title())).at(path),
        ];
    }
    let ignored = (subject.change.ignored)(&path.map(str::to_owned));
    let set = after.find(path).is_some() && (before.find(path).is_none() || old != new);
    if let (true, Some(count), Some(scaler), false) =
        (set, new, replicas::scaler(subject.around.after(), &after.key), ignored)
    {
        let message = format!("each sync scales {} to {count}, although {} scales it", after.title(), scaler.title());
        return vec![Found::new(message).at(path).help("leave out `replicas`, so that only the autoscaler sets it")];
    }
    // A field that is no longer set has its default again.
    let unset = before.find(path).is_some() && after.find(path).is_none();
    if let (true, Some(old @ 2..)) = (unset, old) {
        let message =
            format!("{} is scaled from {old} replicas to 1, because `replicas` is no longer set", after.title());
        let found = Found::new(match replicas::scaler(subject.around.after(), &after.key) {
            Some(scaler) => format!("{message}, until {} scales it again", scaler.title()),
            None => message,
        });
        let help = "add `/spec/replicas` to `ignoreDifferences` with `RespectIgnoreDifferences=true` before `replicas` is removed";
        return if ignored { Vec::new() } else { vec![found.at(path).help(help)] };
    }
    Vec::new()
}

/// Selectors that change, so that other pods are selected.
pub(super) fn selector(subject: &Subject<'_>) -> Vec<Found> {
    let Some((_, after)) = subject.updates() else { return Vec::new() };
    let (path, what): (&[&str], _) = match (after.key.group.as_str(), after.key.kind.as_str()) {
        ("", "Service") => (&["spec", "selector"], "receive its traffic"),
        ("networking.k8s.io", "NetworkPolicy") => (&["spec", "podSelector"], "are isolated"),
        ("policy", "PodDisruptionBudget") => (&["spec", "selector"], "are protected"),
        // Without a refusal, the workload is recreated.
        ("apps", "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet") if subject.change.update.is_none() => {
            (&["spec", "selector"], "belong to it")
        }
        _ => return Vec::new(),
    };
    let Some(delta) = subject.deltas.iter().find(|delta| delta.touches(path)) else { return Vec::new() };
    vec![Found::new(format!("the selector of {} changes, so other pods {what}", after.title())).at(&delta.pointer)]
}

/// Pods that lose a label by which a Service, a budget, or a policy that stays as it is selects them.
pub(super) fn unselected(subject: &Subject<'_>) -> Vec<Found> {
    let Some((before, after)) = subject.updates() else { return Vec::new() };
    let (Some(old), Some(new)) = (Pods::of(before, 0, &before.key.namespace), Pods::of(after, 0, &after.key.namespace))
    else {
        return Vec::new();
    };
    if old.labels().collect::<BTreeSet<_>>() == new.labels().collect::<BTreeSet<_>>() {
        return Vec::new();
    }
    let side = subject.around.after();
    let services =
        side.of_kind("", "Service").iter().filter_map(|object| Some((*object, Selector::of_service(object)?)));
    let labels = [("policy", "PodDisruptionBudget", "selector"), ("networking.k8s.io", "NetworkPolicy", "podSelector")];
    let others = labels.into_iter().flat_map(|(group, kind, field)| {
        side.of_kind(group, kind)
            .iter()
            .filter_map(move |object| Some((*object, Selector::of_labels(object.find(&["spec", field])?))))
    });
    let lost: Vec<String> = services
        .chain(others)
        .filter(|(object, selector)| {
            object.key.namespace == after.key.namespace && selector.matches(&old) && !selector.matches(&new)
        })
        .map(|(object, _)| object.title())
        .collect();
    let [first, more @ ..] = lost.as_slice() else { return Vec::new() };
    let more = wording::and_more(more.len());
    let template = workload::template(after).map(|(path, _)| path).unwrap_or_default();
    let path: Vec<&str> = template.iter().copied().chain(["metadata", "labels"]).collect();
    let message = format!("the pods of {} no longer match the selector of {first}{more}", after.title());
    vec![Found::new(message).at(&path).help("keep the label, or also change the selector")]
}

/// Services whose type changes, that lose a port, or that are deleted.
pub(super) fn service(subject: &Subject<'_>) -> Vec<Found> {
    if !subject.is("", "Service") {
        return Vec::new();
    }
    if let Some(before) = subject.change.removed().filter(|_| subject.prunes()) {
        if user(subject, before).is_some() {
            return Vec::new();
        }
        let what = if subject.change.after.is_some() { subject.fate() } else { "is deleted".to_owned() };
        return vec![Found::new(format!("{} {what}, and its clients can no longer connect", before.title()))];
    }
    let Some((before, after)) = subject.updates() else { return Vec::new() };
    let mut found = Vec::new();
    let kind = |object: &Object| text(object, &["spec", "type"]).unwrap_or("ClusterIP").to_owned();
    let (old, new) = (kind(before), kind(after));
    if old != new {
        let message = format!("the type of {} changes from `{old}` to `{new}`", after.title());
        found.push(Found::new(message).at(&["spec", "type"]));
    }
    let ports = |object: &Object| -> BTreeSet<(String, String)> {
        let port = |node: &Node| {
            let protocol = node.get("protocol").and_then(Node::as_str).unwrap_or("TCP").to_owned();
            Some((node.get("port").map(|port| port.to_json().trim_matches('"').to_owned())?, protocol))
        };
        object.find(&["spec", "ports"]).map(Node::items).unwrap_or_default().iter().filter_map(port).collect()
    };
    let remaining = ports(after);
    let gone: Vec<String> = ports(before)
        .into_iter()
        .filter(|port| !remaining.contains(port))
        .map(|(port, protocol)| if protocol == "TCP" { format!("`{port}`") } else { format!("`{port}/{protocol}`") })
        .collect();
    if !gone.is_empty() && new != "ExternalName" {
        let ports = if gone.len() == 1 { "port" } else { "ports" };
        let message = format!("{} no longer has {ports} {}", after.title(), gone.join(", "));
        found.push(Found::new(message).at(&["spec", "ports"]));
    }
    found
}

/// Secrets that are deleted.
pub(super) fn secret(subject: &Subject<'_>) -> Vec<Found> {
    if !(subject.is("", "Secret") || subject.is("bitnami.com", "SealedSecret")) {
        return Vec::new();
    }
    // Under another name, its values are known.
    let removed = subject.change.removed().filter(|_| subject.prunes() && subject.change.after.is_none());
    removed
        .filter(|before| !is_rendered(subject, before) && user(subject, before).is_none())
        .map(|before| Found::new(format!("{} is deleted, and nothing restores its values", before.title())))
        .into_iter()
        .collect()
}

/// Objects that are deleted although others still refer to them.
pub(super) fn used(subject: &Subject<'_>) -> Vec<Found> {
    let Some(before) = subject.change.removed().filter(|_| subject.prunes()) else { return Vec::new() };
    let Some(user) = user(subject, before) else { return Vec::new() };
    let app = |object: &Object| object.target.split('/').next().unwrap_or_default().to_owned();
    let whose = if app(user) == app(before) { String::new() } else { format!(" of Application `{}`", app(user)) };
    let message = format!("{} {}, but {}{whose} still uses it", before.title(), subject.fate(), user.title());
    vec![Found::new(message).help("change what uses it first, in a change of its own")]
}

/// The group, the kind, and the name of an object, or of what a controller makes of it and deletes with it.
fn made(object: &Object) -> (&str, &str, &str) {
    let name = object.key.name.as_str();
    match (object.key.group.as_str(), object.key.kind.as_str()) {
        ("bitnami.com", "SealedSecret") => ("", "Secret", name),
        ("external-secrets.io", "ExternalSecret") => {
            let owner = text(object, &["spec", "target", "creationPolicy"]).is_none_or(|policy| policy == "Owner");
            let target = text(object, &["spec", "target", "name"]).filter(|text| !text.is_empty());
            if owner { ("", "Secret", target.unwrap_or(name)) } else { ("external-secrets.io", "ExternalSecret", name) }
        }
        (group, kind) => (group, kind, name),
    }
}

/// Whether something else renders an object that is deleted, maybe in another Application.
fn is_rendered(subject: &Subject<'_>, gone: &Object) -> bool {
    let side = subject.around.after();
    let (group, kind, name) = made(gone);
    let kinds = [(group, kind), ("bitnami.com", "SealedSecret"), ("external-secrets.io", "ExternalSecret")];
    let kinds = if kind == "Secret" { &kinds[..] } else { &kinds[..1] };
    let same = |object: &Object| object.key.namespace == gone.key.namespace && made(object).2 == name;
    kinds.iter().any(|(group, kind)| side.of_kind(group, kind).iter().any(|object| same(object)))
}

/// An object that refers to one that is deleted, and that nothing else renders.
fn user<'a>(subject: &Subject<'a>, gone: &Object) -> Option<&'a Object> {
    if is_rendered(subject, gone) {
        return None;
    }
    let (group, kind, name) = made(gone);
    subject.around.after().user(group, kind, &gone.key.namespace, name)
}

/// Versions of custom resources that are no longer served. That the version in which objects are stored is removed is
/// another finding.
pub(super) fn unserved(subject: &Subject<'_>) -> Vec<Found> {
    let Some((before, after)) = subject.updates().filter(|(_, after)| scope::is_definition(after)) else {
        return Vec::new();
    };
    let versions = |object: &Object| object.find(&["spec", "versions"]).map(Node::items).unwrap_or_default().to_vec();
    let name = |node: &Node| node.get("name").and_then(Node::as_str).map(str::to_owned);
    let (old, new) = (versions(before), versions(after));
    let mut found = Vec::new();
    for version in old.iter().filter(|version| is_true(version.get("served"))) {
        let Some(name) = name(version) else { continue };
        let now = new.iter().position(|node| node.get("name").and_then(Node::as_str) == Some(&name));
        let message = match now {
            Some(index) if is_true(new[index].get("served")) => continue,
            None if is_true(version.get("storage")) => continue,
            Some(_) => format!("{} no longer serves version `{name}`", after.title()),
            None => format!("{} no longer has version `{name}`", after.title()),
        };
        found.push(Found::new(message).at(&["spec", "versions"]).help("serve the version until nothing uses it"));
    }
    found
}

fn is_true(node: Option<&Node>) -> bool {
    node.is_some_and(|node| matches!(node.value, Value::Bool(true)))
}
