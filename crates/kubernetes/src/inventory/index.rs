//! Lists by keys of several words.

use std::collections::HashMap;

/// Lists by keys, each of several words without null bytes.
#[derive(Debug)]
pub(super) struct Index<T>(HashMap<String, Vec<T>>);

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Index<T> {
    /// Adds a value to the list of a key.
    pub(super) fn add(&mut self, key: &[&str], value: T) {
        self.0.entry(joined(key)).or_default().push(value);
    }

    /// The list of a key.
    pub(super) fn get(&self, key: &[&str]) -> &[T] {
        self.0.get(&joined(key)).map(Vec::as_slice).unwrap_or_default()
    }
}

fn joined(key: &[&str]) -> String {
    key.join("\0")
}
