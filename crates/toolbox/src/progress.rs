//! How stages say what they are doing, without printing.
//!
//! What takes a while is under way: it is shown with its elapsed time as long as its [`UnderWay`] lives. Whoever waits
//! deep inside it says for what by [`waits_for`], and does not have to know who listens.
//!
//! Deliberately absent: terminals, which only `report` knows.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// Receives what is under way: a verb in Cargo's manner (`Rendering`, `Downloading`) and what it is done to.
pub trait Progress: Sync {
    /// One line of progress.
    fn status(&self, verb: &str, what: &str);

    /// Something that begins now and takes a while.
    fn under_way(&self, verb: &str, what: &str) -> UnderWay<'_> {
        self.status(verb, what);
        UnderWay::new(Waits::default(), |_| {})
    }
}

/// Says nothing: for tests, and for `--format json`.
#[derive(Debug)]
pub struct Silent;

impl Progress for Silent {
    fn status(&self, _verb: &str, _what: &str) {}
}

/// How something ended that was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    /// Somebody else tells.
    Untold,
    /// Well; in a word (`Created`).
    Well(&'a str),
    /// Not well.
    Failed,
}

/// What something waits for, as it says itself; empty while that is unknown.
#[derive(Debug, Clone, Default)]
pub struct Waits(Arc<Mutex<String>>);

impl Waits {
    /// The text as it is now.
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
    /// Where the innermost work of this thread says what it waits for.
    static CURRENT: RefCell<Option<Waits>> = const { RefCell::new(None) };
}

/// Says what the work of this thread waits for; an empty text when it goes on.
pub fn waits_for(what: &str) {
    CURRENT.with_borrow(|current| {
        if let Some(waits) = current {
            waits.set(what);
        }
    });
}

/// What is told in the end, and how.
type Over<'a> = Box<dyn FnOnce(End<'_>) + 'a>;

/// Something under way; it is over when this goes. To be dropped by the thread that began it, innermost first.
pub struct UnderWay<'a> {
    over: Option<Over<'a>>,
    outer: Option<Waits>,
    // What this thread waits for is at stake, so it cannot go to another.
    _here: PhantomData<*const ()>,
}

impl<'a> UnderWay<'a> {
    /// Something that this thread does from now on, and says in `waits` what it waits for.
    pub fn new(waits: Waits, over: impl FnOnce(End<'_>) + 'a) -> Self {
        Self { over: Some(Box::new(over)), outer: CURRENT.replace(Some(waits)), _here: PhantomData }
    }

    /// It came to its end.
    pub fn done(mut self, verb: &str) {
        self.end(End::Well(verb));
    }

    /// It came to its end, or failed, and why is told elsewhere.
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
        self.end(End::Untold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_work_of_a_thread_says_what_it_waits_for() {
        let (outer, inner) = (Waits::default(), Waits::default());
        waits_for("nobody listens");
        let first = UnderWay::new(outer.clone(), |_| {});
        let second = UnderWay::new(inner.clone(), |_| {});
        waits_for("a pod");
        std::thread::spawn(|| waits_for("another thread's")).join().expect("ends");
        drop(second);
        waits_for("the rest");
        assert_eq!((outer.text().as_str(), inner.text().as_str()), ("the rest", "a pod"));
        drop(first);
        waits_for("nobody listens");
        assert_eq!(outer.text(), "the rest");
    }

    #[test]
    fn an_end_is_told_once() {
        let ends = Mutex::new(Vec::new());
        let begin = || UnderWay::new(Waits::default(), |end| ends.lock().expect("whole").push(format!("{end:?}")));
        begin().done("Made");
        begin().over(false, "Made");
        drop(begin());
        assert_eq!(*ends.lock().expect("whole"), [r#"Well("Made")"#, "Failed", "Untold"]);
    }
}
