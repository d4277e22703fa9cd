//! values.schema.json: it must exist, be valid, and be closed, so that a misspelled value is an error.
//!
//! Helm ignores unknown keywords in a schema, so `requried` has no effect. A schema is closed if it has
//! `additionalProperties: false` (or `unevaluatedProperties: false`) at the root and in every object with `properties`.
//! Values below the name of a dependency or below `global` belong to another chart: there, an explicit
//! `additionalProperties: true` is also allowed.
//!
//! Does not validate values: Helm does that with every render.

use std::collections::BTreeSet;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use document::{Node, Value};
use helm::chart::Chart;
use helm::values_schema;
use helm::values_schema::keywords::Unsound;
use helm::values_schema::{FILE, keywords};
use toolbox::inputs;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ValuesSchemaInvalid, Code::ValuesSchemaMissing, Code::ValuesSchemaOpen];

/// Keywords that combine schemas.
const COMBINED: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Checks the schema of every chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let root = &subject.workspace.root;
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        let path = chart.directory.join(FILE);
        if !path.is_file() {
            diagnostics.push(
                Diagnostic::new(Code::ValuesSchemaMissing, format!("`{}` has no {FILE}", chart.path))
                    .at(Place::file(inputs::name(root, &path)), "this file does not exist")
                    .help("add a schema for every value in values.yaml, with `\"additionalProperties\": false`"),
            );
            continue;
        }
        let source = diagnostics.take(toolbox::source::read(root, &path));
        diagnostics.extend(source.map(|source| of_chart(chart, &source)).unwrap_or_default());
    }
    diagnostics
}

fn of_chart(chart: &Chart, source: &Arc<Source>) -> Diagnostics {
    let document = match values_schema::read(&chart.path, source) {
        Ok(document) => document,
        Err(found) => return found,
    };
    let Unsound { refused, accepted } = keywords::check(&document.root);
    let mut diagnostics = Diagnostics([refused.0, accepted.0].concat());
    for key in &document.duplicates {
        let message = format!("duplicate key `{}` in {FILE}", key.name);
        let place = Place::new(&document.root.source, key.span.clone());
        diagnostics.push(Diagnostic::new(Code::ValuesSchemaInvalid, message).at(place, "overrides the earlier one"));
    }
    let mut walk = Walk { root: &document.root, seen: BTreeSet::new(), diagnostics };
    walk.closed(&chart_names(chart));
    walk.diagnostics
}

/// Returns the top-level keys whose values belong to other charts.
fn chart_names(chart: &Chart) -> BTreeSet<String> {
    let called = chart
        .dependencies
        .iter()
        .map(|dependency| if dependency.alias.is_empty() { dependency.name.clone() } else { dependency.alias.clone() });
    called.chain(["global".to_owned()]).collect()
}

/// Walks a schema and reports objects that are not closed.
struct Walk<'a> {
    root: &'a Node,
    /// Visited schemas, by their offset and whether they belong to another chart.
    seen: BTreeSet<(usize, bool)>,
    diagnostics: Diagnostics,
}

impl<'a> Walk<'a> {
    /// Checks the root and every object with `properties`.
    fn closed(&mut self, others: &BTreeSet<String>) {
        let root = self.resolved(self.root);
        let open = match root.value {
            Value::Mapping(_) => !is_closed(root) && !is_meant_to_be_closed(root),
            Value::Bool(open) => open,
            _ => false,
        };
        if open {
            let first = || Place::new(&root.source, root.span.start..root.span.start + 1);
            let place = root.get("additionalProperties").map_or_else(first, Node::place);
            self.open("values.schema.json allows unknown top-level keys".to_owned(), place, false);
        }
        for (key, schema) in root.get("properties").map(Node::entries).unwrap_or_default() {
            self.object(schema, &key.name, others.contains(&key.name));
        }
    }

