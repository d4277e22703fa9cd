//! Validation of a JSON Schema: keywords, the types of their values, and references.
//!
//! Helm ignores unknown keywords. One that is similar to a known keyword is reported as misspelled; others may be
//! annotations for other programs. Regular expressions and formats are not validated, since their dialects differ.

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Help, Place, did_you_mean, nearest};
use document::{Key, Node, Value};

/// The type of a keyword's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One schema.
    Schema,
    /// A non-empty list of schemas.
    Schemas,
    /// One schema, or a list of them.
    SchemaOrSchemas,
    /// A mapping of names to schemas.
    Properties,
    /// A mapping of names to schemas or to lists of names.
    Dependencies,
    /// The name of a type, or a list of them.
    Type,
    /// A list of unique names.
    Names,
    /// A non-empty list.
    List,
    Text,
    Number,
    /// A non-negative integer.
    Count,
    Flag,
    /// A reference to another schema.
    Reference,
    /// The URL of a draft.
    Draft,
    Anything,
}

/// Keywords of the drafts that Helm supports (4, 6, 7, 2019-09, and 2020-12), and of common extensions.
const KEYWORDS: &[(&str, Kind)] = &[
    ("$anchor", Kind::Text),
    ("$comment", Kind::Text),
    ("$defs", Kind::Properties),
    ("$dynamicAnchor", Kind::Text),
    ("$dynamicRef", Kind::Text),
    ("$id", Kind::Text),
    ("$recursiveAnchor", Kind::Flag),
    ("$recursiveRef", Kind::Text),
    ("$ref", Kind::Reference),
    ("$schema", Kind::Draft),
    ("$vocabulary", Kind::Anything),
    ("additionalItems", Kind::Schema),
    ("additionalProperties", Kind::Schema),
    ("allOf", Kind::Schemas),
    ("anyOf", Kind::Schemas),
    ("const", Kind::Anything),
    ("contains", Kind::Schema),
    ("contentEncoding", Kind::Text),
    ("contentMediaType", Kind::Text),
    ("contentSchema", Kind::Schema),
    ("default", Kind::Anything),
    ("definitions", Kind::Properties),
    ("dependencies", Kind::Dependencies),
    ("dependentRequired", Kind::Anything),
    ("dependentSchemas", Kind::Properties),
    ("deprecated", Kind::Flag),
    ("description", Kind::Text),
    ("else", Kind::Schema),
    ("enum", Kind::List),
    ("example", Kind::Anything),
    ("examples", Kind::Anything),
    // A boolean in draft 4, a number in later drafts.
    ("exclusiveMaximum", Kind::Anything),
    ("exclusiveMinimum", Kind::Anything),
    // Of the charts of Bitnami, for user interfaces.
    ("form", Kind::Anything),
    ("format", Kind::Text),
    ("hidden", Kind::Anything),
    ("id", Kind::Text),
    ("if", Kind::Schema),
    ("items", Kind::SchemaOrSchemas),
    ("maxContains", Kind::Count),
    ("maxItems", Kind::Count),
    ("maxLength", Kind::Count),
    ("maxProperties", Kind::Count),
    ("maximum", Kind::Number),
    ("minContains", Kind::Count),
    ("minItems", Kind::Count),
    ("minLength", Kind::Count),
    ("minProperties", Kind::Count),
    ("minimum", Kind::Number),
    ("multipleOf", Kind::Number),
    ("not", Kind::Schema),
    ("nullable", Kind::Flag),
    ("oneOf", Kind::Schemas),
    ("pattern", Kind::Text),
    ("patternProperties", Kind::Properties),
    ("prefixItems", Kind::Schemas),
    ("properties", Kind::Properties),
    ("propertyNames", Kind::Schema),
    ("readOnly", Kind::Flag),
    ("render", Kind::Anything),
    ("required", Kind::Names),
    ("then", Kind::Schema),
    ("title", Kind::Text),
    ("type", Kind::Type),
    ("unevaluatedItems", Kind::Schema),
    ("unevaluatedProperties", Kind::Schema),
    ("uniqueItems", Kind::Flag),
    ("writeOnly", Kind::Flag),
];

