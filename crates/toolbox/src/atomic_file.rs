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
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Result};
use tempfile::NamedTempFile;

/// Starts the names of temporary files.
const PREFIX: &str = ".xtask-";

/// The age at which a temporary file is abandoned by its run.
const ABANDONED: Duration = Duration::from_secs(60);

/// Writes a file atomically. Creates its directory if necessary, and keeps the permissions of a file that it replaces. What
/// exists and is neither a file nor a directory, such as a pipe or a device, is written to instead of replaced.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::metadata(path).is_ok_and(|facts| !facts.is_file() && !facts.is_dir()) {
        let file = std::fs::OpenOptions::new().write(true).open(path);
        return Ok(file
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|error| Diagnostic::io("write", path, &error))?);
    }
    place(path, stage(path, bytes, None)?)
}

/// Writes a file atomically that only this user can read.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    place(path, stage(path, bytes, Some(0o600))?)
}

/// Writes several files, each atomically, after all of them are staged: a failure such as a full disk occurs before any
/// file is changed. A run that is killed between two renames leaves some files changed.
pub fn write_all(files: &[(PathBuf, String)]) -> Result<()> {
    let staged: Vec<NamedTempFile> =
        files.iter().map(|(path, text)| stage(path, text.as_bytes(), None)).collect::<Result<_>>()?;
    for ((path, _), staged) in files.iter().zip(staged) {
        place(path, staged)?;
    }
    Ok(())
}

/// Whether a file with this name is one that is being written, or that a killed run left.
#[must_use]
pub fn is_staged(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Removes what killed runs left in a directory. No run needs a minute between writing a file and renaming it.
fn remove_abandoned(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let own = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
        let old = |facts: std::fs::Metadata| {
            facts.is_file() && facts.modified().is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED))
        };
        if own && entry.metadata().is_ok_and(old) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Writes the temporary file. Without a mode, it gets the permissions of the file that it replaces.
fn stage(path: &Path, bytes: &[u8], mode: Option<u32>) -> Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = |error: &std::io::Error| Diagnostic::io("write", path, error);
    if let Some(other) = folder.ancestors().find(|folder| folder.exists()).filter(|folder| !folder.is_dir()) {
        let message = format!("cannot write `{}`: `{}` is not a directory", path.display(), other.display());
        return Err(Diagnostic::new(Code::Io, message).help("choose another path").into());
    }
    std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    remove_abandoned(folder);
    let mut staged = tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(std::fs::Permissions::from_mode(mode.unwrap_or(0o644)))
        .tempfile_in(folder)
        .map_err(|error| failed(&error))?;
    if let (None, Ok(facts)) = (mode, std::fs::metadata(path)) {
        std::fs::set_permissions(staged.path(), facts.permissions()).map_err(|error| failed(&error))?;
    }
    staged.write_all(bytes).and_then(|()| staged.as_file().sync_all()).map_err(|error| failed(&error))?;
    Ok(staged)
}

fn place(path: &Path, staged: NamedTempFile) -> Result<()> {
    staged.persist(path).map_err(|error| Diagnostic::io("write", path, &error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let link = directory.path().join("report.xml");
        std::os::unix::fs::symlink("/dev/null", &link).expect("link");
        write(&link, b"text").expect("written");
        assert!(link.is_symlink(), "still a device");
        std::fs::remove_file(&link).expect("removed");
        std::os::unix::fs::symlink("/dev/full", &link).expect("link");
        if link.exists() {
            assert!(write(&link, b"text").is_err(), "the device is full");
            assert!(link.is_symlink());
        }
    }

    #[test]
    fn errors_name_what_the_author_wrote() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let text = |path: &str| {
            let found = write(&directory.path().join(path), b"text").expect_err("not written");
            let helps: String = found.0[0].helps.iter().map(|help| format!("\n{help}")).collect();
            format!("{}{helps}", found.0[0].message).replace(&directory.path().display().to_string(), "[DIR]")
        };
        std::fs::write(directory.path().join("file"), "text").expect("written");
        std::fs::create_dir(directory.path().join("directory")).expect("created");
        assert_eq!(
            text("file/report.md"),
            "cannot write `[DIR]/file/report.md`: `[DIR]/file` is not a directory\nchoose another path"
        );
        assert_eq!(text("directory"), "cannot write `[DIR]/directory`: Is a directory\nname a file, not a directory");
        let long = "x".repeat(300);
        assert_eq!(text(&long), format!("cannot write `[DIR]/{long}`: File name too long"));
    }

    #[test]
    fn what_a_killed_run_left_is_removed() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = |name: &str| directory.path().join(name);
        for (name, age) in [(".xtask-old", 3600), (".xtask-new", 0), ("other", 3600)] {
            let file = std::fs::File::create(path(name)).expect("created");
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(age)).expect("set");
        }
        write(&path("file"), b"text").expect("written");
        let left: Vec<bool> = [".xtask-old", ".xtask-new", "other"].map(|name| path(name).exists()).into();
        assert_eq!(left, [false, true, true]);
    }

    #[test]
    fn a_private_file_has_no_other_readers() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("values.yaml");
        std::fs::write(&path, "old").expect("written");
        write_private(&path, b"new").expect("written");
        let mode = std::fs::metadata(&path).expect("exists").permissions().mode();
        assert_eq!((std::fs::read_to_string(&path).expect("readable").as_str(), mode & 0o777), ("new", 0o600));
    }
}
