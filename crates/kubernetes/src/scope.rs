//! Which kinds belong to a namespace, and which to the whole cluster.
//!
//! Of Kubernetes' own kinds, the table tells: it is what an API server of 1.34 says in discovery, all versions together;
//! beside them are those of Argo CD, and the SealedSecret, which checks here know by name.
//! Of others, the CustomResourceDefinitions tell that targets render. What neither knows is not guessed.

use std::collections::BTreeMap;

use crate::object::Object;
use document::Node;

/// Whom objects of a kind belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A namespace.
    Namespaced,
    /// The cluster.
    Cluster,
}

/// API groups with their kinds: those of the cluster, and those of a namespace.
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
    ("batch", &[], &["CronJob", "Job"]),
    ("bitnami.com", &[], &["SealedSecret"]),
    ("certificates.k8s.io", &["CertificateSigningRequest", "ClusterTrustBundle"], &["PodCertificateRequest"]),
    ("coordination.k8s.io", &[], &["Lease", "LeaseCandidate"]),
    ("discovery.k8s.io", &[], &["EndpointSlice"]),
    ("events.k8s.io", &[], &["Event"]),
    ("flowcontrol.apiserver.k8s.io", &["FlowSchema", "PriorityLevelConfiguration"], &[]),
    ("internal.apiserver.k8s.io", &["StorageVersion"], &[]),
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

/// The scopes of all kinds that are known.
#[derive(Debug)]
pub struct Scopes(BTreeMap<(String, String), Scope>);

impl Scopes {
    /// What Kubernetes and Argo CD have, and what the rendered definitions add.
    #[must_use]
    pub fn new(objects: &[Object]) -> Self {
        let mut scopes = BTreeMap::new();
        for (group, cluster, namespaced) in KNOWN {
            for (kinds, scope) in [(cluster, Scope::Cluster), (namespaced, Scope::Namespaced)] {
                scopes.extend(kinds.iter().map(|kind| (((*group).to_owned(), (*kind).to_owned()), scope)));
            }
        }
        scopes.extend(objects.iter().filter_map(definition));
        Self(scopes)
    }

    /// The scope of a kind; `None` where nobody says it.
    #[must_use]
    pub fn of(&self, group: &str, kind: &str) -> Option<Scope> {
        self.0.get(&(group.to_owned(), kind.to_owned())).copied()
    }
}

/// Whether an object defines a kind.
#[must_use]
pub fn is_definition(object: &Object) -> bool {
    object.key.group == "apiextensions.k8s.io" && object.key.kind == "CustomResourceDefinition"
}

/// What a CustomResourceDefinition says.
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
    fn built_in_kinds_are_known_by_group_and_kind() {
        let scopes = Scopes::new(&[]);
        assert_eq!(scopes.of("", "Namespace"), Some(Scope::Cluster));
        assert_eq!(scopes.of("", "Secret"), Some(Scope::Namespaced));
        assert_eq!(scopes.of("rbac.authorization.k8s.io", "ClusterRole"), Some(Scope::Cluster));
        assert_eq!(scopes.of("argoproj.io", "Application"), Some(Scope::Namespaced));
        assert_eq!(scopes.of("apps", "Secret"), None, "the group is part of the name");
    }
}
