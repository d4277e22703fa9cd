//! Locks on files and directories, which exclude other processes.
//!
//! A blocking wait could not be interrupted, and would be silent.

use std::fs::{File, TryLockError};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use diagnostics::Diagnostics;

use crate::process::check_interrupted;

/// How often a wait for another process checks whether it has ended.
const PULSE: Duration = Duration::from_millis(50);

/// The time without a lock after which the wait is reported.
const SHORT: Duration = Duration::from_millis(300);

/// Why there is no lock.
#[derive(Debug)]
pub enum Failure {
    /// The lock failed.
    Io(io::Error),
    /// The process was interrupted while it waited.
    Interrupted(Diagnostics),
}

/// Locks a file until it is dropped. Calls `waiting` once if another process holds the lock for longer; what it returns is
/// kept until the end of the wait. Some network file systems do not support locks; there, nothing is excluded.
pub fn acquire<T>(file: &File, waiting: impl FnOnce() -> T) -> std::result::Result<(), Failure> {
    let began = Instant::now();
    let mut waiting = Some(waiting);
    let mut shown = Vec::new();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(Failure::Io(error)),
        }
        if began.elapsed() > SHORT {
            shown.extend(waiting.take().map(|waiting| waiting()));
        }
        check_interrupted().map_err(Failure::Interrupted)?;
        thread::sleep(PULSE);
    }
}
