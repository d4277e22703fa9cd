//! Trees parsed from YAML and TOML, in which every node has a place, and the reader that converts them to types.
//!
//! [`yaml`] and [`toml`] produce [`Node`]s. [`Fields`] reads a mapping key by key and collects *all* errors: unknown keys
//! with the nearest known one, wrong types, and missing keys.
//!
//! Does not use serde: derived readers stop at the first error and lose the places of valid values.

use std::ops::Range;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Source, nearest, suggestion};

use crate::json;
use crate::mapping::{Key, Mapping};

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its value.
    pub value: Value,
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// The text that it was parsed from.
    pub source: Arc<Source>,
}

/// A JSON value.
#[derive(Debug, Clone)]
pub enum Value {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, formatted as in JSON.
    Number(String),
    /// A string.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the text; keys are unique.
    Mapping(Mapping<Node>),
}

impl Node {
    /// The place of the value; of a value with several lines, only the first.
    #[must_use]
    pub fn place(&self) -> Place {
        let text = self.source.text.get(self.span.clone()).unwrap_or_default();
        let first = text.lines().next().unwrap_or_default().trim_end();
        Place::new(&self.source, self.span.start..self.span.start + first.len())
    }

    /// The value of a key, if this is a mapping that has the key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, node)| node)
    }

    /// The key and the value of a key, if this is a mapping that has the key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&(Key, Self)> {
        if let Value::Mapping(mapping) = &self.value { mapping.entry(key) } else { None }
    }

    /// The node at a path of keys and indexes, such as `["spec", "ports", "0"]`.
    #[must_use]
    pub fn find(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, step| match &node.value {
            Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
            _ => node.get(step),
        })
    }

    /// The place of a key of this mapping, or of the mapping if it does not have the key.
    #[must_use]
    pub fn key_place(&self, key: &str) -> Place {
        self.entry(key).map_or_else(|| self.place(), |(name, _)| Place::new(&self.source, name.span.clone()))
    }

    /// The entries of a mapping; empty for any other value.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Self)] {
        if let Value::Mapping(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a sequence; empty for any other value.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        if let Value::Sequence(items) = &self.value { items } else { &[] }
    }

    /// The items of the sequence at a path; empty if there is none.
    #[must_use]
    pub fn items_at(&self, path: &[&str]) -> &[Self] {
        self.find(path).map(Self::items).unwrap_or_default()
    }

    /// A string without a place.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self { value: Value::String(text.to_owned()), span: 0..0, source: Source::new("", "") }
    }

    /// The value of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = &self.value { Some(text) } else { None }
    }

    /// The digits of a number, as they are written.
    #[must_use]
    pub fn as_number(&self) -> Option<&str> {
        if let Value::Number(number) = &self.value { Some(number) } else { None }
    }

    /// A description of the value for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => format!("the boolean {value}"),
            Value::Number(number) => format!("the number {number}"),
            Value::String(text) if text.chars().count() <= 40 => format!("the string {text:?}"),
            Value::String(_) => "a long string".to_owned(),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// The value as JSON. Characters that YAML does not allow unescaped are escaped, so that the result is also YAML.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match &self.value {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Number(number) => out.push_str(number),
            Value::String(text) => out.push_str(&json::quoted(text)),
            Value::Sequence(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Value::Mapping(entries) => {
                out.push('{');
                for (index, (key, node)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&json::quoted(&key.name));
                    out.push(':');
                    node.write_json(out);
                }
                out.push('}');
            }
        }
    }
}

/// How many unknown keys of a mapping are reported one by one.
const MAX_UNKNOWN: usize = 20;

/// A mapping that is being read.
///
/// Each method declares a known key and returns its value; [`Fields::finish`] reports the unknown keys.
#[derive(Debug)]
pub struct Fields<'a> {
    node: &'a Node,
    path: String,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
    syntax: Syntax,
    diagnostics: Vec<Diagnostic>,
}

/// The kind of a document, which determines the codes of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// charts.toml or a lock file.
    Config,
    /// An Argo CD manifest.
    Application,
    /// An Argo CD ApplicationSet.
    ApplicationSet,
    /// A file of a chart.
    Chart,
    /// A scenario of `test-kind`.
    Scenario,
    /// The fields of an Argo CD manifest that do not affect rendering.
    Argocd,
}

