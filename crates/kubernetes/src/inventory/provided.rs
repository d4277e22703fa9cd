//! Objects that every cluster has.

use super::entry::Id;
use super::keys::Keys;

/// The namespaces of the cluster itself, whose objects depend on the distribution.
const SYSTEM: &[&str] = &["kube-node-lease", "kube-public", "kube-system"];

/// Argo CD's own namespace. Its installation is rarely rendered by an Application of its own.
const ARGO_CD: &str = "argocd";

/// The roles for users that every cluster has.
const ROLES: &[&str] = &["admin", "cluster-admin", "edit", "view"];

/// The roles that every `OpenShift` cluster has.
const OPENSHIFT_ROLES: &[&str] = &[
    "alert-routing-edit",
    "basic-user",
    "cluster-monitoring-view",
    "cluster-reader",
    "cluster-status",
    "monitoring-edit",
    "monitoring-rules-edit",
    "monitoring-rules-view",
    "registry-admin",
    "registry-editor",
    "registry-viewer",
    "self-access-reviewer",
    "self-provisioner",
    "storage-admin",
    "sudoer",
];

/// The priority classes that every cluster has.
const PRIORITY_CLASSES: &[&str] = &["system-cluster-critical", "system-node-critical"];

/// The names of the objects of a kind that every cluster has, and that manifests usually refer to.
#[must_use]
pub fn names(group: &str, kind: &str) -> &'static [&'static str] {
    match (group, kind) {
        ("rbac.authorization.k8s.io", "ClusterRole") => ROLES,
        ("scheduling.k8s.io", "PriorityClass") => PRIORITY_CLASSES,
        _ => &[],
    }
}

/// The keys of an object that every cluster has; `None` for any other object.
#[must_use]
pub fn keys(id: &Id<'_>) -> Option<Keys> {
    let provided = match (id.group, id.kind) {
        ("", "ConfigMap") => {
            let root = matches!(id.name, "kube-root-ca.crt" | "openshift-service-ca.crt" | "istio-ca-root-cert");
            return root.then_some(Keys::Unknown);
        }
        ("", "ServiceAccount") => id.name == "default",
        ("", "Service") => (id.namespace, id.name) == ("default", "kubernetes"),
        ("", "Namespace") => id.name == "default" || SYSTEM.contains(&id.name),
        ("rbac.authorization.k8s.io", "ClusterRole") => {
            ROLES.contains(&id.name) || OPENSHIFT_ROLES.contains(&id.name) || id.name.starts_with("system:")
        }
        ("rbac.authorization.k8s.io", "Role" | "ClusterRoleBinding" | "RoleBinding") => id.name.starts_with("system:"),
        ("scheduling.k8s.io", "PriorityClass") => PRIORITY_CLASSES.contains(&id.name),
        _ => false,
    };
    provided.then_some(Keys::Unknown)
}

/// Whether a namespace belongs to the cluster itself, so it may contain anything.
#[must_use]
pub(crate) fn is_system(namespace: &str) -> bool {
    SYSTEM.contains(&namespace)
}

/// Whether an object may exist although nobody renders it, because of its namespace and name.
#[must_use]
pub(crate) fn may_exist(id: &Id<'_>) -> bool {
    is_system(id.namespace) || id.namespace == ARGO_CD && id.name.starts_with("argocd-")
}
