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
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Source, nearest};
use crate::document::{Key, Node, Value, yaml};
use crate::inputs;
use crate::workspace::{self, chart::Chart};

/// What this check finds.
pub const CODES: &[Code] = &[Code::ValuesSchemaInvalid, Code::ValuesSchemaMissing, Code::ValuesSchemaOpen];

const FILE: &str = "values.schema.json";

/// What the value of a keyword is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One schema.
    Schema,
    /// A list of schemas that is not empty.
    Schemas,
    /// One schema, or a list of them.
    SchemaOrSchemas,
    /// A mapping of names to schemas.
    Properties,
    /// A mapping of names to schemas or to lists of names.
    Dependencies,
    /// The name of a type, or a list of such.
    Type,
    /// A list of different names.
    Names,
    /// A list that is not empty.
    List,
    Text,
    Number,
    /// An integer of zero or more.
    Count,
    Flag,
    /// A reference to another schema.
    Reference,
    Anything,
}

/// Keywords of the drafts that Helm knows (4, 6, 7, 2019-09, 2020-12), and what editors add to them.
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
    ("$schema", Kind::Text),
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
    // A flag in draft 4, a number since.
    ("exclusiveMaximum", Kind::Anything),
    ("exclusiveMinimum", Kind::Anything),
    ("format", Kind::Text),
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
    ("required", Kind::Names),
    ("then", Kind::Schema),
    ("title", Kind::Text),
    ("type", Kind::Type),
    ("unevaluatedItems", Kind::Schema),
    ("unevaluatedProperties", Kind::Schema),
    ("uniqueItems", Kind::Flag),
    ("writeOnly", Kind::Flag),
];

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// Keywords beside which a schema says something about objects only to be combined with another one.
const COMBINED: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// The schema of every chart.
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
    let mut checker = Checker { root: &document.root, seen: BTreeSet::new(), diagnostics: Diagnostics::default() };
    for key in &document.duplicates {
        let place = Place::new(&readable, key.span.clone());
        checker.invalid(format!("`{}` stands twice in one mapping", key.name), place, "the later one wins", None);
    }
    checker.schema(&document.root, "");
    checker.closed(&document.root, &chart_names(chart));
    checker.diagnostics
}

/// The names below which values belong to other charts.
fn chart_names(chart: &Chart) -> BTreeSet<String> {
    let called = chart.dependencies.iter().map(|dependency| {
        if dependency.alias.is_empty() { dependency.name.clone() } else { dependency.alias.clone() }
    });
    called.chain(["global".to_owned()]).collect()
}

struct Checker<'a> {
    root: &'a Node,
    /// Schemas whose openness is known, by where they begin, and whether they belong to another chart.
    seen: BTreeSet<(usize, bool)>,
    diagnostics: Diagnostics,
}

impl<'a> Checker<'a> {
    fn invalid(&mut self, message: String, place: Place, label: impl Into<String>, help: Option<String>) {
        let found = Diagnostic::new(Code::ValuesSchemaInvalid, message).at(place, label);
        self.diagnostics.push(help.into_iter().fold(found, Diagnostic::help));
    }

    fn mismatch(&mut self, node: &Node, path: &str, expected: &str) {
        let label = format!("this is {}", node.describe());
        self.invalid(format!("`{path}` should be {expected}"), node.place(), label, None);
    }

