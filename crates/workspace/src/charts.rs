//! The charts of the repository.

use std::path::{Path, PathBuf};

/// The folders of all charts under charts/, sorted, including charts that no Application deploys.
#[must_use]
pub fn chart_folders(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root.join("charts")).into_iter().flatten();
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.join("Chart.yaml").is_file()).collect();
    folders.sort();
    folders
}
