//! Schemas of quantities, base64, and other formats that `OpenAPI` v2 cannot express.

use serde_json::{Value, json};

/// The name of the definition of `metadata`.
pub const OBJECT_META: &str = "ObjectMeta";

/// The pattern of a quantity: `100m`, `1.5Gi`, `1e3`.
pub(crate) const QUANTITY: &str = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$";

/// The pattern of padded base64. The API server's decoder ignores line breaks.
pub(crate) const BASE64: &str = r"^[\r\n]*(([A-Za-z0-9+/][\r\n]*){4})*(([A-Za-z0-9+/][\r\n]*){2}=[\r\n]*=[\r\n]*|([A-Za-z0-9+/][\r\n]*){3}=[\r\n]*)?$";

/// The schema of a quantity, which may also be a number.
#[must_use]
pub fn quantity() -> Value {
    json!({ "type": ["string", "number"], "pattern": QUANTITY })
}

/// The schema of an integer or a string, such as a port or `25%`.
#[must_use]
pub(crate) fn int_or_string() -> Value {
    json!({ "type": ["integer", "string"], "minimum": i32::MIN, "maximum": i32::MAX })
}

/// Adds the constraints of a format, where the API server enforces it.
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

/// Adds a keyword unless it is present.
fn bound(schema: &mut Value, keyword: &str, value: Value) {
    if schema.get(keyword).is_none() {
        schema[keyword] = value;
    }
}

/// Makes a schema nullable: the API server treats null like an absent field.
#[must_use]
pub(crate) fn or_null(mut schema: Value) -> Value {
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

/// Restricts a schema to one `apiVersion` and `kind`, and makes both required.
pub fn identify(schema: &mut Value, api_version: &str, kind: &str) {
    schema["properties"]["apiVersion"] = json!({ "enum": [api_version] });
    schema["properties"]["kind"] = json!({ "enum": [kind] });
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut names: Vec<Value> = required.into_iter().chain([json!("apiVersion"), json!("kind")]).collect();
    names.sort_by_key(|name| name.as_str().unwrap_or_default().to_owned());
    names.dedup();
    schema["required"] = Value::Array(names);
}
