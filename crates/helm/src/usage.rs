//! The values that a chart and its dependencies know, from their templates, defaults, and schemas.
//!
//! The answers are on the safe side: a value is unknown only if nothing can read it, also not under another name (aliases,
//! `global`, `import-values`) or through a template in a value or in a file.

mod paths;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diagnostics::Source;
use document::{Node, Value, yaml};

use self::paths::Paths;
use crate::dependencies::{ChartTree, Member};
use crate::template::flow::program::Program;
use crate::template::flow::uses::{FieldUse, Scope, Uses, uses};
use crate::template::parse::parse;
use crate::template::tree::Template;

/// The maximum number of places at which dependencies of dependencies may occur.
const MAX_SCOPES: usize = 1000;

/// The maximum number of templates in values and files. With more, every value counts as read.
const MAX_TEXTS: usize = 500;

/// A chart at one place among the values of the outermost chart.
#[derive(Debug)]
struct Part {
    /// Its name.
    name: String,
    /// The path of its values.
    path: Vec<String>,
    defaults: Option<Node>,
    schema: Option<Node>,
}

/// The values that a chart and its dependencies know.
#[derive(Debug)]
pub struct Usage {
    uses: Uses,
    /// The paths that anything uses.
    paths: Paths,
    parts: Vec<Part>,
    /// The texts of the outermost chart's own templates, by their index in the analysis.
    own: BTreeMap<usize, Arc<Source>>,
    /// Whether everything could be read.
    complete: bool,
}

/// A field that a template of the outermost chart reads, but nothing defines.
#[derive(Debug)]
pub struct Undefined<'a> {
    /// The template.
    pub source: &'a Arc<Source>,
    /// The field.
    pub field: &'a FieldUse,
    /// The path of the value.
    pub path: &'a [String],
    /// The keys that are defined instead.
    pub keys: BTreeSet<String>,
    /// Whether a template tests the value, or replaces it by a default.
    pub guarded: bool,
}

impl Usage {
    /// Analyzes a chart. `values` are all values that people wrote for it, besides its own values.yaml.
    #[must_use]
    pub fn new(tree: &ChartTree, values: &[&Node]) -> Self {
        let mut reader = Reader::default();
        reader.read(tree);
        for node in values {
            reader.texts_in(node);
        }
        reader.finish()
    }

    /// Whether all templates and charts could be read, so something without a use has none.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether anything reads a value, or a dependency knows its key.
    #[must_use]
    pub fn knows(&self, path: &[String]) -> bool {
        // A chart as a whole, and what all charts share.
        let global = self
            .parts
            .iter()
            .any(|part| path.strip_prefix(part.path.as_slice()).is_some_and(|rest| rest == ["global"]));
        if global || self.parts.iter().any(|part| part.path == path) || self.reads(path) {
            return true;
        }
        // A value of the outermost chart has no effect unless a template reads it.
        let dependencies = self.parts.iter().filter(|part| !part.path.is_empty());
        dependencies.filter_map(|part| Some((part, path.strip_prefix(part.path.as_slice())?))).any(|(part, rest)| {
            part.schema.as_ref().is_some_and(|schema| schema::declares(schema, rest))
                || part.defaults.as_ref().is_some_and(|defaults| is_default(defaults, rest))
        })
    }

    /// Whether a value is read as a whole, with everything that it may contain.
    #[must_use]
    pub fn knows_whole(&self, path: &[String]) -> bool {
        let mut below = path.to_vec();
        // No key has this name.
        below.push("\0".to_owned());
        self.knows(&below)
    }

    fn reads(&self, path: &[String]) -> bool {
        if self.paths.reads(path) {
            return true;
        }
        // Global values are those of all charts.
        let global = self.parts.iter().find_map(|part| {
            let rest = path.strip_prefix(part.path.as_slice())?;
            rest.first().is_some_and(|first| first == "global").then_some(rest)
        });
        global.is_some_and(|rest| {
            self.parts.iter().any(|part| {
                let elsewhere: Vec<String> = part.path.iter().chain(rest).cloned().collect();
                self.paths.reads(&elsewhere)
            })
        })
    }

