//! Standard error while something is under way: on a terminal a line at the bottom, drawn anew several times a second
//! and gone before anything else is written; elsewhere a plain line for each ten seconds.
//!
//! The line moves no cursor but within itself and hides none, so whatever ends the tool leaves at most that line. Once a
//! signal came it is not drawn any more: a second one ends the tool at once, and finds nothing to leave.
//!
//! Deliberately absent: words, and the streams, which `report` lends.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::under_way::{Board, Entry, TURN};
use toolbox::progress::Waits;

/// Where lines go.
pub(super) trait Sink: Send + Sync {
    /// Writes a line over the one that the cursor is on, and leaves the cursor there; an empty one erases it.
    fn draw(&self, line: &str);
    /// How wide the terminal is now.
    fn columns(&self) -> usize;
    /// Whether a signal asked the tool to end.
    fn interrupted(&self) -> bool;
}

/// What is shown, and what is under way.
#[derive(Debug)]
pub(super) struct Screen<S> {
    sink: S,
    terminal: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    board: Board,
    /// Whether the line is on the terminal.
    drawn: bool,
    closed: bool,
}

impl<S: Sink> Screen<S> {
    pub(super) fn new(sink: S, terminal: bool) -> Self {
        Self { sink, terminal, state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what is under way has a line of its own.
    pub(super) fn shows(&self) -> bool {
        self.terminal && !self.sink.interrupted()
    }

    /// Writes something that stays, to whichever stream, with the line out of its way.
    pub(super) fn write(&self, write: impl FnOnce(&S)) {
        let mut state = self.state();
        let drawn = state.drawn;
        self.erase(&mut state);
        write(&self.sink);
        if drawn {
            self.turn(&mut state, Instant::now(), &|_, _, _| {});
        }
    }

    /// Something begins.
    pub(super) fn begin(&self, verb: &str, what: &str, waits: Waits) -> usize {
        let id = self.state().board.begin(verb, what, Instant::now(), waits);
        self.changed.notify_all();
        id
    }

    /// It is over.
    pub(super) fn end(&self, id: usize) -> Option<Entry> {
        let mut state = self.state();
        let entry = state.board.end(id);
        if state.board.is_empty() {
            self.erase(&mut state);
        }
        entry
    }

    /// Nothing is under way any more, and nothing will be.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.erase(&mut state);
        self.changed.notify_all();
    }

    /// Keeps what is shown true until the screen is closed; `late` says what has been under way for long.
    pub(super) fn keep(&self, late: impl Fn(&S, &str, &str)) {
        let mut state = self.state();
        while !state.closed {
            if state.board.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // What begins is drawn a turn later at the earliest: what is over by then would only flicker.
            state = match self.changed.wait_timeout(state, TURN) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
            self.turn(&mut state, Instant::now(), &late);
        }
    }

    fn turn(&self, state: &mut State, now: Instant, late: &impl Fn(&S, &str, &str)) {
        if !self.terminal {
            for (verb, rest) in state.board.late(now) {
                late(&self.sink, &verb, &rest);
            }
        } else if self.shows() && !state.closed {
            if let Some(line) = state.board.line(now, self.sink.columns()) {
                self.sink.draw(&line);
                state.drawn = true;
            }
        } else {
            self.erase(state);
        }
    }

    fn erase(&self, state: &mut State) {
        if std::mem::take(&mut state.drawn) {
            self.sink.draw("");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Says what happens to it.
    #[derive(Default)]
    struct Paper {
        interrupted: bool,
        lines: Mutex<Vec<String>>,
    }

    impl Paper {
        fn note(&self, line: &str) {
            // Without what depends on how fast this machine is: the spinner's turn, and the seconds.
            let line = anstream::adapter::strip_str(line).to_string().replace(['/', '-', '\\'], "|");
            let line = line.replace(|c: char| c.is_ascii_digit(), "").replace("( s", "(… s");
            self.lines.lock().expect("whole").push(line);
        }
    }

    impl Sink for Paper {
        fn draw(&self, line: &str) {
            self.note(&format!("~{line}"));
        }

        fn columns(&self) -> usize {
            80
        }

        fn interrupted(&self) -> bool {
            self.interrupted
        }
    }

    const LATER: Duration = Duration::from_secs(10);

    /// Begins two things, lets time pass, writes between, and ends it all; says all that was written.
    fn told(paper: Paper, terminal: bool) -> Vec<String> {
        let screen = Screen::new(paper, terminal);
        let turn = || {
            let late = |paper: &Paper, verb: &str, rest: &str| paper.note(&format!("{verb} {rest}"));
            screen.turn(&mut screen.state(), Instant::now() + LATER, &late);
        };
        screen.write(|paper| paper.note("before"));
        let first = screen.begin("Running", "one", Waits::default());
        turn();
        screen.begin("Running", "two", Waits::default());
        turn();
        screen.end(first);
        screen.write(|paper| paper.note("between"));
        screen.close();
        screen.write(|paper| paper.note("after"));
        turn();
        screen.sink.lines.into_inner().expect("whole")
    }

    #[test]
    fn a_terminal_has_the_line_below_all_that_stays_and_nothing_in_the_end() {
        assert_eq!(
            told(Paper::default(), true),
            [
                "before",
                "~   | Running one (… s)",
                "~   | Running one (… s, and  other)",
                "~",
                "between",
                "~   | Running two (… s)",
                "~",
                "after"
            ]
        );
    }

    #[test]
    fn without_a_terminal_each_is_told_once_in_ten_seconds() {
        assert_eq!(
            told(Paper::default(), false),
            ["before", "Waiting one (… s)", "Waiting two (… s)", "between", "after"]
        );
    }

    #[test]
    fn once_a_signal_came_nothing_is_drawn() {
        assert_eq!(told(Paper { interrupted: true, ..Paper::default() }, true), ["before", "between", "after"]);
    }
}
