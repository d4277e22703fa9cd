//! The values that a values.schema.json declares.

use std::collections::BTreeSet;

use document::{Node, Value};

/// How many references and combinations are followed.
const DEPTH: usize = 32;

/// The keywords whose schemas apply to the same value.
const LISTS: &[&str] = &["allOf", "anyOf", "oneOf"];
const SINGLE: &[&str] = &["if", "then", "else"];

/// Whether a schema declares a value, or is explicitly open where it would be.
pub(super) fn declares(root: &Node, path: &[String]) -> bool {
    walk(root, root, path, DEPTH)
}

fn walk(root: &Node, schema: &Node, path: &[String], depth: usize) -> bool {
    let Some((step, rest)) = path.split_first() else { return true };
    if depth == 0 {
        return true;
    }
    let Value::Mapping(_) = &schema.value else { return matches!(schema.value, Value::Bool(true)) };
    let inner = |schema: &Node| walk(root, schema, rest, depth);
    let same = |schema: &Node| walk(root, schema, path, depth - 1);
    if let Some(property) = schema.get("properties").and_then(|properties| properties.get(step)) {
        return inner(property);
    }
    let open = |key: &str| {
        schema.get(key).is_some_and(|schema| match &schema.value {
            Value::Mapping(_) => inner(schema),
            Value::Bool(open) => *open,
            _ => false,
        })
    };
    let patterns = schema.get("patternProperties").is_some_and(|patterns| !patterns.entries().is_empty());
    if patterns
        || open("additionalProperties")
        || step.parse::<usize>().is_ok() && (open("items") || schema.get("prefixItems").is_some())
    {
        return true;
    }
    if let Some(reference) = schema.get("$ref").and_then(Node::as_str) {
        return resolve(root, reference).is_none_or(same);
    }
    let lists = LISTS.iter().filter_map(|key| schema.get(key)).flat_map(Node::items);
    lists.chain(SINGLE.iter().filter_map(|key| schema.get(key))).any(same)
}

/// The schema that a reference names.
fn resolve<'n>(root: &'n Node, reference: &str) -> Option<&'n Node> {
    let pointer = reference.strip_prefix("#")?;
    let steps: Vec<String> =
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    root.find(&steps)
}

/// The properties that a schema declares at a path.
pub(super) fn keys(root: &Node, path: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(root, root, path, DEPTH, &mut found);
    found
}

fn collect(root: &Node, schema: &Node, path: &[String], depth: usize, found: &mut BTreeSet<String>) {
    if depth == 0 {
        return;
    }
    match path.split_first() {
        None => {
            found.extend(schema.get("properties").into_iter().flat_map(Node::entries).map(|(key, _)| key.name.clone()));
        }
        Some((step, rest)) => {
            let property = schema.get("properties").and_then(|properties| properties.get(step));
            let item = schema.get("items").filter(|_| step.parse::<usize>().is_ok());
            for inner in property.into_iter().chain(item) {
                collect(root, inner, rest, depth, found);
            }
        }
    }
    let reference = schema.get("$ref").and_then(Node::as_str).and_then(|reference| resolve(root, reference));
    let lists = LISTS.iter().filter_map(|key| schema.get(key)).flat_map(Node::items);
    for same in reference.into_iter().chain(lists) {
        collect(root, same, path, depth - 1, found);
    }
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn properties_and_open_maps_are_declared() {
        let text = r##"{"properties": {
            "a": {"properties": {"b": {}}, "additionalProperties": false},
            "c": {"type": "object"}, "d": {"additionalProperties": {"properties": {"e": {}}}},
            "f": {"$ref": "#/definitions/x"}, "g": {"items": {"properties": {"h": {}}}},
            "i": {"allOf": [{"properties": {"j": {}}}]}, "k": {"patternProperties": {"^x": {}}}, "l": {"description": "Anything."}, "m": {"type": "string"}},
            "definitions": {"x": {"properties": {"y": {}}}}}"##;
        let root = yaml::parse_one(&Source::new("x", text)).expect("JSON").root;
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        for known in ["a", "a.b", "c", "d.x.e", "f.y", "g.0.h", "i.j", "k.z"] {
            assert!(declares(&root, &path(known)), "{known}");
        }
        for unknown in ["x", "a.x", "d.x.y", "f.x", "g.0.x", "i.x", "c.x", "l.x", "m.x"] {
            assert!(!declares(&root, &path(unknown)), "{unknown}");
        }
        assert_eq!(keys(&root, &path("f")).into_iter().collect::<Vec<_>>(), ["y"]);
    }
}
