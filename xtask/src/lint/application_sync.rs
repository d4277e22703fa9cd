//! Sync policies that say what they do.
//!
//! Automated sync without `prune` leaves behind what Git no longer has, and without `selfHeal` what somebody changed in
//! the cluster; both may be wanted, so both are to be said. What fails once, since its namespace or its kind is not there
//! yet, stays failed without a retry.
//!
//! Deliberately absent: whether to sync automatically at all.

use std::collections::BTreeMap;

use super::subject::Subject;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, nearest};
use document::{Node, Value};
use workspace::written::Written;

/// What this check finds.
pub const CODES: &[Code] = &[Code::ApplicationSync];

/// Looks at the sync policy of every Application.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        diagnostics.0.extend(automated(&application));
        diagnostics.0.extend(retry(&application));
        diagnostics.0.extend(managed_namespace(&application));
        diagnostics.0.extend(ignored_differences(&application));
        diagnostics.0.extend(contradictions(&application));
    }
    diagnostics
}

fn set<'a>(application: &Written<'a>, path: &[&str]) -> Option<&'a Node> {
    application.root.find(path).filter(|node| !matches!(node.value, Value::Null))
}

fn finding(application: &Written<'_>, message: impl Into<String>, place: Place, label: &str) -> Diagnostic {
    application.finding(Code::ApplicationSync, message, place, label)
}

fn automated(application: &Written<'_>) -> Vec<Diagnostic> {
    if !application.is_automated() {
        return Vec::new();
    }
    let path = ["spec", "syncPolicy", "automated"];
    let node = application.root.find(&path);
    let mut found = Vec::new();
    for (key, without) in [
        ("prune", "what Git no longer has stays in the cluster"),
        ("selfHeal", "what is changed in the cluster stays changed"),
    ] {
        let said = node.and_then(|node| node.get(key)).is_some_and(|value| !matches!(value.value, Value::Null));
        if !said && !node.is_some_and(|node| misspelt(node, key, &["prune", "selfHeal", "allowEmpty", "enabled"])) {
            let place = application.root.find(&path[..2]).unwrap_or(application.root).key_place("automated");
            found.push(
                finding(application, format!("automated sync does not say `{key}`"), place, "")
                    .note(format!("without it, {without}"))
                    .help(format!("add `{key}: true`, or `{key}: false` if that is meant")),
            );
        }
    }
    found
}

/// Whether a key is there under a name that nobody knows, which is told where fields are read.
fn misspelt(node: &Node, key: &str, known: &[&str]) -> bool {
    let names = node.entries().iter().map(|(name, _)| name.name.as_str());
    names.filter(|name| !known.contains(name)).any(|name| nearest(name, known.iter().copied()) == Some(key))
}

fn retry(application: &Written<'_>) -> Option<Diagnostic> {
    if !application.is_automated() {
        return None;
    }
    let help = "add `retry: {limit: 5, backoff: {duration: 10s, factor: 2, maxDuration: 5m}}` to `spec.syncPolicy`";
    let Some(retry) = set(application, &["spec", "syncPolicy", "retry"]) else {
        let policy = application.root.find(&["spec", "syncPolicy"])?;
        if misspelt(policy, "retry", &["automated", "managedNamespaceMetadata", "retry", "syncOptions"]) {
            return None;
        }
        let place = application.root.find(&["spec"]).unwrap_or(application.root).key_place("syncPolicy");
        return Some(
            finding(application, "nothing is retried", place, "`retry` belongs here")
                .note("Argo CD does not sync a commit again by itself after a failure")
                .help(help),
        );
    };
    let none = match retry.get("limit").map(|limit| &limit.value) {
        None | Some(Value::Null) => true,
        Some(Value::Number(number)) => number == "0",
        _ => false,
    };
    none.then(|| {
        let place = application.place(&["spec", "syncPolicy", "retry", "limit"]);
        finding(application, "`retry` retries nothing", place, "without a `limit` above 0").help(help)
    })
}

fn managed_namespace(application: &Written<'_>) -> Option<Diagnostic> {
    let path = ["spec", "syncPolicy", "managedNamespaceMetadata"];
    set(application, &path)?;
    (!application.has_sync_option("CreateNamespace=true")).then(|| {
        let place = application.root.find(&path[..2]).unwrap_or(application.root).key_place(path[2]);
        finding(application, "these labels and annotations reach no namespace", place, "Argo CD passes them over")
            .help("add `CreateNamespace=true` to `spec.syncPolicy.syncOptions`")
    })
}

fn ignored_differences(application: &Written<'_>) -> Option<Diagnostic> {
    let node = set(application, &["spec", "ignoreDifferences"]).filter(|node| !node.items().is_empty())?;
    (application.is_automated() && !application.has_sync_option("RespectIgnoreDifferences=true")).then(|| {
        let place = application.root.find(&["spec"]).unwrap_or(node).key_place("ignoreDifferences");
        finding(application, "every sync overwrites the differences that are ignored here", place, "")
            .note("they are ignored when Argo CD compares, not when it applies")
            .help("add `RespectIgnoreDifferences=true` to `spec.syncPolicy.syncOptions`")
    })
}

/// Options that are set to two values.
fn contradictions(application: &Written<'_>) -> Vec<Diagnostic> {
    let options = set(application, &["spec", "syncPolicy", "syncOptions"]).map(Node::items).unwrap_or_default();
    let mut seen: BTreeMap<&str, (&str, &Node)> = BTreeMap::new();
    let mut found = Vec::new();
    for node in options {
        let Some((key, value)) = node.as_str().and_then(|text| text.split_once('=')) else { continue };
        match seen.get(key) {
            Some((other, first)) => {
                let message = if *other == value {
                    format!("the sync option `{key}` stands twice")
                } else {
                    format!("the sync option `{key}` is both `{other}` and `{value}`")
                };
                found.push(
                    finding(application, message, node.place(), "the second one").at(first.place(), "the first one"),
                );
            }
            None => {
                seen.insert(key, (value, node));
            }
        }
    }
    found
}
