//! The schemas of `CustomResourceDefinitions`, which must be structural: every node declares its type, outside of
//! `allOf`, `anyOf`, `oneOf`, and `not`.
//!
//! Does not check regular expressions or CEL rules.

use document::Value;

use super::look::{At, Look};

/// The types of a structural schema.
const TYPES: &[&str] = &["array", "boolean", "integer", "number", "object", "string"];

/// JSON Schema keywords that a structural schema must not use.
const FORBIDDEN: &[&str] = &["$ref", "additionalItems", "definitions", "dependencies", "id", "patternProperties"];

/// Marks a node that accepts an integer or a string.
const INT_OR_STRING: &str = "x-kubernetes-int-or-string";

/// Checks the schema of a version.
pub(super) fn root<'a>(look: &mut Look<'a>, schema: &At<'a>) {
    node(look, schema, true);
    if let Some(metadata) = schema.walk(&["properties", "metadata"]) {
        for (key, at) in metadata.entries() {
            if !matches!(key.name.as_str(), "type" | "properties") && metadata.get(&key.name).is_some() {
                look.reject(&at, "is not allowed", "Kubernetes defines the schema of `metadata`");
            }
        }
        let properties = metadata.get("properties").map(|all| all.entries()).unwrap_or_default();
        for (key, at) in properties {
            if !matches!(key.name.as_str(), "name" | "generateName") {
                let label = "only `name` and `generateName` of `metadata` can be restricted";
                look.reject(&at, "is not allowed", label);
            }
        }
    }
}

/// A node declares its type, unless it is marked as untyped.
fn node<'a>(look: &mut Look<'a>, schema: &At<'a>, root: bool) {
    let untyped =
        schema.is_set_to(INT_OR_STRING, true) || schema.is_set_to("x-kubernetes-preserve-unknown-fields", true);
    match schema.get("type") {
        Some(at) if root && at.text().is_some_and(|text| text != "object") => {
            look.reject(&at, "must be `object` at the root", "expected `object`");
        }
        Some(at) if at.text().is_some_and(|text| !TYPES.contains(&text)) => {
            look.reject(&at, "is not a supported type", format!("expected one of {}", super::look::backticks(TYPES)));
        }
        None if (root || !untyped) && schema.get("$ref").is_none() => {
            look.requires(schema, "type", "every node of a structural schema requires a type");
        }
        _ => {}
    }
    for at in schema.present(FORBIDDEN) {
        look.reject(&at, "is not allowed in a structural schema", "remove it");
    }
    list(look, schema);
    mapping(look, schema);
    default(look, schema);
    value_validations(look, schema, schema.is_set_to(INT_OR_STRING, true));
    for (_, property) in schema.get("properties").map(|properties| properties.entries()).unwrap_or_default() {
        node(look, &property, false);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key).filter(|inner| matches!(inner.node.value, Value::Mapping(_))) {
            node(look, &inner, false);
        }
    }
}

fn list<'a>(look: &mut Look<'a>, schema: &At<'a>) {
    if schema.get("type").and_then(|at| at.text()) == Some("array") {
        match schema.get("items") {
            None if schema.lacks("items") => {
                look.requires(schema, "items", "required when `type: array`");
            }
            Some(items) if matches!(items.node.value, Value::Sequence(_)) => {
                look.reject(&items, "must be a single schema", "this is a list");
            }
            _ => {}
        }
    }
    if let Some(at) = schema.get("uniqueItems").filter(|_| schema.is_set_to("uniqueItems", true)) {
        look.reject(&at, "must not be `true`", "use `x-kubernetes-list-type: set`");
    }
    let kind = schema.get("x-kubernetes-list-type");
    let keys = schema.list("x-kubernetes-list-map-keys");
    if kind.as_ref().and_then(At::text) == Some("map") {
        if keys.is_empty() {
            look.requires(schema, "x-kubernetes-list-map-keys", "required when `x-kubernetes-list-type: map`");
        }
        let items = schema.get("items");
        for key in &keys {
            map_key(look, key, items.as_ref());
        }
    } else if let Some(key) = keys.first() {
        let when = ("x-kubernetes-list-type", "map");
        look.reject_when(key, "is only allowed", when, "set `x-kubernetes-list-type: map`");
    }
    look.supported(kind, &["atomic", "set", "map"]);
}

