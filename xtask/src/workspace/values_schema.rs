//! values.schema.json of a chart, read with places, and what keeps Helm from using it.
//!
//! Reads files. Deliberately absent: whether it is closed (`lint`), and holding values against it, which Helm does.

pub mod keywords;

use std::path::Path;
use std::sync::Arc;

use super::chart::Chart;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use crate::document::yaml::{self, Document};

/// The name of the file in a chart.
pub const FILE: &str = "values.schema.json";

/// What keeps Helm from using the schema of a chart, as far as that can be said.
#[must_use]
pub fn refused(root: &Path, chart: &Chart) -> Diagnostics {
    let path = chart.directory.join(FILE);
    if !path.is_file() {
        return Diagnostics::default();
    }
    match super::read(root, &path).and_then(|source| read(&chart.path, &source)) {
        Ok(document) => keywords::check(&document.root).refused,
        Err(found) => found,
    }
}

/// A schema with places; `chart` is the path that its chart is known by.
pub fn read(chart: &str, source: &Arc<Source>) -> Result<Document> {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&source.text) {
        let line: usize = source.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = (line + error.column().saturating_sub(1)).min(source.text.trim_end().len());
        let at = (0..=at).rev().find(|at| source.text.is_char_boundary(*at)).unwrap_or_default();
        let what = error.to_string();
        let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
        return Err(Diagnostic::new(Code::ValuesSchemaInvalid, format!("{FILE} of `{chart}` is no JSON"))
            .at(Place::new(source, at..at), what)
            .into());
    }
    // JSON is YAML, but for tabs between its tokens; in its strings it has none.
    yaml::parse_one(&Source::new(source.name.clone(), source.text.replace('\t', " ")))
}
