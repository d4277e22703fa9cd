//! The health of an object, and the worst of several.

use std::time::Duration;

use super::problem::Problem;

/// The health of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Ready,
    /// It is not ready yet.
    Pending(Problem),
    /// It will not become ready, if this verdict holds for the given time.
    Failed(Problem, Duration),
}

/// The watches of several kinds are not in step, so a verdict counts only once it has held for this long.
pub(super) const SETTLE: Duration = Duration::from_millis(500);

/// The first failed verdict, of those that hold soonest; else the first that is not ready.
pub(crate) fn worst(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    let mut pending = None;
    let mut failed: Option<(Problem, Duration)> = None;
    for verdict in verdicts {
        match verdict {
            Verdict::Pending(problem) => {
                pending.get_or_insert(problem);
            }
            Verdict::Failed(problem, time) if failed.as_ref().is_none_or(|(_, other)| time < *other) => {
                failed = Some((problem, time));
            }
            Verdict::Failed(..) | Verdict::Ready => {}
        }
    }
    match (failed, pending) {
        (Some((problem, time)), _) => Verdict::Failed(problem, time),
        (None, Some(problem)) => Verdict::Pending(problem),
        (None, None) => Verdict::Ready,
    }
}
