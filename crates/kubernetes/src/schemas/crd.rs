//! Derives a schema from a `CustomResourceDefinition` for each served version.
//!
//! The API server prunes unknown fields, and reports them under strict validation; here they are errors. Otherwise its
//! rules apply: a null in a field that is not nullable is dropped and counts as absent, and `metadata` is that of every
//! object.
//!
//! Pure. Does not evaluate CEL (`x-kubernetes-validations`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::shape;
use crate::schemas::Kind;

/// The kind of a definition.
pub const KIND: &str = "CustomResourceDefinition";

/// Keywords with the same meaning in structural schemas and JSON schemas.
const SHARED: &[&str] = &[
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "required",
    "uniqueItems",
];

/// Derives the schemas of the kinds that a `CustomResourceDefinition` defines; none for any other object. `metadata` is the
/// definition of `ObjectMeta` and everything that it refers to.
#[must_use]
pub fn derive(definition: &Value, metadata: &Map<String, Value>) -> BTreeMap<Kind, Value> {
    let mut schemas = BTreeMap::new();
    for (kind, schema) in served(definition) {
        let mut schema = structural(schema, true, false);
        if let Some(types) = schema.get_mut("type") {
            *types = json!("object");
        }
        schema["properties"]["metadata"] = json!({ "$ref": format!("#/definitions/{}", shape::OBJECT_META) });
        shape::identify(&mut schema, &kind.api_version(), &kind.kind);
        schema["definitions"] = Value::Object(metadata.clone());
        schemas.insert(kind, schema);
    }
    schemas
}

/// The kinds that a `CustomResourceDefinition` serves, with the schema of each.
#[must_use]
pub fn served(definition: &Value) -> Vec<(Kind, &Value)> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    if text(definition, "kind").as_deref() != Some(KIND)
        || text(definition, "apiVersion").as_deref() != Some("apiextensions.k8s.io/v1")
    {
        return Vec::new();
    }
    let Some(spec) = definition.get("spec") else { return Vec::new() };
    let (Some(group), Some(kind)) = (text(spec, "group"), spec.get("names").and_then(|names| text(names, "kind")))
    else {
        return Vec::new();
    };
    let versions = spec.get("versions").and_then(Value::as_array).into_iter().flatten();
    let served = versions.filter(|version| version.get("served") == Some(&json!(true)));
    served
        .filter_map(|version| {
            let schema = version.get("schema")?.get("openAPIV3Schema")?;
            let version = text(version, "name")?;
            Some((Kind { group: group.clone(), version, kind: kind.clone() }, schema))
        })
        .collect()
}

fn is(schema: &Value, keyword: &str) -> bool {
    schema.get(keyword) == Some(&json!(true))
}

/// Converts a node that declares its fields. `droppable` is whether the API server would drop a null here.
fn structural(from: &Value, root: bool, droppable: bool) -> Value {
    let mut schema = values(from);
    let open = is(from, "x-kubernetes-preserve-unknown-fields");
    let object = from.get("type").and_then(Value::as_str) == Some("object");
    if let Some(properties) = from.get("properties").and_then(Value::as_object) {
        let needed = from.get("required").and_then(Value::as_array);
        let made = properties.iter().map(|(name, property)| {
            let needed = needed.is_some_and(|needed| needed.contains(&json!(name)));
            (name.clone(), structural(property, false, !needed))
        });
        schema["properties"] = Value::Object(made.collect());
    }
    match from.get("additionalProperties") {
        Some(more @ Value::Object(_)) => schema["additionalProperties"] = structural(more, false, true),
        Some(Value::Bool(true)) => {}
        // A field without a schema is unknown to the API server.
        _ if object && !open => schema["additionalProperties"] = json!(false),
        _ => {}
    }
    if is(from, "x-kubernetes-embedded-resource") && !root {
        let known = [
            ("apiVersion", json!({ "type": "string" })),
            ("kind", json!({ "type": "string" })),
            ("metadata", json!({ "$ref": format!("#/definitions/{}", shape::OBJECT_META) })),
        ];
        for (name, property) in known {
            schema["properties"][name] = property;
        }
        schema["required"] = json!(["apiVersion", "kind", "metadata"]);
    }
    if let Some(items) = from.get("items").filter(|items| items.is_object()) {
        schema["items"] = structural(items, false, false);
    }
    if droppable || is(from, "nullable") { shape::or_null(schema) } else { schema }
}

