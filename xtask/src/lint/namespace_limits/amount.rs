//! Quantities of resources.

use document::{Node, Value};
use kubernetes::amount;

/// A quantity, and the node that sets it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount<'a> {
    pub(super) value: f64,
    pub(super) node: &'a Node,
}

impl<'a> Amount<'a> {
    pub(super) fn read(node: &'a Node) -> Option<Self> {
        Some(Self { value: amount::quantity(node)?, node })
    }

    /// The entry of a map.
    pub(super) fn of(map: Option<&'a Node>, resource: &str) -> Option<Self> {
        Self::read(map?.entries().iter().find(|(key, _)| key.name == resource).map(|(_, value)| value)?)
    }

    /// The amount as it is written.
    pub(super) fn written(&self) -> String {
        written(self.node)
    }
}

/// A quantity as it is written.
pub(super) fn written(node: &Node) -> String {
    match &node.value {
        Value::String(text) | Value::Number(text) => text.clone(),
        _ => node.to_json(),
    }
}

/// Whether an amount is greater than another one, not counting errors of rounding.
pub(super) fn exceeds(one: f64, other: f64) -> bool {
    one - other > other.abs() * 1e-9 + 1e-12
}
