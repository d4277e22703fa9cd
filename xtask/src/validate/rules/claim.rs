//! `PersistentVolumeClaims`: how they are used, and how large they are.

use super::Look;

pub(super) fn check(look: &mut Look<'_>) {
    if !look.is("/PersistentVolumeClaim") {
        return;
    }
    let Some(spec) = look.root().get("spec") else { return };
    if spec.list("accessModes").is_empty() {
        look.refuse(&spec, "has no `accessModes`", "expected at least one, such as `ReadWriteOnce`");
    }
    if spec.walk(&["resources", "requests", "storage"]).is_none() {
        look.refuse(&spec, "asks for no space", "expected `resources.requests.storage`");
    }
}
