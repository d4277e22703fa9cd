//! Progress reports of the stages.
//!
//! A task that takes a while is shown with its elapsed time as long as its [`UnderWay`] exists. Code deep inside a task
//! calls [`waits_for`] to name what it is waiting for, without a reference to the task.
//!
//! Does not print: only `report` knows the terminal.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// Receives progress reports: a verb in Cargo's style (`Rendering`, `Downloading`) and its object.
pub trait Progress: Sync {
    /// One line of progress.
    fn status(&self, verb: &str, what: &str);

    /// Begins a task that takes a while.
    fn under_way(&self, verb: &str, what: &str) -> UnderWay<'_> {
        self.status(verb, what);
        UnderWay::new(Waits::default(), |_| {})
    }
}

/// Discards progress reports: for tests and for `--format json`.
#[derive(Debug)]
pub struct Silent;

impl Progress for Silent {
    fn status(&self, _verb: &str, _what: &str) {}
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    /// Reported elsewhere.
    Unreported,
    /// Successfully, with the verb to print (`Created`).
    Well(&'a str),
    /// With a failure.
    Failed,
}

/// What a task is waiting for; empty if it is not waiting.
#[derive(Debug, Clone, Default)]
pub struct Waits(Arc<Mutex<String>>);

impl Waits {
    /// The current text.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the text.
    pub fn set(&self, text: &str) {
        text.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

thread_local! {
    /// What the innermost task of this thread is waiting for.
    static CURRENT: RefCell<Option<Waits>> = const { RefCell::new(None) };
}

/// Sets what the innermost task of this thread is waiting for; empty once it continues.
pub fn waits_for(what: &str) {
    CURRENT.with_borrow(|current| {
        if let Some(waits) = current {
            waits.set(what);
        }
    });
}

/// Called at the end of a task.
type Over<'a> = Box<dyn FnOnce(End<'_>) + 'a>;

/// A task that takes a while; it ends when this is dropped. The thread that began it must drop it, inner tasks first.
pub struct UnderWay<'a> {
    over: Option<Over<'a>>,
    outer: Option<Waits>,
    // Not `Send`: it belongs to the thread-local state of its thread.
    _here: PhantomData<*const ()>,
}

impl<'a> UnderWay<'a> {
    /// Begins a task of this thread; `waits` contains what it is waiting for, and `over` is called at its end.
    pub fn new(waits: Waits, over: impl FnOnce(End<'_>) + 'a) -> Self {
        Self { over: Some(Box::new(over)), outer: CURRENT.replace(Some(waits)), _here: PhantomData }
    }

    /// Ends the task successfully.
    pub fn done(mut self, verb: &str) {
        self.end(End::Well(verb));
    }

    /// Ends the task, successfully or with a failure whose reason is reported elsewhere.
    pub fn over(mut self, well: bool, verb: &str) {
        self.end(if well { End::Well(verb) } else { End::Failed });
    }

    fn end(&mut self, end: End<'_>) {
        if let Some(over) = self.over.take() {
            CURRENT.set(self.outer.take());
            over(end);
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.end(End::Unreported);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_belongs_to_the_innermost_task_of_a_thread() {
        let (outer, inner) = (Waits::default(), Waits::default());
        waits_for("no task");
        let first = UnderWay::new(outer.clone(), |_| {});
        let second = UnderWay::new(inner.clone(), |_| {});
        waits_for("a pod");
        std::thread::spawn(|| waits_for("another thread's")).join().expect("ends");
        drop(second);
        waits_for("the rest");
        assert_eq!((outer.text().as_str(), inner.text().as_str()), ("the rest", "a pod"));
        drop(first);
        waits_for("no task");
        assert_eq!(outer.text(), "the rest");
    }

    #[test]
    fn an_end_is_reported_once() {
        let ends = Mutex::new(Vec::new());
        let begin = || UnderWay::new(Waits::default(), |end| ends.lock().expect("whole").push(format!("{end:?}")));
        begin().done("Made");
        begin().over(false, "Made");
        drop(begin());
        assert_eq!(*ends.lock().expect("whole"), [r#"Well("Made")"#, "Failed", "Unreported"]);
    }
}
