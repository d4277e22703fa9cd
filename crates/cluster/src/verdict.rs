//! The health of objects: ready, not ready yet, or failed for good.
//!
//! A pod whose image cannot be pulled, that crashes, that fits on no node, or whose configuration is wrong does not become
//! ready by waiting, so it ends a wait early, with the reason that the cluster reports. Reasons, conditions, and counts
//! decide; messages are only shown.
//!
//! Pure. Does not wait: see observer.rs.

mod application;
mod claim;
mod outcome;
mod pod;
mod problem;
#[cfg(test)]
mod tests;
mod workload;

use kubernetes::manifest::ObjectKey;

pub use self::application::{application, cause};
use self::claim::claim;
use self::outcome::SETTLE;
pub use self::outcome::Verdict;
pub(crate) use self::outcome::worst;
pub use self::pod::pod;
pub use self::problem::{Evidence, Problem};
pub(crate) use self::workload::refused;
use self::workload::workload_of;
use crate::api::{Custom, condition};
use crate::snapshot::{Object, Snapshot};

/// The health of several objects: failed if one is, else not ready if one is not.
#[must_use]
pub(crate) fn of_all<'a>(snapshot: &Snapshot, keys: impl IntoIterator<Item = &'a ObjectKey>) -> Verdict {
    worst(keys.into_iter().map(|key| of(snapshot, key)))
}

/// The health of an object. Kinds without a status are always ready.
#[must_use]
pub fn of(snapshot: &Snapshot, key: &ObjectKey) -> Verdict {
    let workload = matches!(key.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job");
    let watched = workload || matches!(key.kind.as_str(), "Pod" | "PersistentVolumeClaim" | "SealedSecret");
    if !watched {
        return Verdict::Ready;
    }
    match snapshot.get(&key.kind, &key.namespace, &key.name) {
        None => Verdict::Pending(Problem::new(key.to_string(), "is missing", "the API server has no such object")),
        Some(Object::Pod(found)) => pod(snapshot, found),
        Some(Object::Claim(found)) => claim(snapshot, found),
        Some(Object::Workload(found)) => workload_of(snapshot, key, found),
        Some(Object::Custom(found)) => sealed_secret(key, found),
        Some(Object::Event(_) | Object::Node(_) | Object::Service(_) | Object::Application(_)) => Verdict::Ready,
    }
}

fn sealed_secret(key: &ObjectKey, object: &Custom) -> Verdict {
    let observed = object.status.observed_generation >= object.metadata.generation;
    match condition(&object.status.conditions, "Synced").filter(|_| observed) {
        Some(found) if found.is_true() => Verdict::Ready,
        Some(found) => Verdict::Failed(Problem::new(key.to_string(), "is not unsealed", found.text()), SETTLE),
        None => Verdict::Pending(Problem::new(key.to_string(), "is not unsealed", "no controller has observed it yet")),
    }
}