/// The drafts that Helm supports: their URLs without scheme and fragment. The last one names the newest draft.
const DRAFTS: [&str; 6] = [
    "json-schema.org/draft-04/schema",
    "json-schema.org/draft-06/schema",
    "json-schema.org/draft-07/schema",
    "json-schema.org/draft/2019-09/schema",
    "json-schema.org/draft/2020-12/schema",
    "json-schema.org/schema",
];

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// The errors in a schema and its subschemas.
#[derive(Debug, Default)]
pub struct Unsound {
    /// Errors that make the schema unusable for Helm.
    pub refused: Diagnostics,
    /// Keywords that Helm ignores, and contradictions that no values satisfy.
    pub accepted: Diagnostics,
}

/// Validates a schema and its subschemas.
#[must_use]
pub fn check(root: &Node) -> Unsound {
    let mut checker = Checker { root, found: Unsound::default() };
    checker.schema(root, "");
    checker.found
}

/// The keyword that an unknown keyword most likely means.
#[must_use]
pub fn meant(name: &str) -> Option<&'static str> {
    let known = |(keyword, _): &(&'static str, Kind)| *keyword;
    if KEYWORDS.iter().any(|keyword| known(keyword) == name) || name.starts_with(['$', '@', 'x']) && name.contains('-')
        // A usual mark of comments.
        || name.starts_with(['_', '/'])
    {
        return None;
    }
    // Short keywords are similar to everything.
    nearest(name, KEYWORDS.iter().map(known).filter(|keyword| keyword.len() > 3))
}

/// Resolves a reference within a file.
#[must_use]
pub fn resolve<'a>(root: &'a Node, reference: &str) -> Option<&'a Node> {
    let pointer = reference.strip_prefix('#')?;
    pointer.split('/').skip(1).try_fold(root, |node, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        match &node.value {
            Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
            _ => node.get(&step),
        }
    })
}

struct Checker<'a> {
    root: &'a Node,
    found: Unsound,
}

fn invalid(message: String, place: Place, label: impl Into<String>, help: Option<Help>) -> Diagnostic {
    let found = Diagnostic::new(Code::ValuesSchemaInvalid, message).at(place, label);
    help.into_iter().fold(found, Diagnostic::help)
}

impl<'a> Checker<'a> {
    fn refused(&mut self, message: String, place: Place, label: impl Into<String>, help: Option<Help>) {
        self.found.refused.push(invalid(message, place, label, help));
    }

    fn accepted(&mut self, message: String, place: Place, label: impl Into<String>, help: Option<Help>) {
        self.found.accepted.push(invalid(message, place, label, help));
    }

    fn mismatch(&mut self, node: &Node, path: &str, expected: &str) {
        let empty = matches!(&node.value, Value::Sequence(items) if items.is_empty());
        let label = if empty { "found an empty list".to_owned() } else { format!("found {}", node.describe()) };
        self.refused(format!("`{path}` must be {expected}"), node.place(), label, None);
    }

    /// Validates a schema and its subschemas.
    fn schema(&mut self, node: &'a Node, path: &str) {
        match &node.value {
            Value::Bool(_) => return,
            Value::Mapping(_) => {}
            _ => {
                let name = if path.is_empty() { "values.schema.json" } else { path };
                return self.mismatch(node, name, "a schema, which is a mapping, `true`, or `false`");
            }
        }
        for (key, value) in node.entries() {
            let path = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
            match KEYWORDS.iter().find(|(name, _)| *name == key.name) {
                Some((_, kind)) => self.keyword(*kind, value, &path),
                None => self.unknown(node, key, &path),
            }
        }
        self.contradictions(node, path);
    }

