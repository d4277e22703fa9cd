//! Autoscalers of pods that cannot scale their workload: Argo CD sets the number of replicas with each sync, or a container
//! has no request of which the usage could be a percentage.

use std::collections::BTreeSet;

use diagnostics::{Code, Diagnostic, Diagnostics};
use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::entry::Id;
use kubernetes::inventory::pods::{Pods, number};
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::AutoscalerIneffective];

/// Checks every `HorizontalPodAutoscaler`.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let autoscaler = |object: &&Object| {
        (object.key.group.as_str(), object.key.kind.as_str()) == ("autoscaling", "HorizontalPodAutoscaler")
    };
    let mut ignoring: Option<BTreeSet<String>> = None;
    for object in subject.objects.iter().filter(autoscaler) {
        // A case may have containers that no Application deploys.
        let Some(view) = subject.clusters.view(&object.target).filter(View::is_deployed) else { continue };
        let Some(pods) = scaled(&view, object) else { continue };
        let app = object.target.split('/').next().unwrap_or_default();
        if !ignoring.get_or_insert_with(|| ignoring_replicas(subject)).contains(app) {
            diagnostics.0.extend(contested(object, pods));
        }
        let limited = view.of_kind("", "LimitRange", view.namespace_of(object)).next().is_some();
        if !limited {
            diagnostics.0.extend(unmeasured(object, pods));
        }
    }
    diagnostics
}

/// The pods of the workload that an autoscaler scales.
fn scaled<'i, 'a>(view: &View<'i, 'a>, object: &'a Object) -> Option<&'i Pods<'a>> {
    let text = |key: &str| object.find(&["spec", "scaleTargetRef", key]).and_then(Node::as_str);
    let id = Id { group: "apps", kind: text("kind")?, namespace: view.namespace_of(object), name: text("name")? };
    view.pods_of_object(view.find(&id)?.object)
}

/// The Applications that ignore differences of numbers of replicas.
fn ignoring_replicas(subject: &Subject<'_>) -> BTreeSet<String> {
    let ignores = |root: &Node| {
        let entries = root.items_at(&["spec", "ignoreDifferences"]).iter();
        let paths = entries
            .flat_map(|entry| ["jsonPointers", "jqPathExpressions"].into_iter().flat_map(|key| entry.items_at(&[key])));
        let mut texts = paths.filter_map(Node::as_str);
        texts.any(|text| text.contains("replicas") || matches!(text, "/spec" | ".spec"))
            || root
                .items_at(&["spec", "ignoreDifferences"])
                .iter()
                .any(|entry| entry.get("managedFieldsManagers").is_some())
    };
    subject.every_application().filter(|one| ignores(one.root)).map(|one| one.name.to_owned()).collect()
}

fn contested(object: &Object, pods: &Pods<'_>) -> Option<Diagnostic> {
    let replicas = pods.object.find(&["spec", "replicas"])?;
    let limit = |key: &str| object.find(&["spec", key]).and_then(number);
    let fixed = number(replicas);
    if fixed.is_some() && limit("maxReplicas") == fixed && limit("minReplicas").or(Some(1)) == fixed {
        return None;
    }
    let owner = pods.object.title();
    let message = format!("Argo CD overrides {} of {owner}", object.title());
    let found = pods.object.finding(Code::AutoscalerIneffective, message, replicas.place(), "set again by each sync");
    let target = object.find(&["spec", "scaleTargetRef"]).unwrap_or(&object.root);
    Some(
        found
            .at(target.key_place("name"), "scales the workload")
            .help("remove `replicas` if the autoscaler is rendered"),
    )
}

fn unmeasured(object: &Object, pods: &Pods<'_>) -> Option<Diagnostic> {
    object.root.items_at(&["spec", "metrics"]).iter().find_map(|metric| {
        let text = |path: &[&str]| metric.find(path).and_then(Node::as_str);
        let (field, kind) = match text(&["type"])? {
            "Resource" => ("resource", None),
            "ContainerResource" => ("containerResource", text(&["containerResource", "container"])),
            _ => return None,
        };
        metric.find(&[field, "target", "averageUtilization"])?;
        let name = metric.find(&[field, "name"])?;
        let resource = name.as_str()?;
        let counted = pods.containers.iter().filter(|container| container.serves);
        let mut counted = counted.filter(|container| {
            kind.is_none_or(|kind| container.node.get("name").and_then(Node::as_str) == Some(kind))
        });
        let lacking = counted.find(|container| {
            let has = |list: &str| container.node.find(&["resources", list, resource]).is_some();
            !has("requests") && !has("limits")
        })?;
        let container = lacking.node.get("name").and_then(Node::as_str).unwrap_or_default();
        let message = format!("container `{container}` of {} has no request for `{resource}`", pods.object.title());
        let node = lacking.node.get("resources").unwrap_or(lacking.node);
        let place =
            if lacking.node.get("resources").is_some() { lacking.node.key_place("resources") } else { node.place() };
        let found = pods.object.finding(
            Code::AutoscalerIneffective,
            message,
            place,
            "the usage is a percentage of the request",
        );
        Some(
            found
                .at(name.place(), format!("used by {}", object.title()))
                .help(format!("set `resources.requests.{resource}`")),
        )
    })
}
