//! Directories for the files that only one run needs. They contain values and what is rendered, so that they are closed to
//! other users.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use diagnostics::{Diagnostic, Result};
use tempfile::{Builder, TempDir};

/// What the names of the directories begin with.
const PREFIX: &str = "homelab-chart-";

/// Creates a directory for temporary files, which is removed when it is dropped.
pub fn directory() -> Result<TempDir> {
    let parent = std::env::temp_dir();
    Ok(directory_in(&parent, PREFIX).map_err(|error| Diagnostic::io("create a directory in", &parent, &error))?)
}

/// The same in another directory, under a name with another beginning.
pub fn directory_in(parent: &Path, prefix: &str) -> std::io::Result<TempDir> {
    Builder::new().prefix(prefix).permissions(Permissions::from_mode(0o700)).tempdir_in(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_closed_to_others() {
        let created = directory().expect("temporary directory");
        let mode = std::fs::metadata(created.path()).expect("created").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
