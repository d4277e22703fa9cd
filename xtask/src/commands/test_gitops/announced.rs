//! Compares what changed in the cluster since a commit with what `diff` announces for it.

use std::collections::{BTreeMap, BTreeSet};

use cluster::api::{OneOrMany, Workload};
use cluster::kubectl::{Kubectl, checked, parse};
use cluster::scenario::gitops::{KIND, NAMESPACE};
use cluster::snapshot::{Object, Snapshot};
use diagnostics::Result;
use serde::Deserialize;
use serde_json::{Value, json};

/// The annotation with which the controller counts the pod templates of a Deployment.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// An object, as in messages.
type Title = String;

/// The objects of an Application in the cluster.
#[derive(Debug, Default, Clone)]
pub(super) struct State {
    /// Their specifications.
    objects: BTreeMap<Title, Value>,
    /// The pods of each workload, by UID.
    pods: BTreeMap<Title, BTreeSet<String>>,
}

/// Reads the objects of some Applications.
pub(super) fn capture(kubectl: &Kubectl, snapshot: &Snapshot, apps: &[String]) -> Result<BTreeMap<String, State>> {
    let mut states = BTreeMap::new();
    for app in apps {
        let mut state = State::default();
        if let Some(Object::Application(found)) = snapshot.get(KIND, NAMESPACE, app) {
            let stubs = found.status.resources.iter().map(|one| {
                let version =
                    if one.group.is_empty() { one.version.clone() } else { format!("{}/{}", one.group, one.version) };
                let metadata = json!({ "name": one.name, "namespace": one.namespace });
                json!({ "apiVersion": version, "kind": one.kind, "metadata": metadata }).to_string()
            });
            let text = stubs.collect::<Vec<_>>().join("\n---\n");
            let get = ["get", "--ignore-not-found", "--output", "json", "--filename", "-"];
            let invocation = kubectl.invocation().args(get).input(text.as_str());
            if !text.is_empty() {
                let output = checked(&invocation)?;
                if !output.stdout.trim_ascii().is_empty() {
                    let objects: OneOrMany<Value> = parse(&invocation, &output)?;
                    state.objects = objects.into_vec().into_iter().map(specified).collect();
                }
            }
            for one in &found.status.resources {
                let workloads = snapshot.workloads(&one.kind, &one.namespace);
                for workload in workloads.filter(|workload| workload.metadata.name == one.name) {
                    state.pods.insert(title(&one.kind, &one.namespace, &one.name), pods(snapshot, workload));
                }
            }
        }
        states.insert(app.clone(), state);
    }
    Ok(states)
}

/// The pods of a workload, directly or through its `ReplicaSets`.
fn pods(snapshot: &Snapshot, workload: &Workload) -> BTreeSet<String> {
    let sets = snapshot.replica_sets_of(&workload.metadata).map(|set| &set.metadata);
    let owners = std::iter::once(&workload.metadata).chain(sets);
    let pods = owners.flat_map(|owner| snapshot.pods_of(owner));
    pods.filter(|pod| !pod.metadata.is_terminating()).map(|pod| pod.metadata.uid.clone()).collect()
}

/// An object without what the cluster writes.
fn specified(mut object: Value) -> (Title, Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    let title = title(&text(&object["kind"]), &text(&metadata["namespace"]), &text(&metadata["name"]));
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for key in ["managedFields", "resourceVersion", "generation"] {
            metadata.remove(key);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(REVISION);
        }
    }
    (title, object)
}

fn title(kind: &str, namespace: &str, name: &str) -> Title {
    let namespace = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    format!("{kind} {namespace}{name}")
}

/// The changes that `diff` announces for an Application.
#[derive(Debug, Default)]
pub(super) struct Announced {
    /// The objects that a sync changes.
    objects: BTreeSet<Title>,
    /// The workloads whose pods it replaces.
    restarts: BTreeSet<Title>,
}

/// Reads the JSON output of `diff`.
pub(super) fn read(text: &str) -> serde_json::Result<BTreeMap<String, Announced>> {
    let output: Output = serde_json::from_str(text)?;
    let mut all: BTreeMap<String, Announced> = BTreeMap::new();
    for application in output.applications {
        let own = format!("{}/{}", application.application, workspace::target::DEFAULT_CASE);
        let announced = all.entry(application.application).or_default();
        // Cases are not deployed.
        for one in application.objects.into_iter().filter(|one| one.targets.contains(&own)) {
            let changes = ["create", "update", "replace", "prune"].contains(&one.action.as_str());
            let named = |object: &Named| title(&object.kind, &object.namespace, &object.name);
            let restarts = one.effects.iter().any(|effect| effect.code == diagnostics::Code::ChangeRestart.name());
            if restarts {
                announced.restarts.insert(named(&one.object));
            }
            if changes {
                announced.objects.extend(one.previous.iter().chain([&one.object]).map(named));
            }
        }
    }
    Ok(all)
}

