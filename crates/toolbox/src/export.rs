//! The files of a commit in the cache, so that they can be read while something else is checked out.
//!
//! An export is a work tree of the repository that Git does not know of: its `.git` has an index and a `HEAD` of its own,
//! and shares everything else. So the files are what `git checkout` writes, and what is ignored, tracked, or a branch is the
//! same as in the checkout.
//!
//! Exports are kept by the name of their tree, and the oldest ones are deleted. A lock protects one that is in use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use diagnostics::{Code, Diagnostic, Result};

use crate::archive::sha256;
use crate::git::Repository;
use crate::git_directory::Directories;
use crate::scratch;
use crate::{process, regular_file};

/// The folder in the cache.
pub const FOLDER: &str = "trees";

/// How many exports are kept, besides those in use.
const KEPT: usize = 8;

/// The prefixes of directories that are being written or deleted.
const UNFINISHED: [&str; 2] = [".new-", ".old-"];

/// The age at which an unfinished directory belongs to a run that was killed.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// The file with the records of the tree.
const RECORDS: &str = "records";

/// The folder with the files.
const FILES: &str = "files";

/// The files of a commit.
#[derive(Debug)]
pub struct Export {
    /// The directory with the files.
    pub folder: PathBuf,
    /// The objects with the contents of the files that are not exported, by path.
    pub objects: BTreeMap<String, String>,
    /// Keeps the export from being deleted.
    _lock: File,
}

/// Exports the directory of a repository as it is in a commit. The files below the folder `except` are not written.
pub fn export(repository: &Repository, commit: &str, cache: &Path, except: &str) -> Result<Export> {
    let Some(tree) = repository.tree(commit)? else {
        return Err(Diagnostic::new(Code::Usage, format!("commit `{commit}` does not have this directory")).into());
    };
    let directories = repository.directories();
    let Some(directories) = directories else {
        return Err(Diagnostic::new(Code::Usage, "this is not a Git repository").into());
    };
    let real = std::fs::canonicalize(&directories.common).unwrap_or_else(|_| directories.common.clone());
    let owner = sha256(format!("{}\0{except}", real.display()).as_bytes());
    let exports = cache.join(FOLDER);
    let place = exports.join(format!("{tree}-{}", &owner[..16]));
    let wanted = Wanted { repository, tree: &tree, common: &real, head: head(&directories), except };
    // Another process may delete or replace an old export before it is locked.
    for _ in 0..3 {
        if let Some(export) = wanted.open(&place) {
            return Ok(export);
        }
        wanted.write(&exports, &place)?;
    }
    Err(Diagnostic::new(Code::Io, format!("`{}` cannot be read", place.display())).into())
}

/// What `HEAD` of the checkout names.
fn head(directories: &Directories) -> String {
    regular_file::read_to_string(directories.own.join("HEAD")).unwrap_or_default()
}

/// An export to find or write.
struct Wanted<'a> {
    repository: &'a Repository,
    tree: &'a str,
    common: &'a Path,
    head: String,
    except: &'a str,
}

impl Wanted<'_> {
    /// Opens a complete export.
    fn open(&self, place: &Path) -> Option<Export> {
        let lock = File::open(place).ok()?;
        // On a file system without locks, nothing is deleted.
        let _ = lock.lock_shared();
        let records = regular_file::read(place.join(RECORDS)).ok()?;
        let _ = lock.set_modified(SystemTime::now());
        let folder = place.join(FILES);
        // Another branch may be checked out than at the time of the export.
        let head = folder.join(".git/HEAD");
        if regular_file::read_to_string(&head).ok()? != self.head {
            crate::atomic_file::write(&head, self.head.as_bytes()).ok()?;
        }
        let objects = self.split(&records).1;
        Some(Export { folder, objects, _lock: lock })
    }

    /// Writes an export, unless another process was faster.
    fn write(&self, exports: &Path, place: &Path) -> Result<()> {
        let failed = |error: std::io::Error| Diagnostic::io("write", exports, &error);
        std::fs::create_dir_all(exports).map_err(failed)?;
        prune(exports, KEPT);
        let staging = scratch::directory_in(exports, UNFINISHED[0]).map_err(failed)?;
        let folder = staging.path().join(FILES);
        let git = folder.join(".git");
        std::fs::create_dir_all(&git).map_err(failed)?;
        std::fs::write(git.join("HEAD"), &self.head).map_err(failed)?;
        std::fs::write(git.join("commondir"), format!("{}\n", self.common.display())).map_err(failed)?;
        let records = self.repository.records(self.tree)?;
        let Some(exported) = Repository::around(&folder) else {
            return Err(Diagnostic::new(Code::Usage, "git is not on PATH").into());
        };
        exported.check_out(self.split(&records).0)?;
        process::check_interrupted()?;
        std::fs::write(staging.path().join(RECORDS), records).map_err(failed)?;
        if place.is_dir() && !place.join(RECORDS).is_file() {
            let _ = std::fs::remove_dir_all(place);
        }
        let written = std::fs::rename(staging.path(), place);
        // If the rename fails, the export of another process is there, or else it cannot be opened.
        let _ = written.map(|()| staging.keep());
        Ok(())
    }

    /// The records of the files to write, and the objects of the other files.
    fn split(&self, records: &[u8]) -> (Vec<u8>, BTreeMap<String, String>) {
        let below = format!("{}/", self.except);
        let (mut written, mut objects) = (Vec::new(), BTreeMap::new());
        for record in records.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
            let text = String::from_utf8_lossy(record);
            // `<mode> blob <object>`, a tab, and the path.
            let Some((fields, path)) = text.split_once('\t') else { continue };
            if !path.starts_with(&below) {
                written.extend_from_slice(record);
                written.push(0);
            } else if fields.starts_with("100") {
                objects.extend(fields.split(' ').nth(2).map(|object| (path.to_owned(), object.to_owned())));
            }
        }
        (written, objects)
    }
}

/// Deletes the exports in a cache that were not used for the longest time, and returns how many.
#[must_use]
pub(crate) fn prune_old(cache: &Path) -> usize {
    prune(&cache.join(FOLDER), KEPT)
}

/// Deletes all exports in a cache that are not in use, and returns how many.
#[must_use]
pub(crate) fn prune_all(cache: &Path) -> usize {
    prune(&cache.join(FOLDER), 0)
}

/// Deletes the exports that were not used for the longest time, except for some, and what killed runs left behind. Returns
/// how many exports it deleted.
fn prune(exports: &Path, kept: usize) -> usize {
    let mut deleted = 0;
    let mut finished: BTreeSet<(SystemTime, PathBuf)> = BTreeSet::new();
    for entry in std::fs::read_dir(exports).into_iter().flatten().flatten() {
        let Ok(modified) = entry.metadata().and_then(|facts| facts.modified()) else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        if !UNFINISHED.iter().any(|prefix| name.starts_with(prefix)) {
            finished.insert((modified, entry.path()));
        } else if modified.elapsed().is_ok_and(|age| age > ABANDONED) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    for (_, place) in finished.iter().rev().skip(kept) {
        let Ok(lock) = File::open(place) else { continue };
        if lock.try_lock().is_err() {
            continue;
        }
        // The name disappears first, so that nobody opens half of an export.
        let Ok(old) = scratch::directory_in(exports, UNFINISHED[1]) else { continue };
        deleted += usize::from(std::fs::rename(place, old.path().join("export")).is_ok());
    }
    deleted
}
