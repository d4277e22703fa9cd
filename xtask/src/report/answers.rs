//! The lines that a person types.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use diagnostics::Result;
use toolbox::process;

/// How often a wait for a line checks for a signal.
const PULSE: Duration = Duration::from_millis(50);

/// Standard input, line by line.
#[derive(Debug)]
pub struct Answers(Receiver<String>);

impl Answers {
    /// Starts to read standard input. The thread that reads it ends with the process: a read cannot be interrupted.
    #[must_use]
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in io::stdin().lines() {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// Waits for the next line; `None` at the end of the input. Fails after a signal.
    pub(crate) fn next_line(&self) -> Result<Option<String>> {
        loop {
            process::check_interrupted()?;
            match self.0.recv_timeout(PULSE) {
                Ok(line) => return Ok(Some(line)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self::new()
    }
}
