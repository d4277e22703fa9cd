//! The schemas of `CustomResourceDefinitions`, of which Kubernetes takes only structural ones: each part says its type
//! once, where it stands.
//!
//! Deliberately absent: regular expressions, and the rules of CEL.

use super::look::{At, Look};
use document::Value;

/// The types that a schema may have.
const TYPES: &[&str] = &["array", "boolean", "integer", "number", "object", "string"];

/// What JSON Schema knows and no definition may use.
const FOREIGN: &[&str] = &["$ref", "additionalItems", "definitions", "dependencies", "id", "patternProperties"];

/// What says whether a part is a number or a text.
const EITHER: &str = "x-kubernetes-int-or-string";

/// The schema of a version.
pub(super) fn root<'a>(look: &mut Look<'a>, schema: &At<'a>) {
    part(look, schema, true);
    if let Some(metadata) = schema.walk(&["properties", "metadata"]) {
        for (key, at) in metadata.entries() {
            if !matches!(key.name.as_str(), "type" | "properties") && metadata.get(&key.name).is_some() {
                look.refuse(&at, "is not for a definition to say", "Kubernetes has the schema of `metadata`");
            }
        }
        let properties = metadata.get("properties").map(|all| all.entries()).unwrap_or_default();
        for (key, at) in properties {
            if !matches!(key.name.as_str(), "name" | "generateName") {
                let label = "Kubernetes has the schema of this; a definition may restrict `name` and `generateName`";
                look.refuse(&at, "is not for a definition to say", label);
            }
        }
    }
}

/// Every part says its type, or that it has none.
fn part<'a>(look: &mut Look<'a>, schema: &At<'a>, root: bool) {
    let free = schema.says(EITHER, true) || schema.says("x-kubernetes-preserve-unknown-fields", true);
    match schema.get("type") {
        Some(at) if root && at.text().is_some_and(|text| text != "object") => {
            look.refuse(&at, "is not `object`", "an object of the cluster is one");
        }
        Some(at) if at.text().is_some_and(|text| !TYPES.contains(&text)) => {
            look.refuse(&at, "is no type", format!("expected one of {}", TYPES.join(", ")));
        }
        None if (root || !free) && schema.get("$ref").is_none() => {
            look.refuse(schema, "has no `type`", "each part of the schema says what it is");
        }
        _ => {}
    }
    for at in schema.present(FOREIGN) {
        look.refuse(&at, "is not for a definition", "expected a schema without this");
    }
    list(look, schema);
    mapping(look, schema);
    default(look, schema);
    branches(look, schema, schema.says(EITHER, true));
    for (_, property) in schema.get("properties").map(|properties| properties.entries()).unwrap_or_default() {
        part(look, &property, false);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key).filter(|inner| matches!(inner.node.value, Value::Mapping(_))) {
            part(look, &inner, false);
        }
    }
}

fn list<'a>(look: &mut Look<'a>, schema: &At<'a>) {
    if schema.get("type").and_then(|at| at.text()) == Some("array") {
        match schema.get("items") {
            None if schema.lacks("items") => {
                look.refuse(schema, "has no `items`", "an array says what it holds");
            }
            Some(items) if matches!(items.node.value, Value::Sequence(_)) => {
                look.refuse(&items, "is a list", "expected one schema, for all items");
            }
            _ => {}
        }
    }
    if let Some(at) = schema.get("uniqueItems").filter(|_| schema.says("uniqueItems", true)) {
        look.refuse(&at, "is not for a definition", "expected `x-kubernetes-list-type: set`");
    }
    let kind = schema.get("x-kubernetes-list-type");
    let keys = schema.list("x-kubernetes-list-map-keys");
    if kind.as_ref().and_then(At::text) == Some("map") {
        if keys.is_empty() {
            look.refuse(schema, "has no `x-kubernetes-list-map-keys`", "a list that is a map says by what");
        }
        let items = schema.get("items");
        for key in &keys {
            keyed(look, key, items.as_ref());
        }
    } else if let Some(key) = keys.first() {
        look.refuse(key, "is no key of a map", "expected `x-kubernetes-list-type: map`");
    }
    look.known(kind, &["atomic", "set", "map"]);
}

