//! The files that a render depends on, each with a digest.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Result};
use digests::hexadecimal;
pub use digests::sha256_bytes;

/// The digests of inputs by name. The name of a file is its path relative to the root of the repository. Both are shared:
/// targets of one chart have the same files.
pub type Inputs = BTreeMap<Arc<str>, Arc<str>>;

/// The SHA-256 of files by name, sorted, in few allocations: a large repository has tens of thousands of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// All names, one after another.
    names: Box<str>,
    /// Where each name ends, and the digest of its file.
    files: Box<[(usize, [u8; 32])]>,
}

impl Files {
    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        (0..self.files.len()).map(|index| self.name(index))
    }

    /// The names, sorted, each with its digest as [`digest`] returns it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, String)> {
        self.names().zip(&self.files).map(|(name, (_, digest))| (name, written(digest)))
    }

    /// Whether it has a file of a name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        let (mut low, mut high) = (0, self.files.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.name(middle).cmp(name) {
                Ordering::Equal => return true,
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        false
    }

    fn name(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.files[before].0);
        &self.names[start..self.files[index].0]
    }
}

/// From names and digests, in any order; of files with the same name, the last one counts.
impl FromIterator<(String, [u8; 32])> for Files {
    fn from_iter<T: IntoIterator<Item = (String, [u8; 32])>>(files: T) -> Self {
        let sorted: BTreeMap<String, [u8; 32]> = files.into_iter().collect();
        let mut names = String::with_capacity(sorted.keys().map(String::len).sum());
        let mut ends = Vec::with_capacity(sorted.len());
        for (name, digest) in sorted {
            names.push_str(&name);
            ends.push((names.len(), digest));
        }
        Self { names: names.into(), files: ends.into() }
    }
}

/// The digest of a file.
pub fn file_digest(path: &Path) -> Result<String> {
    let bytes = crate::regular_file::read(path).map_err(|error| Diagnostic::io("read", path, &error))?;
    Ok(digest(&bytes))
}

/// The digest of the content of a file.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    written(&sha256_bytes(bytes))
}

/// How a digest is written.
fn written(digest: &[u8]) -> String {
    format!("sha256:{}", hexadecimal::text(digest))
}

/// The name of a file without its directory, which must be valid UTF-8: two others could have the same name in inputs.
pub fn file_name(path: &Path) -> Result<&str> {
    path.file_name().unwrap_or_default().to_str().ok_or_else(|| {
        let message = format!("the name of `{}` is not valid UTF-8", path.display());
        Diagnostic::new(Code::ManifestInvalid, message).help("rename the file").into()
    })
}

/// The name of a path in inputs and messages: relative to the root if it is below the root.
#[must_use]
pub fn name(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_and_found_by_their_names() {
        let named = ["b", "a/c", "", "a", "b"].map(|name| (name.to_owned(), sha256_bytes(name.as_bytes())));
        let files: Files = named.into_iter().collect();
        assert_eq!(files.names().collect::<Vec<_>>(), ["", "a", "a/c", "b"]);
        let all: Vec<_> = files.iter().collect();
        assert!(all.iter().all(|(name, written)| *written == digest(name.as_bytes())), "{all:?}");
        assert!(["", "a", "a/c", "b"].iter().all(|name| files.contains(name)));
        assert!(!["a/", "B", "ba", "0"].iter().any(|name| files.contains(name)));
        assert!(!Files::default().contains(""));
    }
}
