//! Files that are there whole or not at all.
//!
//! A file is written next to its final place under a name that neither Helm nor git sees, and renamed. Whoever is killed in
//! between leaves the old state, and two who write the same file at once both leave a whole one.
//!
//! Deliberately absent: changing several files as one. Each caller orders its writes so that a rerun mends the rest.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Result};

/// Writes a file whole; its folder is made if it is missing. A file that is replaced keeps its rights.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = |error: &std::io::Error| Diagnostic::io("write", path, error);
    std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let mut staged = tempfile::Builder::new()
        .prefix(".xtask-")
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(|error| failed(&error))?;
    if let Ok(facts) = std::fs::metadata(path) {
        std::fs::set_permissions(staged.path(), facts.permissions()).map_err(|error| failed(&error))?;
    }
    staged.write_all(bytes).and_then(|()| staged.as_file().sync_all()).map_err(|error| failed(&error))?;
    staged.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}
