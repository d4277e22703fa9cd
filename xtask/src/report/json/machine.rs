//! The results of `cache`, `doctor`, `completions`, and `man`, which are about this machine.

use schemars::JsonSchema;
use serde::Serialize;

/// The result of `doctor`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Doctor {
    /// Whether `render` works on this machine.
    pub renders: bool,
    /// What the commands need.
    pub checks: Vec<DoctorCheck>,
}

/// Something that commands need.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorCheck {
    /// Its name, and its version if it has one.
    pub name: String,
    /// Whether it was found.
    pub state: CheckState,
    /// Where it is, or why it is missing.
    pub detail: String,
    /// What needs it.
    pub needed_for: Vec<&'static str>,
    /// How to get it; empty if it was found.
    pub help: Vec<String>,
}

/// Whether something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// It can be used.
    Found,
    /// It was not found.
    Missing,
    /// It exists, but cannot be used.
    Unusable,
}

impl CheckState {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Missing => "missing",
            Self::Unusable => "unusable",
        }
    }
}

/// The result of `completions` and of `man`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Script {
    /// The text of the script or of the page; null if pages were written.
    pub text: Option<String>,
    /// The files written.
    pub written: Vec<String>,
}

/// The result of `cache stats` and `cache gc`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cache {
    /// The directory.
    pub directory: String,
    /// The size that limited parts may have together, in bytes.
    pub limit: u64,
    /// The parts of the cache.
    pub parts: Vec<CachePart>,
    /// What was removed; nothing with `stats`.
    pub removed: Removed,
}

/// A part of the cache.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CachePart {
    /// Its name.
    pub name: String,
    /// The number of entries.
    pub entries: usize,
    /// The size, in bytes.
    pub bytes: u64,
    /// Whether the limit applies to it.
    pub limited: bool,
}

/// What was removed from the cache.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Removed {
    /// The number of entries.
    pub entries: usize,
    /// Their size, in bytes.
    pub bytes: u64,
}
