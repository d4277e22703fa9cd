//! Whether what would be applied is what the API server takes: schemas by kubeconform, and what no schema can say.
//!
//! One run of kubeconform sees every object of every target and of argocd/. Each object is accounted for: it is valid,
//! it is not, its kind is allowed in charts.toml to go without, or there is an error. Which schema an object has is
//! decided here, so that kubeconform is never left to look elsewhere for one that it cannot use.
//!
//! Deliberately absent: rendering, CEL, admission plugins, and everything that depends on what a cluster holds already.

pub mod explain;
pub mod kubeconform;
pub mod pointer;
pub mod problem;
pub mod rules;
pub mod subject;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::schemas;
use crate::schemas::{Kind, crd};
use crate::validate::kubeconform::{Answer, Status};
use crate::validate::subject::Subject;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, nearest};
use document::Node;

/// All that may be found of an object: what a silence can name.
pub const CODES: &[Code] =
    &[Code::FieldUnknown, Code::KeyDuplicate, Code::ObjectInvalid, Code::ObjectRefused, Code::SchemaMissing];

/// Argo CD's own kinds under argocd/, which `lint` reads field by field.
const LINTED: &[&str] = &["Application", "AppProject"];

/// A kind that nobody has a schema for; why it may go without is in charts.toml, for people.
#[derive(Debug, Clone)]
pub struct Unchecked {
    /// The kind.
    pub kind: Kind,
    /// Where that is said.
    pub place: Place,
}

/// What is to be judged, and by what.
pub struct Input<'a> {
    /// The root of the workspace.
    pub root: &'a Path,
    /// The version of Kubernetes.
    pub kubernetes: &'a str,
    /// Where kubeconform may look for schemas beside those that are here.
    pub locations: &'a [String],
    /// Kinds that may go without a schema.
    pub unchecked: &'a [Unchecked],
    /// The objects.
    pub subjects: &'a [Subject],
    /// Schemas from `CustomResourceDefinitions`.
    pub derived: &'a BTreeMap<Kind, Value>,
    /// Whether these are all objects that there are: only then an allowance may be unused.
    pub complete: bool,
    /// Targets that could not be rendered: what is missing may be theirs.
    pub failed: &'a [String],
    /// Finds or brings kubeconform.
    pub kubeconform: &'a dyn Fn() -> Result<PathBuf>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Checked {
    /// What was found, before silences.
    pub diagnostics: Diagnostics,
    /// How many objects kubeconform has judged.
    pub judged: usize,
    /// How many of each kind go without a schema, by name in charts.toml.
    pub unchecked: BTreeMap<Kind, usize>,
    /// How many of Argo CD's own objects are left to `lint`.
    pub linted: usize,
}

/// Which schema an object has.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Schema {
    /// Made of a `CustomResourceDefinition` in this run.
    Derived,
    /// A file in schemas/.
    File(String),
    /// Perhaps one of the places in charts.toml has it.
    Remote,
    /// None, and that is allowed: by which entry.
    Allowed(usize),
    /// None is needed here.
    Linted,
    /// None.
    Missing,
}

/// Judges objects.
#[must_use]
pub fn check(input: &Input<'_>) -> Checked {
    let mut checked = Checked::default();
    let mut used = vec![false; input.unchecked.len()];
    let mut missing: BTreeMap<&Kind, Vec<&Subject>> = BTreeMap::new();
    let mut judged: Vec<(&Subject, Schema)> = Vec::new();
    for subject in input.subjects {
        checked.diagnostics.extend(subject.duplicates());
        checked.diagnostics.extend(rules::check(subject));
        match schema(input, subject) {
            Schema::Allowed(index) => {
                used[index] = true;
                *checked.unchecked.entry(subject.kind.clone()).or_default() += 1;
            }
            Schema::Linted => checked.linted += 1,
            Schema::Missing => missing.entry(&subject.kind).or_default().push(subject),
            found => judged.push((subject, found)),
        }
    }
    for (kind, subjects) in missing {
        checked.diagnostics.push(no_schema(input, kind, &subjects));
    }
    if input.complete {
        let entries = input.unchecked.iter().zip(used);
        checked
            .diagnostics
            .extend(Diagnostics(entries.filter(|(_, used)| !used).map(|(one, _)| unused(one)).collect()));
    }
    checked.judged = judged.len();
    if !judged.is_empty() {
        let found = ask(input, &judged);
        checked.diagnostics.extend(found.unwrap_or_else(|found| found));
    }
    checked
}

