//! Pods that gain privileges, or access to their node.

use std::collections::BTreeSet;

use document::Node;

use super::subject::{Found, Subject};
use crate::object::Object;
use crate::pod_security;
use crate::pod_security::policy::{Level, Policy, Version};
use crate::pod_security::violation::{Control, Violation};
use crate::workload;

/// The number of settings that a message names.
const NAMED: usize = 3;

/// Settings that level `baseline` of the Pod Security Standards forbids, and that the pods did not have. Of level
/// `restricted`, only what the pods fulfilled and no longer do.
pub(super) fn gained(subject: &Subject<'_>) -> Vec<Found> {
    let Some(after) = subject.change.after.filter(|_| subject.applies()) else { return Vec::new() };
    let before = subject.change.before;
    let baseline = |object: &Object| settings(object, Level::Baseline);
    let old: BTreeSet<String> =
        before.map(baseline).unwrap_or_default().into_iter().map(|(_, setting, _)| setting).collect();
    let mut gained: Vec<(String, String)> = baseline(after)
        .into_iter()
        .filter(|(control, setting, _)| *control != Control::HostProbes && !old.contains(setting))
        .map(|(_, setting, path)| (setting, path))
        .collect();
    if let Some(before) = before.filter(|before| workload::pod_spec(before).is_some()) {
        let broken: BTreeSet<Control> =
            settings(before, Level::Restricted).into_iter().map(|(control, ..)| control).collect();
        let known: BTreeSet<String> = gained.iter().map(|(_, path)| path.clone()).collect();
        let lost = settings(after, Level::Restricted).into_iter().filter(|(control, _, path)| {
            let weakens = matches!(
                control,
                Control::Capabilities | Control::PrivilegeEscalation | Control::RunAsNonRoot | Control::RunAsUser
            );
            weakens && !broken.contains(control) && !known.contains(path)
        });
        gained.extend(lost.map(|(_, setting, path)| (setting, path)));
    }
    let Some((_, path)) = gained.first() else { return Vec::new() };
    let path = steps(path);
    let mut names: Vec<String> = gained.iter().take(NAMED).map(|(setting, _)| setting.clone()).collect();
    if gained.len() > NAMED {
        names.push(format!("{} more", gained.len() - NAMED));
    }
    let message = format!("the pods of {} gain privileges: {}", after.title(), names.join(", "));
    vec![Found::new(message).at(&path)]
}

/// The settings of the pods of an object that a level forbids: control, setting with the name of the container or volume, and
/// path.
fn settings(object: &Object, level: Level) -> Vec<(Control, String, String)> {
    let Some((path, template)) = workload::template(object) else { return Vec::new() };
    let policy = Policy::new(level, Version::Latest, "");
    let violations = pod_security::check(template, path, &policy);
    violations.into_iter().map(|found| (found.control, setting(object, &found), found.path.clone())).collect()
}

/// A setting with the name of its container or volume, which does not depend on the order of them.
fn setting(object: &Object, found: &Violation) -> String {
    let steps = steps(&found.path);
    let of: Vec<&str> = steps.iter().map(String::as_str).collect();
    let owner =
        of.iter().position(|step| ["containers", "initContainers", "ephemeralContainers", "volumes"].contains(step));
    let text = found.to_string();
    let Some((list, index)) = owner.and_then(|at| Some((at, of.get(at + 1)?))) else {
        return format!("`{}`", short(&text, 0, &of));
    };
    let node = object.find(&of[..list + 2]);
    let name = node.and_then(|node| node.get("name")).and_then(Node::as_str).unwrap_or(index);
    if of[list] == "volumes" {
        let path = node.and_then(|node| node.find(&["hostPath", "path"])).and_then(Node::as_str);
        return path
            .map_or_else(|| format!("volume `{name}`"), |path| format!("volume `{name}` with `hostPath: {path}`"));
    }
    format!("`{}` of container `{name}`", short(&text, list + 2, &of))
}

/// What a violation says, with the path from a step on.
fn short(text: &str, from: usize, steps: &[&str]) -> String {
    let rest = text.trim_matches('`');
    let value = rest.split_once(": ").map(|(_, value)| format!(": {value}"));
    let last = steps[from..].iter().rev().find(|step| !step.chars().all(|c| c.is_ascii_digit()));
    let missing = if text.ends_with("is not set") { " is not set" } else { "" };
    format!("{}{}{missing}", last.copied().unwrap_or(rest), value.unwrap_or_default())
}

/// The steps of a path as kubectl shows it: `spec.containers[0].image`.
fn steps(path: &str) -> Vec<String> {
    let separate = path.replace('[', ".").replace(']', "");
    separate.split('.').filter(|step| !step.is_empty()).map(str::to_owned).collect()
}
