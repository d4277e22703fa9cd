//! Shows the running tasks on standard error: on a terminal as a progress line below all other output, elsewhere as plain
//! lines every ten seconds.
//!
//! The progress line is erased before anything else is written. It never moves the cursor to another line and never hides
//! it, so a killed process leaves at most that line behind. After a signal the line is no longer drawn, because a second
//! signal kills the process without a chance to erase it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use toolbox::progress::Waits;

use super::under_way::{FRAME, Task, Tasks};

/// The terminal, or its replacement in tests.
pub(super) trait Sink: Send + Sync {
    /// Replaces the line with the cursor; an empty text erases it.
    fn draw(&self, line: &str);
    /// The current width of the terminal.
    fn columns(&self) -> usize;
    /// Whether a termination signal has arrived.
    fn interrupted(&self) -> bool;
}

/// Coordinates the progress line with all other output.
#[derive(Debug)]
pub(super) struct Screen<S> {
    sink: S,
    terminal: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    tasks: Tasks,
    /// Whether the progress line is on the terminal.
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

    /// Whether running tasks are shown on a progress line.
    pub(super) fn shows(&self) -> bool {
        self.terminal && !self.sink.interrupted()
    }

    /// Writes other output, to any stream, without the progress line in its way.
    pub(super) fn write(&self, write: impl FnOnce(&S)) {
        let mut state = self.state();
        let drawn = state.drawn;
        self.erase(&mut state);
        write(&self.sink);
        if drawn {
            self.refresh(&mut state, Instant::now(), &|_, _, _| {});
        }
    }

    /// Adds a task, and returns its id.
    pub(super) fn begin(&self, verb: &str, what: &str, waits: Waits) -> usize {
        let id = self.state().tasks.begin(verb, what, Instant::now(), waits);
        self.changed.notify_all();
        id
    }

    /// Removes a task.
    pub(super) fn end(&self, id: usize) -> Option<Task> {
        let mut state = self.state();
        let task = state.tasks.end(id);
        if state.tasks.is_empty() {
            self.erase(&mut state);
        }
        task
    }

    /// Erases the progress line for good.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.erase(&mut state);
        self.changed.notify_all();
    }

    /// Refreshes until the screen is closed; `print` prints a plain line.
    pub(super) fn refresh_until_closed(&self, print: impl Fn(&S, &str, &str)) {
        let mut state = self.state();
        while !state.closed {
            if state.tasks.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // Waiting first keeps short tasks from flickering.
            state = match self.changed.wait_timeout(state, FRAME) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
            self.refresh(&mut state, Instant::now(), &print);
        }
    }

    fn refresh(&self, state: &mut State, now: Instant, print: &impl Fn(&S, &str, &str)) {
        if !self.terminal {
            for (verb, rest) in state.tasks.due(now) {
                print(&self.sink, &verb, &rest);
            }
        } else if self.shows() && !state.closed {
            if let Some(line) = state.tasks.line(now, self.sink.columns()) {
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

    /// Records what is written.
    #[derive(Default)]
    struct Recorder {
        interrupted: bool,
        lines: Mutex<Vec<String>>,
    }

    impl Recorder {
        fn record(&self, line: &str) {
            // The frame of the spinner and the seconds depend on the speed of the machine.
            let line = anstream::adapter::strip_str(line).to_string().replace(['/', '-', '\\'], "|");
            let line = line.replace(|c: char| c.is_ascii_digit(), "").replace("( s", "(… s");
            self.lines.lock().expect("whole").push(line);
        }
    }

    impl Sink for Recorder {
        fn draw(&self, line: &str) {
            self.record(&format!("~{line}"));
        }

        fn columns(&self) -> usize {
            80
        }

        fn interrupted(&self) -> bool {
            self.interrupted
        }
    }

    const LATER: Duration = Duration::from_secs(10);

    /// Begins two tasks with output in between, and returns everything that is written.
    fn written(recorder: Recorder, terminal: bool) -> Vec<String> {
        let screen = Screen::new(recorder, terminal);
        let refresh = || {
            let print = |recorder: &Recorder, verb: &str, rest: &str| recorder.record(&format!("{verb} {rest}"));
            screen.refresh(&mut screen.state(), Instant::now() + LATER, &print);
        };
        screen.write(|recorder| recorder.record("before"));
        let first = screen.begin("Running", "one", Waits::default());
        refresh();
        screen.begin("Running", "two", Waits::default());
        refresh();
        screen.end(first);
        screen.write(|recorder| recorder.record("between"));
        screen.close();
        screen.write(|recorder| recorder.record("after"));
        refresh();
        screen.sink.lines.into_inner().expect("whole")
    }

    #[test]
    fn on_a_terminal_the_line_stays_below_other_output_and_is_erased_at_the_end() {
        assert_eq!(
            written(Recorder::default(), true),
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
    fn without_a_terminal_each_task_is_a_plain_line_every_ten_seconds() {
        assert_eq!(
            written(Recorder::default(), false),
            ["before", "Waiting one (… s)", "Waiting two (… s)", "between", "after"]
        );
    }

    #[test]
    fn after_a_signal_nothing_is_drawn() {
        assert_eq!(
            written(Recorder { interrupted: true, ..Recorder::default() }, true),
            ["before", "between", "after"]
        );
    }
}
