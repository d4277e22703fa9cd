//! Workloads with several pods that share a PersistentVolumeClaim which only one node, or only one pod, can use.
//!
//! With `ReadWriteOnce`, pods on other nodes than the first wait for the volume. A rolling update starts the new pod before it
//! stops the old one, so that both need the volume; it is reported only where the strategy is set, not where it is implied.

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Node, Value};
use kubernetes::inventory::View;
use kubernetes::inventory::entry::Id;
use kubernetes::inventory::pods::Pods;
use kubernetes::object::Object;

use super::replicas;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ClaimShared];

/// Checks the claims of every workload.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for target in subject.targets {
        let id = target.id.to_string();
        let Some(view) = subject.clusters.view(&id) else { continue };
        for entry in view.own() {
            let key = &entry.object.key;
            let replicated = matches!(
                (key.group.as_str(), key.kind.as_str()),
                ("apps", "Deployment" | "ReplicaSet" | "StatefulSet") | ("", "ReplicationController")
            );
            if replicated
                && sync_order::order(&entry.object.root).is_some()
                && let Some(pods) = Pods::of(entry.object, 0, entry.namespace)
            {
                // The others have the same cause.
                diagnostics.0.extend(volumes(&pods).find_map(|name| finding(&view, &pods, name)));
            }
        }
    }
    diagnostics
}

/// The names of the claims in the volumes of pods.
fn volumes<'a>(pods: &Pods<'a>) -> impl Iterator<Item = &'a Node> {
    let volumes = pods.spec.get("volumes").map(Node::items).unwrap_or_default();
    volumes.iter().filter_map(|volume| volume.find(&["persistentVolumeClaim", "claimName"]))
}

fn finding(view: &View<'_, '_>, pods: &Pods<'_>, name: &Node) -> Option<Diagnostic> {
    let id = Id { group: "", kind: "PersistentVolumeClaim", namespace: pods.namespace, name: name.as_str()? };
    let claim = view.find(&id)?.object;
    let modes = claim.find(&["spec", "accessModes"])?;
    let has = |mode: &str| modes.items().iter().any(|node| node.as_str() == Some(mode));
    let user = match (has("ReadWriteOncePod"), has("ReadWriteOnce")) {
        _ if has("ReadWriteMany") || has("ReadOnlyMany") => return None,
        (true, _) => "one pod",
        (_, true) => "the pods of one node",
        _ => return None,
    };
    let object = pods.object;
    let count = replicas::at_most(view, pods)?;
    let title = object.title();
    let found = if count > 1 {
        let place = object.find(&["spec", "replicas"]).map_or_else(|| name.place(), Node::place);
        let message = format!("{count} pods of {title} share one claim");
        let scaler = replicas::autoscaler(view, pods);
        let most = scaler.and_then(|scaler| Some((scaler, scaler.find(&["spec", "maxReplicas"])?)));
        let found = match most {
            Some((scaler, most)) => scaler.finding(Code::ClaimShared, message, most.place(), ""),
            None => object.finding(Code::ClaimShared, message, place, ""),
        };
        found
            .at(name.place(), "this claim")
            .help("run one replica, or use a claim with `ReadWriteMany`, or one claim for each pod with a StatefulSet")
    } else {
        let place = surge(object, has("ReadWriteOncePod")).filter(|_| count == 1)?;
        object
            .finding(
                Code::ClaimShared,
                format!("a rolling update of {title} needs its claim twice"),
                place,
                "starts the new pod before it stops the old one",
            )
            .at(name.place(), "this claim")
            .help("set `strategy.type: Recreate`")
    };
    Some(found.at(modes.place(), format!("only {user} can use the volume")))
}

/// The place of the strategy of a Deployment that starts a new pod before it stops the only old one.
fn surge(object: &Object, implied: bool) -> Option<diagnostics::Place> {
    if (object.key.group.as_str(), object.key.kind.as_str()) != ("apps", "Deployment") {
        return None;
    }
    let spec = object.find(&["spec"])?;
    let kind = spec.find(&["strategy", "type"]);
    if kind.is_some_and(|kind| kind.as_str() != Some("RollingUpdate")) || kind.is_none() && !implied {
        return None;
    }
    // By default, a quarter of the pods surge, rounded up, and a quarter may be unavailable, rounded down.
    let zero =
        |node: &Node| matches!(&node.value, Value::Number(number) if number == "0") || node.as_str() == Some("0%");
    let rolling = |field: &str| spec.find(&["strategy", "rollingUpdate", field]);
    let surges = rolling("maxSurge").is_none_or(|node| !zero(node));
    let stops_first = rolling("maxUnavailable").is_some_and(|node| match &node.value {
        Value::Number(number) => number != "0",
        Value::String(text) => text == "100%",
        _ => false,
    });
    (surges && !stops_first).then(|| kind.map_or_else(|| object.root.key_place("spec"), Node::place))
}
