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
use crate::fact::{Fact, Help, did_you_mean};
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

/// The candidate nearest to a typed name, if any is near enough.
#[must_use]
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed_length = typed.chars().count();
    distances(typed, candidates)
        .filter(|(distance, candidate)| {
            let shorter = candidate.chars().count().min(typed_length);
            *distance <= 1 + shorter / 4 && *distance < shorter.max(1)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// The candidate nearest to a typed name, if it differs by at most this many edits, ignoring case.
#[must_use]
pub fn nearest_within<'a>(typed: &str, limit: usize, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = typed.chars().count();
    let candidates = candidates.into_iter().filter(|candidate| candidate.chars().count().abs_diff(length) <= limit);
    distances(typed, candidates).filter(|(distance, _)| *distance <= limit).min().map(|(_, candidate)| candidate)
}

fn distances<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = (usize, &'a str)> {
    let typed = typed.to_lowercase();
    candidates.into_iter().map(move |candidate| (edit_distance(&typed, &candidate.to_lowercase()), candidate))
}

/// The help for an unknown name: the nearest known name, or all of them.
#[must_use]
pub fn suggestion<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Help {
    let mut known: Vec<&str> = known.into_iter().collect();
    let mut seen = BTreeSet::new();
    known.retain(|name| seen.insert(*name));
    if let Some(near) = nearest(typed, known.iter().copied()) {
        return did_you_mean(near);
    }
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    let help: Help = match names.as_slice() {
        [] => "none is defined".into(),
        [only] => format!("use {only}").into(),
        _ => format!("use one of {}", names.join(", ")).into(),
    };
    help.naming(known)
}

/// Whether two names differ at most in digits, as people number things: they are names of a series, and no misspellings.
#[must_use]
pub fn is_series(left: &str, right: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    letters(left) == letters(right)
}

/// The number of edits (insertions, deletions, replacements, swaps of neighbors) between two words.
#[must_use]
pub fn edit_distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![(0..=right.len()).collect::<Vec<_>>()];
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut best = (rows[i][j + 1] + 1).min(row[j] + 1).min(rows[i][j] + usize::from(a != b));
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
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

    #[test]
    fn only_a_near_name_is_suggested() {
        let known = ["valueFiles", "values", "valuesObject"];
        assert_eq!(nearest("valuefiles", known), Some("valueFiles"));
        assert_eq!(nearest("vlaues", known), Some("values"));
        assert_eq!(nearest("chart", known), None);
        assert_eq!(nearest("a", ["b"]), None);
    }
}
