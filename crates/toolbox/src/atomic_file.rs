//! Atomic file writes.
//!
//! A file is written next to its destination, under a name that Helm and git ignore, and then renamed. A killed run leaves
//! the old file, and concurrent writes of one file leave one of the complete files.
//!
//! Does not replace several files atomically: [`write_all`] only stages all of them before it renames the first. Callers
//! order their writes so that the next run completes them.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Result};
use tempfile::NamedTempFile;

/// Writes a file atomically. Creates its directory if necessary, and keeps the permissions of a file that it replaces.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    place(path, stage(path, bytes)?)
}

/// Writes several files, each atomically, after all of them are staged: a failure such as a full disk occurs before any
/// file is changed. A run that is killed between two renames leaves some files changed.
pub fn write_all(files: &[(PathBuf, String)]) -> Result<()> {
    let staged: Vec<NamedTempFile> =
        files.iter().map(|(path, text)| stage(path, text.as_bytes())).collect::<Result<_>>()?;
    for ((path, _), staged) in files.iter().zip(staged) {
        place(path, staged)?;
    }
    Ok(())
}

fn stage(path: &Path, bytes: &[u8]) -> Result<NamedTempFile> {
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
    Ok(staged)
}

fn place(path: &Path, staged: NamedTempFile) -> Result<()> {
    staged.persist(path).map_err(|error| Diagnostic::io("write", path, &error.error))?;
    Ok(())
}
