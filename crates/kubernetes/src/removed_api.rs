//! API versions that Kubernetes no longer serves, and what replaces them.
//!
//! From the deprecated API migration guide of Kubernetes; versions before 1.16 and alpha versions are left out.

use crate::schemas::Kind;

/// A removed API version: the kinds, the `apiVersion`, the first minor version of Kubernetes 1 without it, and the
/// replacement; empty if there is none.
type Removed = (&'static [&'static str], &'static str, u32, &'static str);

const REMOVED: &[Removed] = &[
    (&["DaemonSet", "Deployment", "ReplicaSet"], "extensions/v1beta1", 16, "apps/v1"),
    (&["NetworkPolicy"], "extensions/v1beta1", 16, "networking.k8s.io/v1"),
    (&["PodSecurityPolicy"], "extensions/v1beta1", 16, ""),
    (&["Deployment", "StatefulSet"], "apps/v1beta1", 16, "apps/v1"),
    (&["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"], "apps/v1beta2", 16, "apps/v1"),
    (
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        "admissionregistration.k8s.io/v1beta1",
        22,
        "admissionregistration.k8s.io/v1",
    ),
    (&["CustomResourceDefinition"], "apiextensions.k8s.io/v1beta1", 22, "apiextensions.k8s.io/v1"),
    (&["APIService"], "apiregistration.k8s.io/v1beta1", 22, "apiregistration.k8s.io/v1"),
    (&["CertificateSigningRequest"], "certificates.k8s.io/v1beta1", 22, "certificates.k8s.io/v1"),
    (&["Lease"], "coordination.k8s.io/v1beta1", 22, "coordination.k8s.io/v1"),
    (&["Ingress"], "extensions/v1beta1", 22, "networking.k8s.io/v1"),
    (&["Ingress", "IngressClass"], "networking.k8s.io/v1beta1", 22, "networking.k8s.io/v1"),
    (
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
        "rbac.authorization.k8s.io/v1beta1",
        22,
        "rbac.authorization.k8s.io/v1",
    ),
    (&["PriorityClass"], "scheduling.k8s.io/v1beta1", 22, "scheduling.k8s.io/v1"),
    (&["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"], "storage.k8s.io/v1beta1", 22, "storage.k8s.io/v1"),
    (&["CronJob"], "batch/v1beta1", 25, "batch/v1"),
    (&["EndpointSlice"], "discovery.k8s.io/v1beta1", 25, "discovery.k8s.io/v1"),
    (&["Event"], "events.k8s.io/v1beta1", 25, "events.k8s.io/v1"),
    (&["HorizontalPodAutoscaler"], "autoscaling/v2beta1", 25, "autoscaling/v2"),
    (&["PodDisruptionBudget"], "policy/v1beta1", 25, "policy/v1"),
    (&["PodSecurityPolicy"], "policy/v1beta1", 25, ""),
    (&["RuntimeClass"], "node.k8s.io/v1beta1", 25, "node.k8s.io/v1"),
    (
        &["FlowSchema", "PriorityLevelConfiguration"],
        "flowcontrol.apiserver.k8s.io/v1beta1",
        26,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    (&["HorizontalPodAutoscaler"], "autoscaling/v2beta2", 26, "autoscaling/v2"),
    (&["CSIStorageCapacity"], "storage.k8s.io/v1beta1", 27, "storage.k8s.io/v1"),
    (
        &["FlowSchema", "PriorityLevelConfiguration"],
        "flowcontrol.apiserver.k8s.io/v1beta2",
        29,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    (
        &["FlowSchema", "PriorityLevelConfiguration"],
        "flowcontrol.apiserver.k8s.io/v1beta3",
        32,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
];

/// When an API version was removed, and what to use instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// The minor version of Kubernetes 1 that no longer serves it.
    pub minor: u32,
    /// The `apiVersion` to use; `None` if the kind no longer exists.
    pub replacement: Option<&'static str>,
}

/// Whether a version of Kubernetes no longer serves a kind.
#[must_use]
pub fn find(kind: &Kind, kubernetes: &str) -> Option<Removal> {
    let minor: u32 = kubernetes.trim_start_matches('v').strip_prefix("1.")?.split('.').next()?.parse().ok()?;
    let api_version = kind.api_version();
    let mut removed = REMOVED.iter();
    let (.., since, replacement) = removed.find(|(kinds, version, since, _)| {
        *version == api_version && kinds.contains(&kind.kind.as_str()) && *since <= minor
    })?;
    Some(Removal { minor: *since, replacement: Some(*replacement).filter(|text| !text.is_empty()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_versions_name_their_replacement() {
        let find = |kind: &str, version: &str| find(&Kind::parse(kind).expect("a kind"), version);
        let replaced = |minor, replacement| Some(Removal { minor, replacement });
        assert_eq!(find("policy/v1beta1/PodDisruptionBudget", "1.34.4"), replaced(25, Some("policy/v1")));
        assert_eq!(find("policy/v1beta1/PodDisruptionBudget", "v1.24.0"), None);
        assert_eq!(find("policy/v1beta1/PodSecurityPolicy", "1.25.0"), replaced(25, None));
        assert_eq!(find("extensions/v1beta1/Ingress", "1.20.0"), None);
        assert_eq!(find("extensions/v1beta1/Deployment", "1.20.0"), replaced(16, Some("apps/v1")));
        assert_eq!(find("policy/v1/PodDisruptionBudget", "1.34.4"), None);
    }
}
