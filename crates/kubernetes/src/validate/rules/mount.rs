//! Volume mounts and devices of a container.

use diagnostics::{Fact, did_you_mean, nearest};

use super::look::{At, Look};

pub(super) fn check<'a>(look: &mut Look<'a>, container: &At<'a>, volumes: &[&str], unused: &[At<'a>]) {
    let mounts = container.list("volumeMounts");
    let privileged = container.get("securityContext").is_some_and(|context| context.is_set_to("privileged", true));
    for mount in &mounts {
        volume_exists(look, mount, volumes, unused);
        look.not_empty(mount.get("mountPath"));
        let paths = mount.present(&["subPath", "subPathExpr"]);
        let paths: Vec<&At<'_>> = paths.iter().filter(|path| path.text() != Some("")).collect();
        if let [first, second] = paths.as_slice() {
            look.conflict(second, first.name());
        }
        for path in paths {
            look.relative_path(path);
        }
        if let Some(at) = mount.get("mountPropagation").filter(|at| at.text() == Some("Bidirectional"))
            && !privileged
        {
            look.reject(&at, "is only available to privileged containers", "the container is not privileged")
                .helps
                .push("set `mountPropagation: HostToContainer` or `securityContext.privileged: true`".to_owned());
        }
    }
    for at in mounts.iter().filter(|mount| !mount.is_set_to("readOnly", true)) {
        if let Some(at) = at.get("recursiveReadOnly").filter(|at| at.text() == Some("Enabled")) {
            look.reject_when(&at, "is only allowed", ("readOnly", "true"), "set `readOnly: true`");
        }
    }
    look.unique(mounts.iter().filter_map(|mount| mount.get("mountPath")));
    for device in container.list("volumeDevices") {
        volume_exists(look, &device, volumes, unused);
        if let Some(name) = device.get("name")
            && name
                .text()
                .is_some_and(|text| mounts.iter().any(|mount| mount.get("name").and_then(|at| at.text()) == Some(text)))
        {
            look.reject(&name, "is also used in `volumeMounts`", "a volume is either mounted or a block device");
        }
        if let Some(path) = device.get("devicePath") {
            look.no_parent(&path);
            look.not_empty(Some(path));
        }
    }
}

/// Requires the pod to define the volume of a mount. The only volume that no container mounts is probably meant.
fn volume_exists<'a>(look: &mut Look<'a>, mount: &At<'a>, volumes: &[&str], unused: &[At<'a>]) {
    if let Some(name) = mount.get("name").filter(|name| name.text().is_some_and(|text| !volumes.contains(&text))) {
        let near = nearest(name.text().unwrap_or_default(), volumes.iter().copied());
        let label = match near {
            Some(near) => did_you_mean(near).text,
            None => "no volume of the pod has this name".to_owned(),
        };
        let found = look.reject(&name, "is not a volume of the pod", label);
        found.facts.extend(near.map(|near| Fact::Suggested(near.to_owned())));
        if let [volume] = unused {
            found.places.push((volume.node.place(), "no container mounts this volume".to_owned()));
        }
    }
}
