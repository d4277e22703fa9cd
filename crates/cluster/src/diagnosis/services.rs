//! Services that lead nowhere: they select no pod, or send to a port that none of their pods has.
//!
//! A Service whose pods are merely not ready says nothing new: the pods say it.
//!
//! Pure.

use serde_json::{Map, Value};

use crate::seen::Seen;

/// What is wrong with the Services of a namespace. `all` counts those too whose workload is scaled to nothing.
pub(super) fn astray(seen: &Seen, namespace: &str, all: bool) -> Vec<String> {
    let mut told = Vec::new();
    for service in seen.all("Service", namespace) {
        let Some(selector) = service["spec"]["selector"].as_object().filter(|selector| !selector.is_empty()) else {
            continue;
        };
        let name = service["metadata"]["name"].as_str().unwrap_or_default();
        let chosen: Vec<&Value> =
            seen.all("Pod", namespace).filter(|pod| selects(selector, &pod["metadata"]["labels"])).collect();
        if chosen.is_empty() {
            told.extend(empty(seen, namespace, name, selector, all));
            continue;
        }
        let ports: Vec<&Value> = chosen
            .iter()
            .flat_map(|pod| pod["spec"]["containers"].as_array().into_iter().flatten())
            .flat_map(|container| container["ports"].as_array().into_iter().flatten())
            .collect();
        for port in service["spec"]["ports"].as_array().into_iter().flatten() {
            let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
            let known = ports.iter().any(|own| &own["containerPort"] == target || &own["name"] == target);
            if !known && !ports.is_empty() {
                let target = target.as_str().map_or_else(|| target.to_string(), |name| format!("`{name}`"));
                told.push(format!(
                    "Service {namespace}/{name} sends port {} to {target}, and its pods have {}",
                    port["port"],
                    listed(&ports)
                ));
            }
        }
    }
    told
}

/// What is wrong with the Services that a text names as `name.namespace:port`, as an error of a client does.
pub(super) fn named(seen: &Seen, namespaces: &[String], text: &str) -> Vec<String> {
    let mut told = Vec::new();
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || "-.:".contains(c))) {
        let Some((host, port)) = word.trim_end_matches(['.', ':']).split_once(':') else { continue };
        let mut labels = host.split('.');
        let (Some(name), Some(namespace), Ok(port)) = (labels.next(), labels.next(), port.parse::<u16>()) else {
            continue;
        };
        if !namespaces.iter().any(|own| own == namespace) || !matches!(labels.next(), None | Some("svc")) {
            continue;
        }
        let Some(service) = seen.get("Service", namespace, name) else {
            told.push(format!("there is no Service {namespace}/{name}"));
            continue;
        };
        let ports: Vec<&Value> = service["spec"]["ports"].as_array().into_iter().flatten().collect();
        if !ports.iter().any(|own| own["port"] == port) {
            let own: Vec<String> = ports.iter().map(|own| own["port"].to_string()).collect();
            told.push(format!("Service {namespace}/{name} has no port {port}, only {}", own.join(", ")));
        }
    }
    told
}

/// The ports of pods, each once: `2525 (smtp)`.
fn listed(ports: &[&Value]) -> String {
    let mut own: Vec<String> = Vec::new();
    for port in ports {
        let name = port["name"].as_str().map_or(String::new(), |name| format!(" ({name})"));
        let text = format!("{}{name}", port["containerPort"]);
        if !own.contains(&text) {
            own.push(text);
        }
    }
    own.join(", ")
}

