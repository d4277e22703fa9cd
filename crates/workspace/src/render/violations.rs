//! Turns violations of a values.schema.json into diagnostics: what is wrong with which value, at the place where it is
//! set, and how to correct it.

use std::collections::BTreeMap;
use std::path::Path;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Source, did_you_mean, nearest};
use document::{Node, edit, lookalike, yaml};
use helm::chart::{Dependency, Origin};
use helm::errors::{Rule, Violation};
use helm::{dependencies, values_schema};
use toolbox::source::read;

use super::misreading;
use super::schema::{self, Problem};
use super::schema_wording;
use super::values::{Setting, Values, descend};
use crate::target::ChartTarget;

/// The maximum number of keys that a help lists.
const LISTED_KEYS: usize = 12;

/// Explains violations, each at the place where the value is set.
pub(super) fn explain(root: &Path, target: &ChartTarget<'_>, violations: &[Violation]) -> Diagnostics {
    Context { root, target }.all(violations)
}

struct Context<'a> {
    root: &'a Path,
    target: &'a ChartTarget<'a>,
}

/// The chart whose schema is violated.
struct Schema {
    /// The path of its values in those of the deployed chart; empty for that chart itself.
    prefix: Vec<String>,
    /// Its values.schema.json.
    root: Option<Node>,
}

impl Schema {
    /// The path of a value of the chart in the values of the deployed chart.
    fn path(&self, pointer: &[String]) -> Vec<String> {
        self.prefix.iter().chain(pointer).cloned().collect()
    }
}

/// The paths of the keys that the unknown keys of a problem were most likely meant to be.
fn meant(schema: &Schema, problem: &Problem) -> Vec<Vec<String>> {
    let Rule::Unknown(keys) = &problem.rule else { return Vec::new() };
    let found = schema.root.as_ref().and_then(|root| schema::find(root, problem));
    let known: Vec<&str> = found.as_ref().map(schema::Found::properties).unwrap_or_default();
    let meant = keys.iter().filter_map(|key| nearest(key, known.iter().copied()));
    meant.map(|key| schema.path(&problem.pointer).into_iter().chain([key.to_owned()]).collect()).collect()
}