/// A key of a map list: a property that every item has.
fn map_key<'a>(look: &mut Look<'a>, key: &At<'a>, items: Option<&At<'a>>) {
    let (Some(name), Some(items)) = (key.text(), items) else { return };
    let Some(property) = items.get("properties").and_then(|all| all.get(name)) else {
        look.reject(key, "is not a property of the items", format!("`items.properties` has no `{name}`"));
        return;
    };
    let required = items.list("required").iter().any(|one| one.text() == Some(name));
    if !required && property.get("default").is_none() {
        let label = format!("add `{name}` to `items.required`, or give it a `default`");
        look.reject(key, "must be required or have a default", label);
    }
}

fn mapping<'a>(look: &mut Look<'a>, schema: &At<'a>) {
    let has_properties = schema.get("properties").is_some_and(|all| !all.entries().is_empty());
    if let Some(additional) =
        schema.get("additionalProperties").filter(|_| has_properties && !schema.is_set_to("additionalProperties", true))
    {
        let help = "remove it: fields without a schema are pruned anyway";
        look.conflicts(&additional, "properties", "set only one of the two").helps.push(help.to_owned());
    }
    let open = "x-kubernetes-preserve-unknown-fields";
    if let Some(at) = schema.get(open).filter(|_| schema.is_set_to(open, false)) {
        look.reject(&at, "must be `true` or absent", "remove it");
    }
    look.supported(schema.get("x-kubernetes-map-type"), &["atomic", "granular"]);
}

/// A default matches the type and the enum of its node.
fn default<'a>(look: &mut Look<'a>, schema: &At<'a>) {
    let Some(default) = schema.get("default") else { return };
    let Some(kind) = schema.get("type").and_then(|at| at.text()) else { return };
    let is_integer = |number: &str| number.parse::<f64>().is_ok_and(|number| number.fract() == 0.0);
    let matches = match (&default.node.value, kind) {
        (Value::String(_), "string")
        | (Value::Bool(_), "boolean")
        | (Value::Number(_), "number")
        | (Value::Sequence(_), "array")
        | (Value::Mapping(_), "object") => true,
        (Value::Number(number), "integer") => is_integer(number),
        _ => !TYPES.contains(&kind),
    };
    let values = schema.list("enum");
    if !matches {
        look.reject(&default, "does not match `type`", format!("expected a value of type `{kind}`"));
    } else if kind == "string" && !values.is_empty() && !values.iter().any(|value| value.text() == default.text()) {
        let allowed: Vec<String> = values.iter().filter_map(At::text).map(|text| format!("`{text}`")).collect();
        look.reject(&default, "is not one of the `enum` values", format!("expected {}", allowed.join(" or ")));
    }
}

/// Value validations (`allOf` and its like) restrict values and must not declare types, except for the integer and string
/// of `x-kubernetes-int-or-string`.
fn value_validations<'a>(look: &mut Look<'a>, schema: &At<'a>, int_or_string: bool) {
    for key in ["oneOf", "anyOf", "allOf"] {
        let list = schema.list(key);
        let types: Vec<_> = list.iter().filter_map(|branch| branch.get("type")?.text()).collect();
        if int_or_string && key == "anyOf" && list.len() == 2 && types == ["integer", "string"] {
            continue;
        }
        for branch in list {
            value_validation(look, &branch, int_or_string && key == "allOf");
        }
    }
    if let Some(branch) = schema.get("not") {
        value_validation(look, &branch, false);
    }
}

fn value_validation<'a>(look: &mut Look<'a>, branch: &At<'a>, int_or_string: bool) {
    for at in branch.present(&["type", "title", "description", "default"]) {
        let what = "is not allowed inside `allOf`, `anyOf`, `oneOf`, or `not`";
        look.reject(&at, what, "move it out of there, to the node itself");
    }
    value_validations(look, branch, int_or_string);
    for (_, property) in branch.get("properties").map(|all| all.entries()).unwrap_or_default() {
        value_validation(look, &property, false);
    }
    if let Some(items) = branch.get("items") {
        value_validation(look, &items, false);
    }
}
