//! Writes goldens atomically.
//!
//! The whole directory of goldens is built next to the old one, with hard links to unchanged files, and both are
//! exchanged in one system call. If the tool is killed, the goldens are the old ones or the new ones, never a mixture.
//! The next run removes the leftover staging directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use toolbox::progress::Progress;
use toolbox::{file_lock, links, process};

/// The directory of the goldens, relative to the root.
pub const FOLDER: &str = workspace::find::GOLDENS;

/// The staging directory. It is next to the goldens, and so on the same file system.
const STAGING: &str = "tests/.golden-staging";

/// Changes to the goldens.
#[derive(Debug, Default)]
pub struct Update {
    /// The directories to replace (`<app>/<case>`), each with all its files.
    pub folders: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// Absolute paths of directories and files to remove.
    pub remove: Vec<PathBuf>,
}

/// Applies an update. Holds the workspace lock, so that concurrent runs do not interfere.
pub fn apply(root: &Path, update: &Update, progress: &dyn Progress) -> Result<()> {
    let _lock = lock(root, progress)?;
    for path in update.folders.keys().map(|folder| root.join(FOLDER).join(folder)).chain(update.remove.iter().cloned())
    {
        links::refuse(root, &path)?;
    }
    let (golden, staging) = (root.join(FOLDER), root.join(STAGING));
    let tree = staging.join("tree");
    clear(root, &staging)?;
    write(&staging.join(".gitignore"), b"*\n")?;
    create(&tree)?;

    if golden.is_dir() {
        let replaced: Vec<PathBuf> = update.folders.keys().map(|folder| golden.join(folder)).collect();
        for file in files(&golden)? {
            if replaced.iter().chain(&update.remove).any(|outdated| file.starts_with(outdated)) {
                continue;
            }
            let copy = tree.join(file.strip_prefix(&golden).unwrap_or(&file));
            create(copy.parent().unwrap_or(&tree))?;
            if std::fs::hard_link(&file, &copy).is_err() {
                std::fs::copy(&file, &copy).map_err(|error| Diagnostic::io("copy", &file, &error))?;
            }
        }
    }
    for (folder, contents) in &update.folders {
        for (name, bytes) in contents {
            let path = tree.join(folder).join(name);
            create(path.parent().unwrap_or(&tree))?;
            write(&path, bytes)?;
        }
    }
    process::check_interrupted()?;
    exchange(&tree, &golden, &staging.join("old"))?;
    remove(&staging)
}

/// Cleans up after a killed run. Costs one `stat` if there is nothing to do.
pub fn recover(root: &Path, progress: &dyn Progress) -> Result<()> {
    let staging = root.join(STAGING);
    if !staging.is_dir() {
        return Ok(());
    }
    let _lock = lock(root, progress)?;
    clear(root, &staging)
}

/// Locks the workspace. The lock is on the root directory itself, so that no lock file is left behind.
pub fn lock(root: &Path, progress: &dyn Progress) -> Result<File> {
    let file = File::open(root).map_err(|error| Diagnostic::io("open", root, &error))?;
    match file_lock::acquire(&file, || progress.under_way("Waiting", "for another run that writes to this repository"))
    {
        Ok(()) => Ok(file),
        Err(file_lock::Failure::Io(error)) => Err(Diagnostic::io("lock", root, &error).into()),
        Err(file_lock::Failure::Interrupted(found)) => Err(found),
    }
}

fn clear(root: &Path, staging: &Path) -> Result<()> {
    let (golden, tree) = (root.join(FOLDER), staging.join("tree"));
    // On a file system without RENAME_EXCHANGE, a run was killed between the two renames; the new goldens are complete.
    if !golden.exists() && staging.join("old").exists() && tree.exists() {
        std::fs::rename(&tree, &golden).map_err(|error| Diagnostic::io("rename", &tree, &error))?;
    }
    remove(staging)
}

