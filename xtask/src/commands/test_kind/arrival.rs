//! What is loaded beside the run: begun once the first application is there, and waited for by all others.
//!
//! Deliberately absent: loading it (raise.rs).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::diagnostic::Result;

/// How far it is; one thread loads, and others begin it and wait for it.
#[derive(Debug, Default)]
pub(super) struct Arrival {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ahead,
    Begun,
    /// Nobody wants it any more.
    Dropped,
    Over(Result<()>),
}

impl Arrival {
    /// Loads, once that is asked for, or not at all.
    pub(super) fn run(&self, load: impl FnOnce() -> Result<()>) {
        let mut state = self.state();
        while matches!(*state, State::Ahead) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if matches!(*state, State::Begun) {
            drop(state);
            let came = load();
            self.set(State::Over(came));
        }
    }

    /// Lets it begin.
    pub(super) fn begin(&self) {
        if matches!(*self.state(), State::Ahead) {
            self.set(State::Begun);
        }
    }

    /// Waits for its end. Whoever loads ends at a signal, so this does, too.
    pub(super) fn wait(&self) -> Result<()> {
        self.begin();
        let mut state = self.state();
        loop {
            match &*state {
                State::Over(came) => return came.clone(),
                _ => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Lets it be, unless it has begun.
    pub(super) fn drop_it(&self) {
        if matches!(*self.state(), State::Ahead) {
            self.set(State::Dropped);
        }
    }

    fn set(&self, state: State) {
        *self.state() = state;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Diagnostic};

    #[test]
    fn who_waits_lets_it_begin_and_hears_what_came_of_it() {
        let arrival = Arrival::default();
        std::thread::scope(|scope| {
            scope.spawn(|| arrival.run(|| Err(Diagnostic::new(Code::ClusterFailed, "no room").into())));
            assert_eq!(arrival.wait().expect_err("failed").0[0].message, "no room");
        });
        assert!(arrival.wait().is_err(), "so does who comes later");
    }

    #[test]
    fn what_nobody_waits_for_is_not_loaded() {
        let arrival = Arrival::default();
        arrival.drop_it();
        arrival.run(|| panic!("nobody asked for it"));
        let begun = Arrival::default();
        begun.begin();
        begun.drop_it();
        begun.run(|| Ok(()));
        assert!(begun.wait().is_ok());
    }
}
