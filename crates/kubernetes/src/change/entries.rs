//! The entries of two mappings, which may be many, side by side.

use std::collections::HashMap;

use document::{Key, Node, Value};

/// A key with its values before and after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paired<'a> {
    pub(super) name: &'a str,
    /// The value before; `None` if the key was added.
    pub(super) before: Option<&'a Node>,
    /// The value after; `None` if the key was removed.
    pub(super) after: Option<&'a Node>,
}

impl Paired<'_> {
    /// Whether both values are the same text. Most entries of large mappings are.
    pub(super) fn is_same_text(&self) -> bool {
        match (self.before.map(|node| &node.value), self.after.map(|node| &node.value)) {
            (Some(Value::String(before)), Some(Value::String(after))) => before == after,
            _ => false,
        }
    }
}

/// The keys of two mappings: those from before in their order, and then those that were added. Only the entries between an
/// equal beginning and an equal end are searched.
pub(super) fn paired<'a>(before: &'a [(Key, Node)], after: &'a [(Key, Node)]) -> Vec<Paired<'a>> {
    let same = |(old, new): &(&(Key, Node), &(Key, Node))| old.0.name == new.0.name;
    let start = before.iter().zip(after).take_while(same).count();
    let end = before[start..].iter().rev().zip(after[start..].iter().rev()).take_while(same).count();
    let (old, new) = (&before[start..before.len() - end], &after[start..after.len() - end]);
    let index = |entries: &'a [(Key, Node)]| -> HashMap<&'a str, &'a Node> {
        entries.iter().map(|(key, node)| (key.name.as_str(), node)).collect()
    };
    let (old_by_name, new_by_name) = (index(old), index(new));
    let both = |((key, before), (_, after)): (&'a (Key, Node), &'a (Key, Node))| Paired {
        name: &key.name,
        before: Some(before),
        after: Some(after),
    };
    let mut all: Vec<Paired<'a>> = before[..start].iter().zip(&after[..start]).map(both).collect();
    all.extend(old.iter().map(|(key, node)| Paired {
        name: &key.name,
        before: Some(node),
        after: new_by_name.get(key.name.as_str()).copied(),
    }));
    all.extend(before[before.len() - end..].iter().zip(&after[after.len() - end..]).map(both));
    let added = new.iter().filter(|(key, _)| !old_by_name.contains_key(key.name.as_str()));
    all.extend(added.map(|(key, node)| Paired { name: &key.name, before: None, after: Some(node) }));
    all
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn keys_are_paired_wherever_they_are() {
        let parse = |text: &str| yaml::parse_one(&Source::new("x", text)).expect("YAML").root;
        for (before, after, pairs) in [
            ("{}", "{}", ""),
            ("{a: 1, b: 2}", "{a: 1, b: 2}", "a11 b22"),
            ("{a: 1, b: 2}", "{b: 3, a: 1}", "a11 b23"),
            ("{a: 1, b: 2, c: 3}", "{a: 1, c: 3}", "a11 b2- c33"),
            ("{a: 1, c: 3}", "{a: 1, b: 2, c: 3}", "a11 c33 b-2"),
            ("{a: 1, b: 2, c: 3, d: 4}", "{a: 1, c: 5, e: 6, d: 4}", "a11 b2- c35 d44 e-6"),
            ("{a: 1}", "{b: 1}", "a1- b-1"),
        ] {
            let (before, after) = (parse(before), parse(after));
            let value = |node: Option<&Node>| node.map_or("-".to_owned(), Node::to_json);
            let text = |one: &Paired<'_>| format!("{}{}{}", one.name, value(one.before), value(one.after));
            let found: Vec<String> = paired(before.entries(), after.entries()).iter().map(text).collect();
            assert_eq!(found.join(" "), pairs);
        }
    }
}
