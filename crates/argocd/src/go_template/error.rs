//! Errors of parsing and executing a template.

use diagnostics::Limit;

/// An error, with its place in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The problem.
    pub problem: Problem,
    /// The position in the template's text, in bytes.
    pub at: usize,
}

/// The problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The template cannot be parsed, as in Go's message.
    Syntax(String),
    /// A function does not exist.
    UnknownFunction(String),
    /// A parameter does not exist, and `missingkey=error` is set: its name, and the names that exist beside it.
    MissingKey(String, Vec<String>),
    /// The template fails with these parameters, as in Go's message.
    Failed(String),
    /// A limit is exceeded.
    Limit(Limit),
    /// A function exists, but this tool cannot compute its result.
    Unsupported(String),
}

/// The result of an evaluation.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error at a position.
    #[must_use]
    pub fn new(at: usize, problem: Problem) -> Self {
        Self { problem, at }
    }

    /// An error of the evaluation.
    #[must_use]
    pub fn failed(at: usize, message: impl Into<String>) -> Self {
        Self::new(at, Problem::Failed(message.into()))
    }
}
