//! The shapes that `OpenAPI` has no words for, and that every derived schema shares.

use serde_json::{Value, json};

/// The definition of `metadata`.
pub const OBJECT_META: &str = "ObjectMeta";

/// A quantity, as the API server reads one: `100m`, `1.5Gi`, `1e3`.
pub const QUANTITY: &str = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$";

/// Base64 with padding. The API server's decoder passes over line breaks.
pub const BASE64: &str = r"^[\r\n]*(([A-Za-z0-9+/][\r\n]*){4})*(([A-Za-z0-9+/][\r\n]*){2}=[\r\n]*=[\r\n]*|([A-Za-z0-9+/][\r\n]*){3}=[\r\n]*)?$";

/// A quantity; a number is one, too.
#[must_use]
pub fn quantity() -> Value {
    json!({ "type": ["string", "number"], "pattern": QUANTITY })
}

/// A number or a text, such as a port or `25%`.
#[must_use]
pub fn int_or_string() -> Value {
    json!({ "type": ["integer", "string"], "minimum": i32::MIN, "maximum": i32::MAX })
}

/// Adds what a format means, where the API server holds values against it.
pub fn format(schema: &mut Value, format: &str) {
    match format {
        "int32" => {
            bound(schema, "minimum", json!(i32::MIN));
            bound(schema, "maximum", json!(i32::MAX));
        }
        "int64" => {
            bound(schema, "minimum", json!(i64::MIN));
            bound(schema, "maximum", json!(i64::MAX));
        }
        "byte" => bound(schema, "pattern", json!(BASE64)),
        "date-time" | "date" | "duration" | "ipv4" | "ipv6" | "uuid" => schema["format"] = json!(format),
        _ => {}
    }
}

/// Adds a keyword that is not there already.
fn bound(schema: &mut Value, keyword: &str, value: Value) {
    if schema.get(keyword).is_none() {
        schema[keyword] = value;
    }
}

/// Lets null pass: a field that may be absent may be null as well, which the API server takes for absence.
#[must_use]
pub fn or_null(mut schema: Value) -> Value {
    let null = json!("null");
    match schema.get_mut("type") {
        Some(Value::Array(types)) if !types.contains(&null) => types.push(null),
        Some(one @ Value::String(_)) => *one = Value::Array(vec![one.clone(), null]),
        _ => {}
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    schema
}

/// A schema for all of one kind, from one for its content: `apiVersion` and `kind` are these and no others.
pub fn identify(schema: &mut Value, api_version: &str, kind: &str) {
    schema["properties"]["apiVersion"] = json!({ "enum": [api_version] });
    schema["properties"]["kind"] = json!({ "enum": [kind] });
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut names: Vec<Value> = required.into_iter().chain([json!("apiVersion"), json!("kind")]).collect();
    names.sort_by_key(|name| name.as_str().unwrap_or_default().to_owned());
    names.dedup();
    schema["required"] = Value::Array(names);
}