    /// Whether a schema, and all that are in it, say what can be said.
    fn schema(&mut self, node: &'a Node, path: &str) {
        match &node.value {
            Value::Bool(_) => return,
            Value::Mapping(_) => {}
            _ => {
                let name = if path.is_empty() { FILE } else { path };
                return self.mismatch(node, name, "a schema: a mapping, true, or false");
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

    /// A keyword that nobody knows: an annotation of some program's own, unless it looks like one that was meant.
    fn unknown(&mut self, node: &Node, key: &Key, path: &str) {
        if key.name.starts_with(['$', '@', 'x']) && key.name.contains('-') {
            return;
        }
        let Some(near) = nearest(&key.name, KEYWORDS.iter().map(|(name, _)| *name).filter(|name| name.len() > 3)) else {
            return;
        };
        let place = Place::new(&node.source, key.span.clone());
        let help = Some(format!("did you mean `{near}`?"));
        self.invalid(format!("unknown keyword `{path}`"), place, "Helm passes over it: nothing is checked", help);
    }

    fn keyword(&mut self, kind: Kind, value: &'a Node, path: &str) {
        match kind {
            Kind::Schema => self.schema(value, path),
            Kind::SchemaOrSchemas if !matches!(value.value, Value::Sequence(_)) => self.schema(value, path),
            Kind::SchemaOrSchemas => self.schemas(value, path),
            Kind::Schemas if value.items().is_empty() => self.mismatch(value, path, "a list of schemas, at least one"),
            Kind::Schemas => self.schemas(value, path),
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
            Kind::List if value.items().is_empty() => self.mismatch(value, path, "a list of at least one value"),
            Kind::Text if value.as_str().is_none() => self.mismatch(value, path, "a string"),
            Kind::Flag if !matches!(value.value, Value::Bool(_)) => self.mismatch(value, path, "true or false"),
            Kind::Number if !matches!(value.value, Value::Number(_)) => self.mismatch(value, path, "a number"),
            Kind::Count if !matches!(&value.value, Value::Number(text) if text.parse::<u64>().is_ok()) => {
                self.mismatch(value, path, "an integer of zero or more");
            }
            Kind::List | Kind::Text | Kind::Flag | Kind::Number | Kind::Count | Kind::Anything => {}
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
                // Names from elsewhere that people take for those of JSON Schema.
                let meant = match name.to_lowercase().as_str() {
                    "bool" => Some("boolean"),
                    "int" => Some("integer"),
                    "float" | "double" => Some("number"),
                    "list" => Some("array"),
                    "map" | "dict" => Some("object"),
                    "str" => Some("string"),
                    _ => nearest(name, TYPES),
                };
                let help = meant.map_or_else(|| format!("known: {}", known()), |near| format!("did you mean `{near}`?"));
                let label = format!("this is {}", node.describe());
                self.invalid(format!("`{path}` names no type"), node.place(), label, Some(help));
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
        if text.starts_with('#') && self.resolve(text).is_none() && (text == "#" || text.starts_with("#/")) {
            self.invalid(format!("`{path}` leads nowhere"), value.place(), "there is no such schema in this file", None);
        } else if !text.starts_with('#') {
            self.invalid(
                format!("`{path}` leads out of the file"),
                value.place(),
                "Helm would have to fetch it",
                Some("copy it into `definitions`, and write `#/definitions/…`".to_owned()),
            );
        }
    }

    /// The schema that a reference within the file means.
    fn resolve(&self, reference: &str) -> Option<&'a Node> {
        let pointer = reference.strip_prefix('#')?;
        pointer.split('/').skip(1).try_fold(self.root, |node, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            match &node.value {
                Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
                _ => node.get(&step),
            }
        })
    }

    /// What no values can satisfy: a required property that a closed object does not have.
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
                let message = format!("{owner} cannot have what is required: `{name}` is not among the properties");
                let label = "nothing satisfies this";
                self.invalid(message, item.place(), label, near.map(|near| format!("did you mean `{near}`?")));
            }
        }
    }

    /// Whether the root, and each object that lists its properties, takes no others.
    fn closed(&mut self, root: &'a Node, others: &BTreeSet<String>) {
        let shut = |key: &str| root.get(key).is_some_and(|node| matches!(node.value, Value::Bool(false)));
        if matches!(root.value, Value::Mapping(_)) && !shut("additionalProperties") && !shut("unevaluatedProperties") {
            let place = root.get("additionalProperties").map_or_else(|| Place::new(&root.source, root.span.start..root.span.start + 1), Node::place);
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
        if let Some(target) = node.get("$ref").and_then(Node::as_str).and_then(|text| self.resolve(text)) {
            self.object(target, path, foreign);
        }
        if let Some(properties) = node.get("properties") {
            // Parts of a combination are closed by the whole, if at all.
            let combined = COMBINED.iter().any(|key| node.get(key).is_some());
            let additional = node.get("additionalProperties").or(node.get("unevaluatedProperties"));
            let shut = match additional.map(|node| &node.value) {
                None => combined,
                Some(Value::Bool(open)) => !open || foreign,
                // The others are of one type: names are free, and meant to be.
                Some(_) => true,
            };
            if !shut {
                let place = additional.unwrap_or(properties).place();
                let place = additional.map_or_else(|| key_of(node, "properties").unwrap_or(place.clone()), |_| place.clone());
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

/// The place of a key.
fn key_of(node: &Node, name: &str) -> Option<Place> {
    let (key, _) = node.entries().iter().find(|(key, _)| key.name == name)?;
    Some(Place::new(&node.source, key.span.clone()))
}
