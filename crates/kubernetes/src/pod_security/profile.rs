//! Security profiles of the kernel: `AppArmor`, seccomp, and `SELinux`.

use super::field::Field;
use super::pod::Pod;
use super::policy::Policy;
use super::violation::{Control, Violation};

/// The types of profiles that do not disable confinement.
const CONFINED: &[&str] = &["RuntimeDefault", "Localhost"];

/// The version that reads the seccomp fields instead of annotations.
const SECCOMP_FIELDS: u32 = 19;

const APP_ARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_ANNOTATION: &str = "container.seccomp.security.alpha.kubernetes.io/";

const FIX: &str = "set {} to `RuntimeDefault`";

/// Profiles of a type that disables confinement.
fn unconfined(pod: &Pod<'_>, control: Control, steps: &[&str]) -> Vec<Violation> {
    let profiles = pod.contexts(steps);
    let types = profiles.iter().filter_map(|profile| profile.get("type"));
    let forbidden = types.filter(|kind| kind.text().is_some_and(|text| !CONFINED.contains(&text)));
    forbidden.map(|kind| Violation::forbidden(control, &kind, FIX)).collect()
}

/// The annotations of the pod whose value is not allowed.
fn annotations(pod: &Pod<'_>, control: Control, allowed: impl Fn(&str, &str) -> bool) -> Vec<Violation> {
    let entries = pod.annotations.iter().flat_map(|all| all.node.entries().iter().map(move |(key, _)| (all, key)));
    let set = entries.filter_map(|(all, key)| Some((key.name.as_str(), all.get(&key.name)?)));
    let forbidden = set.filter(|(key, value)| value.text().is_some_and(|text| !allowed(key, text)));
    forbidden.map(|(_, value)| Violation::forbidden(control, &value, "remove {}")).collect()
}

/// `AppArmor`.
pub(super) fn app_armor(pod: &Pod<'_>, _: &Policy) -> Vec<Violation> {
    let mut found = unconfined(pod, Control::AppArmor, &["appArmorProfile"]);
    found.extend(annotations(pod, Control::AppArmor, |key, value| {
        let allowed = value.is_empty() || value == "runtime/default" || value.starts_with("localhost/");
        !key.starts_with(APP_ARMOR_ANNOTATION) || allowed
    }));
    found
}

/// `SELinux`.
pub(super) fn se_linux(pod: &Pod<'_>, policy: &Policy) -> Vec<Violation> {
    let mut types = vec!["", "container_t", "container_init_t", "container_kvm_t"];
    if policy.version >= 31 {
        types.push("container_engine_t");
    }
    let forbidden = |options: &Field<'_>| {
        let fields = [("type", types.as_slice()), ("user", &[""]), ("role", &[""])];
        let set = fields.into_iter().filter_map(|(key, allowed)| Some((options.get(key)?, allowed)));
        let wrong = set.filter(|(field, allowed)| field.text().is_some_and(|text| !allowed.contains(&text)));
        wrong.map(|(field, _)| Violation::forbidden(Control::SeLinux, &field, "remove {}")).collect::<Vec<_>>()
    };
    pod.contexts(&["seLinuxOptions"]).iter().flat_map(forbidden).collect()
}

/// Seccomp at level `baseline`.
pub(super) fn seccomp(pod: &Pod<'_>, policy: &Policy) -> Vec<Violation> {
    if policy.version >= SECCOMP_FIELDS {
        return unconfined(pod, Control::Seccomp, &["seccompProfile"]);
    }
    let names: Vec<&str> = pod.containers.iter().filter_map(|container| container.get("name")?.node.as_str()).collect();
    annotations(pod, Control::Seccomp, |key, value| {
        let read = key == SECCOMP_POD_ANNOTATION
            || key.strip_prefix(SECCOMP_ANNOTATION).is_some_and(|name| names.contains(&name));
        !read || ["runtime/default", "docker/default"].contains(&value) || value.starts_with("localhost/")
    })
}

/// Seccomp at level `restricted`.
pub(super) fn required_seccomp(pod: &Pod<'_>, policy: &Policy) -> Vec<Violation> {
    if policy.version < SECCOMP_FIELDS {
        return seccomp(pod, policy);
    }
    if pod.windows && policy.version >= 25 {
        return Vec::new();
    }
    let steps = ["seccompProfile", "type"];
    let missing = pod.without(&steps);
    let missing = missing
        .into_iter()
        .map(|owner| Violation::missing(Control::Seccomp, owner, &steps, "seccompProfile.type: RuntimeDefault"));
    unconfined(pod, Control::Seccomp, &["seccompProfile"]).into_iter().chain(missing).collect()
}