    /// The keys that are read, declared, or defined below a path.
    #[must_use]
    pub fn keys(&self, path: &[String]) -> BTreeSet<String> {
        let mut keys: BTreeSet<String> = self.paths.keys(path).into_iter().map(str::to_owned).collect();
        for part in &self.parts {
            if let Some(rest) = path.strip_prefix(part.path.as_slice()) {
                let steps: Vec<&str> = rest.iter().map(String::as_str).collect();
                let default = part.defaults.as_ref().and_then(|node| node.find(&steps));
                keys.extend(default.map(Node::entries).unwrap_or_default().iter().map(|(key, _)| key.name.clone()));
                keys.extend(part.schema.iter().flat_map(|schema| schema::keys(schema, rest)));
            }
        }
        keys
    }

    /// The dependency to which a value is passed.
    #[must_use]
    pub fn dependency(&self, path: &[String]) -> Option<&str> {
        let parts = self.parts.iter().filter(|part| !part.path.is_empty() && path.starts_with(&part.path));
        parts.max_by_key(|part| part.path.len()).map(|part| part.name.as_str())
    }

    /// The fields that the outermost chart's templates read, but that neither its own defaults and those of dependencies,
    /// nor `values`, nor a schema define. Fields of open maps are left out.
    #[must_use]
    pub fn undefined(&self, values: &[&Node], parameters: &[Vec<String>]) -> Vec<Undefined<'_>> {
        if !self.complete {
            return Vec::new();
        }
        let defined = Defined { parts: &self.parts, values, parameters, written: &self.uses.written };
        let mut found = Vec::new();
        for ((file, _), field) in &self.uses.fields {
            let Some(source) = self.own.get(file).filter(|_| !field.uncertain) else { continue };
            if is_in_comment(&source.text, field.span.start) {
                continue;
            }
            let all: Option<Vec<BTreeSet<String>>> = field.paths.iter().map(|path| defined.missing(path)).collect();
            let (Some(all), Some(path)) = (all, field.paths.first()) else { continue };
            let Some(keys) = all.into_iter().next() else { continue };
            let guarded = self.uses.guarded.iter().any(|guarded| guarded.starts_with(path));
            found.push(Undefined { source, field, path, keys, guarded });
        }
        found
    }
}

/// Whether a position is in a YAML comment. Helm also evaluates the actions in it, but nothing depends on what they print.
fn is_in_comment(text: &str, at: usize) -> bool {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    line.trim_start().starts_with('#')
}

/// Whether a chart's defaults contain a value, or are open where it would be.
fn is_default(default: &Node, path: &[String]) -> bool {
    let mut node = default;
    for step in path {
        match &node.value {
            Value::Mapping(entries) if entries.is_empty() => return true,
            Value::Mapping(_) => match node.get(step) {
                Some(inner) => node = inner,
                None => return false,
            },
            // Null, or a list whose items look alike.
            Value::Null | Value::Sequence(_) => return true,
            Value::Bool(_) | Value::Number(_) | Value::String(_) => return false,
        }
    }
    true
}

/// The definitions of values.
struct Defined<'a> {
    parts: &'a [Part],
    values: &'a [&'a Node],
    parameters: &'a [Vec<String>],
    written: &'a BTreeSet<Vec<String>>,
}

