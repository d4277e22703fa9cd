//! Fingerprints that replace the values of Secrets in output: they show that a value changed, but not the value.
//!
//! They are keyed, because an unkeyed hash of a short password can be guessed. The key is generated once per machine and
//! stored in the cache, so that two runs print the same.

use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::archive::sha256;

/// Computes fingerprints. The key is read or generated for the first one.
#[derive(Debug)]
pub struct Fingerprints {
    file: PathBuf,
    key: OnceLock<Vec<u8>>,
}

impl Fingerprints {
    /// Fingerprints with the key of a cache directory.
    #[must_use]
    pub fn new(cache: &Path) -> Self {
        Self { file: cache.join("fingerprint.key"), key: OnceLock::new() }
    }

    /// The fingerprint of a value.
    #[must_use]
    pub fn of(&self, value: &str) -> String {
        let key = self.key.get_or_init(|| self.read_key());
        // Hashing twice prevents length extension.
        let inner = sha256(&[key.as_slice(), value.as_bytes()].concat());
        let outer = sha256(&[key.as_slice(), inner.as_bytes()].concat());
        format!("<secret {}>", &outer[..8])
    }

    fn read_key(&self) -> Vec<u8> {
        if let Ok(key) = crate::regular_file::read(&self.file)
            && key.len() == 32
        {
            return key;
        }
        // The standard library seeds each of these from the system's randomness.
        let random = || std::hash::RandomState::new().build_hasher().finish().to_le_bytes();
        let key: Vec<u8> = [random(), random(), random(), random()].concat();
        // A key that cannot be stored is used for this run only. Temporary files are readable only by their owner.
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let _ = std::fs::create_dir_all(folder);
        if let Ok(mut staged) = tempfile::NamedTempFile::new_in(folder)
            && std::io::Write::write_all(&mut staged, &key).is_ok()
        {
            let _ = staged.persist(&self.file);
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_stable_on_one_machine() {
        let (one, two) = (tempfile::tempdir().expect("directory"), tempfile::tempdir().expect("directory"));
        let first = Fingerprints::new(one.path()).of("hunter2");
        assert_eq!(first, Fingerprints::new(one.path()).of("hunter2"));
        assert_ne!(first, Fingerprints::new(one.path()).of("hunter3"));
        assert_ne!(first, Fingerprints::new(two.path()).of("hunter2"));
    }
}
