//! Pod specs apart from containers and volumes: references by name, DNS, and host namespaces.

use super::look::{At, Field, Look};
use super::{address, names, placement, security, volume};
use diagnostics::Fact;

/// The maximum number of nameservers.
const MAX_NAMESERVERS: usize = 3;

pub(super) fn check(look: &mut Look<'_>) {
    let Some(spec) = look.pod().and_then(|pod| pod.get("spec")) else { return };
    for key in ["serviceAccountName", "priorityClassName", "nodeName"] {
        if let Some(at) = spec.get(key) {
            look.check_format(&at, at.text().filter(|text| !text.is_empty()).and_then(names::subdomain));
        }
    }
    if let Some(at) = spec.get("runtimeClassName") {
        look.check_format(&at, at.text().and_then(names::subdomain));
    }
    for key in ["hostname", "subdomain"] {
        if let Some(at) = spec.get(key) {
            look.check_format(&at, at.text().filter(|text| !text.is_empty()).and_then(names::label));
        }
    }
    let conditions = spec.list("readinessGates").into_iter().filter_map(|gate| gate.get("conditionType"));
    let gates = spec.list("schedulingGates").into_iter().filter_map(|gate| gate.get("name"));
    for gate in conditions.chain(gates) {
        look.check_format(&gate, gate.text().and_then(names::qualified));
    }
    look.supported(spec.walk(&["os", "name"]), &["linux", "windows"]);
    look.unique_merge_keys(&spec.list("imagePullSecrets"), &[("name", "")]);
    volume::check(look, &spec);
    placement::check(look, &spec);
    security::of_pod(look, &spec);
    dns(look, &spec);
    host_namespaces(look, &spec);
    look.in_range(spec.get("terminationGracePeriodSeconds"), 0..=i64::MAX);
    look.in_range(spec.get("activeDeadlineSeconds"), 1..=i64::MAX);
    if let Some(at) = spec.get("activeDeadlineSeconds").filter(|_| look.subject.kind.group == "apps") {
        look.reject(&at, "is not supported in this kind", "its pods must not end: remove it");
    }
    let template = !look.is("/Pod");
    if let Some(at) = spec.get("ephemeralContainers").filter(|at| template && !at.node.items().is_empty()) {
        let label = "only running pods can get ephemeral containers: remove it";
        look.reject(&at, "is not allowed in a pod template", label);
    }
}

/// DNS settings and host aliases.
fn dns<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let config = spec.field("dnsConfig");
    let lacking = match &config {
        Field::Set(config) => config.lacks("nameservers"),
        Field::Misspelled => false,
        Field::Unset => true,
    };
    if let Some(at) = spec.get("dnsPolicy").filter(|at| lacking && at.text() == Some("None")) {
        look.reject(&at, "requires `dnsConfig.nameservers`", "at least one nameserver is required");
    }
    let list = |key: &str| if let Field::Set(config) = &config { config.list(key) } else { Vec::new() };
    let servers = list("nameservers");
    for server in &servers {
        address(look, server);
    }
    if let Some(at) = servers.get(MAX_NAMESERVERS) {
        look.reject(at, format!("exceeds the limit of {MAX_NAMESERVERS} nameservers"), "remove it");
    }
    for option in list("options") {
        look.not_empty(option.get("name"));
    }
    let aliases = spec.list("hostAliases");
    for alias in &aliases {
        if let Some(ip) = alias.get("ip") {
            address(look, &ip);
        }
        for name in alias.list("hostnames") {
            look.check_format(&name, name.text().and_then(names::subdomain));
        }
    }
    look.unique_merge_keys(&aliases, &[("ip", "")]);
}

/// Namespaces shared with the node.
fn host_namespaces<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    if let Some(at) = spec.get("shareProcessNamespace").filter(|_| spec.is_set_to("hostPID", true))
        && spec.is_set_to("shareProcessNamespace", true)
    {
        let found = look.reject(&at, "conflicts with `hostPID: true`", "enable only one of the two");
        found.facts.push(Fact::Conflict("hostPID".to_owned()));
    }
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if let Some(at) = spec.get(key).filter(|_| spec.is_set_to(key, true) && spec.is_set_to("hostUsers", false)) {
            look.reject_when(&at, "is not allowed", ("hostUsers", "false"), "set only one of the two");
        }
    }
}

fn address(look: &mut Look<'_>, at: &At<'_>) {
    if at.text().is_some_and(|text| address::address(text).is_none()) {
        look.reject(at, "is not a valid IP address", "expected a value such as `10.0.0.10` or `fd00::10`");
    }
}
