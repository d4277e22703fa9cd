//! The rules of a Role or ClusterRole, and what is wrong with one.

use diagnostics::{Help, Place};
use document::Node;

use crate::object::Object;

/// A mistake in a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// Where it is written.
    pub place: Place,
    /// What it means there.
    pub label: String,
    /// How to fix it.
    pub help: Help,
}

/// The rules of a Role or ClusterRole.
#[must_use]
pub fn rules(object: &Object) -> &[Node] {
    object.root.items_at(&["rules"])
}

/// The strings of a list of a rule. The schema check reports anything else.
#[must_use]
pub fn list<'a>(rule: &'a Node, key: &str) -> Vec<(&'a str, &'a Node)> {
    let items = rule.items_at(&[key]);
    items.iter().filter_map(|node| Some((node.as_str()?, node))).collect()
}
