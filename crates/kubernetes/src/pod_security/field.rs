//! A field of an object, with its path. Null counts as absent.

use diagnostics::Place;
use document::{Node, Value};

/// A field with its path.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    /// The path in the object.
    pub(super) path: Vec<String>,
    /// The place of its key, or of the item of a list.
    pub(super) key: Place,
    /// The value.
    pub(super) node: &'a Node,
}

impl<'a> Field<'a> {
    /// The node at a path in an object.
    pub(super) fn at(path: &[&str], node: &'a Node) -> Self {
        Self { path: path.iter().map(|step| (*step).to_owned()).collect(), key: node.place(), node }
    }

    /// The path of a field of this one.
    pub(super) fn path_of(&self, steps: &[&str]) -> Vec<String> {
        self.path.iter().cloned().chain(steps.iter().map(|step| (*step).to_owned())).collect()
    }

    /// A field of a mapping.
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        let (key, node) = self.node.entry(name)?;
        let present = !matches!(node.value, Value::Null);
        present.then(|| Self {
            path: self.path_of(&[name]),
            key: Place::new(&self.node.source, key.span.clone()),
            node,
        })
    }

    /// A field at a path.
    pub(super) fn find(&self, steps: &[&str]) -> Option<Self> {
        steps.iter().try_fold(self.clone(), |field, step| field.get(step))
    }

    /// The deepest field on a path.
    pub(super) fn nearest(&self, steps: &[&str]) -> Self {
        let next = steps.split_first().and_then(|(first, rest)| Some((self.get(first)?, rest)));
        next.map_or_else(|| self.clone(), |(field, rest)| field.nearest(rest))
    }

    /// The items of a list in a field.
    pub(super) fn list(&self, name: &str) -> Vec<Self> {
        let Some(list) = self.get(name) else { return Vec::new() };
        let items = list.node.items().iter().enumerate();
        items.map(|(index, node)| Self { path: list.path_of(&[&index.to_string()]), key: node.place(), node }).collect()
    }

    /// The value of a string.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.node.as_str()
    }

    /// Whether this is the boolean.
    pub(super) fn is(&self, wanted: bool) -> bool {
        matches!(self.node.value, Value::Bool(value) if value == wanted)
    }

    /// Whether this is the number 0.
    pub(super) fn is_zero(&self) -> bool {
        matches!(&self.node.value, Value::Number(number) if number.parse::<f64>().is_ok_and(|number| number == 0.0))
    }
}
