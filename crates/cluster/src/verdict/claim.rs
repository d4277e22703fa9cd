//! The health of a `PersistentVolumeClaim`.

use super::outcome::{SETTLE, Verdict};
use super::problem::{Problem, title};
use crate::api::Claim;
use crate::snapshot::Snapshot;

pub(super) fn claim(snapshot: &Snapshot, claim: &Claim) -> Verdict {
    let phase = claim.status.phase.as_deref().unwrap_or("Pending");
    let name = title("PersistentVolumeClaim", &claim.metadata);
    let problem = |cause: &str| Problem::new(&name, format!("is {phase}"), cause);
    match phase {
        "Bound" => return Verdict::Ready,
        "Lost" => return Verdict::Failed(problem("its volume no longer exists"), SETTLE),
        _ => {}
    }
    let events = snapshot.events_of(&claim.metadata);
    let Some(last) = events.last() else { return Verdict::Pending(problem("it is not bound yet")) };
    match last.reason.as_str() {
        "ProvisioningFailed" | "FailedBinding" => Verdict::Failed(problem(&last.text()), SETTLE),
        // It is bound once a pod uses it, and that pod is watched.
        "WaitForFirstConsumer" => Verdict::Ready,
        _ => Verdict::Pending(problem(&last.text())),
    }
}