#[derive(Deserialize)]
struct Output {
    applications: Vec<Application>,
}

#[derive(Deserialize)]
struct Application {
    application: String,
    objects: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    targets: Vec<String>,
    action: String,
    effects: Vec<Effect>,
    object: Named,
    previous: Option<Named>,
}

#[derive(Deserialize)]
struct Effect {
    code: String,
}

#[derive(Deserialize)]
struct Named {
    kind: String,
    namespace: String,
    name: String,
}

/// How the changes of an Application differ from what is announced.
pub(super) fn differences(before: &State, after: &State, announced: &Announced) -> Vec<String> {
    let mut differences = Vec::new();
    let titles: BTreeSet<&Title> =
        before.objects.keys().chain(after.objects.keys()).chain(&announced.objects).collect();
    for title in titles {
        let (old, new) = (before.objects.get(title), after.objects.get(title));
        match (old == new, announced.objects.contains(title)) {
            (true, true) => differences.push(format!("{title} did not change, but `diff` announces that it does")),
            (false, false) => differences.push(format!("{title} changed, but `diff` does not announce it")),
            _ => {}
        }
    }
    for (title, old) in &before.pods {
        let Some(new) = after.pods.get(title) else { continue };
        match (old.is_disjoint(new), announced.restarts.contains(title)) {
            (false, true) => differences.push(format!("{title} kept a pod, but `diff` announces new ones")),
            (true, false) if !old.is_empty() => {
                differences.push(format!("{title} has new pods, but `diff` does not announce them"));
            }
            _ => {}
        }
    }
    differences
}

/// The announced changes, in one line.
pub(super) fn summary(announced: Option<&Announced>) -> String {
    let Some(announced) = announced.filter(|announced| !announced.objects.is_empty()) else {
        return "nothing".to_owned();
    };
    let objects = announced.objects.iter().map(|title| {
        let restarts = if announced.restarts.contains(title) { " with new pods" } else { "" };
        format!("{title}{restarts}")
    });
    objects.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(port: u16, pod: &str) -> State {
        let object = |kind: &str, spec: Value| {
            let metadata = json!({ "name": "web", "namespace": "web", "resourceVersion": pod, "generation": port });
            specified(json!({ "kind": kind, "metadata": metadata, "spec": spec, "status": pod }))
        };
        State {
            objects: [object("Service", json!(port)), object("Deployment", json!(1))].into(),
            pods: [("Deployment web/web".to_owned(), [pod.to_owned()].into())].into(),
        }
    }

    fn announced(objects: &[(&str, bool)]) -> Announced {
        let objects: Vec<Value> = objects
            .iter()
            .map(|(kind, restart)| {
                let effects = if *restart { json!([{ "code": "change-restart" }]) } else { json!([]) };
                json!({
                    "targets": ["web/default"], "action": "update", "effects": effects,
                    "object": { "kind": kind, "namespace": "web", "name": "web" }, "previous": null,
                })
            })
            .collect();
        let output = json!({ "applications": [{ "application": "web", "objects": objects }] });
        read(&output.to_string()).expect("readable").remove("web").expect("one")
    }

    #[test]
    fn what_changes_has_to_be_announced_and_the_other_way_around() {
        let before = state(80, "one");
        assert_eq!(differences(&before, &state(81, "one"), &announced(&[("Service", false)])), Vec::<String>::new());
        assert_eq!(
            differences(&before, &state(81, "two"), &announced(&[])),
            [
                "Service web/web changed, but `diff` does not announce it",
                "Deployment web/web has new pods, but `diff` does not announce them",
            ]
        );
        assert_eq!(
            differences(&before, &before, &announced(&[("Deployment", true)])),
            [
                "Deployment web/web did not change, but `diff` announces that it does",
                "Deployment web/web kept a pod, but `diff` announces new ones",
            ]
        );
    }

    #[test]
    fn what_is_announced_is_shown_in_one_line() {
        let announced = announced(&[("Service", false), ("Deployment", true)]);
        assert_eq!(summary(Some(&announced)), "Deployment web/web with new pods, Service web/web");
        assert_eq!(summary(None), "nothing");
    }
}
