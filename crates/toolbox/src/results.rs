//! Results of programs in the cache, by the digest of everything that they depend on, so that nothing is computed twice: not
//! on another branch, not in another checkout, not in a run at the same time.
//!
//! An entry is whole or absent: it is written beside its place and renamed, its first line has the digest of its content, and
//! an entry that does not match it is deleted. Only its user can read it, because renders contain the values of Secrets.
//! Without a cache that can be written, everything is computed each time.
//!
//! [`crate::cache`] limits the size.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use rustix::process::geteuid;

use crate::archive::sha256;
use crate::regular_file;

/// The folder in the cache.
pub const FOLDER: &str = "results";

/// The prefix of files that are being written.
pub(crate) const UNFINISHED: &str = ".new-";

/// The first word of an entry, with the version of the format.
const MAGIC: &str = "xtask-result-1";

/// How long an entry counts as just used, so that most runs only read.
const RECENT: Duration = Duration::from_secs(60 * 60);

/// The results in a cache.
#[derive(Debug)]
pub struct Results {
    folder: PathBuf,
    /// What computes the results besides their inputs: the build of this tool.
    tool: String,
    /// The first failure to write.
    failure: OnceLock<String>,
    /// Whether to find nothing.
    distrusted: AtomicBool,
    found: AtomicUsize,
    written: AtomicU64,
}

impl Results {
    /// The results in a cache, as a build of this tool computes them.
    #[must_use]
    pub fn new(cache: &Path, tool: &str) -> Self {
        Self {
            folder: cache.join(FOLDER),
            tool: tool.to_owned(),
            failure: OnceLock::new(),
            distrusted: AtomicBool::new(false),
            found: AtomicUsize::new(0),
            written: AtomicU64::new(0),
        }
    }

    /// The key of a result: the digest of the names and values of its inputs.
    #[must_use]
    pub fn key<'a>(&self, inputs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        // With the length, different inputs never have the same text.
        let line = |word: &str| format!("{} {word}\n", word.len());
        let mut text = line(&self.tool);
        for (name, value) in inputs {
            text.push_str(&line(name));
            text.push_str(&line(value));
        }
        sha256(text.as_bytes())
    }

    /// A result, if it is complete and unchanged.
    #[must_use]
    pub fn find(&self, kind: &str, key: &str) -> Option<Vec<u8>> {
        if self.distrusted.load(Ordering::Relaxed) {
            return None;
        }
        let path = self.path(kind, key);
        let facts = fs::symlink_metadata(&path).ok()?;
        let private = facts.is_file() && facts.uid() == geteuid().as_raw() && facts.mode() & 0o777 == 0o600;
        let content = private.then(|| regular_file::read(&path).ok()).flatten().and_then(|bytes| content(key, bytes));
        let Some(content) = content else {
            let _ = fs::remove_file(&path);
            return None;
        };
        if facts.modified().is_ok_and(|last| last.elapsed().is_ok_and(|age| age > RECENT)) {
            // Those that are not used for the longest time are deleted first.
            let _ = fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        }
        self.found.fetch_add(1, Ordering::Relaxed);
        Some(content)
    }

    /// Keeps a result. A failure only costs time in the next run.
    pub fn keep(&self, kind: &str, key: &str, content: &[u8]) {
        let bytes = [head(key, content).as_bytes(), content].concat();
        match write(&self.path(kind, key), &bytes) {
            Ok(()) => drop(self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed)),
            Err(error) => drop(self.failure.set(error.to_string())),
        }
    }

    /// Finds nothing from now on. Results are still kept.
    pub fn distrust(&self) {
        self.distrusted.store(true, Ordering::Relaxed);
    }

    /// How many results were found.
    #[must_use]
    pub fn found(&self) -> usize {
        self.found.load(Ordering::Relaxed)
    }

    /// The bytes that this run wrote.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Why a result could not be kept.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    fn path(&self, kind: &str, key: &str) -> PathBuf {
        self.folder.join(kind).join(&key[..2]).join(key)
    }
}

/// The first line of an entry.
fn head(key: &str, content: &[u8]) -> String {
    format!("{MAGIC} {key} {}\n", sha256(content))
}

/// The content of an entry, if it is the one with the key.
fn content(key: &str, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let end = bytes.iter().position(|byte| *byte == b'\n')? + 1;
    let content = bytes.split_off(end);
    (bytes == head(key, &content).as_bytes()).then_some(content)
}

