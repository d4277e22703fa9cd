//! Why one way to a tool did not lead there.

use diagnostics::Diagnostics;

/// Why one way to a tool did not lead there.
#[derive(Debug)]
pub(super) enum Miss {
    /// The next way may be tried.
    Next(String),
    /// No other way may be tried.
    Stop(Diagnostics),
}

/// The variable that names a copy of a tool.
pub(super) fn variable(name: &str) -> String {
    format!("XTASK_{}", name.to_uppercase().replace('-', "_"))
}