    /// Resolves a schema's `$ref`, if it has one.
    fn resolved(&self, node: &'a Node) -> &'a Node {
        let reference = node.get("$ref").and_then(Node::as_str);
        reference.and_then(|text| keywords::resolve(self.root, text)).unwrap_or(node)
    }

    fn open(&mut self, message: String, place: Place, foreign: bool) {
        let help = if foreign {
            "add `\"additionalProperties\": false`, or `true` to allow other keys explicitly"
        } else {
            "add `\"additionalProperties\": false`"
        };
        let found = Diagnostic::new(Code::ValuesSchemaOpen, message);
        self.diagnostics.push(found.at(place, "expected `additionalProperties`").help(help));
    }

    /// Checks the schema of the value at `path`. `foreign` values belong to another chart.
    fn object(&mut self, node: &'a Node, path: &str, foreign: bool) {
        if !self.seen.insert((node.span.start, foreign)) {
            return;
        }
        let target = self.resolved(node);
        if !std::ptr::eq(target, node) {
            self.object(target, path, foreign);
        }
        if let Some(properties) = node.get("properties") {
            let additional = node.get("additionalProperties");
            let closed = match additional.map(|node| &node.value) {
                _ if is_closed(node) || is_meant_to_be_closed(node) => true,
                None => false,
                Some(Value::Bool(_)) => foreign,
                // A schema for other keys: they are meant to be free.
                Some(_) => additional.is_some_and(|node| !node.entries().is_empty()),
            };
            if !closed {
                let key = || key_of(node, "properties").unwrap_or_else(|| properties.place());
                let place = additional.map_or_else(key, Node::place);
                self.open(format!("values.schema.json allows unknown keys in `{path}`"), place, foreign);
            }
            for (key, schema) in properties.entries() {
                self.object(schema, &format!("{path}.{}", key.name), foreign);
            }
        }
        // Next to `properties`, combined schemas only add conditions; without them, they describe the object.
        if node.get("properties").is_none() && !is_closed(node) {
            for part in COMBINED.iter().filter_map(|key| node.get(key)).flat_map(Node::items) {
                self.object(part, path, foreign);
            }
        }
        for (key, schema) in node.get("patternProperties").map(Node::entries).unwrap_or_default() {
            self.object(schema, &format!("{path}.{}", key.name), foreign);
        }
        if let Some(schema) = node.get("additionalProperties") {
            self.object(schema, &format!("{path}.*"), foreign);
        }
        match node.get("items") {
            Some(items) if matches!(items.value, Value::Sequence(_)) => {
                items.items().iter().for_each(|item| self.object(item, &format!("{path}[]"), foreign));
            }
            Some(item) => self.object(item, &format!("{path}[]"), foreign),
            None => {}
        }
    }
}

/// Whether a schema forbids other properties.
fn is_closed(node: &Node) -> bool {
    let is_false = |key: &str| node.get(key).is_some_and(|node| matches!(node.value, Value::Bool(false)));
    is_false("additionalProperties") || is_false("unevaluatedProperties")
}

/// Whether the author meant to close a schema, with a misspelled keyword.
fn is_meant_to_be_closed(node: &Node) -> bool {
    let meant = |name: &str| matches!(keywords::meant(name), Some("additionalProperties" | "unevaluatedProperties"));
    node.entries().iter().any(|(key, _)| meant(&key.name))
}

/// Returns the place of a key.
fn key_of(node: &Node, name: &str) -> Option<Place> {
    let (key, _) = node.entry(name)?;
    Some(Place::new(&node.source, key.span.clone()))
}

#[cfg(test)]
mod tests {
    use document::yaml;

    use super::*;

    fn open(schema: &str) -> Vec<String> {
        let root = yaml::parse_one(&Source::new("s", schema)).expect("JSON").root;
        let mut walk = Walk { root: &root, seen: BTreeSet::new(), diagnostics: Diagnostics::default() };
        walk.closed(&BTreeSet::from(["lib".to_owned()]));
        let path = |message: &str| message.split('`').nth(1).unwrap_or("the root").to_owned();
        walk.diagnostics.0.iter().map(|found| path(&found.message)).collect()
    }

    #[test]
    fn objects_with_properties_must_be_closed() {
        for (schema, expected) in [
            ("true", &["the root"][..]),
            ("{}", &["the root"]),
            (r#"{"additionalProperties": {}}"#, &["the root"]),
            (r#"{"additionalProperties": false, "properties": {"a": {"properties": {"b": {}}}}}"#, &["a"]),
            (
                r#"{"additionalProperties": false, "properties": {"a": {"additionalProperties": {}, "properties": {"b": {}}}}}"#,
                &["a"],
            ),
            (
                r#"{"additionalProperties": false, "properties": {"a": {"anyOf": [{}, {"properties": {"b": {}}}]}}}"#,
                &["a"],
            ),
            (r#"{"additionalProperties": false, "properties": {"a": {"items": [{"properties": {}}]}}}"#, &["a[]"]),
            (
                r#"{"additionalProperties": false, "properties": {"lib": {"properties": {"b": {"properties": {}}}}}}"#,
                &["lib", "lib.b"],
            ),
        ] {
            assert_eq!(open(schema), expected, "{schema}");
        }
    }

    #[test]
    fn closed_and_typed_objects_are_not_reported() {
        for schema in [
            "false",
            r##"{"$ref": "#/definitions/root", "definitions": {"root": {"additionalProperties": false}}}"##,
            r##"{"additionalProperties": false, "properties": {"a": {"$ref": "#"}}}"##,
            r#"{"additionalProperties": false, "properties": {"a": {"type": "object"}}}"#,
            r#"{"additionalProperties": false, "properties": {"a": {"additionalProperties": {"type": "string"}, "properties": {"b": {}}}}}"#,
            r#"{"additionalProperties": false, "allOf": [{"properties": {"a": {"properties": {}}}}], "properties": {"a": {}}}"#,
            r#"{"unevaluatedProperties": false, "allOf": [{"properties": {"a": {}}}]}"#,
            r#"{"additionalProperties": false, "properties": {"lib": {"additionalProperties": true, "properties": {}}}}"#,
        ] {
            assert_eq!(open(schema), [""; 0], "{schema}");
        }
    }
}
