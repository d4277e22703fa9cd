//! Derives a schema for each kind from an API server's `OpenAPI` v2 document.
//!
//! The document describes the Go types of the API server, so the schemas are closed: a type with fields has no others.
//! They add what the document cannot express: quantities that may be numbers, integers or strings, base64, and the schemas
//! inside `CustomResourceDefinitions`. Descriptions are dropped.
//!
//! Pure, and total: any other document yields schemas for no kind.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::shape;
use crate::schemas::Kind;

/// The result of deriving schemas from a document.
#[derive(Debug)]
pub struct Derived {
    /// The schemas of the requested kinds.
    pub schemas: BTreeMap<Kind, Value>,
    /// Requested kinds that are not in the document.
    pub missing: BTreeSet<Kind>,
}

/// Whether a document is an `OpenAPI` v2 document.
#[must_use]
pub fn is_openapi(document: &Value) -> bool {
    document.get("swagger").and_then(Value::as_str) == Some("2.0")
        && document.get("definitions").is_some_and(Value::is_object)
}

/// The version of the API server, such as `1.34.4`.
#[must_use]
pub fn version(document: &Value) -> Option<&str> {
    let text = document.get("info")?.get("version")?.as_str()?.trim_start_matches('v');
    super::minor(text).is_some().then_some(text)
}

/// Derives the schemas of the requested kinds.
#[must_use]
pub fn derive(document: &Value, wanted: &BTreeSet<Kind>) -> Derived {
    let mut kinds: BTreeMap<Kind, &str> = BTreeMap::new();
    for (name, definition) in document.get("definitions").and_then(Value::as_object).into_iter().flatten() {
        for named in definition.get("x-kubernetes-group-version-kind").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| named.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let kind = Kind { group: text("group"), version: text("version"), kind: text("kind") };
            kinds.entry(kind).or_insert(name);
        }
    }
    let mut derived = Derived { schemas: BTreeMap::new(), missing: BTreeSet::new() };
    for kind in wanted {
        match kinds.get(kind) {
            Some(name) => {
                derived.schemas.insert(kind.clone(), of_kind(document, kind, name));
            }
            None => {
                derived.missing.insert(kind.clone());
            }
        }
    }
    derived
}

fn of_kind(document: &Value, kind: &Kind, name: &str) -> Value {
    let mut definitions = Definitions { document, names: BTreeMap::new(), pending: Vec::new(), inlined: Vec::new() };
    let mut schema = definitions.content(name);
    if let Some(types) = schema.get_mut("type") {
        *types = json!("object");
    }
    shape::identify(&mut schema, &kind.api_version(), &kind.kind);
    let mut local = serde_json::Map::new();
    while let Some(name) = definitions.pending.pop() {
        let content = definitions.content(&name);
        local.insert(definitions.short(&name), content);
    }
    schema["definitions"] = Value::Object(local);
    schema
}

/// The definitions that a schema needs.
struct Definitions<'a> {
    document: &'a Value,
    /// Names in the schema by name in the document.
    names: BTreeMap<String, String>,
    /// Names in the document whose definitions are still to be written.
    pending: Vec<String>,
    /// Names in the document of the definitions that are currently being inlined.
    inlined: Vec<String>,
}

