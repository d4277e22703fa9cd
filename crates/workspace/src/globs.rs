//! Lists of patterns of paths in charts.toml.

use argocd::glob;
use diagnostics::{Code, Diagnostic};
use document::Fields;

/// Reads a list of patterns, and reports those that are not valid.
pub(crate) fn globs(fields: &mut Fields<'_>, key: &'static str, example: &str) -> Vec<String> {
    let mut patterns = Vec::new();
    for (pattern, place) in fields.strings(key) {
        if glob::matches_path(&pattern, "x").is_err() {
            let message = format!("`{pattern}` is not a valid glob");
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, message).at(place, format!("expected such as `{example}`")),
            );
        }
        patterns.push(pattern);
    }
    patterns
}

/// Whether one of the patterns matches a path.
#[must_use]
pub fn matches(patterns: &[String], path: &str) -> bool {
    patterns.iter().any(|pattern| glob::matches_path(pattern, path).unwrap_or_default())
}