/// Writes an entry. Not to the disk at once: after a power failure, it does not match its digest.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let staged = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(UNFINISHED).permissions(fs::Permissions::from_mode(0o600)).tempfile_in(folder)
    };
    let mut staged = staged().or_else(|_| {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        staged()
    })?;
    staged.write_all(bytes)?;
    staged.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: &str = "build 1";

    fn entry(cache: &Path) -> PathBuf {
        let folders = fs::read_dir(cache.join(FOLDER).join("renders")).expect("a folder");
        let folder = folders.flatten().next().expect("a folder").path();
        fs::read_dir(folder).expect("a folder").flatten().next().expect("an entry").path()
    }

    #[test]
    fn a_result_is_found_by_all_of_its_inputs() {
        let cache = tempfile::tempdir().expect("temporary directory");
        let results = Results::new(cache.path(), TOOL);
        let key = results.key([("a", "1"), ("b", "2")]);
        assert_eq!(results.find("renders", &key), None);
        results.keep("renders", &key, b"text");
        assert_eq!(Results::new(cache.path(), TOOL).find("renders", &key).as_deref(), Some(&b"text"[..]));
        assert_eq!(results.find("lint", &key), None);
        for other in
            [results.key([("a", "1")]), results.key([("a", "1\n1 b\n1 2")]), results.key([("a", "2"), ("b", "1")])]
        {
            assert_ne!(other, key);
        }
        assert_ne!(Results::new(cache.path(), "build 2").key([("a", "1"), ("b", "2")]), key, "another build");
        results.distrust();
        assert_eq!(results.find("renders", &key), None);
    }

    #[test]
    fn a_damaged_result_is_absent() {
        let cache = tempfile::tempdir().expect("temporary directory");
        let results = Results::new(cache.path(), TOOL);
        let key = results.key([("a", "1")]);
        let other = results.key([("a", "2")]);
        let damage: [fn(&Path); 5] = [
            |path| fs::write(path, "").expect("written"),
            |path| fs::write(path, &fs::read(path).expect("readable")[..90]).expect("written"),
            |path| {
                let text = fs::read_to_string(path).expect("readable");
                fs::write(path, text.replace("text", "test")).expect("written");
            },
            |path| fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("changed"),
            |path| {
                fs::rename(path, path.with_extension("moved")).expect("moved");
                std::os::unix::fs::symlink(path.with_extension("moved"), path).expect("linked");
            },
        ];
        for damage in damage {
            let _ = fs::remove_dir_all(cache.path().join(FOLDER));
            results.keep("renders", &key, b"a text");
            let path = entry(cache.path());
            damage(&path);
            assert_eq!(results.find("renders", &key), None);
            assert!(path.symlink_metadata().is_err(), "removed");
            results.keep("renders", &key, b"a text");
            assert!(results.find("renders", &key).is_some(), "kept again");
        }
        // The entry of another key is whole, but not this one.
        let (from, to) = (entry(cache.path()), cache.path().join(FOLDER).join("renders").join(&other[..2]));
        fs::create_dir_all(&to).expect("created");
        fs::copy(from, to.join(&other)).expect("copied");
        assert_eq!(results.find("renders", &other), None);
    }

    #[test]
    fn results_are_readable_by_their_owner_only() {
        let cache = tempfile::tempdir().expect("temporary directory");
        let results = Results::new(cache.path(), TOOL);
        results.keep("renders", &results.key([("a", "1")]), b"password: hunter2");
        let mut path = entry(cache.path());
        assert_eq!(fs::metadata(&path).expect("exists").mode() & 0o777, 0o600);
        while path != cache.path().join(FOLDER) {
            path.pop();
            assert_eq!(fs::metadata(&path).expect("exists").mode() & 0o777, 0o700, "{}", path.display());
        }
    }

    #[test]
    fn without_a_cache_that_can_be_written_nothing_is_kept() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let results = Results::new(file.path(), TOOL);
        let key = results.key([("a", "1")]);
        results.keep("renders", &key, b"text");
        assert_eq!(results.find("renders", &key), None);
        assert!(results.failure().is_some());
    }

    #[test]
    fn concurrent_runs_find_whole_results() {
        let cache = tempfile::tempdir().expect("temporary directory");
        let content = vec![7; 100_000];
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let results = Results::new(cache.path(), TOOL);
                    for round in 0..50 {
                        let key = results.key([("round", if round % 2 == 0 { "even" } else { "odd" })]);
                        results.keep("renders", &key, &content);
                        assert_eq!(results.find("renders", &key).as_ref(), Some(&content));
                    }
                });
            }
        });
    }
}
