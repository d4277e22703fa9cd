//! Namespaced and cluster-scoped kinds.
//!
//! The table lists the kinds of Kubernetes, as discovered from a 1.34 API server with all API versions enabled, and those of
//! Argo CD, Sealed Secrets, and other operators that many clusters have. Rendered CustomResourceDefinitions add others; the scope of any other kind is unknown.

use std::collections::BTreeMap;

use diagnostics::nearest;
use document::Node;

use crate::object::Object;

/// The scope of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Objects belong to a namespace.
    Namespaced,
    /// Objects belong to the cluster.
    Cluster,
}

/// API groups with their cluster-scoped and namespaced kinds.
const KNOWN: &[(&str, &[&str], &[&str])] = &[
    (
        "",
        &["ComponentStatus", "Namespace", "Node", "PersistentVolume"],
        &[
            "Binding",
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        ],
        &[],
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"], &[]),
    ("apiregistration.k8s.io", &["APIService"], &[]),
    ("apps", &[], &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("argoproj.io", &[], &["AppProject", "Application", "ApplicationSet"]),
    ("authentication.k8s.io", &["SelfSubjectReview", "TokenReview"], &[]),
    (
        "authorization.k8s.io",
        &["SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"],
        &["LocalSubjectAccessReview"],
    ),
    ("autoscaling", &[], &["HorizontalPodAutoscaler"]),
    ("autoscaling.k8s.io", &[], &["VerticalPodAutoscaler", "VerticalPodAutoscalerCheckpoint"]),
    ("batch", &[], &["CronJob", "Job"]),
    ("bitnami.com", &[], &["SealedSecret"]),
    ("cert-manager.io", &["ClusterIssuer"], &["Certificate", "CertificateRequest", "Issuer"]),
    ("certificates.k8s.io", &["CertificateSigningRequest", "ClusterTrustBundle"], &["PodCertificateRequest"]),
    ("coordination.k8s.io", &[], &["Lease", "LeaseCandidate"]),
    ("discovery.k8s.io", &[], &["EndpointSlice"]),
    ("events.k8s.io", &[], &["Event"]),
    ("external-secrets.io", &["ClusterExternalSecret", "ClusterSecretStore"], &["ExternalSecret", "SecretStore"]),
    ("flowcontrol.apiserver.k8s.io", &["FlowSchema", "PriorityLevelConfiguration"], &[]),
    (
        "gateway.networking.k8s.io",
        &["GatewayClass"],
        &[
            "BackendTLSPolicy",
            "GRPCRoute",
            "Gateway",
            "HTTPRoute",
            "ReferenceGrant",
            "TCPRoute",
            "TLSRoute",
            "UDPRoute",
        ],
    ),
    ("internal.apiserver.k8s.io", &["StorageVersion"], &[]),
    (
        "monitoring.coreos.com",
        &[],
        &[
            "Alertmanager",
            "AlertmanagerConfig",
            "PodMonitor",
            "Probe",
            "Prometheus",
            "PrometheusAgent",
            "PrometheusRule",
            "ScrapeConfig",
            "ServiceMonitor",
            "ThanosRuler",
        ],
    ),
    ("networking.k8s.io", &["IPAddress", "IngressClass", "ServiceCIDR"], &["Ingress", "NetworkPolicy"]),
    ("node.k8s.io", &["RuntimeClass"], &[]),
    ("policy", &[], &["PodDisruptionBudget"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding"], &["Role", "RoleBinding"]),
    (
        "resource.k8s.io",
        &["DeviceClass", "DeviceTaintRule", "ResourceSlice"],
        &["ResourceClaim", "ResourceClaimTemplate"],
    ),
    ("scheduling.k8s.io", &["PriorityClass"], &[]),
    (
        "storage.k8s.io",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"],
        &["CSIStorageCapacity"],
    ),
    ("storagemigration.k8s.io", &["StorageVersionMigration"], &[]),
];

/// API groups of the table that are not part of Kubernetes, so that not all of their kinds are listed.
const PARTIAL: &[&str] = &[
    "argoproj.io",
    "autoscaling.k8s.io",
    "bitnami.com",
    "cert-manager.io",
    "external-secrets.io",
    "gateway.networking.k8s.io",
    "monitoring.coreos.com",
];

/// The scopes of all known kinds.
#[derive(Debug)]
pub struct Scopes(BTreeMap<(String, String), Scope>);

impl Scopes {
    /// The scopes of built-in kinds, and of those that rendered CustomResourceDefinitions define.
    #[must_use]
    pub fn new<'o>(objects: impl IntoIterator<Item = &'o Object>) -> Self {
        let mut scopes = BTreeMap::new();
        for (group, cluster, namespaced) in KNOWN {
            for (kinds, scope) in [(cluster, Scope::Cluster), (namespaced, Scope::Namespaced)] {
                scopes.extend(kinds.iter().map(|kind| (((*group).to_owned(), (*kind).to_owned()), scope)));
            }
        }
        scopes.extend(objects.into_iter().filter_map(definition));
        Self(scopes)
    }

    /// The scope of a kind; `None` if it is unknown.
    #[must_use]
    pub fn of(&self, group: &str, kind: &str) -> Option<Scope> {
        self.0.get(&(group.to_owned(), kind.to_owned())).copied()
    }
}

/// The built-in group and kind that a misspelled pair most likely means; `None` if the pair may exist.
#[must_use]
pub fn meant(group: &str, kind: &str) -> Option<(&'static str, &'static str)> {
    let groups = || KNOWN.iter().filter(|(group, ..)| !PARTIAL.contains(group));
    let kinds = |group: &str| {
        let known = groups().find(|(known, ..)| *known == group);
        known.into_iter().flat_map(|(_, cluster, namespaced)| cluster.iter().chain(*namespaced).copied())
    };
    if kinds(group).any(|known| known == kind) {
        return None;
    }
    let owners: Vec<&str> =
        groups().map(|(group, ..)| *group).filter(|group| kinds(group).any(|known| known == kind)).collect();
    if let Some((known, ..)) = groups().find(|(known, ..)| *known == group) {
        // The kind of another group before a similar one of this group: `Deployment` is never meant to be `Endpoints`.
        let owner = owners.first().and_then(|owner| Some((*owner, kinds(owner).find(|known| *known == kind)?)));
        return owner.or_else(|| Some((*known, nearest(kind, kinds(known))?)));
    }
    let owner = nearest(group, owners.iter().copied().filter(|owner| !owner.is_empty()))?;
    let owner = owners.into_iter().find(|known| *known == owner)?;
    Some((owner, kinds(owner).find(|known| *known == kind)?))
}

/// Whether an API group is in the table.
#[must_use]
pub fn is_group(group: &str) -> bool {
    KNOWN.iter().any(|(known, ..)| *known == group)
}

/// Whether an object is a CustomResourceDefinition.
#[must_use]
pub fn is_definition(object: &Object) -> bool {
    object.key.group == "apiextensions.k8s.io" && object.key.kind == "CustomResourceDefinition"
}

/// The group, kind, and scope that a CustomResourceDefinition defines.
fn definition(object: &Object) -> Option<((String, String), Scope)> {
    let text = |path: &[&str]| object.find(path).and_then(Node::as_str);
    let scope = match text(&["spec", "scope"])? {
        "Cluster" => Scope::Cluster,
        "Namespaced" => Scope::Namespaced,
        _ => return None,
    };
    is_definition(object)
        .then_some(((text(&["spec", "group"])?.to_owned(), text(&["spec", "names", "kind"])?.to_owned()), scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_kinds_have_a_suggestion() {
        let rbac = "rbac.authorization.k8s.io";
        for (group, kind, expected) in [
            (rbac, "ClusterRol", Some((rbac, "ClusterRole"))),
            (rbac, "clusterrole", Some((rbac, "ClusterRole"))),
            ("", "Namespaces", Some(("", "Namespace"))),
            ("", "Deployment", Some(("apps", "Deployment"))),
            ("apps", "Secret", Some(("", "Secret"))),
            ("rbac.authorization.k8s.i", "ClusterRole", Some((rbac, "ClusterRole"))),
            (rbac, "ClusterRole", None),
            ("", "Gadget", None),
            ("argoproj.io", "Applications", None),
            ("example.com", "ClusterRole", None),
            ("extensions", "Ingress", None),
            ("serving.knative.dev", "Service", None),
        ] {
            assert_eq!(meant(group, kind), expected, "{group} {kind}");
        }
    }

    #[test]
    fn built_in_kinds_are_known_by_group_and_kind() {
        let scopes = Scopes::new(&[]);
        assert_eq!(scopes.of("", "Namespace"), Some(Scope::Cluster));
        assert_eq!(scopes.of("", "Secret"), Some(Scope::Namespaced));
        assert_eq!(scopes.of("rbac.authorization.k8s.io", "ClusterRole"), Some(Scope::Cluster));
        assert_eq!(scopes.of("argoproj.io", "Application"), Some(Scope::Namespaced));
        assert_eq!(scopes.of("apps", "Secret"), None, "another group has another Secret");
    }
}
