//! The user of the processes of a pod.

use super::pod::Pod;
use super::policy::Policy;
use super::violation::{Control, Violation};

/// Running as Non-root.
pub(super) fn non_root(pod: &Pod<'_>, policy: &Policy) -> Vec<Violation> {
    if exempt(pod, policy) {
        return Vec::new();
    }
    let set = pod.contexts(&["runAsNonRoot"]);
    let forbidden = set.iter().filter(|field| !field.is(true));
    let forbidden = forbidden.map(|field| Violation::forbidden(Control::RunAsNonRoot, field, "set {} to `true`"));
    let missing = pod.without(&["runAsNonRoot"]);
    let missing = missing
        .into_iter()
        .map(|owner| Violation::missing(Control::RunAsNonRoot, owner, &["runAsNonRoot"], "runAsNonRoot: true"));
    forbidden.chain(missing).collect()
}

/// Running as Non-root user.
pub(super) fn root_id(pod: &Pod<'_>, policy: &Policy) -> Vec<Violation> {
    if policy.version < 23 || exempt(pod, policy) {
        return Vec::new();
    }
    let set = pod.contexts(&["runAsUser"]);
    let root = set.iter().filter(|field| field.is_zero());
    root.map(|field| Violation::forbidden(Control::RunAsUser, field, "set {} to the ID of a non-root user")).collect()
}

/// Whether the root user of the pod is not that of the node.
fn exempt(pod: &Pod<'_>, policy: &Policy) -> bool {
    pod.user_namespace && policy.version >= 35
}
