//! values.schema.json: there, sound, and closed, so that a misspelt value is an error and no silence.
//!
//! Helm compiles a schema and passes over every keyword that it does not know, so `requried` checks nothing. Closed
//! means `additionalProperties: false` (or `unevaluatedProperties: false`) at the root, and at every object that lists
//! its properties. Below the name of a dependency, and below `global`, the values belong to another chart: an object
//! there has to be closed, or say `additionalProperties: true`, so that whoever reads it knows that it is open.
//!
//! Deliberately absent: holding values against it. Helm does that with every render, and tells.

pub mod keywords;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Subject;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Source};
use crate::document::{Node, Value, yaml};
use crate::inputs;
use crate::workspace::{self, chart::Chart};

/// What this check finds.
pub const CODES: &[Code] = &[Code::ValuesSchemaInvalid, Code::ValuesSchemaMissing, Code::ValuesSchemaOpen];

const FILE: &str = "values.schema.json";

/// Keywords beside which a schema says something about objects only to be combined with another one.
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
        let source = diagnostics.take(workspace::read(root, &path));
        diagnostics.extend(source.map(|source| of_chart(chart, &source)).unwrap_or_default());
    }
    diagnostics
}

fn of_chart(chart: &Chart, source: &Arc<Source>) -> Diagnostics {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&source.text) {
        let line: usize = source.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = (line + error.column().saturating_sub(1)).min(source.text.trim_end().len());
        let at = (0..=at).rev().find(|at| source.text.is_char_boundary(*at)).unwrap_or_default();
        let what = error.to_string();
        let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
        return Diagnostic::new(Code::ValuesSchemaInvalid, format!("{FILE} of `{}` is no JSON", chart.path))
            .at(Place::new(source, at..at), what)
            .into();
    }
    // JSON is YAML, but for tabs between its tokens; in its strings it has none.
    let readable = Source::new(source.name.clone(), source.text.replace('\t', " "));
    let document = match yaml::parse_one(&readable) {
        Ok(document) => document,
        Err(found) => return found,
    };
    let mut diagnostics = keywords::check(&document.root);
    for key in &document.duplicates {
        let message = format!("`{}` stands twice in one mapping", key.name);
        let place = Place::new(&readable, key.span.clone());
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
        let root = self.root;
        let shut = |key: &str| root.get(key).is_some_and(|node| matches!(node.value, Value::Bool(false)));
        if matches!(root.value, Value::Mapping(_))
            && !shut("additionalProperties")
            && !shut("unevaluatedProperties")
            && !misspelt(root)
        {
            let place = root
                .get("additionalProperties")
                .map_or_else(|| Place::new(&root.source, root.span.start..root.span.start + 1), Node::place);
            self.open("values.schema.json does not close the root: a misspelt value passes".to_owned(), place, false);
        }
        for (key, schema) in root.get("properties").map(Node::entries).unwrap_or_default() {
            self.object(schema, &key.name, others.contains(&key.name));
        }
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
        if let Some(target) =
            node.get("$ref").and_then(Node::as_str).and_then(|text| keywords::resolve(self.root, text))
        {
            self.object(target, path, foreign);
        }
        if let Some(properties) = node.get("properties") {
            // Parts of a combination are closed by the whole, if at all.
            let combined = COMBINED.iter().any(|key| node.get(key).is_some());
            let additional = node.get("additionalProperties").or(node.get("unevaluatedProperties"));
            let shut = match additional.map(|node| &node.value) {
                None => combined || misspelt(node),
                Some(Value::Bool(open)) => !open || foreign,
                // The others are of one type: names are free, and meant to be.
                Some(_) => true,
            };
            if !shut {
                let place = additional.unwrap_or(properties).place();
                let place =
                    additional.map_or_else(|| key_of(node, "properties").unwrap_or(place.clone()), |_| place.clone());
                self.open(format!("the schema of `{path}` does not close it: a misspelt key passes"), place, foreign);
            }
            for (key, schema) in properties.entries() {
                self.object(schema, &format!("{path}.{}", key.name), foreign);
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
