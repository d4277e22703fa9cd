//! Severities of changes: blocker, caution, notice, and routine.

use std::fmt;

/// How dangerous a change is. Later variants are more severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing but images, chart versions, or metadata changes.
    Routine,
    /// The change has an effect that a reviewer should know, such as a restart.
    Notice,
    /// The change may interrupt or weaken something.
    Caution,
    /// The sync fails, or data is lost.
    Blocker,
}

impl Severity {
    /// All of them, the most severe first.
    pub const ALL: [Self; 4] = [Self::Blocker, Self::Caution, Self::Notice, Self::Routine];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Notice => "notice",
            Self::Caution => "caution",
            Self::Blocker => "blocker",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