/// A key by which items of a list are told apart: each of them has it.
fn keyed<'a>(look: &mut Look<'a>, key: &At<'a>, items: Option<&At<'a>>) {
    let (Some(name), Some(items)) = (key.text(), items) else { return };
    let Some(property) = items.get("properties").and_then(|all| all.get(name)) else {
        look.refuse(key, "is no property of the items", format!("`items.properties` has no `{name}`"));
        return;
    };
    let required = items.list("required").iter().any(|one| one.text() == Some(name));
    if !required && property.get("default").is_none() {
        let label = format!("expected a `default`, or `{name}` in `items.required`");
        look.refuse(key, "may be missing from an item", label);
    }
}

fn mapping<'a>(look: &mut Look<'a>, schema: &At<'a>) {
    let named = schema.get("properties").is_some_and(|all| !all.entries().is_empty());
    if let Some(rest) =
        schema.get("additionalProperties").filter(|_| named && !schema.says("additionalProperties", true))
    {
        let help = "delete it: what has no schema is dropped anyway";
        look.refuse(&rest, "stands beside `properties`", "only one of the two may be there")
            .helps
            .push(help.to_owned());
    }
    let open = "x-kubernetes-preserve-unknown-fields";
    if let Some(at) = schema.get(open).filter(|_| schema.says(open, false)) {
        look.refuse(&at, "says nothing", "expected `true`, or no such field");
    }
    look.known(schema.get("x-kubernetes-map-type"), &["atomic", "granular"]);
}

/// What is filled in has the type that it should have.
fn default<'a>(look: &mut Look<'a>, schema: &At<'a>) {
    let Some(default) = schema.get("default") else { return };
    let Some(kind) = schema.get("type").and_then(|at| at.text()) else { return };
    let whole = |number: &str| number.parse::<f64>().is_ok_and(|number| number.fract() == 0.0);
    let fits = match (&default.node.value, kind) {
        (Value::String(_), "string")
        | (Value::Bool(_), "boolean")
        | (Value::Number(_), "number")
        | (Value::Sequence(_), "array")
        | (Value::Mapping(_), "object") => true,
        (Value::Number(number), "integer") => whole(number),
        _ => !TYPES.contains(&kind),
    };
    let values = schema.list("enum");
    if !fits {
        look.refuse(&default, format!("is no {kind}"), format!("`type` says `{kind}`"));
    } else if kind == "string" && !values.is_empty() && !values.iter().any(|value| value.text() == default.text()) {
        let allowed: Vec<String> = values.iter().filter_map(At::text).map(|text| format!("`{text}`")).collect();
        look.refuse(&default, "is none of `enum`", format!("expected {}", allowed.join(" or ")));
    }
}

/// Alternatives restrict values; what these are is said outside of them. Only what is a number or a text may say that.
fn branches<'a>(look: &mut Look<'a>, schema: &At<'a>, either: bool) {
    for key in ["oneOf", "anyOf", "allOf"] {
        let list = schema.list(key);
        let types: Vec<_> = list.iter().filter_map(|branch| branch.get("type")?.text()).collect();
        if either && key == "anyOf" && list.len() == 2 && types == ["integer", "string"] {
            continue;
        }
        for branch in list {
            branch_part(look, &branch, either && key == "allOf");
        }
    }
    if let Some(branch) = schema.get("not") {
        branch_part(look, &branch, false);
    }
}

fn branch_part<'a>(look: &mut Look<'a>, branch: &At<'a>, either: bool) {
    for at in branch.present(&["type", "title", "description", "default"]) {
        look.refuse(&at, "stands in an alternative", "expected it outside, at the part that it is about");
    }
    branches(look, branch, either);
    for (_, property) in branch.get("properties").map(|all| all.entries()).unwrap_or_default() {
        branch_part(look, &property, false);
    }
    if let Some(items) = branch.get("items") {
        branch_part(look, &items, false);
    }
}
