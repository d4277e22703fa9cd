//! Where a Git repository keeps its state, found without a process.

use std::path::{Path, PathBuf};

/// The directories of a Git repository or of one of its work trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// The directory of the work tree's own state.
    pub own: PathBuf,
    /// The directory that all work trees share.
    pub common: PathBuf,
}

impl Directories {
    /// The directories of the work tree with this root; `None` if it is not the root of one.
    #[must_use]
    pub fn of(top: &Path) -> Option<Self> {
        let git = top.join(".git");
        let own = if git.is_dir() {
            git
        } else {
            let text = crate::regular_file::read_to_string(&git).ok()?;
            top.join(text.trim().strip_prefix("gitdir: ")?)
        };
        let common = crate::regular_file::read_to_string(own.join("commondir")).map(|text| own.join(text.trim()));
        Some(Self { common: common.unwrap_or_else(|_| own.clone()), own })
    }
}
