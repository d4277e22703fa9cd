//! Copies of a repository in which plugins run.
//!
//! A plugin may change any file, so it never runs in the repository itself, and none sees what another one did. A copy is
//! used again once what a plugin changed in it has been restored. The kernel sets the time of the last change of a file, and
//! no program can set it to an earlier one.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use diagnostics::{Diagnostic, Result};
use tempfile::TempDir;

use crate::find;
use toolbox::scratch;

/// The kernel's clock for changes advances at least this often.
const TICK: Duration = Duration::from_millis(15);

/// Copies that no plugin uses at the moment.
#[derive(Debug, Default)]
pub struct Copies(Mutex<Vec<Copy>>);

/// A copy of the files that Git does not ignore.
#[derive(Debug)]
pub struct Copy {
    root: PathBuf,
    stage: TempDir,
    files: BTreeMap<PathBuf, Stamp>,
    directories: BTreeSet<PathBuf>,
}

/// The metadata by which a change of a file is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Copies {
    /// A copy of the repository.
    pub fn take(&self, root: &Path) -> Result<Copy> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = free.iter().position(|copy| copy.root == root).map(|index| free.swap_remove(index));
        drop(free);
        known.map_or_else(|| Copy::new(root), Ok)
    }

    /// Takes a copy back, unless it cannot be restored.
    pub(crate) fn give_back(&self, mut copy: Copy) {
        if copy.restore().is_some() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(copy);
        }
    }
}

impl Copy {
    fn new(root: &Path) -> Result<Self> {
        let stage = scratch::directory()?;
        let (mut files, mut directories) = (BTreeMap::new(), BTreeSet::new());
        for name in find::tracked(root) {
            let (from, to) = (root.join(&name), stage.path().join(&name));
            let name = PathBuf::from(name);
            let folder = to.parent().unwrap_or(stage.path());
            if name.parent().is_some_and(|parent| !directories.contains(parent)) {
                std::fs::create_dir_all(folder).map_err(|error| Diagnostic::io("create", folder, &error))?;
                directories.extend(name.ancestors().skip(1).map(Path::to_path_buf));
            }
            std::fs::copy(&from, &to).map_err(|error| Diagnostic::io("copy", &from, &error))?;
            files.insert(name, stamp(&to).map_err(|error| Diagnostic::io("read", &to, &error))?);
        }
        std::thread::sleep(TICK);
        Ok(Self { root: root.to_path_buf(), stage, files, directories })
    }

    /// Its root.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.stage.path()
    }

    /// Undoes what a plugin changed. `None` if a directory is no longer one, or something cannot be restored.
    fn restore(&mut self) -> Option<()> {
        let stage = self.stage.path().to_path_buf();
        let (mut found, mut folders) = (BTreeSet::new(), BTreeSet::new());
        let mut changed = false;
        let mut pending = vec![stage.clone()];
        while let Some(folder) = pending.pop() {
            folders.insert(folder.strip_prefix(&stage).ok()?.to_path_buf());
            for entry in std::fs::read_dir(&folder).ok()? {
                let path = entry.ok()?.path();
                let name = path.strip_prefix(&stage).ok()?.to_path_buf();
                let facts = std::fs::symlink_metadata(&path).ok()?;
                match self.files.get(&name) {
                    Some(known) if facts.is_file() => {
                        if stamp(&path).ok()? != *known {
                            changed = true;
                            self.copy_again(&name)?;
                        }
                        found.insert(name);
                    }
                    None if facts.is_dir() && self.directories.contains(&name) => pending.push(path),
                    None if facts.is_dir() => std::fs::remove_dir_all(&path).ok()?,
                    _ => std::fs::remove_file(&path).ok()?,
                }
            }
        }
        if self.directories.iter().any(|one| !one.as_os_str().is_empty() && !folders.contains(one)) {
            return None;
        }
        let missing: Vec<PathBuf> = self.files.keys().filter(|name| !found.contains(*name)).cloned().collect();
        for name in &missing {
            self.copy_again(name)?;
        }
        if changed || !missing.is_empty() {
            std::thread::sleep(TICK);
        }
        Some(())
    }

    fn copy_again(&mut self, name: &Path) -> Option<()> {
        let to = self.stage.path().join(name);
        // A new file, because others may have opened or linked the old one.
        if to.symlink_metadata().is_ok() {
            std::fs::remove_file(&to).ok()?;
        }
        std::fs::copy(self.root.join(name), &to).ok()?;
        self.files.insert(name.to_path_buf(), stamp(&to).ok()?);
        Some(())
    }
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let facts = std::fs::symlink_metadata(path)?;
    Ok(Stamp { inode: facts.ino(), size: facts.len(), changed: (facts.ctime(), facts.ctime_nsec()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_changed_is_restored() {
        let root = tempfile::tempdir().expect("a directory");
        let write = |path: &Path, text: &str| {
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, text).expect("a file");
        };
        for (name, text) in [("a.yaml", "a"), ("web/b.yaml", "b"), ("web/c.yaml", "c")] {
            write(&root.path().join(name), text);
        }
        let copies = Copies::default();
        let copy = copies.take(root.path()).expect("a copy");
        let stage = copy.path().to_path_buf();
        write(&stage.join("web/b.yaml"), "B");
        std::fs::remove_file(stage.join("web/c.yaml")).expect("removed");
        write(&stage.join("web/charts/new.tgz"), "new");
        std::os::unix::fs::symlink("/", stage.join("web/link")).expect("a link");
        copies.give_back(copy);
        let again = copies.take(root.path()).expect("a copy");
        assert_eq!(again.path(), stage, "the copy is used again");
        let names: Vec<String> = find::files(&stage).iter().map(|path| toolbox::inputs::name(&stage, path)).collect();
        assert_eq!(names, ["a.yaml", "web/b.yaml", "web/c.yaml"]);
        assert!(!stage.join("web/link").exists() && !stage.join("web/charts").exists());
        assert_eq!(std::fs::read_to_string(stage.join("web/b.yaml")).expect("a file"), "b");
        std::fs::remove_dir_all(stage.join("web")).expect("removed");
        copies.give_back(again);
        assert_ne!(copies.take(root.path()).expect("a copy").path(), stage, "it could not be restored");
    }
}
