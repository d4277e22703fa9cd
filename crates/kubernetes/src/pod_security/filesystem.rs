//! Volumes, and the mount of /proc.

use super::pod::Pod;
use super::policy::{Level, Policy};
use super::violation::{Control, Violation};

/// The types of volumes that level `restricted` allows.
const ALLOWED: &[&str] =
    &["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];

/// The other types of volumes.
const OTHERS: &[&str] = &[
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

/// `HostPath` Volumes at level `baseline`.
pub(super) fn host_paths(pod: &Pod<'_>, _: &Policy) -> Vec<Violation> {
    let volumes = pod.spec.list("volumes");
    let paths = volumes.iter().filter_map(|volume| volume.get("hostPath"));
    let fix = "use another type of volume than {}, such as `persistentVolumeClaim`";
    paths.map(|path| Violation::present(Control::HostPathVolumes, &path, fix)).collect()
}

/// Volume Types at level `restricted`.
pub(super) fn volume_types(pod: &Pod<'_>, policy: &Policy) -> Vec<Violation> {
    let volumes = pod.spec.list("volumes");
    let allows = |kind: &str| ALLOWED.contains(&kind) || kind == "image" && policy.cluster >= 33;
    let forbidden = volumes.iter().filter_map(|volume| {
        let allowed = volume.node.entries().iter().any(|(key, _)| allows(&key.name) && volume.get(&key.name).is_some());
        OTHERS.iter().find_map(|kind| volume.get(kind)).filter(|_| !allowed)
    });
    let fix = "use an allowed type of volume instead of {}, such as `persistentVolumeClaim`";
    forbidden.map(|field| Violation::present(Control::VolumeTypes, &field, fix)).collect()
}

/// /proc Mount Type.
pub(super) fn proc_mount(pod: &Pod<'_>, policy: &Policy) -> Vec<Violation> {
    // In a user namespace, an unmasked /proc shows nothing of the node.
    if pod.user_namespace && policy.version >= 35 && policy.level == Level::Baseline {
        return Vec::new();
    }
    let set = pod.container_contexts(&["procMount"]);
    let unmasked = set.iter().filter(|field| field.text() != Some("Default"));
    unmasked.map(|field| Violation::forbidden(Control::ProcMount, field, "remove {}")).collect()
}