/// A Service that selects nothing: because of its selector, or because there is nothing to select.
fn empty(seen: &Seen, namespace: &str, name: &str, selector: &Map<String, Value>, all: bool) -> Option<String> {
    let shown: Vec<String> =
        selector.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let workloads = ["Deployment", "StatefulSet"].into_iter().flat_map(|kind| {
        seen.all(kind, namespace)
            .filter(|one| selects(selector, &one["spec"]["template"]["metadata"]["labels"]))
            .map(move |one| (kind, one))
    });
    match workloads.into_iter().next() {
        Some((kind, one)) if one["spec"]["replicas"] == 0 => all.then(|| {
            let workload = one["metadata"]["name"].as_str().unwrap_or_default();
            format!("Service {namespace}/{name} has no pod: {kind} {namespace}/{workload} is scaled to 0")
        }),
        // Its pods are on their way, and say themselves what keeps them.
        Some(_) => None,
        None => Some(format!("Service {namespace}/{name} selects no pod: none has {}", shown.join(", "))),
    }
}

fn selects(selector: &Map<String, Value>, labels: &Value) -> bool {
    selector.iter().all(|(key, value)| &labels[key] == value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(service: &Value, replicas: i64, pods: bool) -> Seen {
        let mut seen = Seen::default();
        let mut add = |kind: &str, mut object: Value| {
            object["metadata"]["namespace"] = json!("ns");
            object["metadata"]["name"] = json!("web");
            seen.event(kind, &json!({ "type": "ADDED", "object": object }));
        };
        add("Service", json!({ "spec": service }));
        let labels = json!({ "labels": { "app": "web", "tier": "1" } });
        add("Deployment", json!({ "spec": { "replicas": replicas, "template": { "metadata": labels } } }));
        if pods {
            let containers = json!([{ "ports": [{ "name": "http", "containerPort": 8080 }] }]);
            add("Pod", json!({ "metadata": labels, "spec": { "containers": containers } }));
        }
        seen
    }

    #[test]
    fn a_port_that_no_pod_has_is_told_with_those_that_it_has() {
        let service =
            |target: Value| json!({ "selector": { "app": "web" }, "ports": [{ "port": 80, "targetPort": target }] });
        for right in [json!(8080), json!("http")] {
            assert!(astray(&seen(&service(right), 1, true), "ns", true).is_empty());
        }
        assert_eq!(
            astray(&seen(&service(json!(81)), 1, true), "ns", true),
            ["Service ns/web sends port 80 to 81, and its pods have 8080 (http)"]
        );
        assert_eq!(
            astray(&seen(&service(json!("web")), 1, true), "ns", true),
            ["Service ns/web sends port 80 to `web`, and its pods have 8080 (http)"]
        );
        // Without a target it is the port itself.
        let plain = json!({ "selector": { "app": "web" }, "ports": [{ "port": 80 }] });
        assert!(astray(&seen(&plain, 1, true), "ns", true)[0].contains("sends port 80 to 80"));
    }

    #[test]
    fn a_port_that_a_client_asked_for_and_no_service_has_is_told() {
        let seen = seen(&json!({ "ports": [{ "port": 26 }] }), 1, true);
        let named = |text: &str| named(&seen, &["ns".to_owned()], text);
        assert_eq!(named("cannot connect to web.ns:25: timed out"), ["Service ns/web has no port 25, only 26"]);
        assert_eq!(named("(wbe.ns.svc.cluster.local:26)"), ["there is no Service ns/wbe"]);
        for well in ["web.ns:26 refused", "web.other:25", "at 10:25:01", "example.ns.org:25"] {
            assert!(named(well).is_empty(), "{well}");
        }
    }

    #[test]
    fn a_selector_that_matches_nothing_is_told_and_pods_on_their_way_are_not() {
        let service = json!({ "selector": { "app": "wbe" } });
        assert_eq!(astray(&seen(&service, 1, true), "ns", true), ["Service ns/web selects no pod: none has app=wbe"]);
        let service = json!({ "selector": { "app": "web" } });
        assert!(astray(&seen(&service, 1, false), "ns", true).is_empty());
        assert_eq!(
            astray(&seen(&service, 0, false), "ns", true),
            ["Service ns/web has no pod: Deployment ns/web is scaled to 0"]
        );
        // That is what a scenario may do with what is its own.
        assert!(astray(&seen(&service, 0, false), "ns", false).is_empty());
    }
}