fn schema(input: &Input<'_>, subject: &Subject) -> Schema {
    let kind = &subject.kind;
    if input.derived.contains_key(kind) {
        return Schema::Derived;
    }
    if let Some(file) = kind.file().filter(|file| input.root.join(schemas::FOLDER).join(file).is_file()) {
        return Schema::File(file);
    }
    // A misspelt one is told there, or where Applications are read.
    let linted = || kind.kind != "ApplicationSet" && nearest(&kind.kind, LINTED.iter().copied()).is_some();
    if subject.argocd && kind.group == "argoproj.io" && linted() {
        return Schema::Linted;
    }
    if let Some(index) = input.unchecked.iter().position(|one| one.kind == *kind) {
        return Schema::Allowed(index);
    }
    if input.locations.is_empty() || kind.file().is_none() { Schema::Missing } else { Schema::Remote }
}

/// A kind that nothing describes; told once, at its first object.
fn no_schema(input: &Input<'_>, kind: &Kind, subjects: &[&Subject]) -> Diagnostic {
    let first = subjects[0];
    let place = first.object.find(&["apiVersion"]).map_or_else(|| first.object.root.place(), Node::place);
    let mut found = first.finding(Code::SchemaMissing, format!("no schema describes `{kind}`"), place, "");
    if subjects.len() > 1 {
        found = found.note(format!("so {} objects go unchecked", subjects.len()));
    }
    if !input.failed.is_empty() {
        let failed = input.failed.join("`, `");
        return found.note(format!("what could not be rendered may define it: `{failed}`")).help("mend that first");
    }
    let known: BTreeSet<String> = schemas::present(input.root);
    let same = known.iter().filter_map(|file| {
        let (group, rest) = file.split_once('/')?;
        let (name, version) = rest.strip_suffix(".json")?.rsplit_once('_')?;
        let group = if group == "core" { String::new() } else { format!("{group}/") };
        (name == kind.kind.to_lowercase()).then(|| format!("{group}{version}"))
    });
    let same: Vec<String> = same.collect();
    let in_group = input.derived.keys().filter(|known| known.group == kind.group || known.kind == kind.kind);
    let near = nearest(&kind.to_string(), in_group.map(Kind::to_string).collect::<Vec<_>>().iter().map(String::as_str))
        .map(str::to_owned);
    if let Some(near) = near {
        return found.help(format!("a CustomResourceDefinition here defines `{near}`: did you mean that?"));
    }
    if same.is_empty()
        && let Some(meant) = misspelt(input.root, &known, kind)
    {
        found = found.help(format!("did you mean `{meant}`?"));
    }
    if !same.is_empty() {
        found = found.help(format!("schemas/ knows {} as `apiVersion: {}`", kind.kind, same.join("`, `")));
    }
    found
        .help("if the cluster has this kind: `cargo xtask schemas --from-cluster --kubeconfig FILE` adds its schema")
        .help(format!(
            "if it may go unchecked, allow it in charts.toml: `[[validate.unchecked]]`, `kind = \"{kind}\"`, and a `reason`"
        ))
}

