//! values.schema.json: there, sound, and closed, so that a misspelt value is an error and no silence.
//!
//! Helm compiles a schema and passes over every keyword that it does not know, so `requried` checks nothing. Closed
//! means `additionalProperties: false` (or `unevaluatedProperties: false`) at the root, and at every object that lists
//! its properties. Below the name of a dependency, and below `global`, the values belong to another chart: an object
//! there has to be closed, or say `additionalProperties: true`, so that whoever reads it knows that it is open.
//!
//! Deliberately absent: holding values against it. Helm does that with every render, and tells.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Subject;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use document::{Node, Value};
use helm::chart::Chart;
use helm::values_schema;
use helm::values_schema::FILE;
use helm::values_schema::keywords;
use helm::values_schema::keywords::Unsound;
use toolbox::inputs;

/// What this check finds.
pub const CODES: &[Code] = &[Code::ValuesSchemaInvalid, Code::ValuesSchemaMissing, Code::ValuesSchemaOpen];

/// Keywords that combine schemas.
const COMBINED: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// The schema of every chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let root = &subject.workspace.root;
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        let path = chart.directory.join(FILE);
        if !path.is_file() {
            diagnostics.push(
                Diagnostic::new(Code::ValuesSchemaMissing, format!("`{}` has no {FILE}", chart.path))
                    .at(Place::file(inputs::name(root, &path)), "expected here")
                    .help("describe every value of values.yaml in it, with `\"additionalProperties\": false`"),
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
        let message = format!("`{}` stands twice in one mapping", key.name);
        let place = Place::new(&document.root.source, key.span.clone());
        diagnostics.push(Diagnostic::new(Code::ValuesSchemaInvalid, message).at(place, "the later one wins"));
    }
    let mut walk = Walk { root: &document.root, seen: BTreeSet::new(), diagnostics };
    walk.closed(&chart_names(chart));
    walk.diagnostics
}

/// The names below which values belong to other charts.
fn chart_names(chart: &Chart) -> BTreeSet<String> {
    let called = chart
        .dependencies
        .iter()
        .map(|dependency| if dependency.alias.is_empty() { dependency.name.clone() } else { dependency.alias.clone() });
    called.chain(["global".to_owned()]).collect()
}

/// Looks whether a schema is closed.
struct Walk<'a> {
    root: &'a Node,
    /// Schemas that were looked at, by where they begin, and whether they belong to another chart.
    seen: BTreeSet<(usize, bool)>,
    diagnostics: Diagnostics,
}

impl<'a> Walk<'a> {
    /// Whether the root, and each object that lists its properties, takes no others.
    fn closed(&mut self, others: &BTreeSet<String>) {
        let root = self.behind(self.root);
        let takes_all = match root.value {
            Value::Mapping(_) => !is_shut(root) && !misspelt(root),
            Value::Bool(takes_all) => takes_all,
            _ => false,
        };
        if takes_all {
            let first = || Place::new(&root.source, root.span.start..root.span.start + 1);
            let place = root.get("additionalProperties").map_or_else(first, Node::place);
            self.open("values.schema.json does not close the root: a misspelt value passes".to_owned(), place, false);
        }
        for (key, schema) in root.get("properties").map(Node::entries).unwrap_or_default() {
            self.object(schema, &key.name, others.contains(&key.name));
        }
    }

    /// What a schema refers to, or itself.
    fn behind(&self, node: &'a Node) -> &'a Node {
        let reference = node.get("$ref").and_then(Node::as_str);
        reference.and_then(|text| keywords::resolve(self.root, text)).unwrap_or(node)
    }

    fn open(&mut self, message: String, place: Place, foreign: bool) {
        let help = if foreign {
            "close it with `\"additionalProperties\": false`, or say that it is open: `\"additionalProperties\": true`"
        } else {
            "add `\"additionalProperties\": false`"
        };
        let found = Diagnostic::new(Code::ValuesSchemaOpen, message);
        self.diagnostics.push(found.at(place, "expected `additionalProperties`").help(help));
    }

    /// One value, by the path that leads to it. `foreign` values belong to another chart.
    fn object(&mut self, node: &'a Node, path: &str, foreign: bool) {
        if !self.seen.insert((node.span.start, foreign)) {
            return;
        }
        let target = self.behind(node);
        if !std::ptr::eq(target, node) {
            self.object(target, path, foreign);
        }
        if let Some(properties) = node.get("properties") {
            let additional = node.get("additionalProperties");
            let shut = match additional.map(|node| &node.value) {
                _ if is_shut(node) || misspelt(node) => true,
                None => false,
                Some(Value::Bool(_)) => foreign,
                // Of a type: names are free, and meant to be.
                Some(_) => additional.is_some_and(|node| !node.entries().is_empty()),
            };
            if !shut {
                let key = || key_of(node, "properties").unwrap_or_else(|| properties.place());
                let place = additional.map_or_else(key, Node::place);
                self.open(format!("the schema of `{path}` does not close it: a misspelt key passes"), place, foreign);
            }
            for (key, schema) in properties.entries() {
                self.object(schema, &format!("{path}.{}", key.name), foreign);
            }
        }
        // Beside properties, what is combined only adds conditions; alone, it is the object.
        if node.get("properties").is_none() && !is_shut(node) {
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

/// Whether a schema takes no properties but those that it lists.
fn is_shut(node: &Node) -> bool {
    let shut = |key: &str| node.get(key).is_some_and(|node| matches!(node.value, Value::Bool(false)));
    shut("additionalProperties") || shut("unevaluatedProperties")
}

/// Whether a schema was meant to be closed, by a keyword that does not exist; that is told already.
fn misspelt(node: &Node) -> bool {
    let meant = |name: &str| matches!(keywords::meant(name), Some("additionalProperties" | "unevaluatedProperties"));
    node.entries().iter().any(|(key, _)| meant(&key.name))
}

/// The place of a key.
fn key_of(node: &Node, name: &str) -> Option<Place> {
    let (key, _) = node.entries().iter().find(|(key, _)| key.name == name)?;
    Some(Place::new(&node.source, key.span.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use document::yaml;

    fn open(schema: &str) -> Vec<String> {
        let root = yaml::parse_one(&Source::new("s", schema)).expect("JSON").root;
        let mut walk = Walk { root: &root, seen: BTreeSet::new(), diagnostics: Diagnostics::default() };
        walk.closed(&BTreeSet::from(["lib".to_owned()]));
        let path = |message: &str| message.split('`').nth(1).unwrap_or("the root").to_owned();
        walk.diagnostics.0.iter().map(|found| path(&found.message)).collect()
    }

    #[test]
    fn an_object_that_lists_its_properties_has_to_be_closed() {
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
    fn what_is_closed_or_free_by_its_type_is_silent() {
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
