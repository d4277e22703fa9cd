//! `PersistentVolumeClaims`: how they are used, and how large they are.

use super::look::{At, Look};
use super::{names, resources, selector};

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    let Some(spec) = root.get("spec") else { return };
    if look.is("/PersistentVolumeClaim") {
        claim(look, &spec);
    }
    if look.is("apps/StatefulSet") {
        for template in spec.list("volumeClaimTemplates") {
            match template.walk(&["metadata", "name"]) {
                Some(name) => look.form(&name, name.text().and_then(names::label)),
                None => {
                    look.refuse(&template, "has no name", "expected `metadata.name`, which a container mounts");
                }
            }
            if let Some(spec) = template.get("spec") {
                claim(look, &spec);
                if let Some(selector) = spec.get("selector") {
                    selector::selector(look, &selector);
                }
            }
        }
    }
}

/// `spec` is that of a claim, wherever one stands.
pub(super) fn claim<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    if spec.lacks("accessModes") {
        look.refuse(spec, "has no `accessModes`", "expected at least one, such as `ReadWriteOnce`");
    }
    let modes = spec.list("accessModes");
    let alone = |mode: &&At<'_>| mode.text() == Some("ReadWriteOncePod");
    if let (Some(_), Some(other)) = (modes.iter().find(alone), modes.iter().find(|mode| !alone(mode))) {
        look.refuse(other, "stands beside `ReadWriteOncePod`", "that one excludes all others");
    }
    match spec.walk(&["resources", "requests", "storage"]) {
        Some(amount) if resources::quantity(&amount).is_some_and(|amount| amount <= 0.0) => {
            look.refuse(&amount, "is no space", "expected more than 0, such as `1Gi`");
        }
        None if spec.lacks("resources")
            || spec.get("resources").is_some_and(|all| {
                all.lacks("requests") || all.get("requests").is_some_and(|all| all.lacks("storage"))
            }) =>
        {
            look.refuse(spec, "asks for no space", "expected `resources.requests.storage`");
        }
        _ => {}
    }
    for class in spec.present(&["storageClassName", "volumeAttributesClassName"]) {
        look.form(&class, class.text().filter(|text| !text.is_empty()).and_then(names::subdomain));
    }
}
