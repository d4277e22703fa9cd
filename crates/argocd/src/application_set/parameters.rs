//! Sets of parameters, each of which makes one Application.

use diagnostics::Place;

use crate::go_template::value::{Map, Value};

/// The parameters of one Application.
#[derive(Debug, Clone)]
pub(super) struct Parameters {
    /// The values: nested with `goTemplate`, or else flat.
    pub values: Map,
    /// Their origins: an element of a list, a directory, a file, or a cluster. Several in a matrix.
    pub origins: Vec<Origin>,
}

/// The origin of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// A description, such as `apps/web`.
    pub text: String,
    /// The place.
    pub place: Place,
}

/// The values as text, by their paths, such as `metadata.labels.env`, for selectors.
#[must_use]
pub(super) fn flattened(values: &Map) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (key, value) in values.pairs() {
        flatten(&key, &value, &mut out, 0);
    }
    out
}

fn flatten(path: &str, value: &Value, out: &mut Vec<(String, String)>, depth: usize) {
    match value {
        _ if depth > 200 => {}
        Value::Map(map) => {
            for (key, value) in map.pairs() {
                flatten(&format!("{path}.{key}"), &value, out, depth + 1);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&format!("{path}.{index}"), item, out, depth + 1);
            }
        }
        value => out.push((path.to_owned(), value.text())),
    }
}
