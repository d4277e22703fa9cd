//! Diagnostics: a code, a message, places, notes, and help.
//!
//! Every stage reports problems as [`Diagnostic`]s. Stages collect them and continue where possible; only `report`
//! prints them. The [`Code`] of a diagnostic determines its severity and the exit code.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use crate::code::{Class, Code};
use crate::fact::Fact;
use crate::limit::Limit;
use crate::origin::Origin;
use crate::place::Place;

/// A problem that is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind.
    pub code: Code,
    /// The problem: a sentence that begins in lowercase and has no full stop, with names in backticks.
    pub message: String,
    /// The places with their labels; the first is the primary one.
    pub places: Vec<(Place, String)>,
    /// The target as `<app>/<case>`, the Application as `<app>`, or the chart as `charts/<chart>` that has the problem.
    pub target: Option<String>,
    /// Additional facts, each a line or a block.
    pub notes: Vec<String>,
    /// Possible fixes: commands or edits.
    pub helps: Vec<String>,
    /// The rendered object that has the problem.
    pub origin: Option<Origin>,
    /// Facts about it, as data.
    pub facts: Vec<Fact>,
}

impl Diagnostic {
    /// A diagnostic without a place.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            places: Vec::new(),
            target: None,
            notes: Vec::new(),
            helps: Vec::new(),
            origin: None,
            facts: Vec::new(),
        }
    }

    /// Adds a place with its label, which may be empty.
    #[must_use]
    pub fn at(mut self, place: Place, label: impl Into<String>) -> Self {
        self.places.push((place, label.into()));
        self
    }

    /// Sets the target.
    #[must_use]
    pub fn target(mut self, target: impl fmt::Display) -> Self {
        self.target = Some(target.to_string());
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The diagnostic of a failed file operation; `doing` is its verb.
    #[must_use]
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        let found = Self::new(Code::Io, format!("cannot {doing} `{}`: {}", path.display(), io_cause(error)));
        match error.kind() {
            ErrorKind::FileTooLarge => found.help(Limit::FileSize.help()),
            ErrorKind::IsADirectory => found.help("name a file, not a directory"),
            ErrorKind::PermissionDenied => {
                found.help("change the permissions of the file or of its directory, or run the command as their owner")
            }
            ErrorKind::QuotaExceeded | ErrorKind::StorageFull => found.help("free space on its file system"),
            ErrorKind::ReadOnlyFilesystem => found.help("choose a path on a file system that is mounted for writing"),
            _ => found,
        }
    }

    /// The sort order: the most severe first, what only needs to be recorded last; then by file and place, target, and code.
    pub(crate) fn sort_key(&self) -> impl Ord + use<> {
        let (name, start) = match self.places.first() {
            Some((place, _)) => (place.source.name.clone(), place.span.as_ref().map_or(0, |span| span.start)),
            None => (String::new(), 0),
        };
        let severity = (Reverse(self.code.class()), self.code.is_bookkeeping());
        (severity, name, start, self.target.clone(), self.code, self.message.clone())
    }
}

/// The message of the operating system, without the number of the error and without the path of a temporary file that a library
/// adds.
fn io_cause(error: &std::io::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    text.split_once(" (os error ").map_or(text.as_str(), |(text, _)| text).to_owned()
}

/// A list of diagnostics: the error of a fallible function, or the problems that a function collects.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

/// A result whose error is one or more diagnostics.
pub type Result<T> = std::result::Result<T, Diagnostics>;

impl Diagnostics {
    /// Adds a diagnostic.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all diagnostics of another list.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Removes the diagnostics of another list: those with the same code, target, message, and main place.
    pub fn remove(&mut self, others: &Self) {
        let known: BTreeSet<_> = others.0.iter().map(Diagnostic::sort_key).collect();
        self.0.retain(|one| !known.contains(&one.sort_key()));
    }

    /// Returns the value of a result, or adds its diagnostics.
    pub fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(diagnostics) => {
                self.extend(diagnostics);
                None
            }
        }
    }

    /// Adds errors, and returns the proof of it.
    pub fn report(&mut self, errors: Self) -> Reported {
        self.extend(errors);
        Reported(())
    }

    /// Returns the value of a result, or adds its diagnostics and returns the proof of it.
    pub fn try_take<T>(&mut self, result: Result<T>) -> std::result::Result<T, Reported> {
        result.map_err(|errors| self.report(errors))
    }

    /// Whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any diagnostic is worse than a warning.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.code.class() > Class::Warning)
    }

    /// The worst severity in the list.
    #[must_use]
    pub fn worst(&self) -> Class {
        self.0.iter().map(|diagnostic| diagnostic.code.class()).max().unwrap_or(Class::Warning)
    }

    /// Returns the value unless any diagnostic is worse than a warning.
    pub fn into_result<T>(self, value: T) -> Result<T> {
        if self.has_errors() { Err(self) } else { Ok(value) }
    }

    /// Sets the target of each diagnostic that has none.
    #[must_use]
    pub fn for_target(mut self, target: &impl fmt::Display) -> Self {
        for diagnostic in &mut self.0 {
            diagnostic.target.get_or_insert_with(|| target.to_string());
        }
        self
    }
}

/// Proof that an error is in a list of diagnostics, so that what depends on the broken thing can be skipped in silence.
///
/// Only [`Diagnostics::report`] and [`Diagnostics::try_take`] create one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported(());

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        let names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }
}
