//! Errors and warnings.

use diagnostics::Class;
use schemars::JsonSchema;
use serde::Serialize;

/// An error or a warning.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Diagnostic {
    /// The code, such as `values-file-missing`; docs/checks.md describes all codes.
    code: &'static str,
    severity: Severity,
    /// The message, one sentence.
    message: String,
    /// The target, `<app>/<case>`, followed by ` and N more` if several targets share the diagnostic.
    target: Option<String>,
    /// The places in files; the first is the main one.
    places: Vec<Place>,
    /// Related facts.
    notes: Vec<String>,
    /// Suggested fixes.
    helps: Vec<String>,
}

/// Whether a diagnostic affects the exit code.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// It does.
    Error,
    /// It does not.
    Warning,
}

/// A place in a file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Place {
    /// The path from the root of the workspace, or the name of another text.
    pub file: String,
    /// The line, from 1; null for the whole file.
    pub line: Option<usize>,
    /// The column, from 1; null for the whole file.
    pub column: Option<usize>,
    /// What is wrong at this place; may be empty.
    pub label: String,
}

impl Place {
    /// A place with a label.
    pub(super) fn new(place: &diagnostics::Place, label: String) -> Self {
        let (line, column) = place.position().unzip();
        Self { file: place.source.name.clone(), line, column, label }
    }

    /// A place without a label.
    pub(super) fn bare(place: &diagnostics::Place) -> Self {
        Self::new(place, String::new())
    }
}

impl From<&diagnostics::Diagnostic> for Diagnostic {
    fn from(diagnostic: &diagnostics::Diagnostic) -> Self {
        let place = |(place, label): &(diagnostics::Place, String)| Place::new(place, label.clone());
        let warning = diagnostic.code.class() == Class::Warning;
        Self {
            code: diagnostic.code.name(),
            severity: if warning { Severity::Warning } else { Severity::Error },
            message: diagnostic.message.clone(),
            target: diagnostic.target.clone(),
            places: diagnostic.places.iter().map(place).collect(),
            notes: diagnostic.notes.clone(),
            helps: diagnostic.helps.clone(),
        }
    }
}
