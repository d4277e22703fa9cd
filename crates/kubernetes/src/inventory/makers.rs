//! Custom resources whose controllers may make objects that nobody can see: a database operator makes Secrets, Services,
//! and pods.

use document::{Node, Value};

use crate::object::Object;

/// API groups of custom resources that make no ConfigMaps, Secrets, Services, or pods, or only those that
/// [`super::made`] knows.
const PLAIN_GROUPS: &[&str] = &[
    "acme.cert-manager.io",
    "autoscaling.k8s.io",
    "bitnami.com",
    "cert-manager.io",
    "cilium.io",
    "crd.projectcalico.org",
    "external-secrets.io",
    "k8s.cni.cncf.io",
    "keda.sh",
    "longhorn.io",
    "metallb.io",
    "networking.istio.io",
    "onepassword.com",
    "projectcalico.org",
    "security.istio.io",
    "snapshot.storage.k8s.io",
    "telemetry.istio.io",
    "traefik.containo.us",
    "traefik.io",
    "velero.io",
];

/// Kinds of other groups that make nothing.
const PLAIN_KINDS: &[(&str, &str)] = &[
    ("argoproj.io", "AppProject"),
    ("argoproj.io", "Application"),
    ("argoproj.io", "ApplicationSet"),
    ("gateway.networking.k8s.io", "GRPCRoute"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("gateway.networking.k8s.io", "ReferenceGrant"),
    ("gateway.networking.k8s.io", "TCPRoute"),
    ("gateway.networking.k8s.io", "TLSRoute"),
    ("gateway.networking.k8s.io", "UDPRoute"),
    ("monitoring.coreos.com", "AlertmanagerConfig"),
    ("monitoring.coreos.com", "PodMonitor"),
    ("monitoring.coreos.com", "Probe"),
    ("monitoring.coreos.com", "PrometheusRule"),
    ("monitoring.coreos.com", "ScrapeConfig"),
    ("monitoring.coreos.com", "ServiceMonitor"),
];

/// Groups of Kubernetes that do not end with `.k8s.io`.
const BUILT_IN: &[&str] = &["", "apps", "autoscaling", "batch", "extensions", "policy"];

/// Groups that end with `.k8s.io` and are not part of Kubernetes.
const CUSTOM_K8S_IO: &[&str] = &["autoscaling.k8s.io", "gateway.networking.k8s.io", "snapshot.storage.k8s.io"];

/// A custom resource whose controller may make objects.
#[derive(Debug)]
pub struct Maker<'a> {
    object: &'a Object,
}

impl<'a> Maker<'a> {
    /// An object, if it is such a resource.
    #[must_use]
    pub fn of(object: &'a Object) -> Option<Self> {
        let (group, kind) = (object.key.group.as_str(), object.key.kind.as_str());
        let plain = PLAIN_GROUPS.contains(&group) || PLAIN_KINDS.contains(&(group, kind));
        (is_custom(group) && !plain).then_some(Self { object })
    }

    /// Whether it names an object, or the name of the object begins with its own.
    #[must_use]
    pub fn is_related(&self, name: &str) -> bool {
        name.starts_with(&self.object.key.name) || names(&self.object.root, name)
    }
}

/// Whether a string in a tree is a name.
fn names(node: &Node, name: &str) -> bool {
    match &node.value {
        Value::String(text) => text == name,
        Value::Sequence(items) => items.iter().any(|item| names(item, name)),
        Value::Mapping(entries) => entries.iter().any(|(_, value)| names(value, name)),
        _ => false,
    }
}

/// Whether an API group is not part of Kubernetes.
#[must_use]
pub fn is_custom(group: &str) -> bool {
    !BUILT_IN.contains(&group) && (!group.ends_with(".k8s.io") || CUSTOM_K8S_IO.contains(&group))
}

/// Whether objects of a kind are commonly made by controllers.
#[must_use]
pub(crate) fn are_made(kind: &str) -> bool {
    matches!(kind, "ConfigMap" | "PersistentVolumeClaim" | "Pod" | "Role" | "Secret" | "Service" | "ServiceAccount")
        || matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet")
}

/// Whether an object deploys others that are not rendered: Applications in the output of a chart, and the like.
#[must_use]
pub(crate) fn deploys_others(object: &Object) -> bool {
    matches!(
        (object.key.group.as_str(), object.key.kind.as_str()),
        ("argoproj.io", "Application" | "ApplicationSet")
            | ("helm.toolkit.fluxcd.io", "HelmRelease")
            | ("kustomize.toolkit.fluxcd.io", "Kustomization")
            | ("helm.cattle.io", "HelmChart")
    )
}
