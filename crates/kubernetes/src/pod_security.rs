//! The Pod Security Standards, as the admission plugin `PodSecurity` of the API server evaluates them.
//!
//! A namespace enforces a level of the standards in one of their versions. The API server rejects pods that violate it. It
//! accepts workloads whose pods violate it, and refuses the pods that their controllers create.
//!
//! Each control is a function in the file of its group. Controls of level `restricted` replace those of level `baseline`
//! about the same fields.
//!
//! Pure. Mutating admission, which may change pods before they are evaluated, is not considered.

mod field;
mod filesystem;
mod host;
mod pod;
pub mod policy;
mod privilege;
mod profile;
mod sysctl;
mod user;
pub mod violation;

use document::Node;

use self::pod::Pod;
use self::policy::{Level, Policy};
use self::violation::Violation;

/// A control: returns the violations of a pod under a policy.
type Control = fn(&Pod<'_>, &Policy) -> Vec<Violation>;

/// The controls of level `baseline`.
const BASELINE: &[Control] = &[
    privilege::privileged,
    host::namespaces,
    host::process,
    host::ports,
    host::probes,
    filesystem::proc_mount,
    profile::app_armor,
    profile::se_linux,
    sysctl::unsafe_names,
];

/// The controls of level `baseline` that those of level `restricted` replace.
const REPLACED: &[Control] = &[privilege::added_capabilities, filesystem::host_paths, profile::seccomp];

/// The controls of level `restricted`, besides those of level `baseline`.
const RESTRICTED: &[Control] = &[
    privilege::escalation,
    privilege::dropped_capabilities,
    user::non_root,
    user::root_id,
    profile::required_seccomp,
    filesystem::volume_types,
];

/// The violations of a policy by a pod. `template` is a Pod or a pod template, and `path` its path in the object.
#[must_use]
pub fn check(template: &Node, path: &[&str], policy: &Policy) -> Vec<Violation> {
    let additional = match policy.level {
        Level::Privileged => return Vec::new(),
        Level::Baseline => REPLACED,
        Level::Restricted => RESTRICTED,
    };
    let Some(pod) = Pod::new(template, path) else { return Vec::new() };
    BASELINE.iter().chain(additional).flat_map(|control| control(&pod, policy)).collect()
}