impl Context<'_> {
    fn all(&self, violations: &[Violation]) -> Diagnostics {
        let values = Values::read(self.root, self.target);
        let mut found: Vec<Diagnostic> = Vec::new();
        let problems: Vec<(Schema, Problem)> =
            schema::problems(violations).into_iter().map(|problem| (self.schema(&problem.chart), problem)).collect();
        // Keys that the schema does not know where they are set, and that may be what is missing elsewhere.
        let misplaced: Vec<&String> = problems
            .iter()
            .filter_map(|(_, problem)| if let Rule::Unknown(keys) = &problem.rule { Some(keys) } else { None })
            .flatten()
            .collect();
        let meant: Vec<Vec<String>> = problems.iter().flat_map(|(schema, problem)| meant(schema, problem)).collect();
        for (schema, problem) in &problems {
            // The keys of a misspelled mapping are missing only because of the spelling.
            let follows = |pointer: &[String]| {
                values.find(pointer).is_none()
                    && meant.iter().any(|key| pointer.len() > key.len() && pointer.starts_with(key))
            };
            let pointer = schema.path(&problem.pointer);
            let moved = values.find(&pointer).is_none() && pointer.last().is_some_and(|key| misplaced.contains(&key));
            if !moved && !follows(&pointer) {
                found.extend(self.problem(&values, schema, problem));
            }
        }
        // A misspelled key causes two violations: it is unknown, and the right one is missing.
        let mut unique: Vec<Diagnostic> = Vec::new();
        // Schemas may be violated by any number of keys, so only those with the same text are compared.
        let mut known: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for diagnostic in found {
            let same = known.entry(diagnostic.message.clone()).or_default();
            if !same.iter().any(|index| unique[*index] == diagnostic) {
                same.push(unique.len());
                unique.push(diagnostic);
            }
        }
        Diagnostics(unique)
    }

    /// The schema of the deployed chart, or of a dependency.
    fn schema(&self, name: &str) -> Schema {
        let chart = &self.target.chart;
        if name == chart.name || name.is_empty() {
            let source = read(self.root, &chart.directory.join(values_schema::FILE));
            let document = source.and_then(|source| values_schema::read(&chart.path, &source));
            return Schema { prefix: Vec::new(), root: document.ok().map(|document| document.root) };
        }
        let Some(dependency) = self.dependency(name) else {
            return Schema { prefix: vec![name.to_owned()], root: None };
        };
        let root = parsed(&dependency, values_schema::FILE);
        Schema { prefix: dependency.path, root }
    }

    /// The files of a dependency.
    fn dependency(&self, name: &str) -> Option<dependencies::Nested> {
        let chart = &self.target.chart;
        if let Some(found) = dependencies::nested(&chart.directory, name) {
            return Some(found);
        }
        let called = |alias: &str, own: &str| if alias.is_empty() { own == name } else { alias == name };
        let declared = chart.dependencies.iter().find(|declared| called(&declared.alias, &declared.name))?;
        let Origin::Folder(path) = declared.origin() else { return None };
        let files = dependencies::local_source(chart, path)?;
        Some(dependencies::Nested { path: vec![name.to_owned()], files })
    }

    /// The diagnostics of one problem.
    fn problem(&self, values: &Values<'_>, schema: &Schema, problem: &Problem) -> Vec<Diagnostic> {
        let found = schema.root.as_ref().and_then(|root| schema::find(root, problem));
        let found = found.as_ref();
        let pointer = schema.path(&problem.pointer);
        let inside = |key: &String| -> Vec<String> { pointer.iter().chain([key]).cloned().collect() };
        match &problem.rule {
            Rule::Unknown(keys) => {
                let known: Vec<&str> = found.map(schema::Found::properties).unwrap_or_default();
                let rule = found.filter(|found| !found.conditional()).and_then(|found| found.keyword("properties"));
                // Several keys of which none is similar to a known one belong elsewhere, for one reason.
                let foreign =
                    |key: &&String| nearest(key, known.iter().copied()).is_none() && lookalike::edge(key).is_none();
                let (mut foreign, misspelled): (Vec<&String>, Vec<&String>) = keys.iter().partition(foreign);
                // Helm's order is random.
                foreign.sort();
                let mut found: Vec<Diagnostic> =
                    misspelled.iter().map(|key| self.unknown(values, &inside(key), &known)).collect();
                if let [first, others @ ..] = foreign.as_slice() {
                    let one = self.unknown(values, &inside(first), &known);
                    found.push(others.iter().fold(one, |one, key| match values.find_key(&inside(key)) {
                        Some(place) => one.at(place, format!("`{key}` is unknown, too")),
                        None => one.note(format!("`{key}` is unknown, too")),
                    }));
                }
                let rule = rule.filter(|_| schema.prefix.is_empty());
                found
                    .into_iter()
                    .map(|one| rule.iter().fold(one, |one, rule| one.fact(Fact::Rule(rule.clone()))))
                    .collect()
            }
            Rule::Missing(keys) | Rule::MissingWith(keys, _) => {
                let missing = |key: &String| {
                    self.misspelled(values, schema, &inside(key)).unwrap_or_else(|| {
                        let required = match &problem.rule {
                            Rule::MissingWith(_, other) => {
                                format!("is required when `{}` is set", name(&inside(other)))
                            }
                            _ => "is required".to_owned(),
                        };
                        self.missing(values, &inside(key), &required)
                    })
                };
                keys.iter().map(missing).collect()
            }
            Rule::Key(key) => vec![self.invalid_key(values, schema, key)],
            _ => match values.find(&global(values, &pointer)) {
                Some(setting) => {
                    let mut diagnostic = invalid(&pointer, &setting, problem, schema, found);
                    // A map or a list begins below its key.
                    let collection =
                        matches!(&problem.rule, Rule::Type { got, .. } if got == "object" || got == "array");
                    if let Some(key) = values.find_key(&global(values, &pointer)).filter(|_| collection) {
                        diagnostic.places[0].0 = key;
                    }
                    vec![with_conditions(diagnostic, values, &pointer)]
                }
                None => vec![
                    self.misspelled(values, schema, &pointer)
                        .unwrap_or_else(|| self.invalid_default(values, &pointer, problem, schema, found)),
                ],
            },
        }
    }

    /// A key that a closed schema does not declare.
    fn unknown(&self, values: &Values<'_>, pointer: &[String], known: &[&str]) -> Diagnostic {
        let key = pointer.last().map(String::as_str).unwrap_or_default();
        let found = Diagnostic::new(Code::HelmRefused, format!("unknown value `{}`", name(pointer)));
        let found = found.fact(Fact::Unknown(name(pointer)));
        let found = match values.find_key(pointer) {
            Some(place) => found.at(place, ""),
            None => found.at(self.values_file(), ""),
        };
        if let Some(blank) = lookalike::edge(key) {
            return found.note(format!("the key contains a {blank}")).help("indent with spaces only");
        }
        match nearest(key, known.iter().copied()) {
            Some(near) => found.help(did_you_mean(near)),
            None if known.is_empty() || known.len() > LISTED_KEYS => found,
            None => {
                let known: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
                found.help(format!("known values: {}", known.join(", ")))
            }
        }
    }

    /// A key that was probably meant to be the one at `pointer`, which nothing sets.
    fn misspelled(&self, values: &Values<'_>, schema: &Schema, pointer: &[String]) -> Option<Diagnostic> {
        let set = (0..pointer.len()).take_while(|end| values.find_key(&pointer[..=*end]).is_some()).count();
        let (parent, wanted) = (&pointer[..set], pointer.get(set)?);
        let declared = self.declared(schema, parent);
        let keys = values.keys(parent);
        let unknown = keys.iter().map(|key| key.name.as_str()).filter(|key| !declared.iter().any(|known| known == key));
        let typed = nearest(wanted, unknown)?.to_owned();
        let typed: Vec<String> = parent.iter().cloned().chain([typed]).collect();
        Some(self.unknown(values, &typed, &[wanted.as_str()]))
    }

    /// The keys of a mapping that the schema declares or that the defaults of a dependency contain.
    fn declared(&self, schema: &Schema, pointer: &[String]) -> Vec<String> {
        let mut keys = Vec::new();
        if let (Some(root), Some(inner)) = (&schema.root, pointer.strip_prefix(schema.prefix.as_slice())) {
            let rule = Rule::Unknown(Vec::new());
            let mapping = Problem { chart: String::new(), pointer: inner.to_vec(), rule, causes: Vec::new() };
            let found = schema::find(root, &mapping);
            keys.extend(found.iter().flat_map(schema::Found::properties).map(str::to_owned));
        }
        // Values below the name of a dependency are passed to it.
        let called = |one: &Dependency| if one.alias.is_empty() { one.name.clone() } else { one.alias.clone() };
        let dependencies = &self.target.chart.dependencies;
        if !pointer.first().is_some_and(|first| dependencies.iter().any(|one| called(one) == *first)) {
            return keys;
        }
        for depth in 1..=pointer.len() {
            let Some(dependency) = self.dependency(&pointer[depth - 1]).filter(|found| found.path == pointer[..depth])
            else {
                break;
            };
            let defaults = parsed(&dependency, "values.yaml");
            let mapping = defaults.as_ref().and_then(|root| descend(root, &pointer[depth..]));
            keys.extend(mapping.map(Node::entries).unwrap_or_default().iter().map(|(key, _)| key.name.clone()));
        }
        keys
    }

    /// A required value that is not set.
    fn missing(&self, values: &Values<'_>, pointer: &[String], required: &str) -> Diagnostic {
        let found = Diagnostic::new(Code::HelmRefused, format!("`{}` {required}", name(pointer)));
        let found = found.fact(Fact::Value(name(pointer))).fact(Fact::Required(name(pointer)));
        if let Some(setting) = values.find(pointer) {
            return found.at(setting.place, "null removes the default");
        }
        let parent = &pointer[..pointer.len().saturating_sub(1)];
        match values.find_key(parent).or_else(|| Some(values.find(parent)?.place)) {
            Some(place) if !parent.is_empty() => found.at(place, "missing here"),
            _ => found.at(self.values_file(), ""),
        }
    }

    /// A key that `propertyNames` does not allow. Helm does not print the path of the mapping.
    fn invalid_key(&self, values: &Values<'_>, schema: &Schema, key: &str) -> Diagnostic {
        let names = |parent: &[String]| {
            let inner = parent.strip_prefix(schema.prefix.as_slice())?.to_vec();
            let rule = Rule::Key(key.to_owned());
            let problem = Problem { chart: String::new(), pointer: inner, rule, causes: Vec::new() };
            let found = schema::find(schema.root.as_ref()?, &problem)?;
            found.key_rule()
        };
        let mut parents = values.parents(key).into_iter();
        let Some((parent, (rule, schema_place))) = parents.find_map(|parent| Some((parent.clone(), names(&parent)?)))
        else {
            return Diagnostic::new(Code::HelmRefused, format!("the key `{key}` is not allowed by values.schema.json"))
                .at(self.values_file(), "");
        };
        let message = format!("the key `{key}` is not allowed in `{}`", name(&parent));
        let pointer: Vec<String> = parent.into_iter().chain([key.to_owned()]).collect();
        let place = values.find_key(&pointer).unwrap_or_else(|| self.values_file());
        with_note(Diagnostic::new(Code::HelmRefused, message).at(place, ""), rule).note(rule_at(&schema_place))
    }

    /// A default of a dependency that violates a rule.
    fn invalid_default(
        &self,
        values: &Values<'_>,
        pointer: &[String],
        problem: &Problem,
        schema: &Schema,
        found: Option<&schema::Found<'_>>,
    ) -> Diagnostic {
        let (sentence, described) = schema_wording::sentence(problem, found);
        let diagnostic = Diagnostic::new(Code::HelmRefused, format!("`{}` {sentence}", name(pointer)));
        let diagnostic = diagnostic.fact(Fact::Value(name(pointer)));
        if let Some((parameter, place)) = values.parameter_inside(pointer) {
            let kept = name(pointer);
            let rest = parameter.strip_prefix(&format!("{kept}.")).unwrap_or_default().replace('.', "\\.");
            return diagnostic
                .at(place.clone(), "each dot begins a new key")
                .help(format!("escape the dots that belong to a key: `{kept}\\.{rest}`"));
        }
        let set = (1..pointer.len()).rev().find_map(|end| values.find_key(&pointer[..end]));
        let diagnostic = match set {
            Some(place) => diagnostic.at(place, "not set here, so the default applies"),
            None => diagnostic.at(self.values_file(), ""),
        };
        let diagnostic = with_rule(diagnostic, problem, schema, found, described);
        match found.and_then(schema::Found::example) {
            Some(example) => {
                let last = pointer.last().map(String::as_str).unwrap_or_default();
                diagnostic.help(format!("set `{}`, for example: `{}`", name(pointer), assigned(last, example)))
            }
            None => diagnostic.help(format!("set `{}`", name(pointer))),
        }
    }

    /// The values.yaml of the chart.
    fn values_file(&self) -> Place {
        let chart = &self.target.chart.directory;
        Place::file(toolbox::inputs::name(self.root, &chart.join("values.yaml")))
    }
}