impl Defined<'_> {
    /// The keys beside a key that is not defined, though all around it is. `None` if it is, or may be, defined.
    fn missing(&self, path: &[String]) -> Option<BTreeSet<String>> {
        let (last, parent) = path.split_last()?;
        let any = |steps: &[String]| steps.iter().any(|step| step == "*" || step == "global");
        let set = |other: &Vec<String>| other.starts_with(path) || path.starts_with(other);
        if any(path) || self.written.iter().any(set) || self.parameters.iter().any(set) {
            return None;
        }
        let mut trees: Vec<(&Node, &[String])> = self.values.iter().map(|node| (*node, parent)).collect();
        let mut schemas: Vec<(&Node, &[String])> = Vec::new();
        for part in self.parts {
            // A dependency's values are below its name.
            if part.path.starts_with(path) {
                return None;
            }
            if let Some(rest) = path.strip_prefix(part.path.as_slice()) {
                if part.schema.as_ref().is_some_and(|schema| schema::declares(schema, rest)) {
                    return None;
                }
                let above = &rest[..rest.len() - 1];
                schemas.extend(part.schema.iter().map(|schema| (schema, above)));
                trees.extend(part.defaults.iter().map(|defaults| (defaults, above)));
            }
        }
        let mut maps: Vec<&Node> = Vec::new();
        for (tree, above) in trees {
            let steps: Vec<&str> = above.iter().map(String::as_str).collect();
            let Some(node) = tree.find(&steps) else { continue };
            match &node.value {
                Value::Mapping(_) if node.get(last).is_some() => return None,
                Value::Mapping(entries) if entries.is_empty() => {}
                Value::Mapping(_) => maps.push(node),
                Value::Null => {}
                _ => return None,
            }
        }
        if maps.is_empty() {
            return None;
        }
        let keys = maps.iter().flat_map(|node| node.entries()).map(|(key, _)| key.name.clone());
        Some(keys.chain(schemas.iter().flat_map(|(schema, above)| schema::keys(schema, above))).collect())
    }
}

/// Reads the charts of a tree.
#[derive(Default)]
struct Reader {
    files: Vec<(String, Template)>,
    own: BTreeMap<usize, Arc<Source>>,
    parts: Vec<Part>,
    scopes: Vec<Scope>,
    texts: Vec<String>,
    /// Values that decide whether a chart is rendered.
    conditions: BTreeSet<Vec<String>>,
    imports: BTreeSet<Vec<String>>,
    incomplete: bool,
}

impl Reader {
    fn read(&mut self, tree: &ChartTree) {
        let mut charts: Vec<(&Member, Node)> = Vec::new();
        for member in &tree.0 {
            let chart = text(member, "Chart.yaml").and_then(|text| parsed(&text, "Chart.yaml"));
            self.incomplete |= self.parts.len() + member.values.len() > MAX_SCOPES;
            let Some(chart) = chart.filter(|_| !self.incomplete) else {
                self.incomplete = true;
                return;
            };
            let name = chart.get("name").and_then(Node::as_str).unwrap_or_default();
            self.member(member, name);
            // Older charts list their dependencies in a file of their own.
            let dependencies = text(member, "requirements.yaml").and_then(|text| parsed(&text, "requirements.yaml"));
            charts.push((member, dependencies.unwrap_or(chart)));
        }
        let names: BTreeSet<Vec<String>> = self.parts.iter().map(|part| part.path.clone()).collect();
        for (member, chart) in &charts {
            for path in &member.values {
                self.declared(chart, path, &names);
            }
        }
    }

    /// The files of a chart, and its parts.
    fn member(&mut self, member: &Member, name: &str) {
        self.conditions.extend(member.conditions.iter().cloned());
        let mut files = Vec::new();
        for path in member.files.keys() {
            let Some(text) = text(member, path) else { continue };
            if path.starts_with("templates/") {
                let template = parse(&text);
                self.incomplete |= !template.problems.is_empty();
                files.push(self.files.len());
                if member.folder.is_empty() {
                    self.own.insert(self.files.len(), Source::new(format!("{}{path}", member.label), text));
                }
                self.files.push((format!("{}{path}", member.folder), template));
            } else if !matches!(path.as_str(), "values.yaml" | "Chart.yaml" | "values.schema.json")
                && !path.starts_with("crds/")
            {
                // A file that a template may read and render.
                self.text(&text);
            }
        }
        let defaults = text(member, "values.yaml").and_then(|text| parsed(&text, "values.yaml"));
        if let Some(defaults) = &defaults {
            self.texts_in(defaults);
        }
        self.incomplete |= defaults.is_none() && member.files.get("values.yaml").is_some_and(|bytes| !bytes.is_empty());
        // JSON is YAML, except for tabs between tokens.
        let schema = text(member, "values.schema.json").and_then(|text| parsed(&text.replace('\t', " "), "schema"));
        for path in &member.values {
            self.scopes.push(Scope { files: files.clone(), path: path.clone() });
            let (defaults, schema) = (defaults.clone(), schema.clone());
            self.parts.push(Part { name: name.to_owned(), path: path.clone(), defaults, schema });
        }
    }

