//! Effects of a change: a code, a severity, and a message.

use diagnostics::{Code, Severity};

/// An effect of the change of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The rule that found it.
    pub code: Code,
    /// How dangerous it is.
    pub severity: Severity,
    /// What happens, as a sentence that begins in lowercase and has no full stop, with names in backticks.
    pub message: String,
    /// The path of the field; empty for the whole object.
    pub path: Vec<String>,
    /// What the author can do; `None` if nothing has to be done.
    pub help: Option<String>,
}
