//! What a render asks of the cluster beyond its own namespace.
//!
//! Pure. Deliberately absent: whether a project allows it; that is for lint.

use std::collections::BTreeSet;

use super::pod_security::{self, Level};
use crate::document::Node;
use crate::objects::Object;

/// What a project has to allow, and a namespace to admit.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Group, kind, and name of the objects that lie in no namespace.
    pub cluster: BTreeSet<(String, String, String)>,
    /// The namespaces that the others lie in.
    pub namespaces: BTreeSet<String>,
    /// Whether definitions of custom resources are among them.
    pub definitions: bool,
    /// The pod security level that the pods meet.
    pub level: Level,
    /// What keeps them from a stricter one.
    pub why: Option<String>,
}

/// Kinds of Kubernetes itself that lie in no namespace, with their groups.
const CLUSTER_KINDS: &[(&str, &[&str])] = &[
    ("", &["Namespace", "Node", "PersistentVolume"]),
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
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    ("certificates.k8s.io", &["CertificateSigningRequest", "ClusterTrustBundle"]),
    ("flowcontrol.apiserver.k8s.io", &["FlowSchema", "PriorityLevelConfiguration"]),
    ("networking.k8s.io", &["IPAddress", "IngressClass", "ServiceCIDR"]),
    ("node.k8s.io", &["RuntimeClass"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding"]),
    ("resource.k8s.io", &["DeviceClass", "ResourceSlice"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("storage.k8s.io", &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"]),
];

impl Reach {
    /// What some objects, of all cases together, ask for.
    #[must_use]
    pub fn of(objects: &[Object]) -> Self {
        let (level, why) = pod_security::level(objects);
        let mut reach = Self { level, why, ..Self::default() };
        let definitions: Vec<&Object> =
            objects.iter().filter(|object| object.key.kind == "CustomResourceDefinition").collect();
        reach.definitions = !definitions.is_empty();
        let clusterwide: BTreeSet<(&str, &str)> = definitions.iter().filter_map(|object| defined(object)).collect();
        for object in objects {
            let key = &object.key;
            let (group, kind) = (key.group.as_str(), key.kind.as_str());
            let known = CLUSTER_KINDS.iter().any(|(known, kinds)| *known == group && kinds.contains(&kind));
            if known || clusterwide.contains(&(group, kind)) {
                reach.cluster.insert((key.group.clone(), key.kind.clone(), key.name.clone()));
            } else {
                reach.namespaces.insert(key.namespace.clone());
            }
        }
        reach
    }
}

/// Group and kind of what a definition defines, if it lies in no namespace.
fn defined(definition: &Object) -> Option<(&str, &str)> {
    let text = |path: &[&str]| definition.find(path).and_then(Node::as_str);
    (text(&["spec", "scope"])? == "Cluster").then_some(())?;
    Some((text(&["spec", "group"])?, text(&["spec", "names", "kind"])?))
}