/// How many further values a finding marks.
const MARKED: usize = 2;

/// Adds the places of the values that the description of a rule names: one of them may be the one to change.
fn with_conditions(mut diagnostic: Diagnostic, values: &Values<'_>, pointer: &[String]) -> Diagnostic {
    let words: Vec<String> = diagnostic.notes.iter().flat_map(|note| quoted(note)).collect();
    let mut marked: Vec<Vec<String>> = vec![pointer.to_vec()];
    for word in words {
        if marked.len() > MARKED {
            break;
        }
        let steps: Vec<String> = word.split('.').map(str::to_owned).collect();
        let paths = (0..pointer.len()).rev().map(|length| [&pointer[..length], &steps].concat());
        let set = paths.filter(|path| !marked.contains(path)).find_map(|path| Some((values.find(&path)?, path)));
        if let Some((setting, path)) = set.filter(|(_, path)| !pointer.starts_with(path)) {
            if setting.written.lines().count() == 1
                && !diagnostic.places.iter().any(|(place, _)| *place == setting.place)
            {
                diagnostic = diagnostic.at(setting.place, format!("`{}` is set here", name(&path)));
            }
            marked.push(path);
        }
    }
    diagnostic
}

/// The words in backticks that may be paths of values.
fn quoted(text: &str) -> Vec<String> {
    let words = text.split('`').skip(1).step_by(2);
    words.filter(|word| word.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))).map(str::to_owned).collect()
}

