//! Why a generator or a template has no result.

use diagnostics::{Code, Diagnostic, Help, Place};

/// Why there is no result.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// The ApplicationSet, or a file that it reads, is wrong.
    Invalid(Box<Diagnostic>),
    /// Something is not known here.
    Unavailable(Unavailable),
}

/// Something that is not known here, so that Applications are not generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// The reason: a sentence that begins in lowercase and has no full stop.
    pub reason: String,
    /// The place of what needs it.
    pub place: Place,
    /// The fix, if there is one.
    pub help: Option<Help>,
}

/// A result, or why there is none.
pub(super) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A mistake in the ApplicationSet.
    #[must_use]
    pub(super) fn invalid(message: impl Into<String>, place: Place, label: impl Into<String>) -> Self {
        Diagnostic::new(Code::ApplicationSetInvalid, message).at(place, label).into()
    }

    /// Something that is not known here.
    #[must_use]
    pub(super) fn unavailable(reason: impl Into<String>, place: Place) -> Self {
        Self::Unavailable(Unavailable { reason: reason.into(), place, help: None })
    }

    /// Adds advice.
    #[must_use]
    pub(super) fn help(self, help: impl Into<Help>) -> Self {
        match self {
            Self::Invalid(diagnostic) => Self::Invalid(Box::new(diagnostic.help(help))),
            Self::Unavailable(one) => Self::Unavailable(Unavailable { help: Some(help.into()), ..one }),
        }
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Invalid(Box::new(diagnostic))
    }
}
