//! Privileged containers, privilege escalation, and capabilities.

use document::Node;

use super::field::Field;
use super::pod::Pod;
use super::policy::Policy;
use super::violation::{Control, Violation};

/// The capabilities that containers have by default, except `NET_RAW`.
const DEFAULT: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Privileged Containers.
pub(super) fn privileged(pod: &Pod<'_>, _: &Policy) -> Vec<Violation> {
    let set = pod.container_contexts(&["privileged"]);
    let set = set.iter().filter(|field| field.is(true));
    set.map(|field| Violation::forbidden(Control::Privileged, field, "set {} to `false`")).collect()
}

/// Capabilities at level `baseline`.
pub(super) fn added_capabilities(pod: &Pod<'_>, _: &Policy) -> Vec<Violation> {
    added(pod, DEFAULT)
}

/// Capabilities at level `restricted`.
pub(super) fn dropped_capabilities(pod: &Pod<'_>, policy: &Policy) -> Vec<Violation> {
    if policy.version < 22 {
        return added(pod, DEFAULT);
    }
    if exempt(pod, policy) {
        return Vec::new();
    }
    let drops_all = |container: &&Field<'_>| {
        let capabilities = container.find(&["securityContext", "capabilities"]);
        capabilities.is_some_and(|all| all.list("drop").iter().any(|name| name.text() == Some("ALL")))
    };
    let undropped = pod.containers.iter().filter(|container| !drops_all(container));
    let steps = ["capabilities", "drop"];
    let missing = undropped.map(|container| match container.find(&["securityContext", "capabilities", "drop"]) {
        Some(list) if !list.node.items().is_empty() => {
            Violation::forbidden(Control::Capabilities, &list, "set {} to `[ALL]`")
        }
        _ => Violation::missing(Control::Capabilities, container, &steps, "capabilities.drop: [ALL]"),
    });
    missing.chain(added(pod, &["NET_BIND_SERVICE"])).collect()
}

/// Capabilities that are added, but not allowed. Only exact names are allowed, without the prefix `CAP_`.
fn added(pod: &Pod<'_>, allowed: &[&str]) -> Vec<Violation> {
    let lists = pod.container_contexts(&["capabilities", "add"]);
    let checked = lists.iter().filter_map(|list| {
        let names: Vec<(&str, &Node)> =
            list.node.items().iter().filter_map(|item| Some((item.as_str()?, item))).collect();
        let forbidden: Vec<_> = names.into_iter().filter(|(name, _)| !allowed.contains(name)).collect();
        let (_, first) = forbidden.first()?;
        let names: Vec<&str> = forbidden.iter().map(|(name, _)| *name).collect();
        let plain = |name: &str| name.strip_prefix("CAP_").filter(|plain| allowed.contains(plain)).map(str::to_owned);
        let fix = match names.as_slice() {
            [name] if plain(name).is_some() => format!("rename `{name}` to `{}` in {{}}", plain(name)?),
            _ => format!("remove `{}` from {{}}", names.join("`, `")),
        };
        let setting = format!("capabilities.add: {}", names.join(", "));
        Some(Violation::values(Control::Capabilities, list, first, setting, &fix))
    });
    checked.collect()
}

/// Privilege Escalation.
pub(super) fn escalation(pod: &Pod<'_>, policy: &Policy) -> Vec<Violation> {
    if policy.version < 8 || exempt(pod, policy) {
        return Vec::new();
    }
    let steps = ["allowPrivilegeEscalation"];
    let checked = pod.containers.iter().map(|container| match container.find(&["securityContext", steps[0]]) {
        Some(field) if field.is(false) => None,
        Some(field) => Some(Violation::forbidden(Control::PrivilegeEscalation, &field, "set {} to `false`")),
        None => {
            let setting = "allowPrivilegeEscalation: false";
            Some(Violation::missing(Control::PrivilegeEscalation, container, &steps, setting))
        }
    });
    checked.flatten().collect()
}

/// Whether a pod runs on Windows, which has neither privilege escalation nor capabilities.
fn exempt(pod: &Pod<'_>, policy: &Policy) -> bool {
    pod.windows && policy.version >= 25
}