/// A value that violates a rule.
fn invalid(
    pointer: &[String],
    setting: &Setting,
    problem: &Problem,
    schema: &Schema,
    found: Option<&schema::Found<'_>>,
) -> Diagnostic {
    let (sentence, described) = schema_wording::sentence(problem, found);
    let allowed = found.map(schema::Found::allowed).unwrap_or_default();
    let last = pointer.last().map(String::as_str).unwrap_or_default();
    let (reading, help) = match &problem.rule {
        Rule::Type { got, want } if got == "string" && setting.parameter.is_some() && setting.written.contains(',') => {
            let several = want.iter().any(|want| want == "array");
            (None, several.then(|| format!("write a list in braces: `{{{}}}`", setting.written)))
        }
        Rule::Type { got, want } => misreading::explain(last, setting, got, want, &allowed),
        _ => (None, None),
    };
    let sentence = match &reading {
        // The kind that YAML reads explains itself.
        Some(reading) => format!("{}: {reading}", sentence.split(", not ").next().unwrap_or(&sentence)),
        None => sentence,
    };
    let message = format!("`{}` {sentence}", name(pointer));
    let mut diagnostic = Diagnostic::new(Code::HelmRefused, message).at(setting.place.clone(), "");
    diagnostic = diagnostic.fact(Fact::Value(name(pointer)));
    diagnostic = with_rule(diagnostic, problem, schema, found, described);
    if let Some(help) = help {
        diagnostic = diagnostic.help(help);
    } else if !matches!(problem.rule, Rule::OneOf(_)) && !allowed.is_empty() {
        diagnostic = diagnostic.help(format!("use one of {}", quoted_list(&allowed)));
    } else if matches!(problem.rule, Rule::OneOf(_)) {
        if let Some(near) = nearest(&setting.written, allowed.iter().map(String::as_str)) {
            diagnostic = diagnostic.help(did_you_mean(near));
        }
    } else if let Some(example) = found.and_then(schema::Found::example) {
        diagnostic = diagnostic.help(format!("for example: `{}`", assigned(last, example)));
    }
    diagnostic
}

