//! SIGINT and SIGTERM set a flag, which waits for programs and long work check. A second signal ends the tool immediately,
//! and so does [`PATIENCE`], since not all work waits for programs.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use diagnostics::{Code, Diagnostic, Result};

/// How often a wait checks for a signal. The end of a program is noticed immediately.
pub(super) const PULSE: Duration = Duration::from_millis(100);

/// The time after a signal in which the tool ends by itself. It includes the end of running programs.
const PATIENCE: Duration = Duration::from_secs(8);

/// The number of running programs that clean up.
static CLEANING: AtomicUsize = AtomicUsize::new(0);

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Installs the handlers for SIGINT and SIGTERM. Must be called once, before anything else.
pub fn catch_signals() -> io::Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The order matters: the conditional exit must see the flag as it was before this signal.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(flag))?;
        signal_hook::flag::register(signal, Arc::clone(flag))?;
    }
    end_after_signal()
}

/// Starts the thread that ends the tool if a signal does not, for example in a long computation. Nothing that was recorded
/// is damaged, because files are replaced atomically.
fn end_after_signal() -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if reader.read_exact(&mut [0]).is_err() {
            return;
        }
        let mut since = Instant::now();
        while since.elapsed() < PATIENCE {
            thread::sleep(PULSE);
            if CLEANING.load(Ordering::Relaxed) > 0 {
                since = Instant::now();
            }
        }
        std::process::exit(130);
    })?;
    Ok(())
}

/// Counts a running program that cleans up.
pub(super) struct Cleaning;

impl Cleaning {
    pub(super) fn begin() -> Self {
        CLEANING.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Cleaning {
    fn drop(&mut self) {
        CLEANING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a signal was received.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Fails once a signal was received: for long work between programs.
pub fn check_interrupted() -> Result<()> {
    if interrupted() { Err(Diagnostic::new(Code::Interrupted, "interrupted by a signal").into()) } else { Ok(()) }
}
