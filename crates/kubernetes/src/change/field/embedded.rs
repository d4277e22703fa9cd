//! Files in strings: YAML, JSON, and properties.

use std::collections::HashSet;

use diagnostics::Source;
use document::{Key, Node, Value, yaml};

/// The length of a text up to which it is parsed.
const LONGEST: usize = 4_000_000;

/// Whether a text on one line may be JSON.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && text.trim_end().ends_with(['}', ']'])
}

/// Two texts as trees, if both are files of the same format.
pub(super) fn parse(before: &str, after: &str) -> Option<(Node, Node)> {
    if before.len().max(after.len()) > LONGEST {
        return None;
    }
    let both = |parse: fn(&str) -> Option<Node>| Some((parse(before)?, parse(after)?));
    both(properties).or_else(|| both(documents)).filter(|(before, after)| {
        // A mapping that became a list is not a change of fields.
        matches!(
            (&before.value, &after.value),
            (Value::Mapping(_), Value::Mapping(_)) | (Value::Sequence(_), Value::Sequence(_))
        )
    })
}

/// One YAML document as it is; several as a list.
fn documents(text: &str) -> Option<Node> {
    let documents = yaml::parse(&Source::new("", text)).ok()?;
    let mut roots: Vec<Node> = documents.into_iter().map(|document| document.root).collect();
    roots.retain(|root| !matches!(root.value, Value::Null));
    let structured = |root: &Node| matches!(root.value, Value::Mapping(_) | Value::Sequence(_));
    if roots.is_empty() || !roots.iter().all(structured) {
        return None;
    }
    if roots.len() == 1 { roots.pop() } else { Some(node(Value::Sequence(roots))) }
}

/// Properties, also in sections, and the configuration of Postfix: `key = value`, with comments and continued lines.
fn properties(text: &str) -> Option<Node> {
    let mut sections: Vec<(Key, Vec<(Key, Node)>)> = vec![(key(""), Vec::new())];
    let mut names = HashSet::new();
    let mut section = 0_usize;
    let mut continued = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || !continued && trimmed.starts_with(['#', ';']) {
            continued = false;
            continue;
        }
        if !continued && let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if name.is_empty() || name.contains(['[', ']']) || sections.iter().any(|(known, _)| known.name == name) {
                return None;
            }
            sections.push((key(name), Vec::new()));
            section = sections.len() - 1;
            continue;
        }
        let entries = &mut sections[section].1;
        let indented = line.starts_with([' ', '\t']);
        let pair = trimmed.split_once('=').map(|(name, value)| (name.trim_end(), value.trim_start()));
        let pair = pair.filter(|(name, _)| is_name(name) && !continued && (!indented || section > 0));
        if let Some((name, value)) = pair {
            if !names.insert((section, name.to_owned())) {
                return None;
            }
            entries.push((key(name), Node::string(value)));
        } else if indented || continued {
            // A line that begins with a space continues the one before.
            let Some((_, Node { value: Value::String(value), .. })) = entries.last_mut() else { return None };
            if value.ends_with('\\') {
                value.pop();
            }
            let joint = if value.is_empty() || value.ends_with(' ') { "" } else { " " };
            value.push_str(joint);
            value.push_str(trimmed);
        } else {
            return None;
        }
        continued = trimmed.ends_with('\\');
    }
    let mut sections = sections.into_iter();
    let (_, mut entries) = sections.next()?;
    let grouped = sections.map(|(name, entries)| (name, node(Value::Mapping(entries.into()))));
    entries.extend(grouped);
    let distinct: HashSet<&str> = entries.iter().map(|(key, _)| key.name.as_str()).collect();
    (!entries.is_empty() && distinct.len() == entries.len()).then(|| node(Value::Mapping(entries.into())))
}

/// The number of nulls.
pub(super) fn nulls(node: &Node) -> usize {
    match &node.value {
        Value::Null => 1,
        Value::Mapping(entries) => entries.iter().map(|(_, value)| nulls(value)).sum(),
        Value::Sequence(items) => items.iter().map(nulls).sum(),
        _ => 0,
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c))
}

fn key(name: &str) -> Key {
    Key { name: name.to_owned(), span: 0..0 }
}

fn node(value: Value) -> Node {
    Node { value, span: 0..0, source: Source::new("", "") }
}