    /// Reports a misspelled keyword.
    fn unknown(&mut self, node: &Node, key: &Key, path: &str) {
        // `defaults` of Istio's charts is a schema that `$ref` refers to, and not a misspelled `default`.
        let is_schema = |value: &Node| ["$ref", "properties", "type"].iter().any(|key| value.get(key).is_some());
        let near = meant(&key.name).filter(|near| *near != "default" || !node.get(&key.name).is_some_and(is_schema));
        if let Some(near) = near {
            let place = Place::new(&node.source, key.span.clone());
            let help = Some(did_you_mean(near));
            self.accepted(format!("unknown keyword `{path}`"), place, "ignored by Helm", help);
        }
    }

    fn keyword(&mut self, kind: Kind, value: &'a Node, path: &str) {
        match kind {
            Kind::Schema => self.schema(value, path),
            Kind::SchemaOrSchemas if !matches!(value.value, Value::Sequence(_)) => self.schema(value, path),
            Kind::Schemas if value.items().is_empty() => self.mismatch(value, path, "a non-empty list of schemas"),
            Kind::Schemas | Kind::SchemaOrSchemas => self.schemas(value, path),
            Kind::Properties | Kind::Dependencies => {
                if !matches!(value.value, Value::Mapping(_)) {
                    return self.mismatch(value, path, "a mapping of names to schemas");
                }
                for (key, schema) in value.entries() {
                    if kind == Kind::Properties || !matches!(schema.value, Value::Sequence(_)) {
                        self.schema(schema, &format!("{path}.{}", key.name));
                    }
                }
            }
            Kind::Type => self.types(value, path),
            Kind::Names => self.names(value, path),
            Kind::Reference => self.reference(value, path),
            Kind::Draft => self.draft(value, path),
            Kind::List if value.items().is_empty() => self.mismatch(value, path, "a non-empty list"),
            Kind::Text if value.as_str().is_none() => self.mismatch(value, path, "a string"),
            Kind::Flag if !matches!(value.value, Value::Bool(_)) => self.mismatch(value, path, "`true` or `false`"),
            Kind::Number if !matches!(value.value, Value::Number(_)) => self.mismatch(value, path, "a number"),
            Kind::Count if !matches!(&value.value, Value::Number(text) if text.parse::<u64>().is_ok()) => {
                self.mismatch(value, path, "a non-negative integer");
            }
            Kind::List | Kind::Text | Kind::Flag | Kind::Number | Kind::Count | Kind::Anything => {}
        }
    }

    fn draft(&mut self, value: &Node, path: &str) {
        let Some(text) = value.as_str() else { return self.mismatch(value, path, "a string") };
        let plain = text.trim_end_matches('#').trim_start_matches("https://").trim_start_matches("http://");
        if !DRAFTS.contains(&plain) {
            let label = "unknown draft";
            let help = format!("set it to `http://{}#`", nearest(plain, DRAFTS.iter().copied()).unwrap_or(DRAFTS[2]));
            self.refused(
                format!("`{path}` is not a draft that Helm supports"),
                value.place(),
                label,
                Some(help.into()),
            );
        }
    }

    fn schemas(&mut self, value: &'a Node, path: &str) {
        for (index, item) in value.items().iter().enumerate() {
            self.schema(item, &format!("{path}[{index}]"));
        }
    }

    fn types(&mut self, value: &'a Node, path: &str) {
        let single = !matches!(value.value, Value::Sequence(_));
        let nodes: Vec<&Node> = if single { vec![value] } else { value.items().iter().collect() };
        for node in nodes {
            let name = node.as_str().unwrap_or_default();
            if !TYPES.contains(&name) {
                let known = || TYPES.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                // Type names of other languages.
                let meant = match name.to_lowercase().as_str() {
                    "bool" => Some("boolean"),
                    "int" => Some("integer"),
                    "float" | "double" => Some("number"),
                    "list" => Some("array"),
                    "map" | "dict" => Some("object"),
                    "str" => Some("string"),
                    _ => nearest(name, TYPES),
                };
                let help = meant.map_or_else(|| format!("known: {}", known()).into(), did_you_mean);
                let label = format!("found {}", node.describe());
                self.refused(format!("`{path}` must be a JSON Schema type"), node.place(), label, Some(help));
            }
        }
    }

