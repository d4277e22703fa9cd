//! Abstract values of a template: which chart values a value may be, or depends on, without rendering.

use std::collections::{BTreeMap, BTreeSet};

/// A step of a path that stands for any key or index.
pub const ANY: &str = "*";

/// The method that returns the values as a plain map.
pub(super) const AS_MAP: &str = "AsMap";

/// Paths of values, from the values of the outermost chart on.
pub type Reads = BTreeSet<Vec<String>>;

/// The possible values of an expression, and their dependences.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Value {
    /// It may be one of these values of the chart.
    pub(super) paths: Reads,
    /// It may be the context of a chart: the path of its values.
    pub(super) contexts: Reads,
    /// It may be the `.Subcharts` of a chart: the path of its values.
    pub(super) subcharts: Reads,
    /// It may be a map with these entries.
    pub(super) entries: BTreeMap<String, Value>,
    /// It may be a list, whose items are like this.
    pub(super) items: Option<Box<Value>>,
    /// It depends on these values, but is none of them.
    pub(super) depends: Reads,
    /// The text that it is, if it is a literal.
    pub(super) literal: Option<String>,
}

/// How deep a value may be: an entry of an entry of ….
const DEPTH: usize = 12;

/// How many entries and items a value may have, with those in them.
const SIZE: usize = 200;

impl Value {
    /// The context of a chart.
    pub(super) fn context(path: Vec<String>) -> Self {
        Self { contexts: [path].into(), ..Self::default() }
    }

    /// A literal text.
    pub(super) fn text(text: &str) -> Self {
        Self { literal: Some(text.to_owned()), ..Self::default() }
    }

    /// A value that depends on others.
    pub(super) fn computed(depends: Reads) -> Self {
        Self { depends, ..Self::default() }
    }

    /// The value or another one.
    pub(super) fn or(mut self, other: &Self) -> Self {
        self.merge(other, 0);
        self
    }

    fn merge(&mut self, other: &Self, depth: usize) {
        self.paths.extend(other.paths.iter().cloned());
        self.contexts.extend(other.contexts.iter().cloned());
        self.subcharts.extend(other.subcharts.iter().cloned());
        self.depends.extend(other.depends.iter().cloned());
        if depth < DEPTH {
            for (key, value) in &other.entries {
                self.entries.entry(key.clone()).or_default().merge(value, depth + 1);
            }
            if let Some(items) = &other.items {
                self.items.get_or_insert_default().merge(items, depth + 1);
            }
        } else {
            self.depends.extend(other.reads());
        }
        if self.literal != other.literal {
            self.literal = None;
        }
    }

    /// Adds what the value depends on.
    pub(super) fn depending(mut self, depends: &Reads) -> Self {
        self.depends.extend(depends.iter().cloned());
        self
    }

    /// A field.
    pub(super) fn field(&self, name: &str) -> Self {
        let mut field = Self::computed(self.depends.clone());
        for path in &self.paths {
            field.paths.insert(below(path, name));
        }
        for context in &self.contexts {
            match name {
                "Values" => {
                    field.paths.insert(context.clone());
                }
                "Subcharts" => {
                    field.subcharts.insert(context.clone());
                }
                _ => {}
            }
        }
        field.contexts.extend(self.subcharts.iter().map(|chart| below(chart, name)));
        if let Some(entry) = self.entries.get(name) {
            field.merge(entry, 0);
        }
        if let Some(entry) = self.entries.get(ANY) {
            field.merge(entry, 0);
        }
        if let Some(items) = self.items.as_ref().filter(|_| name == ANY || name.parse::<usize>().is_ok()) {
            field.merge(items, 0);
        }
        field
    }

    /// The value, or if it is too large only what it depends on.
    pub(super) fn bounded(self) -> Self {
        if self.size() <= SIZE {
            return self;
        }
        let mut depends = self.reads();
        self.collect_contexts(&mut depends);
        Self::computed(depends)
    }

    fn size(&self) -> usize {
        let below = self.entries.values().chain(self.items.as_deref());
        1 + below.map(Self::size).sum::<usize>()
    }

    /// How much it takes to copy it: the number of paths in it.
    pub(super) fn weight(&self) -> usize {
        let below = self.entries.values().chain(self.items.as_deref());
        let own = self.paths.len() + self.contexts.len() + self.subcharts.len() + self.depends.len();
        1 + own + below.map(Self::weight).sum::<usize>()
    }

    fn collect_contexts(&self, reads: &mut Reads) {
        reads.extend(self.contexts.iter().chain(&self.subcharts).cloned());
        self.entries.values().chain(self.items.as_deref()).for_each(|below| below.collect_contexts(reads));
    }

    /// Any of the entries or items.
    pub(super) fn any(&self) -> Self {
        let mut any = self.field(ANY);
        for entry in self.entries.values() {
            any.merge(entry, 0);
        }
        any
    }

    /// Everything that it is or depends on.
    pub(super) fn reads(&self) -> Reads {
        let mut reads = Reads::new();
        self.collect(&mut reads);
        reads
    }

    fn collect(&self, reads: &mut Reads) {
        reads.extend(self.paths.iter().cloned());
        reads.extend(self.depends.iter().cloned());
        self.entries.values().for_each(|entry| entry.collect(reads));
        if let Some(items) = &self.items {
            items.collect(reads);
        }
    }
}

fn below(path: &[String], name: &str) -> Vec<String> {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

/// Whether a change of the value at `value` may change what is read at `read`: one of them is inside the other.
#[must_use]
pub fn affects(value: &[String], read: &[String]) -> bool {
    value.iter().zip(read).all(|(one, two)| one == two || one == ANY || two == ANY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn a_value_affects_what_is_inside_and_around_it() {
        for (value, read, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a", true),
            ("a", "a.b", true),
            ("a.b", "a.c", false),
            ("a.0.b", "a.*.b", true),
            ("a.0.c", "a.*.b", false),
        ] {
            assert_eq!(affects(&path(value), &path(read)), expected, "{value} {read}");
        }
    }

    #[test]
    fn fields_are_those_of_all_alternatives() {
        let context = Value::context(vec!["sub".to_owned()]);
        assert_eq!(context.field("Values").field("a").reads(), [path("sub.a")].into());
        assert_eq!(context.field("Subcharts").field("x").field("Values").reads(), [path("sub.x")].into());
        let mut dict = Value::default();
        dict.entries.insert("a".to_owned(), context.field("Values"));
        assert_eq!(dict.field("a").field("b").reads(), [path("sub.b")].into());
        assert_eq!(dict.field("c").reads(), Reads::new());
        assert_eq!(dict.any().any().reads(), [path("sub.*")].into());
    }
}
