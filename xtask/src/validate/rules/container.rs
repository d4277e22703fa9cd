//! The containers of a pod: names, ports, mounts, variables, probes, and resources.

use super::{At, Look, names, pod};
use crate::diagnostic::nearest;
use crate::document::Value;

/// What a probe or a hook can do.
const HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

pub(super) fn check(look: &mut Look<'_>) {
    let Some(spec) = look.pod().and_then(|pod| pod.get("spec")) else { return };
    let claims = look.root().get("spec").map(|spec| spec.list("volumeClaimTemplates")).unwrap_or_default();
    let claims = claims.iter().filter_map(|claim| claim.walk(&["metadata", "name"]));
    let volumes: Vec<&str> = spec
        .list("volumes")
        .iter()
        .filter_map(|volume| volume.get("name"))
        .chain(claims)
        .filter_map(|name| name.text())
        .collect();
    if let Some(list) = spec.get("containers")
        && matches!(&list.node.value, Value::Sequence(items) if items.is_empty())
    {
        look.refuse(&list, "is empty", "expected at least one container");
    }
    let all: Vec<At<'_>> = ["initContainers", "containers"].iter().flat_map(|key| spec.list(key)).collect();
    look.unique(all.iter().filter_map(|container| container.get("name")));
    for container in &all {
        if let Some(name) = container.get("name") {
            look.form(&name, name.text().and_then(names::label));
        }
        // A misspelt one is told already.
        let misspelt = container
            .node
            .entries()
            .iter()
            .any(|(key, _)| nearest(&key.name, ["image"]).is_some() && key.name != "image");
        if container.get("image").is_none_or(|image| image.text() == Some("")) && !misspelt {
            look.refuse(container, "has no `image`", "expected one");
        }
        ports(look, container);
        mounts(look, container, &volumes);
        variables(look, container);
        for probe in container.present(&["livenessProbe", "readinessProbe", "startupProbe"]) {
            handlers(look, &probe);
            for key in
                ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
            {
                look.within(probe.get(key), 0..=i64::from(i32::MAX));
            }
        }
        for hook in container.get("lifecycle").map(|all| all.present(&["postStart", "preStop"])).unwrap_or_default() {
            handlers(look, &hook);
        }
        if let Some(resources) = container.get("resources") {
            amounts(look, &resources);
        }
        security(look, container);
    }
}

fn ports<'a>(look: &mut Look<'a>, container: &At<'a>) {
    let ports = container.list("ports");
    for port in &ports {
        look.port(port.get("containerPort"));
        look.within(port.get("hostPort"), 0..=65535);
        if let Some(name) = port.get("name").filter(|name| name.text() != Some("")) {
            look.form(&name, name.text().and_then(names::port));
        }
    }
    look.unique(ports.iter().filter_map(|port| port.get("name")));
}

fn mounts<'a>(look: &mut Look<'a>, container: &At<'a>, volumes: &[&str]) {
    let mounts = container.list("volumeMounts");
    for mount in &mounts {
        if let Some(name) = mount.get("name").filter(|name| name.text().is_some_and(|text| !volumes.contains(&text))) {
            let label = match nearest(name.text().unwrap_or_default(), volumes.iter().copied()) {
                Some(near) => format!("no volume has this name; did you mean `{near}`?"),
                None => "no volume has this name".to_owned(),
            };
            look.refuse(&name, "is no volume of the pod", label);
        }
        if let Some(path) = mount.get("subPath") {
            pod::inside(look, &path);
        }
    }
    look.unique(mounts.iter().filter_map(|mount| mount.get("mountPath")));
}

fn variables<'a>(look: &mut Look<'a>, container: &At<'a>) {
    for variable in container.list("env") {
        if let Some(name) = variable.get("name")
            && name
                .text()
                .is_some_and(|text| text.is_empty() || !text.chars().all(|c| (' '..='~').contains(&c) && c != '='))
        {
            look.refuse(&name, "is no name of a variable", "expected ASCII characters without `=`");
        }
        let value = variable.get("value").filter(|value| value.text() != Some(""));
        if let (Some(_), Some(from)) = (value, variable.get("valueFrom")) {
            look.refuse(&from, "stands beside a value", "only one of the two may be there");
        }
    }
}

fn handlers<'a>(look: &mut Look<'a>, owner: &At<'a>) {
    let handlers = owner.present(HANDLERS);
    match handlers.as_slice() {
        [] => {
            look.refuse(owner, "does nothing", format!("expected one of {}", HANDLERS.join(", ")));
        }
        [_] => {}
        [_, second, ..] => {
            look.refuse(second, "is a second thing to do", "only one may be there");
        }
    }
    for handler in handlers {
        look.port(handler.get("port"));
    }
}

fn amounts<'a>(look: &mut Look<'a>, resources: &At<'a>) {
    for side in resources.present(&["limits", "requests"]) {
        for (_, amount) in side.entries() {
            if quantity(&amount).is_some_and(|value| value < 0.0) {
                look.refuse(&amount, "is negative", "expected 0 or more");
            }
        }
    }
    let Some(limits) = resources.get("limits") else { return };
    for (key, request) in resources.get("requests").map(|requests| requests.entries()).unwrap_or_default() {
        let limit = limits.get(&key.name);
        if let (Some(wanted), Some(allowed)) = (quantity(&request), limit.as_ref().and_then(quantity))
            && wanted > allowed
        {
            look.refuse(&request, "is more than its limit", "expected no more than what `limits` says");
        }
    }
}

/// The amount that a quantity stands for.
fn quantity(at: &At<'_>) -> Option<f64> {
    let text = match &at.node.value {
        Value::String(text) => text,
        Value::Number(number) => return number.parse().ok(),
        _ => return None,
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "Pi" => 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "Ei" => 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * factor)
}

fn security<'a>(look: &mut Look<'a>, container: &At<'a>) {
    let Some(context) = container.get("securityContext") else { return };
    pod::user(look, Some(&context));
    let says = |key: &str, value: bool| {
        context.get(key).is_some_and(|at| matches!(at.node.value, Value::Bool(is) if is == value))
    };
    if says("privileged", true)
        && says("allowPrivilegeEscalation", false)
        && let Some(at) = context.get("allowPrivilegeEscalation")
    {
        look.refuse(&at, "contradicts `privileged`", "a privileged container may always escalate");
    }
}
