//! When the parts of a run began and ended, for `--timings`.
//!
//! Nothing is recorded unless [`record`] was called. A phase belongs to the subject that its thread works on, such as a target.

use std::cell::RefCell;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The subject of phases that belong to no other.
pub const RUN: &str = "(run)";

static RECORDER: OnceLock<Recorder> = OnceLock::new();

thread_local! {
    static SUBJECT: RefCell<String> = RefCell::new(RUN.to_owned());
}

#[derive(Debug)]
struct Recorder {
    started: Instant,
    spans: Mutex<Vec<Span>>,
}

/// A phase of the work on a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What it was about.
    pub subject: String,
    /// What was done.
    pub phase: &'static str,
    /// When it began, since the start of the recording.
    pub begin: Duration,
    /// When it ended.
    pub end: Duration,
}

/// Starts recording.
pub fn record() {
    RECORDER.get_or_init(|| Recorder { started: Instant::now(), spans: Mutex::default() });
}

/// All phases that ended, in the order in which they began, and the time since the start; `None` if nothing is recorded.
#[must_use]
pub fn recorded() -> Option<(Vec<Span>, Duration)> {
    let recorder = RECORDER.get()?;
    let mut spans = recorder.spans.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // A phase before those that it consists of.
    spans.sort_by(|left, right| left.begin.cmp(&right.begin).then(right.end.cmp(&left.end)));
    Some((spans, recorder.started.elapsed()))
}

/// Ends when it is dropped.
#[derive(Debug)]
#[must_use = "a phase ends when this is dropped"]
pub struct Phase(Option<(&'static str, Instant)>);

/// Begins a phase of the work on the subject of this thread.
pub fn phase(name: &'static str) -> Phase {
    Phase(RECORDER.get().map(|_| (name, Instant::now())))
}

/// Begins a phase that began earlier, such as a wait.
pub fn phase_since(name: &'static str, begin: Instant) -> Phase {
    Phase(RECORDER.get().map(|_| (name, begin)))
}

impl Drop for Phase {
    fn drop(&mut self) {
        if let (Some((phase, begin)), Some(recorder)) = (self.0, RECORDER.get()) {
            let since = |time: Instant| time.saturating_duration_since(recorder.started);
            let subject = SUBJECT.with_borrow(Clone::clone);
            let span = Span { subject, phase, begin: since(begin), end: since(Instant::now()) };
            recorder.spans.lock().unwrap_or_else(PoisonError::into_inner).push(span);
        }
    }
}

/// The end of the work on a subject, when it is dropped.
#[derive(Debug)]
#[must_use = "the work on the subject ends when this is dropped"]
pub struct About(Option<String>);

/// What this thread does next is about a subject.
pub fn about(subject: &impl ToString) -> About {
    About(RECORDER.get().map(|_| SUBJECT.replace(subject.to_string())))
}

impl Drop for About {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            SUBJECT.set(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_have_the_subject_of_their_thread() {
        record();
        {
            let _outer = phase("outer");
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let _about = about(&"web/default");
                    drop(phase("render"));
                });
            });
            let _about = about(&"mail/default");
            drop(phase("compare"));
        }
        drop(phase("last"));
        let (spans, all) = recorded().expect("recorded");
        let found: Vec<_> = spans.iter().map(|span| (span.subject.as_str(), span.phase)).collect();
        let expected = [(RUN, "outer"), ("web/default", "render"), ("mail/default", "compare"), (RUN, "last")];
        assert_eq!(found, expected);
        assert!(spans.iter().all(|span| span.begin <= span.end && span.end <= all));
    }
}
