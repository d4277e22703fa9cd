//! Containers: names, images, and ports.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

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
    let mounted: Vec<&str> = ["initContainers", "containers"]
        .iter()
        .flat_map(|key| spec.list(key))
        .flat_map(|container| [container.list("volumeMounts"), container.list("volumeDevices")].concat())
        .filter_map(|mount| mount.get("name")?.text())
        .collect();
    let names = spec.list("volumes").into_iter().filter_map(|volume| volume.get("name"));
    let unused: Vec<At<'_>> = names.filter(|name| name.text().is_some_and(|text| !mounted.contains(&text))).collect();
    if let Some(list) = spec.get("containers").filter(|_| spec.lacks("containers")) {
        look.reject(&list, "must not be empty", "at least one container is required");
    }
    let all: Vec<At<'_>> = ["initContainers", "containers"].iter().flat_map(|key| spec.list(key)).collect();
    look.unique(all.iter().filter_map(|container| container.get("name")));
    for container in &all {
        if let Some(name) = container.get("name") {
            look.check_format(&name, name.text().and_then(names::label));
        }
        if container.lacks("image") {
            look.requires(container, "image", "an image is required");
        }
        let sidecar = container.get("restartPolicy").is_some_and(|at| at.text() == Some("Always"));
        let init = container.steps.iter().any(|step| step == "initContainers") && !sidecar;
        look.supported(container.get("restartPolicy"), &["Always", "Never", "OnFailure"]);
        ports(look, container);
        mount::check(look, container, &volumes, &unused);
        variable::check(look, container);
        probe::check(look, container, &spec, init);
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
        look.in_range(port.get("hostPort"), 0..=65535);
        if let Some(name) = port.get("name").filter(|name| name.text() != Some("")) {
            look.check_port_name(&name);
        }
    }
    look.unique(ports.iter().filter_map(|port| port.get("name")));
    look.unique_merge_keys(&ports, &[("containerPort", ""), ("protocol", "TCP")]);
}

/// Host ports. Those of init containers may repeat, since init containers run one after the other.
fn host_ports<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let mut seen: HashMap<_, At<'a>> = HashMap::new();
    for port in spec.list("containers").iter().flat_map(|container| container.list("ports")) {
        let Some(at) = port.get("hostPort") else { continue };
        let Some(number) = at.number().filter(|number| *number != 0) else { continue };
        let text = |key: &str, default: &str| {
            port.get(key).map_or(Some(default.to_owned()), |at| at.text().map(str::to_owned))
        };
        match seen.entry((number, text("protocol", "TCP"), text("hostIP", ""))) {
            Entry::Occupied(first) => look.duplicate(&at, first.get()),
            Entry::Vacant(entry) => drop(entry.insert(at.clone())),
        }
        if spec.is_set_to("hostNetwork", true)
            && port.get("containerPort").and_then(|at| at.number()).is_some_and(|inner| inner != number)
        {
            look.reject_when(&at, "must match `containerPort`", ("hostNetwork", "true"), "remove this field");
        }
    }
}