    fn names(&mut self, value: &'a Node, path: &str) {
        if !matches!(value.value, Value::Sequence(_)) || value.items().iter().any(|item| item.as_str().is_none()) {
            self.mismatch(value, path, "a list of names");
        }
    }

    fn reference(&mut self, value: &'a Node, path: &str) {
        let Some(text) = value.as_str() else { return self.mismatch(value, path, "a string") };
        if text.starts_with('#') && resolve(self.root, text).is_none() && (text == "#" || text.starts_with("#/")) {
            self.refused(format!("`{path}` does not resolve"), value.place(), "no such schema in this file", None);
        } else if !text.starts_with('#') {
            let message = format!("`{path}` refers to another file");
            let help = "copy the schema to `definitions`, and refer to it as `#/definitions/…`".into();
            let found = invalid(message, value.place(), "Helm would have to fetch it", Some(help));
            self.found.refused.push(found.fact(Fact::Elsewhere));
        }
    }

    /// Reports required properties that a closed object does not allow, so that no values satisfy the schema.
    fn contradictions(&mut self, node: &'a Node, path: &str) {
        let closed = node.get("additionalProperties").is_some_and(|node| matches!(node.value, Value::Bool(false)));
        if !closed || node.get("patternProperties").is_some() {
            return;
        }
        let properties = node.get("properties").map(Node::entries).unwrap_or_default();
        for item in node.get("required").map(Node::items).unwrap_or_default() {
            let Some(name) = item.as_str() else { continue };
            if properties.iter().all(|(key, _)| key.name != name) {
                let owner = if path.is_empty() { "the values".to_owned() } else { format!("`{path}`") };
                let near = nearest(name, properties.iter().map(|(key, _)| key.name.as_str()));
                let message = format!("{owner} must have `{name}`, which is not in `properties`");
                let label = "no values satisfy this";
                let found = invalid(message, item.place(), label, near.map(did_you_mean));
                self.found.accepted.push(found.facts(path.is_empty().then(|| Fact::Required(name.to_owned()))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn messages(schema: &str) -> Vec<String> {
        let root = yaml::parse_one(&Source::new("s", schema)).expect("JSON").root;
        let Unsound { refused, accepted } = check(&root);
        refused.0.into_iter().chain(accepted.0).map(|found| found.message).collect()
    }

    #[test]
    fn keywords_of_drafts_are_valid() {
        for schema in [
            "true",
            r##"{"$ref": "#", "$defs": {"a/b": {}}, "not": {"$ref": "#/$defs/a~1b"}}"##,
            r#"{"type": ["string", "null"], "items": [{}, true], "dependencies": {"a": ["b"], "c": {}}}"#,
            r#"{"$schema": "http://json-schema.org/schema#"}"#,
            r#"{"x-order": 1, "markdownDescription": "text", "exclusiveMinimum": true, "minimum": 1.5}"#,
        ] {
            assert_eq!(messages(schema), [""; 0], "{schema}");
        }
    }

    #[test]
    fn errors_are_reported() {
        for (schema, message) in [
            (r#"{"propertys": {}}"#, "unknown keyword `propertys`"),
            (r#"{"allOf": []}"#, "`allOf` must be a non-empty list of schemas"),
            (r#"{"type": "bool"}"#, "`type` must be a JSON Schema type"),
            (r##"{"items": {"$ref": "#/x"}}"##, "`items.$ref` does not resolve"),
            (r#"{"$ref": "https://example.com/s.json"}"#, "`$ref` refers to another file"),
            (
                r#"{"$schema": "http://json-schema.org/draft-99/schema#"}"#,
                "`$schema` is not a draft that Helm supports",
            ),
            (r#"{"maxItems": -1}"#, "`maxItems` must be a non-negative integer"),
        ] {
            assert_eq!(messages(schema), [message], "{schema}");
        }
    }
}
