//! Access to the node: its namespaces, its ports, and Windows pods that run on it.

use super::pod::Pod;
use super::policy::Policy;
use super::violation::{Control, Violation};

/// Host Namespaces: the network, PID, and IPC namespaces of the node.
pub(super) fn namespaces(pod: &Pod<'_>, _: &Policy) -> Vec<Violation> {
    let fields = ["hostNetwork", "hostPID", "hostIPC"].into_iter().filter_map(|key| pod.spec.get(key));
    let shared = fields.filter(|field| field.is(true));
    shared.map(|field| Violation::forbidden(Control::HostNamespaces, &field, "remove {}")).collect()
}

/// `HostProcess`: Windows pods that run on the node.
pub(super) fn process(pod: &Pod<'_>, _: &Policy) -> Vec<Violation> {
    let set = pod.contexts(&["windowsOptions", "hostProcess"]);
    let set = set.iter().filter(|field| field.is(true));
    set.map(|field| Violation::forbidden(Control::HostProcess, field, "remove {}")).collect()
}

/// Host Ports.
pub(super) fn ports(pod: &Pod<'_>, _: &Policy) -> Vec<Violation> {
    let ports = pod.containers.iter().flat_map(|container| container.list("ports"));
    let used = ports.filter_map(|port| port.get("hostPort")).filter(|port| !port.is_zero());
    used.map(|port| Violation::forbidden(Control::HostPorts, &port, "remove {}, and use a Service instead")).collect()
}

/// Host Probes / Lifecycle Hooks: probes and handlers that the kubelet sends to a different host than the pod.
pub(super) fn probes(pod: &Pod<'_>, policy: &Policy) -> Vec<Violation> {
    if policy.version < 34 {
        return Vec::new();
    }
    let handlers = pod.containers.iter().flat_map(|container| {
        let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map(|key| container.get(key));
        let lifecycle = ["postStart", "preStop"].map(|key| container.find(&["lifecycle", key]));
        probes.into_iter().chain(lifecycle).flatten()
    });
    let hosts = handlers.flat_map(|handler| ["httpGet", "tcpSocket"].map(|key| handler.find(&[key, "host"]))).flatten();
    let named = hosts.filter(|host| host.text().is_some_and(|text| !text.is_empty()));
    let fix = "remove {}: the default is the IP address of the pod";
    named.map(|host| Violation::forbidden(Control::HostProbes, &host, fix)).collect()
}