/// The kind of the same group whose name is nearly the same.
fn misspelt(root: &Path, known: &BTreeSet<String>, kind: &Kind) -> Option<String> {
    let file = kind.file()?;
    let (group, own) = file.split_once('/')?;
    // The version would make names that have little in common look alike.
    let name = |file: &str| file.rsplit_once('_').map_or_else(|| file.to_owned(), |(name, _)| name.to_owned());
    let of_group = |other: &&String| other.split_once('/').is_some_and(|(its, _)| its == group);
    let names: BTreeMap<String, &String> =
        known.iter().filter(of_group).map(|other| (name(&other[group.len() + 1..]), other)).collect();
    let near = names[nearest(&name(own), names.keys().map(String::as_str))?];
    let schema = std::fs::read(root.join(schemas::FOLDER).join(near)).ok()?;
    let schema: Value = serde_json::from_slice(&schema).ok()?;
    let word = |name: &str| schema["properties"][name]["enum"][0].as_str().map(str::to_owned);
    Some(Kind::new(&word("apiVersion")?, &word("kind")?).to_string())
}

fn unused(allowance: &Unchecked) -> Diagnostic {
    Diagnostic::new(Code::UncheckedUnused, format!("no object of `{}` goes unchecked", allowance.kind))
        .at(allowance.place.clone(), "allows nothing")
        .help("delete this entry")
}

/// A schema without a single field, by which everything would be valid.
fn describes_nothing(root: &Path, file: &str, kind: &Kind) -> Option<Diagnostic> {
    let text = std::fs::read_to_string(root.join(schemas::FOLDER).join(file)).ok()?;
    // To parse each of those that are derived would cost more than kubeconform itself.
    let nothing = !text.contains("\"properties\"")
        && serde_json::from_str::<Value>(&text).is_ok_and(|schema| {
            let elsewhere = ["$ref", "allOf", "anyOf", "oneOf"].iter().any(|key| schema.get(key).is_some());
            schema.is_object() && !elsewhere && schema.get("type").is_none_or(|name| name == "object")
        });
    nothing.then(|| {
        Diagnostic::new(Code::SchemaBroken, format!("the schema of `{kind}` describes no field"))
            .at(schemas::place(file), "")
            .note("whatever an object says would be valid")
            .help("`cargo xtask schemas --from-cluster --kubeconfig FILE` writes it anew")
    })
}

/// Lays out objects and schemas, runs kubeconform, and tells what it says.
fn ask(input: &Input<'_>, judged: &[(&Subject, Schema)]) -> Result<Diagnostics> {
    let program = (input.kubeconform)()?;
    let staging = tempfile::tempdir().map_err(|error| Diagnostic::io("create", &std::env::temp_dir(), &error))?;
    let stage = kubeconform::Stage::new(staging.path())?;
    // What several targets render alike is judged once, and told for each.
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    // `deployment` finds the schema of `Deployment`, which then refuses it.
    let mut laid: BTreeSet<Option<String>> = BTreeSet::new();
    let mut empty = Vec::new();
    for (subject, schema) in judged {
        if !names.contains_key(subject.text.as_str()) {
            names.insert(&subject.text, stage.manifest(names.len(), &subject.text)?);
        }
        if laid.insert(subject.kind.file()) {
            match schema {
                Schema::Derived => {
                    let text = input.derived.get(&subject.kind).map(Value::to_string).unwrap_or_default();
                    stage.schema(&subject.kind, &text)?;
                }
                Schema::File(file) => {
                    empty.extend(describes_nothing(input.root, file, &subject.kind));
                    stage.link(&subject.kind, &input.root.join(schemas::FOLDER).join(file))?;
                }
                _ => {}
            }
        }
    }
    let remote = judged.iter().any(|(_, schema)| *schema == Schema::Remote);
    let locations: &[String] = if remote { input.locations } else { &[] };
    let answers = kubeconform::run(&program, staging.path(), input.kubernetes, locations, names.values())?;

    let mut diagnostics = Diagnostics(empty);
    let mut read: BTreeMap<&Kind, Option<Value>> = BTreeMap::new();
    for (subject, schema) in judged {
        let Some(answer) = names.get(subject.text.as_str()).and_then(|name| answers.get(name)) else { continue };
        match answer.status {
            Status::Valid => {}
            Status::Invalid => {
                let schema = read.entry(&subject.kind).or_insert_with(|| match schema {
                    Schema::Derived => input.derived.get(&subject.kind).cloned(),
                    Schema::File(file) => {
                        let text = std::fs::read(input.root.join(schemas::FOLDER).join(file)).ok();
                        text.and_then(|text| serde_json::from_slice(&text).ok())
                    }
                    _ => None,
                });
                diagnostics.extend(explain::findings(subject, schema.as_ref(), &answer.message));
            }
            Status::Error => diagnostics.push(error(input, subject, schema, answer)),
        }
    }
    Ok(diagnostics)
}