/// Adds what the schema says about a rule, and where.
fn with_rule(
    diagnostic: Diagnostic,
    problem: &Problem,
    schema: &Schema,
    found: Option<&schema::Found<'_>>,
    described: bool,
) -> Diagnostic {
    let Some(found) = found else { return diagnostic };
    let description = found.description().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    // The headline already contains the first sentence.
    let more = match description {
        Some(text) if described => text.split_once(". ").map(|(_, more)| more.to_owned()),
        text => {
            text.filter(|_| found.conditional() || matches!(&problem.rule, Rule::OneOf(values) if values.len() == 1))
        }
    };
    let mut diagnostic = with_note(diagnostic, more.unwrap_or_default());
    if let Some(place) =
        found.keyword(keyword(&problem.rule)).filter(|_| schema.prefix.is_empty() && !found.conditional())
    {
        diagnostic = diagnostic.fact(Fact::Rule(place));
    }
    if let Rule::Type { want, .. } = &problem.rule {
        return diagnostic.fact(Fact::Type(want.clone()));
    }
    match (schema.prefix.as_slice(), found.place()) {
        ([], Some(place)) => diagnostic.note(rule_at(&place)),
        ([.., dependency], _) => diagnostic.note(format!("rule: values.schema.json of the dependency `{dependency}`")),
        _ => diagnostic,
    }
}

/// A file of a dependency, parsed as YAML.
fn parsed(dependency: &dependencies::Nested, file: &str) -> Option<Node> {
    let text = std::str::from_utf8(dependency.files.get(file)?).ok()?;
    // JSON is YAML, except for tabs between tokens.
    Some(yaml::parse_one(&Source::new(file, text.replace('\t', " "))).ok()?.root)
}

/// The path of a value as people write it: `a.b[0]`.
fn name(pointer: &[String]) -> String {
    let mut name = String::new();
    for step in pointer {
        if step.chars().all(|c| c.is_ascii_digit()) && !name.is_empty() {
            name.push_str(&format!("[{step}]"));
        } else {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(step);
        }
    }
    name
}

/// The path under which a value is set: global values are set once for all charts.
fn global(values: &Values<'_>, pointer: &[String]) -> Vec<String> {
    let at = pointer.iter().position(|step| step == "global");
    match at.map(|at| &pointer[at..]) {
        Some(outer) if values.find(pointer).is_none() => outer.to_vec(),
        _ => pointer.to_vec(),
    }
}

fn quoted_list(items: &[String]) -> String {
    items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

/// A key with a value, as one line of YAML.
fn assigned(key: &str, value: &Node) -> String {
    let value = value.as_str().map_or_else(|| value.to_json(), edit::scalar);
    if key.chars().all(|c| c.is_ascii_digit()) { format!("- {value}") } else { format!("{key}: {value}") }
}

/// The keyword of a rule that one place can be named for.
fn keyword(rule: &Rule) -> &str {
    match rule {
        Rule::Type { .. } => "type",
        Rule::OneOf(_) => "enum",
        Rule::Pattern(_) => "pattern",
        Rule::Limit { keyword, .. } => keyword,
        _ => "",
    }
}

fn rule_at(place: &Place) -> String {
    let line = place.position().map_or(0, |(line, _)| line);
    format!("rule: {}:{line}", place.source.name)
}

/// Adds a note unless it is empty.
fn with_note(found: Diagnostic, note: String) -> Diagnostic {
    if note.is_empty() { found } else { found.note(note) }
}
