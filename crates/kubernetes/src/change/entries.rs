//! Entries of mappings, which may be many.

use std::collections::HashMap;

use document::{Key, Node};

/// The number of entries from which a mapping is searched with an index.
const INDEXED: usize = 16;

/// The entries of a mapping, with an index if there are many.
#[derive(Debug)]
pub struct Entries<'a> {
    entries: &'a [(Key, Node)],
    index: HashMap<&'a str, &'a Node>,
}

impl<'a> Entries<'a> {
    /// The entries of a mapping.
    #[must_use]
    pub fn new(entries: &'a [(Key, Node)]) -> Self {
        let many = if entries.len() > INDEXED { entries } else { &[] };
        Self { entries, index: many.iter().map(|(key, node)| (key.name.as_str(), node)).collect() }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        if self.entries.len() > INDEXED {
            return self.index.get(name).copied();
        }
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }
}
