//! Kernel parameters.

use super::pod::Pod;
use super::policy::Policy;
use super::violation::{Control, Violation};

/// The safe sysctls, each with the first version that allows it.
const SAFE: &[(&str, u32)] = &[
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.tcp_wmem", 32),
];

/// Sysctls: those that are not isolated from other pods and the node.
pub(super) fn unsafe_names(pod: &Pod<'_>, policy: &Policy) -> Vec<Violation> {
    let safe = |name: &str| SAFE.iter().any(|(safe, since)| *safe == name && *since <= policy.version);
    let settings = pod.spec.get("securityContext").map(|context| context.list("sysctls")).unwrap_or_default();
    let names = settings.iter().filter_map(|setting| setting.get("name"));
    let forbidden = names.filter_map(|name| Some((name.text().filter(|text| !safe(text))?, name)));
    forbidden
        .map(|(text, name)| Violation::forbidden(Control::Sysctls, &name, &format!("remove the sysctl `{text}`")))
        .collect()
}
