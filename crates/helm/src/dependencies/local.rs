//! The sources of `file://` dependencies.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use diagnostics::Result;
use toolbox::archive::Tree;

use super::folder;
use crate::chart::Chart;

/// The source directory of a `file://` dependency.
pub(super) fn source_folder(chart: &Chart, path: &str) -> PathBuf {
    let mut folder = PathBuf::new();
    for part in chart.directory.join(path).components() {
        // `..` is resolved lexically, as in Helm: the chart's directory may be a symbolic link.
        if part == Component::ParentDir {
            folder.pop();
        } else {
            folder.push(part);
        }
    }
    folder
}

/// The files of the source of a `file://` dependency.
#[must_use]
pub fn local_source(chart: &Chart, path: &str) -> Option<Tree> {
    folder::read(&source_folder(chart, path)).ok()
}

/// The files of a `file://` source, without the archives that this tool downloaded.
pub(super) fn source_files(source: &Path, left_out: &BTreeSet<String>) -> Result<Tree> {
    let mut files = folder::read(source)?;
    files.retain(|path, _| !left_out.contains(path));
    Ok(files)
}
