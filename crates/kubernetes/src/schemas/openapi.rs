//! What an API server says of itself (`OpenAPI` v2) → a schema a kind.
//!
//! The document describes each built-in type as the server's own code declares it, so what is strict there is strict
//! here: a type with fields has no others. What it leaves out is added: numbers where a quantity may be one, numbers or
//! texts, base64, and the schemas inside of `CustomResourceDefinitions`. Descriptions are left out.
//!
//! Pure, and never at a loss: what is no such document gives schemas that nobody finds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::shape;
use crate::schemas::Kind;

/// What was made of a document.
#[derive(Debug)]
pub struct Derived {
    /// The schemas of the kinds that were asked for.
    pub schemas: BTreeMap<Kind, Value>,
    /// Kinds that were asked for and are not in the document.
    pub missing: BTreeSet<Kind>,
}

/// Whether a document is what this module reads.
#[must_use]
pub fn is_openapi(document: &Value) -> bool {
    document.get("swagger").and_then(Value::as_str) == Some("2.0")
        && document.get("definitions").is_some_and(Value::is_object)
}

/// The version of the server, `1.34.4`.
#[must_use]
pub fn version(document: &Value) -> Option<&str> {
    let text = document.get("info")?.get("version")?.as_str()?.trim_start_matches('v');
    super::minor(text).is_some().then_some(text)
}

/// Makes the schemas of some kinds.
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

/// The definitions that one schema needs.
struct Definitions<'a> {
    document: &'a Value,
    /// Names in the document → names in the schema.
    names: BTreeMap<String, String>,
    /// Names in the document whose content is not made yet.
    pending: Vec<String>,
    /// Names of those whose content is being written in place of a reference.
    inlined: Vec<String>,
}

impl Definitions<'_> {
    fn find(&self, name: &str) -> Value {
        self.document.get("definitions").and_then(|all| all.get(name)).cloned().unwrap_or_default()
    }

    /// The last word of a name; the whole of it where two would share that.
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

    /// What a definition says. It lets null pass, since most of those who refer to it do.
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
        // The server takes any JSON for these, and then reads it as one of two things.
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

    /// A reference to a definition, by its name in the document.
    fn reference(&mut self, name: &str, nullable: bool) -> Value {
        let definition = self.find(name);
        let has_format = definition.get("format").is_some();
        let untyped = definition.get("type").is_none() && !name.contains(".JSONSchemaProps");
        // A type that is no more than a scalar, or anything at all, is shorter than a reference to it.
        // One that leads to itself is a reference after all.
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

    /// The types that a definition allows beside null.
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
            let mut made = serde_json::Map::new();
            for (name, property) in properties {
                let needed = required.is_some_and(|required| required.contains(&json!(name)));
                made.insert(name.clone(), self.schema(property, !needed));
            }
            schema["properties"] = Value::Object(made);
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
    fn a_definition_that_leads_to_itself_ends() {
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
