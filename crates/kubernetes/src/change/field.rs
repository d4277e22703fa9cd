//! Changed fields of an object, compared by meaning, as text.
//!
//! YAML, JSON, and properties in strings, as in most ConfigMaps, are compared by meaning, too; other texts by line. Long
//! values are shortened, and say so.

mod embedded;
mod lines;
mod value;

use diagnostics::Source;
use document::{Key, Node, Value, yaml};

use super::delta::{self, Step, path as shown};
use crate::manifest::Manifest;
use crate::redaction::redact;

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The path of the field. Items of lists that Kubernetes merges by a key are named by it:
    /// `spec.template.spec.containers[name=relay].image`. Fields of a file in a `ConfigMap` follow the key:
    /// `data["main.cf"].relayhost`, and so do lines of a text: `data["run.sh"] (line 3)`.
    pub path: String,
    /// The value before, on one line where possible; `None` if the field was not set.
    pub before: Option<String>,
    /// The value after; `None` if the field is no longer set.
    pub after: Option<String>,
}

/// The number of texts inside of each other that are parsed.
const NESTED: usize = 3;

/// The fields that differ between two renders of an object, in the order of the text. Values of Secrets are replaced by
/// their fingerprints.
#[must_use]
pub fn of_manifests(before: &Manifest, after: &Manifest, fingerprint: &dyn Fn(&str) -> String) -> Vec<FieldChange> {
    let root = |manifest: &Manifest| {
        let text = redact(manifest, fingerprint);
        yaml::parse_one(&Source::new("", text.as_ref())).ok().map(|document| document.root)
    };
    let is_object = |root: &Node| matches!(root.value, Value::Mapping(_));
    match (root(before).filter(is_object), root(after).filter(is_object)) {
        (Some(before), Some(after)) => changes(&before, &after),
        // Where values of a Secret cannot be located, all of its text is one value.
        _ if before.text == after.text => Vec::new(),
        _ => {
            let whole = |manifest: &Manifest| Some(fingerprint(&manifest.text));
            vec![FieldChange { path: String::new(), before: whole(before), after: whole(after) }]
        }
    }
}

/// The fields that differ between two trees.
#[must_use]
pub fn changes(before: &Node, after: &Node) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    differ(before, after, &mut Vec::new(), 0, &mut changes);
    changes
}

fn differ(before: &Node, after: &Node, path: &mut Vec<Step>, nested: usize, changes: &mut Vec<FieldChange>) {
    for found in delta::deltas(before, after) {
        let length = path.len();
        path.extend(found.path);
        change(found.before, found.after, path, nested, changes);
        path.truncate(length);
    }
}

fn change(
    before: Option<&Node>,
    after: Option<&Node>,
    path: &mut Vec<Step>,
    nested: usize,
    changes: &mut Vec<FieldChange>,
) {
    if before.zip(after).is_some_and(|(before, after)| file(before, after, path, nested, changes)) {
        return;
    }
    let text = |node: Option<&Node>| node.map(value::text);
    let mut push = |path: String, before, after| changes.push(FieldChange { path, before, after });
    match (before, after) {
        (Some(old), Some(new)) if path.last() == Some(&Step::Order) => {
            push(shown::text(path), Some(value::order(old)), Some(value::order(new)));
        }
        (Some(old), Some(new)) => match (&old.value, &new.value) {
            (Value::String(old_text), Value::String(new_text)) => {
                let (old_lines, new_lines) = (old_text.contains('\n'), new_text.contains('\n'));
                if old_lines && new_lines {
                    for hunk in lines::hunks(old_text, new_text) {
                        push(format!("{}{}", shown::text(path), hunk.place), hunk.before, hunk.after);
                    }
                } else if old_lines || new_lines {
                    push(shown::text(path), text(before), text(after));
                } else {
                    let (old, new) = value::excerpts(old_text, new_text);
                    push(shown::text(path), Some(old), Some(new));
                }
            }
            (Value::Sequence(old_items), Value::Sequence(new_items)) if !(value::fits(old) && value::fits(new)) => {
                for (index, old, new) in lines::items(old_items, new_items) {
                    path.push(Step::Index(index));
                    push(shown::text(path), text(old), text(new));
                    path.pop();
                }
            }
            _ => push(shown::text(path), text(before), text(after)),
        },
        (Some(only), None) | (None, Some(only)) => {
            let added = before.is_none();
            match &only.value {
                Value::Mapping(entries) if !value::fits(only) => {
                    // The path contains the key of the item.
                    let keys = match path.last() {
                        Some(Step::Item(key)) => key.iter().map(|(name, _)| *name).collect(),
                        _ => Vec::new(),
                    };
                    for (Key { name, .. }, node) in entries.iter().filter(|(key, _)| !keys.contains(&&*key.name)) {
                        path.push(Step::Key(name.clone()));
                        let (old, new) = if added { (None, Some(node)) } else { (Some(node), None) };
                        change(old, new, path, nested, changes);
                        path.pop();
                    }
                }
                Value::Sequence(items) if !value::fits(only) => {
                    for (index, node) in items.iter().enumerate() {
                        path.push(value::step(path, node, index));
                        let (old, new) = if added { (None, Some(node)) } else { (Some(node), None) };
                        change(old, new, path, nested, changes);
                        path.pop();
                    }
                }
                _ => push(shown::text(path), text(before), text(after)),
            }
        }
        (None, None) => {}
    }
}

/// The fields that differ between two files in strings. `false` if they are none, or if only nulls differ, which the API
/// server drops, but not what reads the file.
fn file(before: &Node, after: &Node, path: &mut Vec<Step>, nested: usize, changes: &mut Vec<FieldChange>) -> bool {
    let (Value::String(old), Value::String(new)) = (&before.value, &after.value) else { return false };
    if nested >= NESTED || !(old.contains('\n') || embedded::is_json(old)) {
        return false;
    }
    let Some((old, new)) = embedded::parse(old, new) else { return false };
    let known = changes.len();
    differ(&old, &new, path, nested + 1, changes);
    changes.len() > known || embedded::nulls(&old) == embedded::nulls(&new)
}

#[cfg(test)]
mod tests;
