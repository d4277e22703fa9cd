//! Merge conflict markers in files of charts and in values.
//!
//! Most of them break the YAML, which Helm reports. In a configuration file that a template contains, they are text.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostics, Source};
use document::yaml;
use toolbox::{inputs, source};

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ConflictMarker];

/// Checks all text files that Helm loads.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let root = &subject.workspace.root;
    let mut files: BTreeMap<String, Arc<Source>> = BTreeMap::new();
    for (_, source) in subject.charts.iter().flat_map(|chart| &subject.sources.of(chart).texts) {
        files.insert(source.name.clone(), Arc::clone(source));
    }
    for path in subject.targets.iter().flat_map(|target| target.charts()).flat_map(|target| target.recipe.files()) {
        let name = inputs::name(root, path);
        if !files.contains_key(&name)
            && let Ok(source) = source::read(root, path)
        {
            files.insert(name, source);
        }
    }
    // A README may explain conflicts.
    let is_document = |source: &Source| Path::new(&source.name).extension().is_some_and(|end| end == "md");
    let sources = files.values().filter(|source| !is_document(source));
    Diagnostics(sources.filter_map(|source| yaml::unresolved(source, Code::ConflictMarker)).collect())
}