/// Converts the value validations of a node.
fn values(from: &Value) -> Value {
    let mut schema = json!({});
    let int_or_string = is(from, "x-kubernetes-int-or-string");
    if int_or_string {
        schema = json!({ "type": ["integer", "string"] });
    } else if let Some(kind) = from.get("type") {
        schema["type"] = kind.clone();
    }
    for keyword in SHARED {
        if let Some(value) = from.get(*keyword).filter(|value| **value != json!([])) {
            schema[*keyword] = value.clone();
        }
    }
    if let Some(format) = from.get("format").and_then(Value::as_str) {
        shape::format(&mut schema, format);
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let Some(all) = from.get(keyword).and_then(Value::as_array).filter(|all| !all.is_empty()) else { continue };
        // The type already expresses this.
        if int_or_string && *all == [json!({ "type": "integer" }), json!({ "type": "string" })] {
            continue;
        }
        schema[keyword] = all.iter().map(alternative).collect();
    }
    if let Some(not) = from.get("not").filter(|not| not.is_object()) {
        schema["not"] = alternative(not);
    }
    schema
}

/// Converts a subschema of `allOf` and its like, which does not restrict the fields that it does not name.
fn alternative(from: &Value) -> Value {
    let mut schema = values(from);
    if let Some(properties) = from.get("properties").and_then(Value::as_object) {
        schema["properties"] =
            Value::Object(properties.iter().map(|(name, property)| (name.clone(), alternative(property))).collect());
    }
    for keyword in ["additionalProperties", "items"] {
        if let Some(inner) = from.get(keyword).filter(|inner| inner.is_object()) {
            schema[keyword] = alternative(inner);
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(schema: &Value) -> Value {
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "spec": {"group": "example.com", "names": {"kind": "Cart"}, "versions": [
                {"name": "v1", "served": true, "schema": {"openAPIV3Schema": schema}},
                {"name": "v0", "served": false, "schema": {"openAPIV3Schema": {}}},
            ]},
        });
        let schemas = derive(&definition, &Map::new());
        assert_eq!(schemas.keys().map(ToString::to_string).collect::<Vec<_>>(), ["example.com/v1/Cart"]);
        schemas.into_values().next().expect("one")
    }

    #[test]
    fn objects_are_closed_unless_they_preserve_unknown_fields() {
        let schema = derived(&json!({"type": "object", "properties": {
            "empty": {"type": "object"},
            "map": {"type": "object", "additionalProperties": {"type": "integer"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        }}));
        let property = |name: &str| &schema["properties"][name];
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(property("empty")["additionalProperties"], json!(false));
        assert_eq!(property("map")["additionalProperties"], json!({"type": ["integer", "null"]}));
        assert_eq!(property("free").get("additionalProperties"), None);
        assert_eq!(*property("port"), json!({"type": ["integer", "string", "null"]}));
        assert_eq!(schema["required"], json!(["apiVersion", "kind"]));
    }

    #[test]
    fn null_is_allowed_where_it_is_dropped() {
        let schema = derived(&json!({"type": "object", "required": ["must", "may"], "properties": {
            "must": {"type": "string"}, "may": {"type": "string", "nullable": true}, "can": {"type": "string", "enum": ["a"]},
            "list": {"type": "array", "items": {"type": "string"}},
        }}));
        let property = |name: &str| &schema["properties"][name];
        assert_eq!(*property("must"), json!({"type": "string"}));
        assert_eq!(property("may")["type"], json!(["string", "null"]));
        assert_eq!(property("can")["enum"], json!(["a", null]));
        assert_eq!(property("list")["items"], json!({"type": "string"}));
    }
}
