//! The size of the cache, and the deletion of the entries that were not used for the longest time.
//!
//! Results and inline values share one limit in bytes; of exports of commits, a number is kept. Tools and chart archives stay,
//! because a machine without a network could not replace them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::{export, regular_file, results};

/// The limit of results and inline values, in bytes.
pub const LIMIT: u64 = 512 * 1024 * 1024;

/// The folder with the inline values of Applications.
pub const VALUES: &str = "values";

/// The file with the numbers of bytes that runs wrote since the last collection, one per line.
const WRITTEN: &str = "written";

/// After this share of the limit is written, the next collection is due.
const SHARE: u64 = 16;

/// An entry that is younger may be in use.
const IN_USE: Duration = Duration::from_secs(10 * 60);

/// An unfinished file that is older belongs to a run that was killed.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// The folders of results in earlier versions, which nothing reads.
const FORMER: [&str; 2] = ["lint", "provenance"];

/// A part of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its folder in the cache.
    pub name: String,
    /// The number of entries.
    pub entries: usize,
    /// The size of all files, in bytes.
    pub bytes: u64,
    /// Whether the limit in bytes applies to it.
    pub limited: bool,
}

/// What a collection deleted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// The number of entries.
    pub entries: usize,
    /// Their size, in bytes.
    pub bytes: u64,
}

/// A file to which the limit applies.
struct Entry {
    used: SystemTime,
    bytes: u64,
    path: PathBuf,
}

/// The parts of a cache, by name.
#[must_use]
pub fn parts(cache: &Path) -> Vec<Part> {
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    for folder in folders(cache) {
        let name = name(&folder);
        for path in folders(&folder).into_iter().chain(files(&folder)) {
            let (part, limited) = match name.as_str() {
                results::FOLDER if path.is_dir() => (format!("{name}/{}", self::name(&path)), true),
                results::FOLDER => continue,
                _ => (name.clone(), name == VALUES),
            };
            let new = Part { name: part.clone(), entries: 0, bytes: 0, limited };
            let part = parts.entry(part).or_insert(new);
            let found = all_files(&path);
            part.entries += if name == results::FOLDER { found.len() } else { 1 };
            part.bytes += found.iter().map(|entry| entry.bytes).sum::<u64>();
        }
    }
    parts.into_values().collect()
}

/// Deletes the results and inline values that were not used for the longest time, until the others are within a limit in
/// bytes, and the exports above their number; with a limit of 0, also all exports that are not in use.
#[must_use]
pub fn collect(cache: &Path, limit: u64) -> Collected {
    let mut collected = Collected::default();
    let mut remove = |entry: &Entry| {
        if fs::remove_file(&entry.path).is_ok() {
            collected.entries += 1;
            collected.bytes += entry.bytes;
        }
    };
    let _ = fs::remove_file(cache.join(results::FOLDER).join(WRITTEN));
    for former in FORMER {
        let _ = fs::remove_dir_all(cache.join(former));
    }
    let older = |entry: &Entry, age: Duration| entry.used.elapsed().is_ok_and(|old| old > age);
    let values = cache.join(VALUES);
    let (unfinished, mut entries): (Vec<Entry>, Vec<Entry>) = [cache.join(results::FOLDER), values.clone()]
        .iter()
        .flat_map(|folder| all_files(folder))
        .partition(|entry| name(&entry.path).starts_with('.'));
    unfinished.iter().filter(|entry| older(entry, ABANDONED)).for_each(&mut remove);
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.used));
    let mut kept = 0;
    for entry in entries {
        kept += entry.bytes;
        // Helm reads the values while it runs; a result is read at once.
        let in_use = entry.path.starts_with(&values) && !older(&entry, IN_USE);
        if kept > limit && !in_use {
            remove(&entry);
        }
    }
    let before = export_bytes(cache);
    let exports = if limit == 0 { export::prune_all(cache) } else { export::prune_old(cache) };
    if exports > 0 {
        collected.entries += exports;
        collected.bytes += before.saturating_sub(export_bytes(cache));
    }
    collected
}

/// Records that a run wrote results, and collects if it is time.
pub fn wrote(cache: &Path, bytes: u64) {
    if bytes == 0 {
        return;
    }
    let path = cache.join(results::FOLDER).join(WRITTEN);
    let opened = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    if let Ok(mut file) = opened {
        let _ = file.write_all(format!("{bytes}\n").as_bytes());
    }
    let text = regular_file::read_to_string(&path).unwrap_or_default();
    if text.lines().filter_map(|line| line.parse::<u64>().ok()).sum::<u64>() > LIMIT / SHARE {
        let _ = collect(cache, LIMIT - LIMIT / SHARE);
    }
}

