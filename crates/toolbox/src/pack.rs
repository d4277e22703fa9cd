//! Tar archives that are written, and compressed data that is read, within this tool and its clusters.

use std::collections::BTreeMap;
use std::io::{self, Read};

use flate2::read::GzDecoder;
use tar::{Builder, EntryType, Header};

/// An entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File {
        /// Its content.
        content: Vec<u8>,
        /// Whether it can be executed.
        executable: bool,
    },
    /// A symbolic link, with its target.
    Link(String),
}

/// Packs entries, by path, into an uncompressed tar archive.
pub fn pack(entries: &BTreeMap<String, Entry>) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (path, entry) in entries {
        let mut header = Header::new_gnu();
        match entry {
            Entry::File { content, executable } => {
                header.set_mode(if *executable { 0o755 } else { 0o644 });
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, path, content.as_slice())?;
            }
            Entry::Link(target) => {
                header.set_entry_type(EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                builder.append_link(&mut header, path, target)?;
            }
        }
    }
    builder.into_inner()
}

/// Decompresses data of at most `limit` bytes.
pub fn decompress(bytes: &[u8], limit: u64) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).take(limit).read_to_end(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_keep_their_content_mode_and_long_names() {
        let long = format!("{}/file", "directory".repeat(20));
        let file = |executable| Entry::File { content: b"x".to_vec(), executable };
        let entries = [
            ("run".to_owned(), file(true)),
            (long.clone(), file(false)),
            ("to".to_owned(), Entry::Link("run".to_owned())),
        ];
        let packed = pack(&entries.into()).expect("packed");
        let mut archive = tar::Archive::new(packed.as_slice());
        let read = archive.entries().expect("an archive").map(|entry| {
            let entry = entry.expect("an entry");
            (entry.path().expect("a path").display().to_string(), entry.header().mode().expect("a mode") & 0o111 != 0)
        });
        assert_eq!(read.collect::<Vec<_>>(), [(long, false), ("run".to_owned(), true), ("to".to_owned(), true)]);
    }
}
