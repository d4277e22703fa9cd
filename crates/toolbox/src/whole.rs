//! Files that are there whole or not at all.
//!
//! A file is written next to its final place under a name that neither Helm nor git sees, and renamed. Whoever is killed in
//! between leaves the old state, and two who write the same file at once both leave a whole one.
//!
//! Deliberately absent: changing several files as one. Each caller orders its writes so that a rerun mends the rest;
//! [`write_all`] only sees to it that nothing is changed before everything is ready.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use diagnostics::{Diagnostic, Result};

/// Writes a file whole; its folder is made if it is missing. A file that is replaced keeps its rights.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    place(path, stage(path, bytes)?)
}

/// Writes several files, each whole, and none before all of them are staged: what can go wrong, such as a full disk,
/// goes wrong before anything changed. A kill between two renames leaves the earlier ones changed.
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
