//! The files that Git tracks, read from its index without a process.
//!
//! The format is that of gitformat-index(5), in its versions 2 to 4, with names of objects of either length. An index that
//! is split or sparse does not list all files, so Git has to be asked.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::git::Repository;
use crate::git_directory::Directories;
use crate::regular_file;

/// The length of the fields of an entry before the name of the object.
const FIELDS: usize = 40;

/// The lengths of the names of objects: SHA-1 and SHA-256.
const LENGTHS: [usize; 2] = [20, 32];

/// The flag of an entry with more flags.
const EXTENDED: u16 = 0x4000;

/// The extensions that list files elsewhere, or directories instead of their files.
const INCOMPLETE: [&[u8]; 2] = [b"link", b"sdir"];

/// The files that Git tracks, committed or not.
#[derive(Debug, Default)]
pub struct Tracked {
    /// Their paths from the root of the repository, sorted.
    paths: Vec<Vec<u8>>,
}

impl Tracked {
    /// Reads the index of the repository whose root is a directory. Nothing is tracked if it cannot be read.
    #[must_use]
    pub fn read(top: &Path) -> Self {
        let bytes = Directories::of(top).and_then(|directories| regular_file::read(directories.own.join("index")).ok());
        if let Some(paths) = bytes.and_then(|bytes| LENGTHS.iter().find_map(|length| paths(&bytes, *length))) {
            return Self { paths };
        }
        let listed = Repository::around(top).and_then(|repository| repository.tracked().ok());
        let mut paths = listed.unwrap_or_default();
        paths.sort();
        Self { paths }
    }

    /// Whether a path from the root of the repository is a tracked file, or contains one.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        let path = path.as_os_str().as_bytes();
        let below = [path, b"/"].concat();
        let from = |start: &[u8]| self.paths.get(self.paths.partition_point(|known| known.as_slice() < start));
        from(path).is_some_and(|first| first == path) || from(&below).is_some_and(|first| first.starts_with(&below))
    }
}

/// The paths in an index of a repository whose objects have names of a length; `None` if it cannot be read this way.
fn paths(bytes: &[u8], length: usize) -> Option<Vec<Vec<u8>>> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let version = number(4).filter(|version| bytes.starts_with(b"DIRC") && (2..=4).contains(version))?;
    let count = usize::try_from(number(8)?).ok()?;
    let mut paths: Vec<Vec<u8>> = Vec::new();
    let mut at = 12;
    for _ in 0..count {
        let start = at;
        at += FIELDS + length;
        let flags = u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
        at += if flags & EXTENDED == 0 { 2 } else { 4 };
        let mut path = Vec::new();
        if version == 4 {
            let previous = paths.last().map(Vec::as_slice).unwrap_or_default();
            let removed = variable(bytes, &mut at)?;
            path.extend_from_slice(previous.get(..previous.len().checked_sub(removed)?)?);
        }
        let rest = bytes.get(at..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        path.extend_from_slice(&rest[..end]);
        // Up to version 3, entries are padded to a multiple of eight bytes.
        at = if version == 4 { at + end + 1 } else { start + (at + end - start) / 8 * 8 + 8 };
        paths.push(path);
    }
    while at + length < bytes.len() {
        let name = bytes.get(at..at + 4)?;
        if INCOMPLETE.contains(&name) {
            return None;
        }
        at += 8 + usize::try_from(number(at + 4)?).ok()?;
    }
    // What remains is the checksum.
    (at + length == bytes.len() && paths.is_sorted()).then_some(paths)
}

/// A number in the encoding of offsets in packs.
fn variable(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0_usize;
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value = value.checked_mul(128)?.checked_add(usize::from(byte & 127))?;
        if byte & 128 == 0 {
            return Some(value);
        }
        value = value.checked_add(1)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Invocation, on_path};

    fn git(root: &Path, args: &[&str]) -> Option<()> {
        let output = Invocation::new(&on_path("git")?, root).args(args.iter().copied()).run().expect("git runs");
        output.success().then_some(())
    }

    #[test]
    fn all_versions_list_what_git_lists() {
        for (format, version) in [("sha1", "2"), ("sha1", "3"), ("sha1", "4"), ("sha256", "4")] {
            let root = tempfile::tempdir().expect("temporary directory");
            let root = root.path();
            if git(root, &["init", "--quiet", &format!("--object-format={format}"), "."]).is_none() {
                return;
            }
            for name in ["a", "a-b/c", "a.b", "d/e", "d/long-name-with-words", "d/long-name-with-other-words", "ä b"] {
                let path = root.join(name);
                std::fs::create_dir_all(path.parent().expect("has one")).expect("directory");
                std::fs::write(path, name).expect("file");
            }
            git(root, &["add", "."]).expect("added");
            // An entry with more flags makes it version 3.
            std::fs::write(root.join("intended"), "").expect("file");
            git(root, &["add", "--intent-to-add", "intended"]).expect("added");
            git(root, &["update-index", "--index-version", version]).expect("converted");
            let bytes = std::fs::read(root.join(".git/index")).expect("an index");
            let length = if format == "sha1" { 20 } else { 32 };
            let read = paths(&bytes, length).expect("readable");
            let mut listed = Repository::around(root).expect("a repository").tracked().expect("git lists");
            listed.sort();
            assert_eq!(read, listed, "{format} {version}");
            assert_eq!(read.len(), 8);
            assert!(paths(&bytes, 52 - length).is_none(), "{format} {version}");
            for end in 0..bytes.len() {
                assert!(paths(&bytes[..end], length).is_none(), "{end}");
            }
        }
    }

    #[test]
    fn files_and_their_directories_are_tracked() {
        let paths = ["a-b/c", "a/b/c", "d"].map(|path| path.as_bytes().to_vec()).to_vec();
        let tracked = Tracked { paths };
        for (path, expected) in
            [("a", true), ("a/b", true), ("a/b/c", true), ("a-b", true), ("a-", false), ("a/b/c/d", false), ("d", true)]
        {
            assert_eq!(tracked.contains(Path::new(path)), expected, "{path}");
        }
    }
}