fn export_bytes(cache: &Path) -> u64 {
    all_files(&cache.join(export::FOLDER)).iter().map(|entry| entry.bytes).sum()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir() && !path.is_symlink()).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_file()).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// All files at or below a path. Links are not followed.
fn all_files(path: &Path) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut rest = vec![path.to_path_buf()];
    while let Some(path) = rest.pop() {
        let Ok(facts) = fs::symlink_metadata(&path) else { continue };
        if facts.is_dir() {
            rest.extend(entries(&path));
        } else if facts.is_file() {
            // What a file occupies.
            let bytes = facts.len().max(facts.blocks() * 512);
            found.push(Entry { used: facts.modified().unwrap_or(SystemTime::UNIX_EPOCH), bytes, path });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Results;

    /// A cache with four results, from the one that was not used for the longest time to the newest one.
    fn filled() -> (tempfile::TempDir, Results, Vec<String>) {
        let cache = tempfile::tempdir().expect("temporary directory");
        let results = Results::new(cache.path(), "build");
        let keys: Vec<String> = ["a", "b", "c", "d"].iter().map(|name| results.key([("name", *name)])).collect();
        for (age, key) in (1..=4).rev().zip(&keys) {
            results.keep("renders", key, &[b'x'; 9000]);
            let path = cache.path().join(results::FOLDER).join("renders").join(&key[..2]).join(key);
            let file = fs::File::open(path).expect("an entry");
            file.set_modified(SystemTime::now() - Duration::from_secs(age * 24 * 60 * 60)).expect("changed");
        }
        (cache, results, keys)
    }

    fn found(results: &Results, keys: &[String]) -> Vec<bool> {
        keys.iter().map(|key| results.find("renders", key).is_some()).collect()
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_is_deleted_first() {
        let (cache, results, keys) = filled();
        assert!(results.find("renders", &keys[0]).is_some(), "this is a use");
        let collected = collect(cache.path(), 25_000);
        assert_eq!(collected.entries, 2);
        assert_eq!(found(&results, &keys), [true, false, false, true]);
        let _ = collect(cache.path(), 0);
        assert_eq!(found(&results, &keys), [false; 4]);
    }

    #[test]
    fn the_size_is_limited_without_a_command() {
        let (cache, results, keys) = filled();
        wrote(cache.path(), 1000);
        assert_eq!(found(&results, &keys), [true; 4], "not yet due");
        wrote(cache.path(), LIMIT);
        assert_eq!(found(&results, &keys), [true; 4], "within the limit");
        assert!(!cache.path().join(results::FOLDER).join(WRITTEN).exists(), "collected");
    }

    #[test]
    fn killed_runs_leave_nothing_for_long() {
        let (cache, _, _) = filled();
        let folder = cache.path().join(results::FOLDER).join("renders/aa");
        fs::create_dir_all(&folder).expect("created");
        for (name, age) in [("old", 2), ("new", 0)] {
            let path = folder.join(format!("{}{name}", results::UNFINISHED));
            fs::write(&path, "half").expect("written");
            let file = fs::File::open(&path).expect("a file");
            file.set_modified(SystemTime::now() - ABANDONED * age).expect("changed");
        }
        let _ = collect(cache.path(), LIMIT);
        let left: Vec<String> = entries(&folder).iter().map(|path| name(path)).collect();
        assert_eq!(left, [".new-new"]);
    }

    #[test]
    fn tools_are_counted_and_kept() {
        let (cache, _, _) = filled();
        fs::create_dir_all(cache.path().join("tools/helm")).expect("created");
        fs::write(cache.path().join("tools/helm/helm"), "program").expect("written");
        let names = |cache: &Path| parts(cache).into_iter().map(|part| (part.name, part.entries)).collect::<Vec<_>>();
        assert_eq!(names(cache.path()), [("results/renders".to_owned(), 4), ("tools".to_owned(), 1)]);
        let _ = collect(cache.path(), 0);
        assert_eq!(names(cache.path()), [("results/renders".to_owned(), 0), ("tools".to_owned(), 1)]);
    }
}
