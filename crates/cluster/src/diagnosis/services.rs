//! Services that reach no container: they select no pod, or target a port that none of their pods has.
//!
//! A Service whose pods are not ready is not reported: the pods are.
//!
//! Pure.

use std::collections::BTreeMap;

use crate::api::{Container, ContainerPort, Pod, Port};
use crate::snapshot::Snapshot;

/// Labels of a selector or of an object.
type Labels = BTreeMap<String, String>;

/// What is wrong with the Services of a namespace. `all` includes those whose workload is scaled to zero.
pub(super) fn misdirected(snapshot: &Snapshot, namespace: &str, all: bool) -> Vec<String> {
    let mut found = Vec::new();
    for service in snapshot.services(namespace).filter(|service| !service.spec.selector.is_empty()) {
        let (title, selector) = (&service.metadata, &service.spec.selector);
        let selected: Vec<&Pod> =
            snapshot.pods(namespace).filter(|pod| selects(selector, &pod.metadata.labels)).collect();
        if selected.is_empty() {
            found.extend(empty(snapshot, namespace, &title.name, selector, all));
            continue;
        }
        let containers = selected.iter().flat_map(|pod| &pod.spec.containers);
        let ports: Vec<&ContainerPort> = containers.flat_map(|container: &Container| &container.ports).collect();
        for port in &service.spec.ports {
            let target = port.target_port.clone().unwrap_or(Port::Number(port.port));
            let exists = ports.iter().any(|own| match &target {
                Port::Number(number) => own.container_port == *number,
                Port::Name(name) => own.name == *name,
            });
            if !exists && !ports.is_empty() {
                let own = listed(&ports);
                found.push(format!("port {} of Service {title} targets {target}, but its pods have {own}", port.port));
            }
        }
    }
    found
}

/// What is wrong with the Services that a text names as `name.namespace:port`, as errors of clients do.
pub(super) fn named(snapshot: &Snapshot, namespaces: &[String], text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || "-.:".contains(c))) {
        let Some((host, port)) = word.trim_end_matches(['.', ':']).split_once(':') else { continue };
        let mut labels = host.split('.');
        let (Some(name), Some(namespace), Ok(port)) = (labels.next(), labels.next(), port.parse::<i64>()) else {
            continue;
        };
        if !namespaces.iter().any(|own| own == namespace) || !matches!(labels.next(), None | Some("svc")) {
            continue;
        }
        let Some(service) = snapshot.service(namespace, name) else {
            found.push(format!("Service {namespace}/{name} does not exist"));
            continue;
        };
        if !service.spec.ports.iter().any(|own| own.port == port) {
            let own: Vec<String> = service.spec.ports.iter().map(|own| own.port.to_string()).collect();
            found.push(format!("Service {namespace}/{name} has no port {port}, only {}", own.join(", ")));
        }
    }
    found
}

/// The ports of pods without repetitions: `2525 (smtp)`.
fn listed(ports: &[&ContainerPort]) -> String {
    let mut own: Vec<String> = Vec::new();
    for port in ports {
        let name = if port.name.is_empty() { String::new() } else { format!(" ({})", port.name) };
        let text = format!("{}{name}", port.container_port);
        if !own.contains(&text) {
            own.push(text);
        }
    }
    own.join(", ")
}

/// Why a Service selects no pod: its selector matches no workload, or its workload has no pods.
fn empty(snapshot: &Snapshot, namespace: &str, name: &str, selector: &Labels, all: bool) -> Option<String> {
    let workloads = ["Deployment", "StatefulSet"].into_iter().flat_map(|kind| {
        let workloads = snapshot.workloads(kind, namespace).map(move |one| (kind, one));
        workloads.filter(|(_, one)| {
            let labels = &one.spec.template["metadata"]["labels"];
            selector.iter().all(|(key, value)| labels[key] == **value)
        })
    });
    match workloads.into_iter().next() {
        Some((kind, one)) if one.spec.replicas == Some(0) => {
            let workload = &one.metadata;
            all.then(|| format!("Service {namespace}/{name} has no pods: {kind} {workload} is scaled to zero"))
        }
        // Its pods are being created; if that fails, they are the cause.
        Some(_) => None,
        None => {
            let labels: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            Some(format!("Service {namespace}/{name} selects no pod: none has the labels {}", labels.join(", ")))
        }
    }
}

fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::snapshot::testing;

    fn snapshot(service: &Value, replicas: i64, pods: bool) -> Snapshot {
        let labels = json!({ "app": "web", "tier": "1" });
        let metadata = json!({ "namespace": "ns", "name": "web", "labels": labels });
        let template = json!({ "metadata": { "labels": labels } });
        let mut objects = vec![
            ("Service", json!({ "metadata": metadata, "spec": service })),
            ("Deployment", json!({ "metadata": metadata, "spec": { "replicas": replicas, "template": template } })),
        ];
        if pods {
            let containers = json!([{ "ports": [{ "name": "http", "containerPort": 8080 }] }]);
            objects.push(("Pod", json!({ "metadata": metadata, "spec": { "containers": containers } })));
        }
        testing::snapshot(&objects)
    }

    #[test]
    fn a_target_port_that_no_pod_has_is_reported() {
        let service =
            |target: Value| json!({ "selector": { "app": "web" }, "ports": [{ "port": 80, "targetPort": target }] });
        for right in [json!(8080), json!("http")] {
            assert!(misdirected(&snapshot(&service(right), 1, true), "ns", true).is_empty());
        }
        assert_eq!(
            misdirected(&snapshot(&service(json!(81)), 1, true), "ns", true),
            ["port 80 of Service ns/web targets 81, but its pods have 8080 (http)"]
        );
        assert_eq!(
            misdirected(&snapshot(&service(json!("web")), 1, true), "ns", true),
            ["port 80 of Service ns/web targets `web`, but its pods have 8080 (http)"]
        );
        // Without `targetPort`, the target is the port itself.
        let plain = json!({ "selector": { "app": "web" }, "ports": [{ "port": 80 }] });
        assert!(misdirected(&snapshot(&plain, 1, true), "ns", true)[0].contains("targets 80"));
    }

    #[test]
    fn a_port_that_a_client_used_and_no_service_has_is_reported() {
        let snapshot = snapshot(&json!({ "ports": [{ "port": 26 }] }), 1, true);
        let named = |text: &str| named(&snapshot, &["ns".to_owned()], text);
        assert_eq!(named("cannot connect to web.ns:25: timed out"), ["Service ns/web has no port 25, only 26"]);
        assert_eq!(named("(wbe.ns.svc.cluster.local:26)"), ["Service ns/wbe does not exist"]);
        for other in ["web.ns:26 refused", "web.other:25", "at 10:25:01", "example.ns.org:25"] {
            assert!(named(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_selector_that_matches_no_workload_is_reported() {
        let service = json!({ "selector": { "app": "wbe" } });
        assert_eq!(
            misdirected(&snapshot(&service, 1, true), "ns", true),
            ["Service ns/web selects no pod: none has the labels app=wbe"]
        );
        let service = json!({ "selector": { "app": "web" } });
        assert!(misdirected(&snapshot(&service, 1, false), "ns", true).is_empty());
        assert_eq!(
            misdirected(&snapshot(&service, 0, false), "ns", true),
            ["Service ns/web has no pods: Deployment ns/web is scaled to zero"]
        );
        // A scenario may do that in its own namespaces.
        assert!(misdirected(&snapshot(&service, 0, false), "ns", false).is_empty());
    }
}
