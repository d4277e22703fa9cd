//! Sync policies that leave Argo CD's behavior implicit, or have no effect.
//!
//! Automated sync does not delete removed objects without `prune`, and does not revert changes in the cluster without
//! `selfHeal`. Either may be intended, so both must be set explicitly. Without `retry`, a sync that fails because a
//! namespace or a kind does not exist yet is not repeated. Manual sync is accepted.

use std::collections::BTreeMap;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, nearest};
use document::{Node, Value};
use workspace::written::Written;

use super::ignored_differences::rendered_path;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ApplicationSync, Code::SyncPolicyImplicit];

/// Checks the sync policy of every Application.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        diagnostics.0.extend(automated(&application));
        diagnostics.0.extend(retry(&application));
        diagnostics.0.extend(managed_namespace(&application));
        diagnostics.0.extend(ignored_differences(subject, &application));
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

fn implicit(application: &Written<'_>, message: impl Into<String>, place: Place) -> Diagnostic {
    application.finding(Code::SyncPolicyImplicit, message, place, "")
}

fn automated(application: &Written<'_>) -> Vec<Diagnostic> {
    if !application.is_automated() {
        return Vec::new();
    }
    let path = ["spec", "syncPolicy", "automated"];
    let node = application.root.find(&path);
    let mut found = Vec::new();
    for (key, without) in [
        ("prune", "objects that are removed from Git are not deleted"),
        ("selfHeal", "changes in the cluster are not reverted"),
    ] {
        let said = node.and_then(|node| node.get(key)).is_some_and(|value| !matches!(value.value, Value::Null));
        if !said && !node.is_some_and(|node| misspelled(node, key, &["prune", "selfHeal", "allowEmpty", "enabled"])) {
            let place = application.root.find(&path[..2]).unwrap_or(application.root).key_place("automated");
            found.push(
                implicit(application, format!("`automated.{key}` is not set"), place)
                    .note(format!("by default, {without}"))
                    .help(format!("set `{key}: true`, or `{key}: false` to keep the default")),
            );
        }
    }
    found
}

/// Whether a field is set under a misspelled name.
fn misspelled(node: &Node, key: &str, known: &[&str]) -> bool {
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
        if misspelled(policy, "retry", &["automated", "managedNamespaceMetadata", "retry", "syncOptions"]) {
            return None;
        }
        let place = application.root.find(&["spec"]).unwrap_or(application.root).key_place("syncPolicy");
        return Some(
            implicit(application, "`syncPolicy.retry` is not set", place)
                .note("Argo CD does not retry a failed automated sync of the same commit by default")
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
        finding(application, "`retry` has no effect", place, "`limit` must be positive").about(&["retry"]).help(help)
    })
}

fn managed_namespace(application: &Written<'_>) -> Option<Diagnostic> {
    let path = ["spec", "syncPolicy", "managedNamespaceMetadata"];
    set(application, &path)?;
    (!application.has_sync_option("CreateNamespace=true")).then(|| {
        let message = "`managedNamespaceMetadata` requires `CreateNamespace=true`";
        let fields = [path[2], "CreateNamespace", "syncOptions"];
        let place = application.root.find(&path[..2]).unwrap_or(application.root).key_place(path[2]);
        let options = application.root.items_at(&["spec", "syncPolicy", "syncOptions"]).iter();
        match options.rev().find(|option| option.as_str() == Some("CreateNamespace=false")) {
            Some(option) => finding(application, message, option.place(), "creates no namespace")
                .about(&fields)
                .at(place, "ignored by Argo CD")
                .help("set `CreateNamespace=true`"),
            None => finding(application, message, place, "ignored by Argo CD")
                .about(&fields)
                .help("add `CreateNamespace=true` to `spec.syncPolicy.syncOptions`"),
        }
    })
}

/// Reports ignored fields that a sync applies, because they are rendered.
fn ignored_differences(subject: &Subject<'_>, application: &Written<'_>) -> Option<Diagnostic> {
    let node = set(application, &["spec", "ignoreDifferences"]).filter(|node| !node.items().is_empty())?;
    if !application.is_automated() || application.has_sync_option("RespectIgnoreDifferences=true") {
        return None;
    }
    rendered_path(subject, application).map(|path| {
        let place = application.root.find(&["spec"]).unwrap_or(node).key_place("ignoreDifferences");
        finding(application, "each sync overwrites the fields in `ignoreDifferences`", place, "")
            .about(&["ignoreDifferences", "syncOptions"])
            .at(path.place(), "this field is rendered")
            .note("they are ignored when Argo CD compares objects, but not when it applies them")
            .help("add `RespectIgnoreDifferences=true` to `spec.syncPolicy.syncOptions`")
    })
}

/// Reports sync options that are set twice.
fn contradictions(application: &Written<'_>) -> Vec<Diagnostic> {
    let options = set(application, &["spec", "syncPolicy", "syncOptions"]).map(Node::items).unwrap_or_default();
    let mut seen: BTreeMap<&str, (&str, &Node)> = BTreeMap::new();
    let mut found = Vec::new();
    for node in options {
        let Some((key, value)) = node.as_str().and_then(|text| text.split_once('=')) else { continue };
        match seen.get(key) {
            Some((other, first)) => {
                let message = if *other == value {
                    format!("sync option `{key}` is set twice")
                } else {
                    format!("sync option `{key}` is set to both `{other}` and `{value}`")
                };
                let one = finding(application, message, node.place(), "second value").about(&[key]);
                found.push(one.at(first.place(), "first value"));
            }
            None => {
                seen.insert(key, (value, node));
            }
        }
    }
    if let (Some(("true", replace)), Some(("true", apply))) =
        (seen.get("Replace").copied(), seen.get("ServerSideApply").copied())
    {
        let message = "sync option `Replace=true` overrides `ServerSideApply=true`";
        let one = finding(
            application,
            message,
            replace.place(),
            "replaces each object, and replacing fails when an immutable field changes",
        );
        let one = one.about(&["Replace", "ServerSideApply"]);
        found.push(one.at(apply.place(), "has no effect").help(
            "delete one of them, or set `Replace=true` in the annotation `argocd.argoproj.io/sync-options` of single objects",
        ));
    }
    found
}
