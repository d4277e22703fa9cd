//! All differences between two renders of an object, compared by meaning.
//!
//! Lists are matched as Kubernetes merges them: by a key where their items have one, otherwise by content, and what is left
//! by similarity. The order of mappings never matters, and that of lists only where it has a meaning.
//!
//! Where it is not certain that two values mean the same, they differ: a reader rather sees a harmless change than misses
//! one. Takes linear time.

mod item;
mod leaf;
mod pairs;
pub mod path;

use document::{Key, Node, Value};

pub use self::item::Step;
use self::leaf::{Leaf, is_neutral};
use self::pairs::{Matcher, Pair};
use super::entries::paired;

/// A field, an item, or a subtree that differs.
#[derive(Debug, Clone)]
pub struct Delta<'a> {
    /// Its path.
    pub path: Vec<Step>,
    /// Its path in the object after the change, or before it if it was removed: keys, and indexes of lists.
    pub pointer: Vec<String>,
    /// The value before; `None` if it was not set.
    pub before: Option<&'a Node>,
    /// The value after; `None` if it is no longer set.
    pub after: Option<&'a Node>,
}

impl Delta<'_> {
    /// The path as text.
    #[must_use]
    pub fn text(&self) -> String {
        path::text(&self.path)
    }

    /// The path as text, without the middle of a long one.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.text();
        let (start, end) = self.path.split_at(self.path.len().min(2));
        if text.chars().count() <= LONG || end.len() < 3 {
            return text;
        }
        format!("{}.….{}", path::text(start), path::text(&end[end.len() - 2..]))
    }

    /// The names of the fields on the path, without the items of lists.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.path.iter().filter_map(Step::key).collect()
    }

    /// Whether it is this field, below it, or around it.
    #[must_use]
    pub fn touches(&self, path: &[&str]) -> bool {
        self.names().iter().zip(path).all(|(own, wanted)| own == wanted)
    }

    /// Whether it is this field, or below it.
    #[must_use]
    pub fn is_in(&self, path: &[&str]) -> bool {
        self.names().len() >= path.len() && self.touches(path)
    }
}

/// The step to an item of a list, if the item has the first key that such lists have.
#[must_use]
pub fn key_of(list: &str, item: &Node) -> Option<Step> {
    item::keys(list).find_map(|key| Some(item::step(key, &item::value(item, key)?)))
}

/// The number of characters up to which a path is shown as a whole.
const LONG: usize = 80;

/// The differences between two trees, in the order of the text.
#[must_use]
pub fn deltas<'a>(before: &'a Node, after: &'a Node) -> Vec<Delta<'a>> {
    let builtin = leaf::is_builtin(before) && leaf::is_builtin(after);
    let mut walk = Walk {
        builtin,
        path: Vec::new(),
        pointer: Vec::new(),
        names: Vec::new(),
        matcher: Matcher::default(),
        found: Vec::new(),
    };
    walk.values(Some(before), Some(after), (None, None));
    walk.found
}

/// The siblings of a field before and after: some defaults depend on them.
type Owners<'a> = (Option<&'a Node>, Option<&'a Node>);

struct Walk<'a> {
    /// Whether the defaults of Kubernetes apply.
    builtin: bool,
    path: Vec<Step>,
    pointer: Vec<String>,
    /// The names of the fields on the path.
    names: Vec<String>,
    matcher: Matcher,
    found: Vec<Delta<'a>>,
}

impl<'a> Walk<'a> {
    fn values(&mut self, before: Option<&'a Node>, after: Option<&'a Node>, owners: Owners<'a>) {
        let (before, after) = (before.filter(|node| !is_null(node)), after.filter(|node| !is_null(node)));
        match (before.map(|node| &node.value), after.map(|node| &node.value)) {
            (None, None) => {}
            (Some(Value::Mapping(old)), Some(Value::Mapping(new))) => {
                self.mappings(old, new, (before, after));
            }
            (Some(Value::Sequence(old)), Some(Value::Sequence(new))) => self.lists(old, new, (before, after)),
            (Some(Value::Mapping(_) | Value::Sequence(_)), _) | (_, Some(Value::Mapping(_) | Value::Sequence(_))) => {
                let only = if before.is_none() { after } else { before };
                let neutral = before.is_none() || after.is_none();
                if !(neutral && only.is_some_and(|node| is_neutral(node, &mut self.names, self.builtin))) {
                    self.push(before, after);
                }
            }
            _ => {
                let leaf = Leaf { names: &self.names, builtin: self.builtin, owners };
                if !leaf.same(before, after) {
                    self.push(before, after);
                }
            }
        }
    }

    fn push(&mut self, before: Option<&'a Node>, after: Option<&'a Node>) {
        self.found.push(Delta { path: self.path.clone(), pointer: self.pointer.clone(), before, after });
    }

    fn mappings(&mut self, before: &'a [(Key, Node)], after: &'a [(Key, Node)], owners: Owners<'a>) {
        for pair in paired(before, after).into_iter().filter(|pair| !pair.is_same_text()) {
            self.path.push(Step::Key(pair.name.to_owned()));
            self.pointer.push(pair.name.to_owned());
            self.names.push(pair.name.to_owned());
            self.values(pair.before, pair.after, owners);
            self.names.pop();
            self.pointer.pop();
            self.path.pop();
        }
    }

    fn lists(&mut self, before: &'a [Node], after: &'a [Node], owners: Owners<'a>) {
        let is_mapping = |node: &Node| matches!(node.value, Value::Mapping(_));
        if before.iter().chain(after).all(is_mapping) {
            let matched = self.matcher.mappings(&self.names, before, after);
            for Pair { step, index, before, after } in matched.pairs {
                self.path.push(step);
                self.pointer.push(index.to_string());
                if before.is_some() && after.is_some() {
                    self.values(before, after, (None, None));
                } else {
                    self.push(before, after);
                }
                self.pointer.pop();
                self.path.pop();
            }
            if matched.reordered {
                self.path.push(Step::Order);
                self.push(owners.0, owners.1);
                self.path.pop();
            }
        } else if !leaf::same_list(&self.names, before, after) {
            self.push(owners.0, owners.1);
        }
    }
}

fn is_null(node: &Node) -> bool {
    matches!(node.value, Value::Null)
}
