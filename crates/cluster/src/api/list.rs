//! Lists and watches of objects.

use serde::Deserialize;
use serde_json::Value;

use super::metadata::{Metadata, nullable};

/// A list, as `kubectl get --raw` and `kubectl get --output json` print it.
#[derive(Debug, Clone, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub struct List<T> {
    /// The metadata of the list itself.
    #[serde(default)]
    pub metadata: Metadata,
    /// Its items.
    #[serde(default = "Vec::new", deserialize_with = "nullable")]
    pub items: Vec<T>,
}

/// One change that a watch reports.
#[derive(Debug, Clone, Deserialize)]
pub struct WatchEvent {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`, or `ERROR`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The object after the change.
    pub object: Value,
}

/// What `kubectl` prints for several objects, or for one.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// A `List`.
    Many {
        /// Its items.
        items: Vec<T>,
    },
    /// The object itself.
    One(T),
}

impl<T> OneOrMany<T> {
    /// The objects.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many { items } => items,
            Self::One(item) => vec![item],
        }
    }
}