fn exchange(new: &Path, golden: &Path, old: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Diagnostic::io("replace", golden, &error);
    if !golden.exists() {
        create(golden.parent().unwrap_or(golden))?;
        return std::fs::rename(new, golden).map_err(|error| failed(error).into());
    }
    match renameat_with(CWD, new, CWD, golden, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        // Some file systems do not support RENAME_EXCHANGE. `clear` recovers from a kill between the two renames.
        Err(Errno::INVAL | Errno::NOSYS | Errno::XDEV | Errno::OPNOTSUPP) => {
            std::fs::rename(golden, old).map_err(failed)?;
            std::fs::rename(new, golden).map_err(failed)?;
            Ok(())
        }
        Err(error) => Err(failed(error.into()).into()),
    }
}

fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| Diagnostic::io("create", folder, &error).into())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        create(folder)?;
    }
    std::fs::write(path, bytes).map_err(|error| Diagnostic::io("write", path, &error).into())
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Diagnostic::io("remove", folder, &error).into())
        }
        _ => Ok(()),
    }
}

/// All files below a directory, sorted by path.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    files_except(folder, |_| false)
}

/// The files below a directory, except those in some directories below it.
pub(crate) fn files_except(folder: &Path, skipped: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| Diagnostic::io("read", &folder, &error))? {
            let entry = entry.map_err(|error| Diagnostic::io("read", &folder, &error))?;
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.extend(Some(path).filter(|path| !skipped(path)));
            } else {
                files.insert(path);
            }
        }
    }
    Ok(files.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use toolbox::progress::Silent;

    use super::*;

    fn update(folder: &str, files: &[(&str, &str)]) -> Update {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        Update { folders: [(folder.to_owned(), files)].into(), remove: Vec::new() }
    }

    fn listing(root: &Path) -> Vec<String> {
        let base = root.join("tests");
        files(&base)
            .expect("readable")
            .iter()
            .map(|file| file.strip_prefix(&base).expect("inside").display().to_string())
            .collect()
    }

    #[test]
    fn replaces_whole_directories_and_keeps_the_others() {
        let root = tempfile::tempdir().expect("temporary directory");
        apply(root.path(), &update("a/default", &[("x.yaml", "1"), ("y.yaml", "1")]), &Silent).expect("writes");
        apply(root.path(), &update("b/default", &[("x.yaml", "1")]), &Silent).expect("writes");
        apply(root.path(), &update("a/default", &[("x.yaml", "2")]), &Silent).expect("writes");
        assert_eq!(listing(root.path()), ["golden/a/default/x.yaml", "golden/b/default/x.yaml"]);
        let orphan = Update { remove: vec![root.path().join("tests/golden/b")], ..Update::default() };
        apply(root.path(), &orphan, &Silent).expect("removes");
        assert_eq!(listing(root.path()), ["golden/a/default/x.yaml"]);
    }

    #[test]
    fn recovers_from_a_killed_run() {
        let root = tempfile::tempdir().expect("temporary directory");
        let staging = root.path().join(STAGING);
        // Killed while staging: the goldens are the old ones.
        apply(root.path(), &update("a/default", &[("x.yaml", "old")]), &Silent).expect("writes");
        write(&staging.join("tree/a/default/x.yaml"), b"half").expect("writes");
        recover(root.path(), &Silent).expect("recovers");
        assert_eq!(listing(root.path()), ["golden/a/default/x.yaml"]);
        // Killed between the two renames: the goldens are the new ones.
        write(&staging.join("tree/a/default/x.yaml"), b"new").expect("writes");
        std::fs::rename(root.path().join(FOLDER), staging.join("old")).expect("renames");
        recover(root.path(), &Silent).expect("recovers");
        assert_eq!(std::fs::read(root.path().join("tests/golden/a/default/x.yaml")).expect("there"), b"new");
        assert_eq!(listing(root.path()), ["golden/a/default/x.yaml"]);
    }
}
