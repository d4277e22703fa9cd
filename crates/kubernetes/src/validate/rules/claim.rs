//! `PersistentVolumeClaims`: access modes, storage requests, and classes.

use super::look::{At, Look};
use super::{names, selector};

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    let Some(spec) = root.get("spec") else { return };
    if look.is("/PersistentVolumeClaim") {
        claim(look, &spec);
    }
    if look.is("apps/StatefulSet") {
        for template in spec.list("volumeClaimTemplates") {
            match template.walk(&["metadata", "name"]) {
                Some(name) => look.check_format(&name, name.text().and_then(names::label)),
                None => {
                    look.requires(&template, "metadata.name", "volume mounts refer to it by name");
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

/// Checks the spec of a claim: of a `PersistentVolumeClaim`, or of a template for one.
pub(super) fn claim<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    if spec.lacks("accessModes") {
        look.requires(spec, "accessModes", "at least one is required, such as `ReadWriteOnce`");
    }
    let modes = spec.list("accessModes");
    let alone = |mode: &&At<'_>| mode.text() == Some("ReadWriteOncePod");
    if let (Some(_), Some(other)) = (modes.iter().find(alone), modes.iter().find(|mode| !alone(mode))) {
        look.conflicts(other, "ReadWriteOncePod", "no other access mode is allowed beside it");
    }
    match spec.walk(&["resources", "requests", "storage"]) {
        Some(amount) if amount.quantity().is_some_and(|amount| amount <= 0.0) => {
            look.reject(&amount, "must be greater than zero", "expected a size such as `1Gi`");
        }
        None if spec.lacks("resources")
            || spec.get("resources").is_some_and(|all| {
                all.lacks("requests")
                    || all.get("requests").is_some_and(|all| all.lacks("storage") || all.get("storage").is_none())
            }) =>
        {
            // Where it should be, as far as there is something.
            let near = spec.get("resources").map(|all| all.get("requests").unwrap_or(all));
            let place = near.map_or_else(|| spec.node.place(), |at| at.node.place());
            let found = look.requires(spec, "resources.requests.storage", "a storage request is required");
            if let Some((first, _)) = found.places.first_mut() {
                *first = place;
            }
        }
        _ => {}
    }
    for class in spec.present(&["storageClassName", "volumeAttributesClassName"]) {
        look.check_format(&class, class.text().filter(|text| !text.is_empty()).and_then(names::subdomain));
    }
}
