//! Finds the values that the message of a template's `fail` names.

use diagnostics::Place;
use document::{Node, Value};

use super::values::{Values, descend};

/// How many values a finding marks.
const MARKED: usize = 2;

/// The shortest text of a value that is not in a message by chance.
const SHORTEST: usize = 2;

/// The values that a message names by their path, such as `relay.networks: 10.0.0.1/8 is not a network`. In a list or map,
/// these are the entries whose text, or whose key, is in the message, too.
#[must_use]
pub(super) fn settings(values: &Values<'_>, message: &str) -> Vec<(Place, String)> {
    let mut found: Vec<(Place, String)> = Vec::new();
    for word in message.split(|c: char| !(c.is_alphanumeric() || "._-".contains(c))) {
        let word = word.trim_matches(['.', '-']);
        let steps: Vec<String> = word.split('.').map(str::to_owned).collect();
        if steps.len() < 2 {
            continue;
        }
        let Some(setting) = values.find(&steps) else { continue };
        let Some(node) = values.all(&steps).next().filter(|_| setting.parameter.is_none()) else {
            found.push((setting.place, format!("`{word}` is set here")));
            continue;
        };
        let mut entries = Vec::new();
        named(node, message, &mut Vec::new(), &mut entries);
        // Only the file that takes precedence: its places are those of the setting.
        let entries = entries.into_iter().filter_map(|path| {
            let path: Vec<String> = steps.iter().cloned().chain(path).collect();
            let place = values.find(&path)?.place;
            descend(node, &path[steps.len()..])?;
            Some((place, format!("`{}` is set here", path.join("."))))
        });
        let before = found.len();
        found.extend(entries);
        if found.len() == before {
            found.push((setting.place, format!("`{word}` is set here")));
        }
    }
    found.dedup();
    found.truncate(MARKED);
    found
}

/// The paths of the scalars below a node whose text, or whose key, is in a message.
fn named(node: &Node, message: &str, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let contains = |text: &str| text.len() >= SHORTEST && message.contains(text);
    if let Value::String(text) | Value::Number(text) = &node.value
        && !path.is_empty()
        && contains(text)
    {
        found.push(path.clone());
    }
    for (key, value) in node.entries() {
        path.push(key.name.clone());
        let before = found.len();
        named(value, message, path, found);
        if found.len() == before && contains(&key.name) && value.entries().is_empty() && value.items().is_empty() {
            found.push(path.clone());
        }
        path.pop();
    }
    for (index, item) in node.items().iter().enumerate() {
        path.push(index.to_string());
        named(item, message, path, found);
        path.pop();
    }
}
