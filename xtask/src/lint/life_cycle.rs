//! Workloads whose needs Argo CD applies too late, or deletes.
//!
//! Argo CD waits until the workloads of a phase and a wave are healthy before it starts the next one. A workload whose
//! ConfigMap belongs to a later wave is never healthy, so the first sync never finishes. Hooks with a delete policy are
//! deleted although pods still need them: running pods do not notice, but new ones do not start.
//!
//! SealedSecrets are left to `sealed_secret_wave`, since they must even precede workloads of the same wave.

use std::collections::HashMap;

use argocd::hooks::{self, Deletion};
use argocd::sync_order::{self, Order, Phase, WAVE};
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Node, Value};
use kubernetes::inventory::made;
use kubernetes::needs::{self, Need};
use kubernetes::object::Object;
use kubernetes::workload;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::HookDeleted, Code::SyncOrder];

/// Where an object comes from: the target, the kind, the namespace, and the name.
type Id<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Checks the workloads of each target against its own objects.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let providers = providers(subject.objects);
    for object in subject.objects {
        let Some(spec) = workload::pod_spec(object) else { continue };
        let Some(order) = sync_order::order(&object.root) else { continue };
        let mut reported: Vec<(&str, &str)> = Vec::new();
        for need in needs::of(spec) {
            let namespace = if need.kind == "PriorityClass" { "" } else { object.key.namespace.as_str() };
            let id = (object.target.as_str(), need.kind, namespace, need.name);
            let Some(found) = providers.get(&id) else { continue };
            // Something else may provide it in time.
            let [provider] = found.as_slice() else { continue };
            if reported.contains(&(need.kind, need.name)) {
                continue;
            }
            let problem = deleted(object, &need, provider).or_else(|| late(object, order, &need, provider));
            if let Some(problem) = problem {
                reported.push((need.kind, need.name));
                diagnostics.push(problem);
            }
        }
    }
    diagnostics
}

/// The objects that provide what pods need: themselves, or by a controller that makes it from them.
fn providers(objects: &[Object]) -> HashMap<Id<'_>, Vec<&Object>> {
    let mut found: HashMap<Id<'_>, Vec<&Object>> = HashMap::new();
    for object in objects {
        let (target, namespace) = (object.target.as_str(), object.key.namespace.as_str());
        let mut add = |kind, namespace, name| found.entry((target, kind, namespace, name)).or_default().push(object);
        let name = object.key.name.as_str();
        match (object.key.group.as_str(), object.key.kind.as_str()) {
            ("", kind @ ("ConfigMap" | "Secret" | "PersistentVolumeClaim" | "ServiceAccount")) => {
                add(kind, namespace, name);
            }
            ("scheduling.k8s.io", "PriorityClass") => add("PriorityClass", "", name),
            ("bitnami.com" | "apps", _) => {}
            _ => made(object, &mut add),
        }
    }
    found
}

/// Adds the Secrets that a controller makes from an object.
fn made<'a>(object: &'a Object, add: &mut impl FnMut(&'a str, &'a str, &'a str)) {
    for (kind, name, _) in made::of(object) {
        // The name as it is written in the object, which lives as long as the object.
        if let Some(name) = written(&object.root, &name) {
            add(kind, &object.key.namespace, name);
        }
    }
}

fn written<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    match &node.value {
        Value::String(text) => (text == name).then_some(text.as_str()),
        Value::Sequence(items) => items.iter().find_map(|item| written(item, name)),
        Value::Mapping(entries) => entries.iter().find_map(|(_, value)| written(value, name)),
        _ => None,
    }
}

/// Reports a hook that is deleted although pods that stay need it.
fn deleted(object: &Object, need: &Need<'_>, provider: &Object) -> Option<Diagnostic> {
    if hooks::is_hook(&object.root) || !is_same(provider, need) {
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
    let (Need { kind, name, .. }, title) = (need, title(object));
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
    let provided = sync_order::order(&provider.root)?;
    let after = provided > order && provided.phase != Phase::SyncFail && order.phase != Phase::SyncFail;
    if !after || !need.blocks || !is_waited_for(object) {
        return None;
    }
    let (title, provider_title) = (title(object), title(provider));
    let message = format!("{title} cannot start before {provider_title}, which Argo CD applies later");
    let wave = provider.find(&["metadata", "annotations", WAVE]);
    let named = wave.or_else(|| provider.find(&["metadata", "name"])).unwrap_or(&provider.root);
    let label = |order: Order| match order.phase {
        Phase::PreSync => format!("PreSync, wave {}", order.wave),
        Phase::PostSync => format!("PostSync, wave {}", order.wave),
        Phase::Sync | Phase::SyncFail => format!("Sync, wave {}", order.wave),
    };
    let help = if provided.phase == order.phase {
        format!("set `{WAVE}` of {provider_title} to `{}` or lower", order.wave)
    } else if order.phase == Phase::PreSync {
        format!(
            "add the annotation `argocd.argoproj.io/hook: Sync` to {title}, or make {provider_title} a `PreSync` hook"
        )
    } else {
        format!("render {provider_title} without a hook")
    };
    let found = object.finding(Code::SyncOrder, message, need.node.place(), format!("needed in {}", label(order)));
    Some(found.at(named.place(), format!("applied in {}", label(provided))).help(help))
}

/// Whether the object is what pods need, and not something that a controller makes it from.
fn is_same(provider: &Object, need: &Need<'_>) -> bool {
    provider.key.kind == need.kind && provider.key.name == need.name
}

/// Whether Argo CD waits until the pods of a workload run.
fn is_waited_for(object: &Object) -> bool {
    let ignored = object.find(&["metadata", "annotations", "argocd.argoproj.io/ignore-healthcheck"]);
    let none = object
        .find(&["spec", "replicas"])
        .is_some_and(|node| matches!(&node.value, Value::Number(number) if number == "0"));
    let suspended = object.find(&["spec", "suspend"]).is_some_and(|node| matches!(node.value, Value::Bool(true)));
    object.key.kind != "CronJob" && ignored.and_then(Node::as_str) != Some("true") && !none && !suspended
}

fn title(object: &Object) -> String {
    format!("{} `{}`", object.key.kind, object.key.name)
}