    /// Adds the values of a chart that Chart.yaml mentions.
    fn declared(&mut self, chart: &Node, path: &[String], names: &BTreeSet<Vec<String>>) {
        let below =
            |name: &str| path.iter().cloned().chain(name.split('.').map(str::to_owned)).collect::<Vec<String>>();
        for dependency in chart.get("dependencies").map(Node::items).unwrap_or_default() {
            let string = |key: &str| dependency.get(key).and_then(Node::as_str).filter(|text| !text.is_empty());
            if dependency.get("tags").is_some_and(|tags| !tags.items().is_empty()) {
                self.imports.insert(vec!["tags".to_owned()]);
            }
            let Some(called) = string("alias").or_else(|| string("name")) else { continue };
            let own: Vec<String> = path.iter().cloned().chain([called.to_owned()]).collect();
            if !names.contains(&own) {
                // A chart that is not there may be a library, whose templates read any value.
                self.incomplete = true;
            }
            for import in dependency.get("import-values").map(Node::items).unwrap_or_default() {
                let child = import.as_str().map(|name| format!("exports.{name}"));
                let child = child.or_else(|| import.get("child")?.as_str().map(str::to_owned)).unwrap_or_default();
                self.imports.insert(own.iter().cloned().chain(child.split('.').map(str::to_owned)).collect());
                let parent = import.get("parent").and_then(Node::as_str).unwrap_or_default();
                // Imported values are defined, and may be anything.
                let parent = if matches!(parent, "" | ".") { path.to_vec() } else { below(parent) };
                self.imports.insert(parent.clone());
            }
        }
    }

    fn text(&mut self, text: &str) {
        if text.contains("{{") && text.contains('.') {
            self.incomplete |= self.texts.len() >= MAX_TEXTS;
            if !self.incomplete {
                self.texts.push(text.to_owned());
            }
        }
    }

    /// The templates in values.
    fn texts_in(&mut self, node: &Node) {
        match &node.value {
            Value::String(text) => self.text(text),
            Value::Mapping(entries) => entries.iter().for_each(|(_, value)| self.texts_in(value)),
            Value::Sequence(items) => items.iter().for_each(|item| self.texts_in(item)),
            _ => {}
        }
    }

    fn finish(self) -> Usage {
        let texts: Vec<Template> = self.texts.iter().map(|text| parse(text)).collect();
        let program = Program::new(self.files);
        let mut uses = if self.incomplete { Uses::default() } else { uses(&program, &self.scopes, &texts) };
        uses.present.extend(self.conditions);
        uses.written.extend(self.imports.iter().cloned());
        uses.whole.extend(self.imports);
        let mut paths = Paths::default();
        uses.whole.iter().for_each(|path| paths.insert(path, true));
        uses.present.iter().for_each(|path| paths.insert(path, false));
        // A field that only leads to others, or whose result is not used.
        uses.fields.values().flat_map(|field| &field.paths).for_each(|path| paths.insert(path, false));
        Usage { uses, paths, parts: self.parts, own: self.own, complete: !self.incomplete }
    }
}

fn text(member: &Member, path: &str) -> Option<String> {
    let text = std::str::from_utf8(member.files.get(path)?).ok()?;
    Some(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
}

fn parsed(text: &str, name: &str) -> Option<Node> {
    Some(yaml::parse_one(&Source::new(name, text)).ok()?.root)
}
