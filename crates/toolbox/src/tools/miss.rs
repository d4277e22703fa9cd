//! Why a tool could not be installed in one way.

use diagnostics::Diagnostics;

/// Why a tool could not be installed in one way.
#[derive(Debug)]
pub(super) enum Miss {
    /// The next way is tried.
    Next(String),
    /// No other way may be tried.
    Stop(Diagnostics),
}

/// The variable for the path of a tool.
pub(super) fn variable(name: &str) -> String {
    format!("XTASK_{}", name.to_uppercase().replace('-', "_"))
}
