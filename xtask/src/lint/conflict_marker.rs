//! Merge conflict markers in files of charts and in values.
//!
//! Most of them break the YAML, which Helm reports. In a configuration file that a template contains, they are text.

use std::collections::BTreeMap;
use std::path::PathBuf;

use diagnostics::{Code, Diagnostics};
use document::yaml;
use toolbox::{inputs, source};

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ConflictMarker];

/// Checks all text files that Helm loads.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let root = &subject.workspace.root;
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for chart in subject.charts {
        let names = helm::chart_files::chart_files(root, &chart.directory).unwrap_or_default().into_keys();
        files.extend(names.map(|name| (name.clone(), root.join(name))));
    }
    for target in subject.targets.iter().flat_map(|target| target.charts()) {
        let named = target.recipe.files().map(|path| (inputs::name(root, path), path.to_path_buf()));
        files.extend(named);
    }
    // A README may explain conflicts.
    files.retain(|_, path| path.extension().is_none_or(|end| end != "md"));
    let sources = files.values().filter_map(|path| source::read(root, path).ok());
    Diagnostics(sources.filter_map(|source| yaml::unresolved(&source, Code::ConflictMarker)).collect())
}
