//! Admission that a change weakens, or that begins to reject running pods.

use std::collections::BTreeMap;

use diagnostics::wording;
use document::Node;

use super::subject::{Found, Subject};
use crate::object::Object;
use crate::pod_security;
use crate::pod_security::policy::{Level, Policy, Version};

/// The API group of webhooks and policies.
const GROUP: &str = "admissionregistration.k8s.io";

/// The label with the level that a Namespace enforces.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// The label with the version of its standards.
const ENFORCE_VERSION: &str = "pod-security.kubernetes.io/enforce-version";

/// Namespaces, webhooks, and policies that reject less than before.
pub(super) fn weakened(subject: &Subject<'_>) -> Vec<Found> {
    if let Some(before) = subject.change.removed().filter(|_| subject.prunes() && subject.change.after.is_none()) {
        let what = match (before.key.group.as_str(), before.key.kind.as_str()) {
            (GROUP, "ValidatingWebhookConfiguration") => "its webhooks no longer check objects",
            (GROUP, "MutatingWebhookConfiguration") => "its webhooks no longer change objects",
            (GROUP, "ValidatingAdmissionPolicy" | "ValidatingAdmissionPolicyBinding") => "no longer checks objects",
            (GROUP, "MutatingAdmissionPolicy" | "MutatingAdmissionPolicyBinding") => "no longer changes objects",
            _ => return Vec::new(),
        };
        return vec![Found::new(format!("{} is deleted, and {what}", before.title()))];
    }
    let Some((before, after)) = subject.updates() else { return Vec::new() };
    if subject.is("", "Namespace") {
        return lowered(before, after).into_iter().collect();
    }
    if subject.is(GROUP, "ValidatingWebhookConfiguration") {
        return webhooks(before, after);
    }
    if subject.is(GROUP, "ValidatingAdmissionPolicyBinding") {
        let denies = |object: &Object| list(object, &["spec", "validationActions"]).iter().any(|node| is(node, "Deny"));
        let found = denies(before) && !denies(after);
        let message = format!("{} no longer denies what its policy rejects", after.title());
        return found.then(|| Found::new(message).at(&["spec", "validationActions"])).into_iter().collect();
    }
    Vec::new()
}

/// Namespaces that begin to enforce a level that the pods in them violate.
pub(super) fn raised(subject: &Subject<'_>) -> Vec<Found> {
    let Some((before, after)) = subject.updates().filter(|_| subject.is("", "Namespace")) else { return Vec::new() };
    let (Some(old), Some(new)) = (level(before), level(after)) else { return Vec::new() };
    if old == new {
        return Vec::new();
    }
    let text = after.find(&["metadata", "labels", ENFORCE_VERSION]).and_then(Node::as_str);
    let version = text.and_then(Version::parse).unwrap_or_default();
    let violates =
        |level, template: &Node| !pod_security::check(template, &[], &Policy::new(level, version, "")).is_empty();
    let pods = subject.around.after().pods().iter().filter(|pods| pods.namespace == after.key.name);
    let rejected: Vec<&Object> = pods
        .filter(|pods| violates(new, pods.template) && !violates(old, pods.template))
        .map(|pods| pods.object)
        .collect();
    let [first, more @ ..] = rejected.as_slice() else { return Vec::new() };
    let more = wording::and_more(more.len());
    let message = format!(
        "{} enforces Pod Security level `{new}`, and admission rejects new pods of {}{more}",
        after.title(),
        first.title()
    );
    let help = format!("first correct the pods, so that they fulfill level `{new}`");
    vec![Found::new(message).at(&["metadata", "labels", ENFORCE]).help(help)]
}

/// The level that a Namespace enforces; `None` if its label has no valid value.
fn level(namespace: &Object) -> Option<Level> {
    match namespace.find(&["metadata", "labels", ENFORCE]) {
        Some(node) => Level::parse(node.as_str()?),
        None => Some(Level::Privileged),
    }
}

fn lowered(before: &Object, after: &Object) -> Option<Found> {
    let (old, new) = (level(before)?, level(after)?);
    let found = if after.find(&["metadata", "labels", ENFORCE]).is_none() {
        Found::new(format!("{} no longer enforces Pod Security level `{old}`", after.title()))
            .at(&["metadata", "labels"])
    } else {
        let message = format!("{} enforces Pod Security level `{new}` instead of `{old}`", after.title());
        Found::new(message).at(&["metadata", "labels", ENFORCE])
    };
    (new > old).then_some(found)
}

/// Webhooks that are gone, and those whose failures no longer reject requests.
fn webhooks(before: &Object, after: &Object) -> Vec<Found> {
    let named = |object: &'_ Object| -> BTreeMap<String, (usize, bool)> {
        let hooks = list(object, &["webhooks"]).iter().enumerate();
        let ignores = |node: &Node| node.get("failurePolicy").is_some_and(|node| is(node, "Ignore"));
        hooks
            .filter_map(|(index, node)| Some((node.get("name")?.as_str()?.to_owned(), (index, ignores(node)))))
            .collect()
    };
    let new = named(after);
    let mut gone: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for (name, (_, ignored)) in named(before) {
        match new.get(&name) {
            None => gone.push(name),
            Some((index, true)) if !ignored && found.is_empty() => {
                let message = format!("webhook `{name}` of {} no longer rejects requests when it fails", after.title());
                found.push(Found::new(message).at(&["webhooks", &index.to_string(), "failurePolicy"]));
            }
            Some(_) => {}
        }
    }
    if let [first, more @ ..] = gone.as_slice() {
        let more = wording::and_more(more.len());
        found.push(Found::new(format!("{} no longer has webhook `{first}`{more}", after.title())).at(&["webhooks"]));
    }
    found
}

fn is(node: &Node, text: &str) -> bool {
    node.as_str() == Some(text)
}

fn list<'a>(object: &'a Object, path: &[&str]) -> &'a [Node] {
    object.find(path).map(Node::items).unwrap_or_default()
}
