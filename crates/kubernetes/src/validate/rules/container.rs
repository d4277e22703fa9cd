//! The containers of a pod: names, images, and ports.

use super::look::{At, Look};
use super::{mount, names, probe, resources, security, variable};

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
    if let Some(list) = spec.get("containers").filter(|_| spec.lacks("containers")) {
        look.refuse(&list, "is empty", "expected at least one container");
    }
    let all: Vec<At<'_>> = ["initContainers", "containers"].iter().flat_map(|key| spec.list(key)).collect();
    look.unique(all.iter().filter_map(|container| container.get("name")));
    for container in &all {
        if let Some(name) = container.get("name") {
            look.form(&name, name.text().and_then(names::label));
        }
        // A misspelt one is told already.
        if container.get("image").is_none_or(|image| image.text() == Some("")) && !container.misspells("image") {
            look.refuse(container, "has no `image`", "expected one");
        }
        let stays = container.get("restartPolicy").is_some_and(|at| at.text() == Some("Always"));
        let passing = container.steps.iter().any(|step| step == "initContainers") && !stays;
        ports(look, container);
        mount::check(look, container, &volumes);
        variable::check(look, container);
        probe::check(look, container, &spec, passing);
        resources::check(look, container, &spec);
        if let Some(context) = container.get("securityContext") {
            security::of_container(look, &context);
        }
    }
    host_ports(look, &spec);
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
    look.once(&ports, &[("containerPort", ""), ("protocol", "TCP")]);
}

/// Ports of the node. Init containers run one by one, so that theirs may be the same.
fn host_ports<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let mut seen = Vec::new();
    for port in spec.list("containers").iter().flat_map(|container| container.list("ports")) {
        let Some(at) = port.get("hostPort") else { continue };
        let Some(number) = at.number().filter(|number| *number != 0) else { continue };
        let text = |key: &str, default| port.get(key).map_or(Some(default), |at| at.text());
        let own = (number, text("protocol", "TCP"), text("hostIP", ""));
        if seen.contains(&own) {
            look.refuse(&at, "is there already", "the second one");
        }
        seen.push(own);
        if spec.says("hostNetwork", true)
            && port.get("containerPort").and_then(|at| at.number()).is_some_and(|inner| inner != number)
        {
            look.refuse(&at, "is not `containerPort`", "with `hostNetwork` the two are one: delete this");
        }
    }
}