impl Syntax {
    fn invalid(self) -> Code {
        match self {
            Self::Config => Code::ConfigInvalid,
            Self::Application => Code::ApplicationInvalid,
            Self::ApplicationSet => Code::ApplicationSetInvalid,
            Self::Chart => Code::ChartInvalid,
            Self::Scenario => Code::ScenarioInvalid,
            Self::Argocd => Code::ArgocdField,
        }
    }

    fn unknown(self) -> Code {
        match self {
            Self::Config => Code::ConfigUnknownKey,
            Self::Application | Self::ApplicationSet | Self::Chart | Self::Scenario | Self::Argocd => self.invalid(),
        }
    }
}

impl<'a> Fields<'a> {
    /// Begins to read a node, which must be a mapping; `path` is its path in messages, empty for the whole file.
    #[must_use]
    pub fn new(node: &'a Node, path: &str, syntax: Syntax) -> Self {
        let mut fields = Self {
            node,
            path: path.to_owned(),
            known: Vec::new(),
            missing: Vec::new(),
            syntax,
            diagnostics: Vec::new(),
        };
        if !matches!(node.value, Value::Mapping(_)) {
            let name = if path.is_empty() { "the file" } else { path };
            fields.mismatch(node, name, "a mapping");
        }
        fields
    }

