//! Security contexts of pods and containers.

use super::look::{At, Look};
use super::names;
use diagnostics::Fact;

/// Checks the security context of a container.
pub(super) fn of_container<'a>(look: &mut Look<'a>, context: &At<'a>) {
    both(look, context);
    let added = context.get("capabilities").map(|all| all.list("add")).unwrap_or_default();
    let conflict = if context.is_set_to("privileged", true) {
        Some(("privileged", "privileged: true", "a privileged container can always escalate"))
    } else if added.iter().any(|at| at.text() == Some("CAP_SYS_ADMIN")) {
        Some(("capabilities", "CAP_SYS_ADMIN", "this capability always allows escalation"))
    } else {
        None
    };
    if let (Some((field, what, label)), true) = (conflict, context.is_set_to("allowPrivilegeEscalation", false))
        && let Some(at) = context.get("allowPrivilegeEscalation")
    {
        let found = look.reject(&at, format!("conflicts with `{what}`"), label);
        found.facts.push(Fact::Conflict(field.to_owned()));
    }
}

/// Checks the security context of a pod spec.
pub(super) fn of_pod<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let Some(context) = spec.get("securityContext") else { return };
    both(look, &context);
    for group in context.list("supplementalGroups") {
        look.in_range(Some(group), 0..=i64::from(i32::MAX));
    }
    let settings: Vec<At<'_>> = context.list("sysctls").iter().filter_map(|setting| setting.get("name")).collect();
    for name in &settings {
        look.check_format(name, name.text().and_then(names::sysctl));
        let of_network = name.text().is_some_and(|text| text.starts_with("net.") || text.starts_with("net/"));
        if of_network && spec.is_set_to("hostNetwork", true) {
            look.reject_when(
                name,
                "is not allowed",
                ("hostNetwork", "true"),
                "remove it: this sysctl belongs to the node",
            );
        }
    }
    look.unique(settings);
}

/// Checks the fields that both security contexts have.
fn both<'a>(look: &mut Look<'a>, context: &At<'a>) {
    for key in ["runAsUser", "runAsGroup", "fsGroup"] {
        look.in_range(context.get(key), 0..=i64::from(i32::MAX));
    }
    for profile in context.present(&["seccompProfile", "appArmorProfile"]) {
        let seccomp = profile.steps.ends_with(&["seccompProfile".to_owned()]);
        let kind = profile.get("type").and_then(|at| at.text());
        let file = profile.get("localhostProfile");
        match (kind, file) {
            (Some("Localhost"), None) if profile.is_unset("localhostProfile") => {
                look.requires(&profile, "localhostProfile", "required when `type: Localhost`");
            }
            (Some("Localhost"), Some(file)) if seccomp => {
                look.relative_path(&file);
            }
            (Some(kind @ ("RuntimeDefault" | "Unconfined")), Some(file)) => {
                look.reject_when(&file, "is only allowed", ("type", "Localhost"), format!("`type` is `{kind}`"));
            }
            _ => {}
        }
    }
}