/// What kubeconform could not judge.
fn error(input: &Input<'_>, subject: &Subject, schema: &Schema, answer: &Answer) -> Diagnostic {
    let kind = &subject.kind;
    // What it could not read it may repeat.
    let said = if subject.secret() { "(withheld: this is a Secret)" } else { answer.message.as_str() };
    if answer.message.starts_with("error unmarshalling resource") {
        let message = format!("Kubernetes cannot read {}", subject.title());
        return subject.finding(Code::ObjectInvalid, message, subject.object.root.place(), "").note(said);
    }
    let unusable = answer.message.starts_with("could not find schema");
    match schema {
        Schema::File(file) => {
            let path = input.root.join(schemas::FOLDER).join(file);
            let broken = Diagnostic::new(Code::SchemaBroken, format!("the schema of `{kind}` cannot be used"))
                .at(schemas::place(file), "")
                .help("`cargo xtask schemas --from-cluster --kubeconfig FILE` writes it anew");
            match std::fs::read(&path).map(|text| serde_json::from_slice::<Value>(&text)) {
                Err(error) => return broken.note(format!("it cannot be read: {error}")),
                Ok(Err(error)) => return broken.note(format!("it is no JSON: {error}")),
                Ok(Ok(_)) if unusable => {
                    return broken.note("it is JSON, but kubeconform cannot compile it as a JSON schema");
                }
                Ok(Ok(_)) => {}
            }
        }
        Schema::Derived if unusable => return broken_definition(input, kind),
        _ if unusable => {
            let tried = input.locations.join(", ");
            return no_schema(input, kind, &[subject]).note(format!("looked for in {tried}"));
        }
        _ => {}
    }
    Diagnostic::new(Code::KubeconformFailed, format!("kubeconform has no verdict on `{kind}`")).note(said)
}

/// A `CustomResourceDefinition` of which no schema can be made.
fn broken_definition(input: &Input<'_>, kind: &Kind) -> Diagnostic {
    let message = format!("the schema in the CustomResourceDefinition of `{kind}` cannot be used");
    let defines = |subject: &&Subject| {
        let text = |path: &[&str]| subject.object.find(path).and_then(Node::as_str);
        subject.kind.kind == crd::KIND
            && text(&["spec", "group"]) == Some(&kind.group)
            && text(&["spec", "names", "kind"]) == Some(&kind.kind)
    };
    let found = match input.subjects.iter().find(defines) {
        Some(subject) => {
            let place = subject.object.find(&["spec", "versions"]).unwrap_or(&subject.object.root).place();
            subject.finding(Code::SchemaBroken, message, place, "")
        }
        None => Diagnostic::new(Code::SchemaBroken, message),
    };
    found.note("kubeconform cannot compile what is made of it: is every `pattern` a regular expression?")
}

/// Where a workspace keeps schemas, if it keeps any: without them nothing can be judged.
pub fn require_schemas(root: &Path) -> Result<()> {
    if root.join(schemas::FOLDER).is_dir() {
        return Ok(());
    }
    Err(Diagnostic::new(Code::SchemaBroken, format!("there is no folder `{}/`", schemas::FOLDER))
        .at(Place::file(schemas::FOLDER), "")
        .help("`cargo xtask schemas --from-cluster --kubeconfig FILE` makes it of what the cluster says of itself")
        .help("without a cluster: `cargo xtask schemas --from FILE`, with what `kubectl get --raw /openapi/v2` printed")
        .into())
}