    /// The path of a key in messages.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Declares a key and returns its value; `None` for null.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.node.get(key).filter(|node| !matches!(node.value, Value::Null))
    }

    /// Declares a required key and returns its value.
    pub fn required(&mut self, key: &'static str) -> Option<&'a Node> {
        let node = self.node(key);
        if node.is_none() && matches!(self.node.value, Value::Mapping(_)) {
            self.missing.push(key);
        }
        node
    }

    /// Reads an optional string.
    pub fn string(&mut self, key: &'static str) -> Option<String> {
        let node = self.node(key)?;
        self.text(node, key)
    }

    /// Reads a required string.
    pub fn required_string(&mut self, key: &'static str) -> Option<String> {
        let node = self.required(key)?;
        self.text(node, key)
    }

    fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        if let Value::String(text) = &node.value {
            return Some(text.clone());
        }
        let path = self.path_of(key);
        self.mismatch(node, &path, "a string");
        None
    }

    /// Reads an optional boolean; false by default.
    pub fn bool(&mut self, key: &'static str) -> bool {
        self.flag(key).unwrap_or_default()
    }

    /// Reads an optional boolean.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let node = self.node(key)?;
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        let path = self.path_of(key);
        self.mismatch(node, &path, "a boolean");
        None
    }

    /// Reads an optional integer.
    pub fn integer(&mut self, key: &'static str) -> Option<i64> {
        self.number(key, "an integer")
    }

    /// Reads an optional non-negative integer.
    pub fn count(&mut self, key: &'static str) -> Option<u64> {
        self.number(key, "a non-negative integer")
    }

    fn number<T: std::str::FromStr>(&mut self, key: &'static str, expected: &str) -> Option<T> {
        let node = self.node(key)?;
        if let Some(number) = node.as_number().and_then(|number| number.parse().ok()) {
            return Some(number);
        }
        let path = self.path_of(key);
        self.mismatch(node, &path, expected);
        None
    }

    /// Checks that an optional value is a mapping of strings, such as labels.
    pub fn texts(&mut self, key: &'static str) {
        let Some(node) = self.node(key) else { return };
        let path = self.path_of(key);
        if !matches!(node.value, Value::Mapping(_)) {
            self.mismatch(node, &path, "a mapping");
        }
        for (name, value) in node.entries() {
            if !matches!(value.value, Value::String(_)) {
                self.mismatch(value, &format!("{path}[{}]", name.name), "a string");
            }
        }
    }

    /// Reads an optional list; empty by default.
    pub fn sequence(&mut self, key: &'static str) -> &'a [Node] {
        let Some(node) = self.node(key) else { return &[] };
        if let Value::Sequence(items) = &node.value {
            return items;
        }
        let path = self.path_of(key);
        self.mismatch(node, &path, "a list");
        &[]
    }

    /// Reads an optional list of strings with their places; empty by default.
    pub fn strings(&mut self, key: &'static str) -> Vec<(String, Place)> {
        let items = self.sequence(key);
        let path = self.path_of(key);
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match &item.value {
                Value::String(text) => texts.push((text.clone(), item.place())),
                _ => self.mismatch(item, &format!("{path}[{index}]"), "a string"),
            }
        }
        texts
    }

    /// Declares known keys whose values are not read.
    pub fn ignore(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// Adds a diagnostic about a value.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// The place of a value, or that of its key if the value only begins on a later line.
    fn place_of(&self, node: &Node) -> Place {
        let entry = self.node.entries().iter().find(|(_, value)| value.span == node.span);
        let below = entry.filter(|(key, value)| {
            node.source.text.get(key.span.end..value.span.start).is_some_and(|between| between.contains('\n'))
        });
        below.map_or_else(|| node.place(), |(key, _)| Place::new(&node.source, key.span.clone()))
    }

    fn mismatch(&mut self, node: &Node, path: &str, expected: &str) {
        let mut diagnostic = Diagnostic::new(self.syntax.invalid(), format!("`{path}` must be {expected}"))
            .fact(Fact::Malformed(path.to_owned()))
            .at(self.place_of(node), format!("found {}", node.describe()));
        if expected == "a string" && matches!(node.value, Value::Bool(_) | Value::Number(_) | Value::Null) {
            diagnostic = diagnostic.help("quote the value");
        }
        self.diagnostics.push(diagnostic);
    }

    /// Adds the collected errors to `diagnostics`, without a report of unknown keys: for a mapping that another reader
    /// reads, too.
    pub fn finish_part(self, diagnostics: &mut Diagnostics) {
        for diagnostic in self.diagnostics {
            diagnostics.push(diagnostic);
        }
    }

    /// Adds the collected errors and those about unknown and missing keys to `diagnostics`. Returns whether there were none.
    pub fn finish(self, diagnostics: &mut Diagnostics) -> bool {
        let before = diagnostics.0.len();
        let Self { node, path, known, mut missing, syntax, diagnostics: gathered } = self;
        for diagnostic in gathered {
            diagnostics.push(diagnostic);
        }
        let what = if syntax == Syntax::Config { "key" } else { "field" };
        let owner = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
        let unknown: Vec<&Key> =
            node.entries().iter().map(|(key, _)| key).filter(|key| !known.contains(&key.name.as_str())).collect();
        // Several keys of which none is similar to a known one belong elsewhere, for one reason.
        let is_foreign = |key: &&Key| nearest(&key.name, known.iter().copied()).is_none();
        let foreign: Vec<&Key> = unknown.iter().copied().filter(is_foreign).collect();
        let (first, others) =
            foreign.split_first().map_or((None, &[][..]), |(first, others)| (Some(&first.name), others));
        let unknown: Vec<&Key> =
            unknown.into_iter().filter(|key| !is_foreign(key) || Some(&key.name) == first).collect();
        for key in unknown.iter().take(MAX_UNKNOWN) {
            let mut names = known.clone();
            names.sort_unstable();
            let mut diagnostic = Diagnostic::new(syntax.unknown(), format!("unknown {what} `{}`{owner}", key.name))
                .fact(Fact::Unknown(key.name.clone()))
                .at(Place::new(&node.source, key.span.clone()), "")
                .help(suggestion(&key.name, names));
            if Some(&key.name) == first {
                for other in others.iter().take(MAX_UNKNOWN) {
                    let place = Place::new(&node.source, other.span.clone());
                    diagnostic = diagnostic.at(place, format!("`{}` is unknown, too", other.name));
                }
            }
            diagnostics.push(diagnostic);
            // A misspelled key is reported once, not also as missing.
            missing.retain(|key_missing| nearest(&key.name, known.iter().copied()) != Some(key_missing));
        }
        if let Some(next) = unknown.get(MAX_UNKNOWN) {
            let rest = unknown.len() - MAX_UNKNOWN;
            diagnostics.push(
                Diagnostic::new(syntax.unknown(), format!("{rest} more unknown {what}s{owner}"))
                    .fact(Fact::Unknown(next.name.clone()))
                    .at(Place::new(&node.source, next.span.clone()), "the first of them"),
            );
        }
        for key in missing {
            let full = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            diagnostics.push(
                Diagnostic::new(syntax.invalid(), format!("`{full}` is required"))
                    .at(node.place(), format!("`{key}` is missing here"))
                    .fact(Fact::Required(full)),
            );
        }
        diagnostics.0.len() == before
    }
}
