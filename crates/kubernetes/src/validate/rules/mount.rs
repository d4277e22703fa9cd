//! Where a container has the volumes of its pod.

use super::look::{At, Look};
use diagnostics::nearest;

pub(super) fn check<'a>(look: &mut Look<'a>, container: &At<'a>, volumes: &[&str]) {
    let mounts = container.list("volumeMounts");
    let privileged = container.get("securityContext").is_some_and(|context| context.says("privileged", true));
    for mount in &mounts {
        there(look, mount, volumes);
        look.filled(mount.get("mountPath"));
        let paths = mount.present(&["subPath", "subPathExpr"]);
        let paths: Vec<&At<'_>> = paths.iter().filter(|path| path.text() != Some("")).collect();
        if let [_, second] = paths.as_slice() {
            look.refuse(second, "stands beside `subPath`", "only one of the two may be there");
        }
        for path in paths {
            look.inside(path);
        }
        if let Some(at) = mount.get("mountPropagation").filter(|at| at.text() == Some("Bidirectional"))
            && !privileged
        {
            look.refuse(&at, "needs a privileged container", "expected `securityContext.privileged: true`")
                .helps
                .push("write `HostToContainer`, or make the container privileged".to_owned());
        }
    }
    for at in mounts.iter().filter(|mount| !mount.says("readOnly", true)) {
        if let Some(at) = at.get("recursiveReadOnly").filter(|at| at.text() == Some("Enabled")) {
            look.refuse(&at, "needs a mount that is read only", "expected `readOnly: true` beside it");
        }
    }
    look.unique(mounts.iter().filter_map(|mount| mount.get("mountPath")));
    for device in container.list("volumeDevices") {
        there(look, &device, volumes);
        if let Some(name) = device.get("name")
            && name
                .text()
                .is_some_and(|text| mounts.iter().any(|mount| mount.get("name").and_then(|at| at.text()) == Some(text)))
        {
            look.refuse(&name, "is mounted, too", "a volume is a device or has files");
        }
        if let Some(path) = device.get("devicePath") {
            look.straight(&path);
            look.filled(Some(path));
        }
    }
}

/// A mount is of a volume that the pod has.
fn there<'a>(look: &mut Look<'a>, mount: &At<'a>, volumes: &[&str]) {
    if let Some(name) = mount.get("name").filter(|name| name.text().is_some_and(|text| !volumes.contains(&text))) {
        let label = match nearest(name.text().unwrap_or_default(), volumes.iter().copied()) {
            Some(near) => format!("no volume has this name; did you mean `{near}`?"),
            None => "no volume has this name".to_owned(),
        };
        look.refuse(&name, "is no volume of the pod", label);
    }
}
