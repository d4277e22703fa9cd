//! A pod beside its containers and volumes: the names that it uses, what it resolves, and what it shares with its node.

use super::look::{At, Look};
use super::{address, names, placement, security, volume};

/// How many servers a resolver asks.
const NAMESERVERS: usize = 3;

pub(super) fn check(look: &mut Look<'_>) {
    let Some(spec) = look.pod().and_then(|pod| pod.get("spec")) else { return };
    for key in ["serviceAccountName", "priorityClassName", "nodeName"] {
        if let Some(at) = spec.get(key) {
            look.form(&at, at.text().filter(|text| !text.is_empty()).and_then(names::subdomain));
        }
    }
    if let Some(at) = spec.get("runtimeClassName") {
        look.form(&at, at.text().and_then(names::subdomain));
    }
    for key in ["hostname", "subdomain"] {
        if let Some(at) = spec.get(key) {
            look.form(&at, at.text().filter(|text| !text.is_empty()).and_then(names::label));
        }
    }
    let conditions = spec.list("readinessGates").into_iter().filter_map(|gate| gate.get("conditionType"));
    let gates = spec.list("schedulingGates").into_iter().filter_map(|gate| gate.get("name"));
    for gate in conditions.chain(gates) {
        look.form(&gate, gate.text().and_then(names::qualified));
    }
    look.known(spec.walk(&["os", "name"]), &["linux", "windows"]);
    look.once(&spec.list("imagePullSecrets"), &[("name", "")]);
    volume::check(look, &spec);
    placement::check(look, &spec);
    security::of_pod(look, &spec);
    resolver(look, &spec);
    host(look, &spec);
    look.within(spec.get("terminationGracePeriodSeconds"), 0..=i64::MAX);
    look.within(spec.get("activeDeadlineSeconds"), 1..=i64::MAX);
    if let Some(at) = spec.get("activeDeadlineSeconds").filter(|_| look.subject.kind.group == "apps") {
        look.refuse(&at, "is not for this kind", "its pods are to stay: delete this");
    }
    let template = !look.is("/Pod");
    if let Some(at) = spec.get("ephemeralContainers").filter(|at| template && !at.node.items().is_empty()) {
        look.refuse(&at, "is not for a template", "only a pod that runs can be given these: delete this");
    }
}

/// What the pod resolves names with.
fn resolver<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let config = spec.get("dnsConfig");
    let servers = config.as_ref().map(|config| config.list("nameservers")).unwrap_or_default();
    if let Some(at) = spec.get("dnsPolicy").filter(|at| at.text() == Some("None"))
        && config.as_ref().is_none_or(|config| config.lacks("nameservers"))
        && !spec.misspells("dnsConfig")
    {
        look.refuse(&at, "leaves nothing to ask", "expected at least one of `dnsConfig.nameservers`");
    }
    for server in &servers {
        address(look, server);
    }
    if let Some(at) = servers.get(NAMESERVERS) {
        look.refuse(at, "is one too many", format!("expected at most {NAMESERVERS}"));
    }
    for option in config.as_ref().map(|config| config.list("options")).unwrap_or_default() {
        look.filled(option.get("name"));
    }
    let aliases = spec.list("hostAliases");
    for alias in &aliases {
        if let Some(ip) = alias.get("ip") {
            address(look, &ip);
        }
        for name in alias.list("hostnames") {
            look.form(&name, name.text().and_then(names::subdomain));
        }
    }
    look.once(&aliases, &[("ip", "")]);
}

/// What the pod shares with its node.
fn host<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    if let Some(at) = spec.get("shareProcessNamespace").filter(|_| spec.says("hostPID", true))
        && spec.says("shareProcessNamespace", true)
    {
        look.refuse(&at, "stands beside `hostPID`", "only one of the two may be true");
    }
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if let Some(at) = spec.get(key).filter(|_| spec.says(key, true) && spec.says("hostUsers", false)) {
            look.refuse(&at, "does not go with `hostUsers: false`", "only one of the two may be there");
        }
    }
}

fn address(look: &mut Look<'_>, at: &At<'_>) {
    if at.text().is_some_and(|text| address::address(text).is_none()) {
        look.refuse(at, "is no address", "expected one like `10.0.0.10` or `fd00::10`");
    }
}
