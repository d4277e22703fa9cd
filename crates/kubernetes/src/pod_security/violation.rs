//! A field of a pod that violates a control.

use std::fmt;

use diagnostics::Place;
use document::{Node, Value};

use crate::validate::pointer;

use super::field::Field;

/// The number of characters of the longest value in a message.
const LONGEST: usize = 60;

/// A control, as the documentation of the standards names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    /// `AppArmor` profiles.
    AppArmor,
    /// Added and dropped capabilities.
    Capabilities,
    /// Network, PID, and IPC namespaces of the node.
    HostNamespaces,
    /// Volumes of type `hostPath`.
    HostPathVolumes,
    /// Ports of the node.
    HostPorts,
    /// Hosts in probes and lifecycle handlers.
    HostProbes,
    /// Windows pods with access to the node.
    HostProcess,
    /// `allowPrivilegeEscalation`.
    PrivilegeEscalation,
    /// Privileged containers.
    Privileged,
    /// The type of the mount of /proc.
    ProcMount,
    /// `runAsNonRoot`.
    RunAsNonRoot,
    /// `runAsUser`.
    RunAsUser,
    /// `SELinux` options.
    SeLinux,
    /// Seccomp profiles.
    Seccomp,
    /// Kernel parameters.
    Sysctls,
    /// Types of volumes.
    VolumeTypes,
}

impl Control {
    /// All controls.
    pub const ALL: &'static [Self] = &[
        Self::AppArmor,
        Self::Capabilities,
        Self::HostNamespaces,
        Self::HostPathVolumes,
        Self::HostPorts,
        Self::HostProbes,
        Self::HostProcess,
        Self::PrivilegeEscalation,
        Self::Privileged,
        Self::ProcMount,
        Self::RunAsNonRoot,
        Self::RunAsUser,
        Self::SeLinux,
        Self::Seccomp,
        Self::Sysctls,
        Self::VolumeTypes,
    ];

    /// Its name in the documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AppArmor => "AppArmor",
            Self::Capabilities => "Capabilities",
            Self::HostNamespaces => "Host Namespaces",
            Self::HostPathVolumes => "HostPath Volumes",
            Self::HostPorts => "Host Ports",
            Self::HostProbes => "Host Probes / Lifecycle Hooks",
            Self::HostProcess => "HostProcess",
            Self::PrivilegeEscalation => "Privilege Escalation",
            Self::Privileged => "Privileged Containers",
            Self::ProcMount => "/proc Mount Type",
            Self::RunAsNonRoot => "Running as Non-root",
            Self::RunAsUser => "Running as Non-root user",
            Self::SeLinux => "SELinux",
            Self::Seccomp => "Seccomp",
            Self::Sysctls => "Sysctls",
            Self::VolumeTypes => "Volume Types",
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A field of a pod that violates a control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The control.
    pub control: Control,
    /// The path of the field in the object, as kubectl shows it.
    pub path: String,
    /// The place of the value, or of the nearest field around it if it is not set.
    pub place: Place,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The field has a value that the control forbids.
    Forbidden {
        /// The field with its value: `hostNetwork: true`.
        setting: String,
        /// The correction, as an imperative.
        fix: String,
    },
    /// A field that the control requires is not set.
    Missing {
        /// The setting that is required, such as `runAsNonRoot: true`.
        setting: String,
        /// The path of the security context that it belongs in, as kubectl shows it.
        context: String,
    },
}

impl Violation {
    /// A field with a forbidden value. `{}` in the fix stands for the field.
    pub(super) fn forbidden(control: Control, field: &Field<'_>, fix: &str) -> Self {
        let path = pointer::path(&field.path);
        let name = field.path.iter().rposition(|step| !step.bytes().all(|byte| byte.is_ascii_digit()));
        let name = pointer::path(&field.path[name.unwrap_or_default()..]);
        let value = value(field).map(|value| format!(": {value}")).unwrap_or_default();
        let fix = fix.replace("{}", &format!("`{path}`"));
        let problem = Problem::Forbidden { setting: format!("{name}{value}"), fix };
        Self { control, path, place: field.node.place(), problem }
    }

    /// A field that is forbidden, whatever its value is.
    pub(super) fn present(control: Control, field: &Field<'_>, fix: &str) -> Self {
        Self { place: field.key.clone(), ..Self::forbidden(control, field, fix) }
    }

    /// A list with forbidden values, of which `setting` names all, and `first` is the first.
    pub(super) fn values(control: Control, list: &Field<'_>, first: &Node, setting: String, fix: &str) -> Self {
        let path = pointer::path(&list.path);
        let fix = fix.replace("{}", &format!("`{path}`"));
        Self { control, path, place: first.place(), problem: Problem::Forbidden { setting, fix } }
    }

    /// A setting that the security context of a pod or container lacks; `steps` are its path there.
    pub(super) fn missing(control: Control, owner: &Field<'_>, steps: &[&str], setting: &str) -> Self {
        let path: Vec<&str> = ["securityContext"].iter().chain(steps).copied().collect();
        let context = pointer::path(&owner.path_of(&path[..1]));
        Self {
            control,
            path: pointer::path(&owner.path_of(&path)),
            place: owner.nearest(&path).key,
            problem: Problem::Missing { setting: setting.to_owned(), context },
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Forbidden { setting, .. } => match setting.split_once(": ") {
                Some((_, value)) => write!(f, "`{}: {value}`", self.path),
                None => write!(f, "`{}`", self.path),
            },
            Problem::Missing { .. } => write!(f, "`{}` is not set", self.path),
        }
    }
}

/// The value of a field, if it is short enough for a message.
fn value(field: &Field<'_>) -> Option<String> {
    let value = match &field.node.value {
        Value::Mapping(_) => return None,
        Value::String(text) => text.clone(),
        _ => field.node.to_json(),
    };
    let plain = value.chars().count() <= LONGEST && !value.chars().any(char::is_control);
    plain.then_some(value)
}
