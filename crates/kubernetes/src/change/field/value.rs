//! The text of a value.

use document::{Key, Node, Value, json};

use crate::change::delta::{Step, key_of};

/// The maximum length of a mapping or list that is shown on one line.
const LINE: usize = 100;

/// The maximum length of a string that is shown completely.
const LONG: usize = 200;

/// The maximum number of lines of a text that is shown completely.
const LINES: usize = 20;

/// The number of characters to show around the difference in a long string.
const AROUND: usize = 30;

/// A value as text, on one line unless it is a text with several lines.
pub(super) fn text(node: &Node) -> String {
    match &node.value {
        Value::String(text) if text.contains('\n') => shortened(text),
        Value::String(text) => string(text, false),
        _ => {
            let mut out = String::new();
            write(node, &mut out, usize::MAX);
            out
        }
    }
}

/// Whether a value is shown on one line.
pub(super) fn fits(node: &Node) -> bool {
    match &node.value {
        Value::Mapping(entries) if entries.is_empty() => true,
        Value::Sequence(items) if items.is_empty() => true,
        Value::Mapping(_) | Value::Sequence(_) => {
            let mut out = String::new();
            write(node, &mut out, LINE) && out.len() <= LINE && !out.contains("\\n")
        }
        _ => true,
    }
}

/// The step to an item of a list that is shown item by item.
pub(super) fn step(path: &[Step], item: &Node, index: usize) -> Step {
    let list = path.iter().rev().find_map(Step::key).unwrap_or_default();
    key_of(list, item).unwrap_or(Step::Index(index))
}

/// The items of a list in their order: by their keys, or else by their indexes.
pub(super) fn order(list: &Node) -> String {
    let name = |item: &Node| item.get("name").and_then(Node::as_str).map(str::to_owned);
    let names: Vec<String> = list.items().iter().map(|item| name(item).unwrap_or_else(|| excerpt(item))).collect();
    names.join(", ")
}

fn excerpt(node: &Node) -> String {
    let mut out = String::new();
    write(node, &mut out, 2 * AROUND);
    cut(&out, 2 * AROUND)
}

/// Two strings; of long ones, the part that differs with what is around it.
pub(super) fn excerpts(before: &str, after: &str) -> (String, String) {
    let short = |text: &str| text.chars().take(LONG + 1).count() <= LONG;
    if short(before) && short(after) {
        return (string(before, false), string(after, false));
    }
    let shared = |left: &mut dyn Iterator<Item = char>, right: &mut dyn Iterator<Item = char>| {
        left.zip(right).take_while(|(one, other)| one == other).count()
    };
    let (old, new) = (before.chars().count(), after.chars().count());
    let start = shared(&mut before.chars(), &mut after.chars());
    let end = shared(&mut before.chars().rev(), &mut after.chars().rev()).min(old.min(new) - start);
    let part = |text: &str, length: usize| {
        let (from, to) = (start.saturating_sub(AROUND), (length - end + AROUND).min(length));
        let inner: String = text.chars().skip(from).take(to - from).collect();
        let (left, right) = (if from > 0 { "…" } else { "" }, if to < length { "…" } else { "" });
        format!("{left}{}{right}", cut(&inner, LONG))
    };
    (string(&part(before, old), false), string(&part(after, new), false))
}

/// A text with its first lines.
pub(super) fn shortened(text: &str) -> String {
    let count = text.lines().count();
    let mut lines: Vec<String> = text.lines().take(LINES).map(|line| cut(line, LONG)).collect();
    if count > LINES {
        lines.push(format!("… {} more lines", count - LINES));
    }
    lines.join("\n")
}

fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// A string, quoted where it would not be clear where it ends or what it is. Inside of a mapping or a list, that is more
/// often the case.
fn string(text: &str, inside: bool) -> String {
    let odd = |c: char| c.is_control() || c == '"' || c == '\\' && inside;
    let plain = !text.is_empty() && text.trim() == text && !text.contains(odd);
    let separate = |text: &str| text.contains(", ") || text.contains(": ") || text.contains(['{', '}', '[', ']']);
    if plain && !(inside && separate(text)) { text.to_owned() } else { json::quoted(text) }
}

/// Writes a value on one line. Returns false once it is longer than the limit.
fn write(node: &Node, out: &mut String, limit: usize) -> bool {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(number),
        Value::String(text) => out.push_str(&string(text, true)),
        Value::Sequence(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                if out.len() > limit || !write(item, out, limit) {
                    return false;
                }
            }
            out.push(']');
        }
        Value::Mapping(entries) => {
            out.push('{');
            for (index, (Key { name, .. }, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                out.push_str(name);
                out.push_str(": ");
                if out.len() > limit || !write(value, out, limit) {
                    return false;
                }
            }
            out.push('}');
        }
    }
    out.len() <= limit
}
