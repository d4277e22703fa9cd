//! Security contexts, of pods and of containers.

use super::look::{At, Look};
use super::names;

/// `context` is that of a container.
pub(super) fn of_container<'a>(look: &mut Look<'a>, context: &At<'a>) {
    both(look, context);
    let added = context.get("capabilities").map(|all| all.list("add")).unwrap_or_default();
    let because = if context.says("privileged", true) {
        Some(("contradicts `privileged`", "a privileged container may always escalate"))
    } else if added.iter().any(|at| at.text() == Some("CAP_SYS_ADMIN")) {
        Some(("contradicts `CAP_SYS_ADMIN`", "a container with this capability may always escalate"))
    } else {
        None
    };
    if let (Some((what, label)), true) = (because, context.says("allowPrivilegeEscalation", false))
        && let Some(at) = context.get("allowPrivilegeEscalation")
    {
        look.refuse(&at, what, label);
    }
}

/// `spec` is that of a pod.
pub(super) fn of_pod<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let Some(context) = spec.get("securityContext") else { return };
    both(look, &context);
    for group in context.list("supplementalGroups") {
        look.within(Some(group), 0..=i64::from(i32::MAX));
    }
    let settings: Vec<At<'_>> = context.list("sysctls").iter().filter_map(|setting| setting.get("name")).collect();
    for name in &settings {
        look.form(name, name.text().and_then(names::sysctl));
        let of_network = name.text().is_some_and(|text| text.starts_with("net.") || text.starts_with("net/"));
        if of_network && spec.says("hostNetwork", true) {
            look.refuse(name, "is a setting of the node", "does not go with `hostNetwork`: delete this");
        }
    }
    look.unique(settings);
}

/// What the contexts of both have.
fn both<'a>(look: &mut Look<'a>, context: &At<'a>) {
    for key in ["runAsUser", "runAsGroup", "fsGroup"] {
        look.within(context.get(key), 0..=i64::from(i32::MAX));
    }
    for profile in context.present(&["seccompProfile", "appArmorProfile"]) {
        let seccomp = profile.steps.ends_with(&["seccompProfile".to_owned()]);
        let kind = profile.get("type").and_then(|at| at.text());
        let file = profile.get("localhostProfile");
        match (kind, file) {
            (Some("Localhost"), None) if !profile.misspells("localhostProfile") => {
                look.refuse(&profile, "has no `localhostProfile`", "expected the file of the profile");
            }
            (Some("Localhost"), Some(file)) if seccomp => {
                look.inside(&file);
            }
            (Some(kind @ ("RuntimeDefault" | "Unconfined")), Some(file)) => {
                look.refuse(&file, format!("does not go with `{kind}`"), "delete this, or write `type: Localhost`");
            }
            _ => {}
        }
    }
}
