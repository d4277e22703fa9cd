//! values.schema.json of a chart, read with places, and what keeps Helm from using it.
//!
//! Reads files. Deliberately absent: whether it is closed (`lint`), and holding values against it, which Helm does.

pub mod keywords;

use std::path::Path;
use std::sync::Arc;

use crate::chart::Chart;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::yaml;
use document::yaml::Document;

/// The name of the file in a chart.
pub const FILE: &str = "values.schema.json";

/// What keeps Helm from using the schema of a chart, as far as that can be said.
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

/// The patterns of a chart's schema that Helm's own words say are no regular expressions: whose dialect counts is
/// Helm's.
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
        let found = Diagnostic::new(Code::ValuesSchemaInvalid, format!("`{path}` is no regular expression"));
        Some(found.at(node.place(), what))
    });
    Diagnostics(found.collect())
}

/// A schema with places; `chart` is the path that its chart is known by.
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
        let what = if mark { "it begins with a byte order mark, which JSON has not" } else { what };
        return Err(Diagnostic::new(Code::ValuesSchemaInvalid, format!("{FILE} of `{chart}` is no JSON"))
            .at(Place::new(source, at..at), what)
            .into());
    }
    // JSON is YAML, but for tabs between its tokens; in its strings it has none.
    yaml::parse_one(&Source::new(source.name.clone(), source.text.replace('\t', " ")))
}
