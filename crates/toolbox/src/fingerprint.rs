//! What stands for the value of a Secret: enough to see that it changed, too little to find out what it is.
//!
//! The fingerprint is keyed, since a bare hash of a short password can be guessed. The key is made once a machine and
//! kept in the tool's cache, so that two runs there tell the same.

use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::archive::sha256;

/// Makes fingerprints; the key is read, or made, when the first one is asked for.
#[derive(Debug)]
pub struct Fingerprints {
    file: PathBuf,
    key: OnceLock<Vec<u8>>,
}

impl Fingerprints {
    /// Fingerprints with the key of a cache folder.
    #[must_use]
    pub fn new(cache: &Path) -> Self {
        Self { file: cache.join("fingerprint.key"), key: OnceLock::new() }
    }

    /// What stands for a value.
    #[must_use]
    pub fn of(&self, value: &str) -> String {
        let key = self.key.get_or_init(|| self.read_key());
        // Hashing twice keeps a longer value from continuing a shorter one's hash.
        let inner = sha256(&[key.as_slice(), value.as_bytes()].concat());
        let outer = sha256(&[key.as_slice(), inner.as_bytes()].concat());
        format!("<secret {}>", &outer[..8])
    }

    fn read_key(&self) -> Vec<u8> {
        if let Ok(key) = std::fs::read(&self.file)
            && key.len() == 32
        {
            return key;
        }
        // The standard library seeds each of these from the system's randomness.
        let random = || std::hash::RandomState::new().build_hasher().finish().to_le_bytes();
        let key: Vec<u8> = [random(), random(), random(), random()].concat();
        // Where it cannot be kept, it serves for this run alone. A temporary file is readable by its owner only.
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
    fn the_same_value_has_the_same_fingerprint_on_one_machine() {
        let (one, two) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        let first = Fingerprints::new(one.path()).of("hunter2");
        assert_eq!(first, Fingerprints::new(one.path()).of("hunter2"));
        assert_ne!(first, Fingerprints::new(one.path()).of("hunter3"));
        assert_ne!(first, Fingerprints::new(two.path()).of("hunter2"));
    }
}
