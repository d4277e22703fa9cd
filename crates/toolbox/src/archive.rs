//! Gzipped tar archives, of charts and of tools: reading them, and one digest for what they hold.
//!
//! Reading is into memory (a chart is some 30 kB, a tool some 20 MB) and refuses what would leave the folder that it
//! is unpacked into, links, and sizes beyond any honest archive's.
//!
//! Deliberately absent: writing archives.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use diagnostics::{Code, Diagnostic, Result};

/// The most that an archive may unpack to, in bytes.
const MAX_UNPACKED: u64 = 512 * 1024 * 1024;

/// The files of an archive, by path with `/` between the parts.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// Reads all regular files of a gzipped tar archive; `name` is how messages call it.
pub fn read(name: &str, bytes: &[u8]) -> Result<Tree> {
    let broken = |error: &std::io::Error| {
        Diagnostic::new(Code::ArchiveTampered, format!("`{name}` is not a readable archive: {error}"))
            .help("delete it; the next run brings it again")
    };
    let unsafe_path = |path: &Path, why: &str| {
        Diagnostic::new(Code::ArchiveUnsafe, format!("`{name}` holds `{}`, which {why}", path.display()))
            .help("do not use this archive; look at where it came from")
    };
    let mut tree = Tree::new();
    let mut archive = tar::Archive::new(MultiGzDecoder::new(bytes).take(MAX_UNPACKED));
    for entry in archive.entries().map_err(|error| broken(&error))? {
        let mut entry = entry.map_err(|error| broken(&error))?;
        let path = entry.path().map_err(|error| broken(&error))?.into_owned();
        let mut parts = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(part) => match part.to_str() {
                    Some(part) => parts.push(part.to_owned()),
                    None => return Err(unsafe_path(&path, "is not UTF-8").into()),
                },
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Err(unsafe_path(&path, "would be written outside its folder").into());
                }
            }
        }
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            return Err(unsafe_path(&path, "is a link").into());
        }
        if !kind.is_file() || parts.is_empty() {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|error| broken(&error))?;
        if tree.insert(parts.join("/"), content).is_some() {
            return Err(unsafe_path(&path, "stands in it twice").into());
        }
    }
    if tree.is_empty() {
        return Err(broken(&std::io::Error::other("it holds no file")).into());
    }
    Ok(tree)
}

/// A digest over paths and contents, free of what a packager adds (order, times, owners, compression).
///
/// It is the SHA-256 of what `find . -type f | LC_ALL=C sort | xargs sha256sum` prints, without the `./`:
/// a line `<sha256 of content>  <path>` for each file, in the order of their paths.
#[must_use]
pub fn tree_digest(tree: &Tree) -> String {
    let mut listing = String::new();
    for (path, content) in tree {
        listing.push_str(&format!("{}  {path}\n", sha256(content)));
    }
    format!("tree-sha256:{}", sha256(listing.as_bytes()))
}

/// SHA-256 in lowercase hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            // `set_path` would refuse the paths that the tests are about.
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, content.as_bytes()).expect("in memory");
        }
        builder.into_inner().expect("in memory").finish().expect("in memory")
    }

    #[test]
    fn order_does_not_matter_to_the_digest() {
        let one = read("one", &archive(&[("c/a", "1"), ("c/b", "2")])).expect("archive");
        let two = read("two", &archive(&[("c/b", "2"), ("./c/a", "1")])).expect("archive");
        assert_eq!(tree_digest(&one), tree_digest(&two));
        let other = read("other", &archive(&[("c/a", "1"), ("c/b", "3")])).expect("archive");
        assert_ne!(tree_digest(&one), tree_digest(&other));
    }

    #[test]
    fn paths_that_leave_are_refused() {
        for path in ["../evil", "/etc/evil", "a/../../evil"] {
            let error = read("x.tgz", &archive(&[(path, "!")])).expect_err("unsafe");
            assert_eq!(error.0[0].code, Code::ArchiveUnsafe, "{path}");
        }
    }

    #[test]
    fn what_is_no_archive_is_told() {
        let mut cut = archive(&[("a", "content")]);
        cut.truncate(20);
        let mut text = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        text.write_all(b"not tar").expect("in memory");
        for bytes in [b"plain".to_vec(), cut, text.finish().expect("in memory")] {
            assert_eq!(read("x.tgz", &bytes).expect_err("broken").0[0].code, Code::ArchiveTampered);
        }
    }
}