impl Definitions<'_> {
    fn find(&self, name: &str) -> Value {
        self.document.get("definitions").and_then(|all| all.get(name)).cloned().unwrap_or_default()
    }

    /// The last component of a name, or the full name if that would be ambiguous.
    fn short(&mut self, name: &str) -> String {
        if let Some(short) = self.names.get(name) {
            return short.clone();
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        let taken = self.names.values().any(|other| other == last);
        let short = if taken { name } else { last }.to_owned();
        self.names.insert(name.to_owned(), short.clone());
        self.pending.push(name.to_owned());
        short
    }

    /// Converts a definition. It is nullable, since most references to it are.
    fn content(&mut self, name: &str) -> Value {
        let props = |name: &str| {
            name.strip_suffix("OrBool")
                .or(name.strip_suffix("OrStringArray"))
                .or(name.strip_suffix("OrArray"))
                .map(str::to_owned)
        };
        if name.ends_with(".resource.Quantity") {
            return shape::or_null(shape::quantity());
        }
        // The document declares these as any JSON, but the API server expects one of two types.
        if let Some(one) = props(name).filter(|one| one.ends_with(".JSONSchemaProps")) {
            let mut schema = self.content(&one);
            let other = if name.ends_with("OrBool") { "boolean" } else { "array" };
            schema["type"] = json!(["object", other, "null"]);
            if name.ends_with("OrStringArray") {
                schema["items"] = json!({ "type": "string" });
            } else if other == "array" {
                schema["items"] = self.reference(&one, false);
            }
            return schema;
        }
        let definition = self.find(name);
        self.schema(&definition, true)
    }

    /// A reference to a definition by its name in the document.
    fn reference(&mut self, name: &str, nullable: bool) -> Value {
        let definition = self.find(name);
        let has_format = definition.get("format").is_some();
        let untyped = definition.get("type").is_none() && !name.contains(".JSONSchemaProps");
        // Scalars and untyped definitions are shorter inline, unless they are recursive.
        if (untyped || has_format) && !self.inlined.iter().any(|inlined| inlined == name) {
            self.inlined.push(name.to_owned());
            let schema = self.schema(&definition, nullable);
            self.inlined.pop();
            return schema;
        }
        let reference = json!({ "$ref": format!("#/definitions/{}", self.short(name)) });
        if nullable {
            return reference;
        }
        let not_null = match self.content_types(name).as_slice() {
            [one] => json!(one),
            several => json!(several),
        };
        json!({ "allOf": [reference, { "type": not_null }] })
    }

    /// The types that a definition allows, without null.
    fn content_types(&self, name: &str) -> Vec<String> {
        if name.ends_with(".resource.Quantity") {
            return vec!["string".to_owned(), "number".to_owned()];
        }
        match name {
            _ if name.ends_with("OrBool") => vec!["object".to_owned(), "boolean".to_owned()],
            _ if name.ends_with("OrArray") || name.ends_with("OrStringArray") => {
                vec!["object".to_owned(), "array".to_owned()]
            }
            _ => vec![self.find(name).get("type").and_then(Value::as_str).unwrap_or("object").to_owned()],
        }
    }

    fn schema(&mut self, from: &Value, nullable: bool) -> Value {
        let text = |key: &str| from.get(key).and_then(Value::as_str);
        if let Some(name) = text("$ref").and_then(|reference| reference.strip_prefix("#/definitions/")) {
            return self.reference(name, nullable);
        }
        let format = text("format");
        let open = from.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
        let mut schema =
            if format == Some("int-or-string") || from.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
                shape::int_or_string()
            } else {
                json!({})
            };
        if let (Some(kind), None) = (text("type"), schema.get("type")) {
            schema["type"] = json!(kind);
        }
        for keyword in ["enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"] {
            if let Some(value) = from.get(keyword) {
                schema[keyword] = value.clone();
            }
        }
        if let Some(format) = format {
            shape::format(&mut schema, format);
        }
        let required = from.get("required").and_then(Value::as_array);
        if let Some(properties) = from.get("properties").and_then(Value::as_object) {
            let mut converted = serde_json::Map::new();
            for (name, property) in properties {
                let needed = required.is_some_and(|required| required.contains(&json!(name)));
                converted.insert(name.clone(), self.schema(property, !needed));
            }
            schema["properties"] = Value::Object(converted);
            if !open {
                schema["additionalProperties"] = json!(false);
            }
        }
        if let Some(more) = from.get("additionalProperties").filter(|more| more.is_object()) {
            schema["additionalProperties"] = self.schema(more, true);
        }
        if let Some(items) = from.get("items") {
            schema["items"] = self.schema(items, false);
        }
        if let Some(required) = required.filter(|required| !required.is_empty()) {
            let mut names = required.clone();
            names.sort_by_key(|name| name.as_str().unwrap_or_default().to_owned());
            schema["required"] = Value::Array(names);
        }
        if nullable { shape::or_null(schema) } else { schema }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recursive_definitions_terminate() {
        let document = json!({ "definitions": {
            "a": {
                "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "A"}],
                "$ref": "#/definitions/a",
            },
        }});
        let derived = derive(&document, &[Kind::new("v1", "A")].into());
        assert_eq!(derived.schemas.len(), 1);
    }
}
