//! Environment variables, and output beside that of the tests.

use std::io::Write;

/// Whether a variable is set to 1.
pub(crate) fn enabled(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| value == "1")
}

pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
