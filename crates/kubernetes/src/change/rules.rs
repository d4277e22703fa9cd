//! The fields that must not change while an object exists, by kind.

/// A field that must not change.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// The path of the field.
    pub path: &'static [&'static str],
    /// The fields directly below it that may change.
    pub except: &'static [&'static str],
    /// What happens if the field is set or removed.
    pub unset: Unset,
}

/// What setting or removing an immutable field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unset {
    /// It is a change like any other.
    Refused,
    /// It may be set: the API server may have filled in this very value when it created the object.
    MayBeSet,
    /// It may be set and removed: the API server keeps the value of a field that is no longer set.
    Kept,
}

const fn rule(group: &'static str, kind: &'static str, path: &'static [&'static str]) -> Rule {
    Rule { group, kind, path, except: &[], unset: Unset::Refused }
}

const fn unless(rule: Rule, unset: Unset) -> Rule {
    Rule { unset, ..rule }
}

const fn except(rule: Rule, except: &'static [&'static str]) -> Rule {
    Rule { except, ..rule }
}

/// All immutable fields whose rule needs nothing but their values.
pub const RULES: &[Rule] = &[
    except(rule("", "PersistentVolume", &["spec"]), PERSISTENT_VOLUME),
    unless(rule("", "PersistentVolume", &["spec", "nodeAffinity"]), Unset::Kept),
    rule("", "PersistentVolumeClaim", &["spec", "accessModes"]),
    unless(rule("", "PersistentVolumeClaim", &["spec", "dataSource"]), Unset::Kept),
    unless(rule("", "PersistentVolumeClaim", &["spec", "dataSourceRef"]), Unset::Kept),
    rule("", "PersistentVolumeClaim", &["spec", "selector"]),
    unless(rule("", "PersistentVolumeClaim", &["spec", "storageClassName"]), Unset::MayBeSet),
    rule("", "PersistentVolumeClaim", &["spec", "volumeMode"]),
    unless(rule("", "PersistentVolumeClaim", &["spec", "volumeName"]), Unset::MayBeSet),
    rule("apiextensions.k8s.io", "CustomResourceDefinition", &["spec", "names", "kind"]),
    rule("apiextensions.k8s.io", "CustomResourceDefinition", &["spec", "scope"]),
    rule("apps", "DaemonSet", &["spec", "selector"]),
    rule("apps", "Deployment", &["spec", "selector"]),
    rule("apps", "ReplicaSet", &["spec", "selector"]),
    except(rule("apps", "StatefulSet", &["spec"]), STATEFUL_SET),
    rule("batch", "Job", &["spec", "backoffLimitPerIndex"]),
    rule("batch", "Job", &["spec", "completionMode"]),
    rule("batch", "Job", &["spec", "managedBy"]),
    rule("batch", "Job", &["spec", "podFailurePolicy"]),
    unless(rule("batch", "Job", &["spec", "selector"]), Unset::Kept),
    rule("batch", "Job", &["spec", "successPolicy"]),
    rule("discovery.k8s.io", "EndpointSlice", &["addressType"]),
    rule("networking.k8s.io", "IngressClass", &["spec", "controller"]),
    rule("node.k8s.io", "RuntimeClass", &["handler"]),
    rule("scheduling.k8s.io", "PriorityClass", &["preemptionPolicy"]),
    rule("scheduling.k8s.io", "PriorityClass", &["value"]),
    unless(rule("storage.k8s.io", "CSIDriver", &["spec", "attachRequired"]), Unset::Kept),
    unless(rule("storage.k8s.io", "CSIDriver", &["spec", "volumeLifecycleModes"]), Unset::Kept),
    rule("storage.k8s.io", "StorageClass", &["parameters"]),
    rule("storage.k8s.io", "StorageClass", &["provisioner"]),
    rule("storage.k8s.io", "StorageClass", &["reclaimPolicy"]),
    rule("storage.k8s.io", "StorageClass", &["volumeBindingMode"]),
    rule("storage.k8s.io", "VolumeAttributesClass", &["driverName"]),
    rule("storage.k8s.io", "VolumeAttributesClass", &["parameters"]),
];

/// The fields of a `StatefulSet`'s `spec` that may change. Before Kubernetes 1.33, `revisionHistoryLimit` is not among them,
/// and those versions are no longer maintained.
const STATEFUL_SET: &[&str] = &[
    "minReadySeconds",
    "ordinals",
    "persistentVolumeClaimRetentionPolicy",
    "replicas",
    "revisionHistoryLimit",
    "template",
    "updateStrategy",
];

/// The fields of a `PersistentVolume`'s `spec` that may change, and `nodeAffinity`, which has a rule of its own. All others
/// are sources of a volume, and the volume mode.
const PERSISTENT_VOLUME: &[&str] = &[
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
];
