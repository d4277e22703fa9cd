//! Sync order: objects that Argo CD applies after the workloads that need them, and hooks that it deletes too early.
//!
//! Argo CD waits until the workloads of a phase and a wave are healthy before it starts the next one. A workload whose
//! ConfigMap belongs to a later wave is never healthy, so the first sync never finishes. Hooks with a delete policy are
//! deleted although pods still need them: running pods are not affected, but new ones do not start.
//!
//! SealedSecrets are left to `sealed_secret_wave`, since they must even precede workloads of the same wave.

use argocd::hooks::{self, Deletion};
use argocd::sync_order::{self, Order, Phase, WAVE};
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Node, Value};
use kubernetes::inventory::Presence;
use kubernetes::inventory::entry::Id;
use kubernetes::object::Object;
use kubernetes::references::pod as references;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::HookDeleted, Code::SyncOrder];

/// The kinds of objects without which pods cannot start.
const REQUIRED: &[&str] = &["ConfigMap", "PersistentVolumeClaim", "PriorityClass", "Secret", "ServiceAccount"];

/// Checks the workloads of each target against its own objects.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (view, pods, order) in subject.synced_workloads() {
        let object = pods.object;
        let mut reported: Vec<(&str, &str)> = Vec::new();
        let mut late_ones: Vec<(&Object, Diagnostic)> = Vec::new();
        for reference in references::of(pods) {
            let Some(name) = reference.name.as_str().filter(|_| !reference.optional) else { continue };
            let kind = reference.kind;
            if !REQUIRED.contains(&kind) || reported.contains(&(kind, name)) {
                continue;
            }
            let namespace = if reference.cluster_scoped { "" } else { pods.namespace };
            let (entry, same) = match view.presence(&Id { group: reference.group, kind, namespace, name }) {
                Presence::Rendered(entry) => (entry, true),
                Presence::Made(entry, _) => (entry, false),
                Presence::Provided(_) | Presence::Uncertain | Presence::Missing => continue,
            };
            let sealed = entry.object.key.kind == "SealedSecret";
            if !view.is_own(entry) || sealed || std::ptr::eq(entry.object, object) {
                continue;
            }
            let need = Need { kind, name, node: reference.name };
            let deleted = if same { deleted(object, &need, entry.object) } else { None };
            if let Some(problem) = deleted {
                reported.push((kind, name));
                diagnostics.push(problem);
            } else if let Some(problem) = late(object, order, &need, entry.object) {
                reported.push((kind, name));
                late_ones.push((entry.object, problem));
            }
        }
        diagnostics.extend(too_early(object, &late_ones).map_or_else(
            || Diagnostics(late_ones.iter().map(|(_, problem)| problem.clone()).collect()),
            Diagnostics::from,
        ));
    }
    diagnostics
}

/// An object that pods need.
struct Need<'a> {
    kind: &'a str,
    name: &'a str,
    node: &'a Node,
}

/// Reports a hook that is deleted although pods that stay need it.
fn deleted(object: &Object, need: &Need<'_>, provider: &Object) -> Option<Diagnostic> {
    if hooks::is_hook(&object.root) {
        return None;
    }
    let (deletion, node) = hooks::deletion(&provider.root)?;
    let (when, label) = match deletion {
        Deletion::AfterSync => ("after each sync", "deletes it when the sync has succeeded"),
        // The claim waits for its pods before it is deleted, and the data is lost.
        Deletion::BeforeSync if need.kind == "PersistentVolumeClaim" => {
            ("before each sync", "each sync deletes the hook before it creates it again")
        }
        Deletion::BeforeSync => return None,
    };
    let (Need { kind, name, .. }, title) = (need, object.title());
    let message = format!("Argo CD deletes {kind} `{name}` {when}, but {title} needs it");
    let found = provider.finding(Code::HookDeleted, message, node.place(), label);
    Some(found.at(need.node.place(), format!("{} needs it", object.key.kind)).help(match deletion {
        Deletion::AfterSync => {
            format!("remove the delete policy `hook-succeeded`, or render the {kind} without a hook")
        }
        Deletion::BeforeSync => format!("render the {kind} without a hook"),
    }))
}

/// Reports an object that is applied only after a workload that needs it is healthy.
fn late(object: &Object, order: Order, need: &Need<'_>, provider: &Object) -> Option<Diagnostic> {
    let arrival = sync_order::order(&provider.root)?;
    let after = arrival > order && arrival.phase != Phase::SyncFail && order.phase != Phase::SyncFail;
    if !after || !is_waited_for(object) {
        return None;
    }
    let (title, provider_title) = (object.title(), provider.title());
    let message = format!("{title} cannot start before {provider_title}, which Argo CD applies later");
    let wave = provider.find(&["metadata", "annotations", WAVE]);
    let named = wave.or_else(|| provider.find(&["metadata", "name"])).unwrap_or(&provider.root);
    let label = |order: Order| match order.phase {
        Phase::PreSync => format!("PreSync, wave {}", order.wave),
        Phase::PostSync => format!("PostSync, wave {}", order.wave),
        Phase::Sync | Phase::SyncFail => format!("Sync, wave {}", order.wave),
    };
    let help = if arrival.phase == order.phase {
        format!("set `{WAVE}` of {provider_title} to `{}` or lower", order.wave)
    } else if order.phase == Phase::PreSync {
        format!(
            "add the annotation `argocd.argoproj.io/hook: Sync` to {title}, or make {provider_title} a `PreSync` hook"
        )
    } else {
        format!("render {provider_title} without a hook")
    };
    let found = object.finding(Code::SyncOrder, message, need.node.place(), format!("needed in {}", label(order)));
    Some(found.at(named.place(), format!("applied in {}", label(arrival))).help(help))
}

/// One finding about a workload that an annotation puts before several objects that it needs, and that have none.
fn too_early(object: &Object, needs: &[(&Object, Diagnostic)]) -> Option<Diagnostic> {
    let annotation = |object: &Object, name: &str| object.find(&["metadata", "annotations", name]).is_some();
    let own = [WAVE, HOOK].into_iter().find(|name| annotation(object, name))?;
    if needs.len() < 2 || needs.iter().any(|(provider, _)| annotation(provider, WAVE) || annotation(provider, HOOK)) {
        return None;
    }
    let node = object.find(&["metadata", "annotations", own])?;
    let titles: Vec<String> = needs.iter().map(|(provider, _)| provider.title()).collect();
    let message = format!("Argo CD applies {} before {}, which it needs", object.title(), titles.join(", "));
    let found = object.finding(Code::SyncOrder, message, node.place(), "before objects without this annotation");
    Some(found.help(format!("remove the annotation `{own}` from {}, or add it to the others", object.title())))
}

/// The annotation of a hook.
const HOOK: &str = "argocd.argoproj.io/hook";

/// Whether Argo CD waits until the pods of a workload run.
fn is_waited_for(object: &Object) -> bool {
    let ignored = object.find(&["metadata", "annotations", "argocd.argoproj.io/ignore-healthcheck"]);
    let none = object
        .find(&["spec", "replicas"])
        .is_some_and(|node| matches!(&node.value, Value::Number(number) if number == "0"));
    let suspended = object.find(&["spec", "suspend"]).is_some_and(|node| matches!(node.value, Value::Bool(true)));
    object.key.kind != "CronJob" && ignored.and_then(Node::as_str) != Some("true") && !none && !suspended
}
