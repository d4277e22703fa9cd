//! The entries of a mapping in the order of the text, with a search that does not compare all of them: the number of keys
//! is in the hands of the author of the file, and checks look up many keys.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut, Range};
use std::sync::OnceLock;

/// The size above which the index is worth its cost.
pub(crate) const SMALL: usize = 16;

/// A key of a mapping with its place.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key, formatted as in JSON if it is not a string.
    pub name: String,
    /// Its bytes in the text.
    pub span: Range<usize>,
}

/// The entries of a mapping; keys are unique.
#[derive(Debug, Clone)]
pub struct Mapping<T> {
    entries: Vec<(Key, T)>,
    /// The positions of the entries, by key. Built by the first search.
    #[expect(clippy::box_collection, reason = "most mappings have none, and would be larger by half without the box")]
    positions: OnceLock<Box<HashMap<String, usize>>>,
}

impl<T> Mapping<T> {
    /// The entry of a key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&(Key, T)> {
        self.entries.get(self.position(key)?)
    }

    /// The value of a key, to change it.
    pub fn value_mut(&mut self, key: &str) -> Option<&mut T> {
        let at = self.position(key)?;
        self.entries.get_mut(at).map(|(_, value)| value)
    }

    /// Adds an entry, or replaces the one with the same key in its place.
    pub fn set(&mut self, key: Key, value: T) {
        if let Some(at) = self.position(&key.name) {
            self.entries[at] = (key, value);
            return;
        }
        if let Some(positions) = self.positions.get_mut() {
            positions.insert(key.name.clone(), self.entries.len());
        }
        self.entries.push((key, value));
    }

    fn position(&self, key: &str) -> Option<usize> {
        if self.entries.len() <= SMALL {
            return self.entries.iter().position(|(known, _)| known.name == key);
        }
        let positions = self.positions.get_or_init(|| {
            // The first of several, if what built the mapping did not make its keys unique.
            let positions = self.entries.iter().enumerate().rev();
            Box::new(positions.map(|(at, (key, _))| (key.name.clone(), at)).collect())
        });
        positions.get(key).copied()
    }
}

impl<T> Default for Mapping<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> Deref for Mapping<T> {
    type Target = Vec<(Key, T)>;

    fn deref(&self) -> &Self::Target {
        &self.entries
    }
}

impl<T> DerefMut for Mapping<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.positions = OnceLock::new();
        &mut self.entries
    }
}

impl<T> From<Vec<(Key, T)>> for Mapping<T> {
    fn from(entries: Vec<(Key, T)>) -> Self {
        Self { entries, positions: OnceLock::new() }
    }
}

impl<T> FromIterator<(Key, T)> for Mapping<T> {
    fn from_iter<I: IntoIterator<Item = (Key, T)>>(entries: I) -> Self {
        entries.into_iter().collect::<Vec<_>>().into()
    }
}

impl<T> IntoIterator for Mapping<T> {
    type Item = (Key, T);
    type IntoIter = std::vec::IntoIter<(Key, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Mapping<T> {
    type Item = &'a (Key, T);
    type IntoIter = std::slice::Iter<'a, (Key, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_mappings_of_any_size() {
        for size in [0, 1, SMALL, SMALL + 1, 1000] {
            let key = |index: usize| Key { name: format!("k{}", index * 7 % 1000), span: index..index };
            let mut mapping: Mapping<&str> = (0..size).map(|index| (key(index), "old")).collect();
            for index in 0..size {
                assert_eq!(mapping.entry(&key(index).name).map(|(key, _)| key.span.start), Some(index));
            }
            assert!(mapping.entry("x").is_none() && mapping.value_mut("x").is_none());
            // A change of the entries invalidates the positions.
            mapping.insert(0, (Key { name: "x".to_owned(), span: 0..0 }, "new"));
            assert_eq!(mapping.entry("x").map(|(_, value)| *value), Some("new"));
            assert!(mapping.value_mut("x").is_some());
            mapping.set(Key { name: "y".to_owned(), span: 0..0 }, "one");
            mapping.set(Key { name: "y".to_owned(), span: 0..0 }, "two");
            assert_eq!(mapping.entry("y").map(|(_, value)| *value), Some("two"));
            assert_eq!(mapping.len(), size + 2);
        }
    }
}
