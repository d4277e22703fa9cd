//! Renders a target with other values, to see which lines change.

use std::collections::{BTreeMap, BTreeSet};

use document::{Node, Value};
use kubernetes::manifest::Recorded;
use serde_json::{Value as Json, json};
use similar::{ChangeTag, TextDiff};

/// How many entries of a map are changed, each in a render of its own.
const ENTRIES: usize = 8;

/// Other values than a node, each with the path below it. `None` is a value that is not set.
pub(super) fn other_values(node: Option<&Node>) -> Vec<(Vec<String>, Json)> {
    let Some(node) = node else {
        let any = [json!("x"), json!(true), json!(1), json!({"x": "x"}), json!(["x"])];
        return any.map(|value| (Vec::new(), value)).to_vec();
    };
    match &node.value {
        Value::Mapping(entries) => {
            let inside = entries.iter().take(ENTRIES).flat_map(|(key, value)| {
                other_values(Some(value)).into_iter().map(|(mut path, value)| {
                    path.insert(0, key.name.clone());
                    (path, value)
                })
            });
            inside.chain([(vec!["x".to_owned()], json!("x"))]).collect()
        }
        _ => others(node).into_iter().map(|value| (Vec::new(), value)).collect(),
    }
}

fn others(node: &Node) -> Vec<Json> {
    match &node.value {
        Value::Bool(value) => vec![json!(!value)],
        Value::Number(number) => {
            let texts = ["1", "0", &format!("{number}1")];
            let others = texts.into_iter().filter(|other| other != number);
            others.filter_map(|other| serde_json::from_str(other).ok()).collect()
        }
        Value::String(text) => vec![json!(format!("{text}x")), json!("x")],
        Value::Sequence(items) => {
            let items: Vec<Json> = items.iter().filter_map(|item| serde_json::from_str(&item.to_json()).ok()).collect();
            let more = items.iter().chain(items.first()).cloned().collect();
            vec![json!([]), if items.is_empty() { json!(["x"]) } else { Json::Array(more) }]
        }
        _ => vec![json!("x"), json!(true), json!({"x": "x"}), json!(["x"])],
    }
}

/// The lines of manifests that another render does not have, by golden, counted from 1.
pub(super) fn changed(before: &[Recorded], after: &[Recorded]) -> BTreeSet<(String, usize)> {
    let mut changed = BTreeSet::new();
    let after = numbered(after);
    for (key, old) in numbered(before) {
        let new = after.get(&key).map(|new| new.manifest.text.as_str()).unwrap_or_default();
        if old.manifest.text == new {
            continue;
        }
        for change in TextDiff::from_lines(old.manifest.text.as_str(), new).iter_all_changes() {
            if let (ChangeTag::Delete, Some(index)) = (change.tag(), change.old_index()) {
                changed.insert((old.file.clone(), index + 1));
            }
        }
    }
    changed
}

/// Manifests by template, kind, and number: another value may change the name of an object.
fn numbered(manifests: &[Recorded]) -> BTreeMap<(&str, &str, usize), &Recorded> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let number = |recorded| {
        let Recorded { manifest, .. }: &Recorded = recorded;
        let key = (manifest.template.as_str(), manifest.key.kind.as_str());
        let count = counts.entry(key).or_default();
        *count += 1;
        ((key.0, key.1, *count), recorded)
    };
    manifests.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn every_value_has_others() {
        let others = |text: &str| -> Vec<String> {
            let root = yaml::parse_one(&Source::new("x", text)).expect("YAML").root;
            let others = other_values(Some(&root)).into_iter();
            others.map(|(path, value)| format!("{}{value}", path.join("."))).collect()
        };
        assert_eq!(others("true"), ["false"]);
        assert_eq!(others("25"), ["1", "0", "251"]);
        assert_eq!(others("[a]"), ["[]", "[\"a\",\"a\"]"]);
        assert_eq!(others("a: false"), ["atrue", "x\"x\""]);
        assert_eq!(others("text"), ["\"textx\"", "\"x\""]);
    }
}
