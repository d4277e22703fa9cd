//! values.schema.json of a chart, and the errors that make it unusable for Helm.

pub mod keywords;

use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::yaml::Document;
use document::{json, yaml};

use crate::chart::Chart;

/// The name of the file in a chart's directory.
pub const FILE: &str = "values.schema.json";

/// Returns the known errors that make a chart's schema unusable for Helm.
#[must_use]
pub fn refused(root: &Path, chart: &Chart) -> Diagnostics {
    let path = chart.directory.join(FILE);
    if !path.is_file() {
        return Diagnostics::default();
    }
    match toolbox::source::read(root, &path).and_then(|source| read(&chart.path, &source)) {
        Ok(document) => keywords::check(&document.root).refused,
        Err(found) => found,
    }
}

/// Returns the patterns of a chart's schema that are not valid regular expressions according to an error message of Helm,
/// whose dialect they use.
#[must_use]
pub fn patterns(root: &Path, chart: &Chart, words: &str) -> Diagnostics {
    let source = toolbox::source::read(root, &chart.directory.join(FILE));
    let Ok(document) = source.and_then(|source| read(&chart.path, &source)) else { return Diagnostics::default() };
    let found = words.lines().filter_map(|line| {
        let (pointer, rest) = line.trim_start().strip_prefix("- at '")?.split_once("': ")?;
        let (_, what) = rest.split_once("is not valid regex: ")?;
        let node = keywords::resolve(&document.root, &format!("#{pointer}"))?;
        let path = pointer.trim_start_matches('/').replace('/', ".");
        let what = what.trim_start_matches("error parsing regexp: ");
        let found = Diagnostic::new(Code::ValuesSchemaInvalid, format!("`{path}` is not a valid regular expression"));
        Some(found.at(node.place(), what))
    });
    Diagnostics(found.collect())
}

/// Reads a schema; `chart` is the path of its chart.
pub fn read(chart: &str, source: &Arc<Source>) -> Result<Document> {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&source.text) {
        if let Some(found) = yaml::conflict(source, Code::ValuesSchemaInvalid) {
            return Err(found.into());
        }
        let line: usize = source.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = (line + error.column().saturating_sub(1)).min(source.text.trim_end().len());
        let at = (0..=at).rev().find(|at| source.text.is_char_boundary(*at)).unwrap_or_default();
        let what = error.to_string();
        let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
        let mark = source.text.starts_with('\u{feff}');
        let what = if mark { "starts with a byte order mark" } else { what };
        // Where a comma is missing or too much, it is at the end of an earlier line.
        let corrected = json::line_of_error(&source.text, error.line(), error.column());
        let place = if corrected == error.line() { Place::new(source, at..at) } else { Place::line(source, corrected) };
        return Err(Diagnostic::new(Code::ValuesSchemaInvalid, format!("{FILE} of `{chart}` is not valid JSON"))
            .at(place, what)
            .into());
    }
    // JSON is YAML, except for tabs between tokens. Its strings contain no literal tabs.
    yaml::parse_one(&Source::new(source.name.clone(), source.text.replace('\t', " ")))
}
