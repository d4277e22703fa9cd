//! Validates objects as the API server would: against schemas, with kubeconform, and by rules that schemas cannot express.
//!
//! A single run of kubeconform covers every object of every target and of argocd/. Each object is accounted for: it is
//! valid or invalid, its kind is listed as unchecked in charts.toml, or there is an error. The schema of an object is
//! selected here, because kubeconform treats a schema that it cannot compile like a missing one and searches on.
//!
//! Does not evaluate CEL or admission plugins, and does not consider what a cluster already contains.

mod answers;
pub mod explain;
pub mod kubeconform;
pub mod pointer;
pub mod problem;
pub mod rules;
pub mod subject;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use diagnostics::{
    Code, Diagnostic, Diagnostics, Fact, Help, Place, Result, did_you_mean, fact, nearest, nearest_within,
};
use document::Node;
use serde_json::Value;
use toolbox::results::Results;

use self::answers::{Question, Rules};
use crate::discovery::Discovery;
use crate::object::REDACTED;
use crate::removed_api;
use crate::schemas;
use crate::schemas::{Kind, crd, files};
use crate::validate::kubeconform::{Answer, Cause, Status};
use crate::validate::subject::Subject;

/// The codes that this module reports, which a suppression can name.
pub const CODES: &[Code] = &[
    Code::DocumentLost,
    Code::FieldUnknown,
    Code::KeyDuplicate,
    Code::MergeKeyDuplicate,
    Code::ObjectInvalid,
    Code::ObjectRefused,
    Code::QuantitySuspicious,
    Code::SchemaMissing,
];

/// Argo CD kinds under argocd/, which `lint` checks field by field.
const LINTED: &[&str] = &["Application", "AppProject"];
/// How many letters of a group of Kubernetes may be wrong: `networking.istio.io` is not a misspelled `networking.k8s.io`.
const MISSPELLED: usize = 2;

/// A kind that charts.toml exempts from validation, with a reason for people.
#[derive(Debug, Clone)]
pub struct Unchecked {
    /// The kind.
    pub kind: Kind,
    /// The place of the kind.
    pub place: Place,
}

/// The objects to validate, and everything needed for it.
pub struct Input<'a> {
    /// The workspace root.
    pub root: &'a Path,
    /// The version of Kubernetes.
    pub kubernetes: &'a str,
    /// Locations of further schemas, as kubeconform takes them.
    pub locations: &'a [String],
    /// The kinds that may go without a schema.
    pub unchecked: &'a [Unchecked],
    /// The objects.
    pub subjects: &'a [Subject],
    /// Schemas derived from `CustomResourceDefinitions`.
    pub derived: &'a BTreeMap<Kind, Value>,
    /// Whether these are all objects of the workspace. Only then can an unchecked kind be reported as unused.
    pub complete: bool,
    /// Targets that failed to render, which may contain a missing `CustomResourceDefinition`.
    pub failed: &'a [String],
    /// Finds the `CustomResourceDefinition` of a kind in a target that does not render it.
    pub unrendered: &'a dyn Fn(&Kind) -> Option<Unrendered>,
    /// Returns the path of kubeconform, installing it if necessary.
    pub kubeconform: &'a dyn Fn() -> Result<PathBuf>,
    /// The pinned version of kubeconform.
    pub version: &'a str,
    /// What kubeconform answered before.
    pub results: &'a Results,
}

/// A `CustomResourceDefinition` that a target does not render.
#[derive(Debug, Clone)]
pub struct Unrendered {
    /// The Application.
    pub app: String,
    /// Where `skipCrds` is set, or the golden of the definition.
    pub place: Place,
    /// Whether the Application sets `skipCrds`.
    pub skipped: bool,
    /// Whether a golden has the definition, so it was rendered before.
    pub recorded: bool,
}

/// The result of a validation.
#[derive(Debug, Default)]
pub struct Checked {
    /// The findings, before suppressions are applied.
    pub diagnostics: Diagnostics,
    /// How many objects were validated against a schema.
    pub validated: usize,
    /// How many objects of each kind were skipped, as listed in charts.toml.
    pub unchecked: BTreeMap<Kind, usize>,
    /// How many objects of each custom kind were skipped, because the workspace has no schemas of its cluster.
    pub unknown: BTreeMap<Kind, usize>,
    /// How many Argo CD objects are left to `lint`.
    pub linted: usize,
}

/// The schema of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Schema {
    /// Derived from a `CustomResourceDefinition` in this run.
    Derived,
    /// A file in schemas/.
    File(String),
    /// Possibly available from a schema location in charts.toml.
    Remote,
    /// None, which the entry with this index in charts.toml allows.
    Allowed(usize),
    /// None, since `lint` checks the object.
    Linted,
    /// None, which is a finding.
    Missing,
}

/// Validates objects.
#[must_use]
pub fn check(input: &Input<'_>) -> Checked {
    let mut checked = Checked::default();
    let mut used = vec![false; input.unchecked.len()];
    let mut missing: BTreeMap<&Kind, Vec<&Subject>> = BTreeMap::new();
    let mut with_schema: Vec<(&Subject, Schema)> = Vec::new();
    for subject in input.subjects.iter().filter(|subject| is_readable(&subject.object.root)) {
        checked.diagnostics.extend(subject.duplicates());
        checked.diagnostics.extend(rules::check(subject));
        match schema(input, subject) {
            Schema::Allowed(index) => {
                used[index] = true;
                *checked.unchecked.entry(subject.kind.clone()).or_default() += 1;
            }
            Schema::Linted => checked.linted += 1,
            Schema::Missing => missing.entry(&subject.kind).or_default().push(subject),
            found => with_schema.push((subject, found)),
        }
    }
    if input.complete {
        let entries = input.unchecked.iter().zip(used);
        for (entry, _) in entries.filter(|(_, used)| !used) {
            let written = entry.kind.to_string();
            let meant = missing.keys().find(|kind| nearest(&written, [kind.to_string().as_str()]).is_some()).copied();
            checked.diagnostics.push(unused(entry, meant));
            // The entry was to allow it.
            meant.map(|kind| missing.remove(kind));
        }
    }
    if !files::generated(input.root) {
        let custom = |kind: &Kind| is_custom(kind) && (input.unrendered)(kind).is_none();
        missing.retain(|kind, subjects| {
            let skipped = custom(kind);
            if skipped {
                checked.unknown.insert((*kind).clone(), subjects.len());
            }
            !skipped
        });
    }
    // A target that failed to render may define the kind; its own error comes first.
    for (kind, subjects) in missing.into_iter().filter(|_| input.failed.is_empty()) {
        checked.diagnostics.push(no_schema(input, kind, &subjects));
    }
    checked.validated = with_schema.len();
    if !with_schema.is_empty() {
        let found = run_kubeconform(input, &with_schema);
        checked.diagnostics.extend(found.unwrap_or_else(|found| found));
    }
    checked
}

/// Whether an object can be judged: it is not encrypted with SOPS, whose result is applied, nor hidden as a whole.
fn is_readable(root: &Node) -> bool {
    let hidden = root.get("apiVersion").and_then(Node::as_str) == Some(REDACTED);
    !hidden && root.find(&["sops", "mac"]).is_none()
}

fn schema(input: &Input<'_>, subject: &Subject) -> Schema {
    let kind = &subject.kind;
    if input.derived.contains_key(kind) {
        return Schema::Derived;
    }
    if let Some(file) = kind.file().filter(|file| files::exists(input.root, file)) {
        return Schema::File(file);
    }
    if subject.argocd && kind.group == "argoproj.io" && is_linted(&kind.kind) {
        return Schema::Linted;
    }
    if let Some(index) = input.unchecked.iter().position(|one| one.kind == *kind) {
        return Schema::Allowed(index);
    }
    // What a target renders is checked, too. Where schemas are generated, the schema of the kind is missing.
    let linted = kind.kind == "ApplicationSet" || LINTED.contains(&kind.kind.as_str());
    if kind.group == "argoproj.io" && linted && !files::generated(input.root) {
        return Schema::Linted;
    }
    if input.locations.is_empty() || kind.file().is_none() { Schema::Missing } else { Schema::Remote }
}

/// Whether a kind belongs to an API group that somebody defined: neither one of Kubernetes, nor a misspelled one.
fn is_custom(kind: &Kind) -> bool {
    let built_in = Discovery::built_in();
    let mut groups = built_in.groups.keys().map(String::as_str);
    kind.group.contains('.')
        && !built_in.groups.contains_key(&kind.group)
        && nearest_within(&kind.group, MISSPELLED, &mut groups).is_none()
}

/// Whether `lint` checks a kind of Argo CD, including a misspelled one.
fn is_linted(kind: &str) -> bool {
    kind == "ApplicationSet" || nearest(kind, LINTED.iter().copied()).is_some()
}

/// Reports a kind without a schema, once, at its first object.
fn no_schema(input: &Input<'_>, kind: &Kind, subjects: &[&Subject]) -> Diagnostic {
    let first = subjects[0];
    let place = first.object.find(&["apiVersion"]).map_or_else(|| first.object.root.place(), Node::place);
    if let Some(unrendered) = (input.unrendered)(kind) {
        return no_definition(kind, subjects.len(), place, &unrendered);
    }
    if let Some(removal) = removed_api::find(kind, input.kubernetes) {
        return no_longer_served(input, kind, subjects, place, removal);
    }
    let mut found = first.finding(Code::SchemaMissing, format!("no schema found for `{kind}`"), place, "unknown kind");
    if subjects.len() > 1 {
        found = found.note(format!("{} objects of this kind are not validated", subjects.len()));
    }

    let known: BTreeSet<String> = files::present(input.root);
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
        let help = format!("did you mean `{near}`, as defined by a rendered CustomResourceDefinition?");
        if let (true, Some(node), Some(main)) = (
            near.starts_with(&format!("{}/", kind.api_version())),
            first.object.find(&["kind"]),
            found.places.first_mut(),
        ) {
            main.0 = node.place();
        }
        return found.help(Help::from(help).fact(Fact::Suggested(near)));
    }
    if same.is_empty()
        && let Some(near) = similar_kind(input.root, &known, kind)
    {
        found = found.help(did_you_mean(&near));
        // The word that is wrong.
        if let (true, Some(node), Some(main)) = (
            near.starts_with(&format!("{}/", kind.api_version())),
            first.object.find(&["kind"]),
            found.places.first_mut(),
        ) {
            main.0 = node.place();
        }
    }
    if !same.is_empty() {
        found = found.help(format!("schemas/ has {} with `apiVersion: {}`", kind.kind, same.join("` or `")));
    }
    found.help("to add the schema from a cluster: `cargo xtask schemas --from-cluster --kubeconfig FILE`").help(
        format!(
            "to skip this kind: add `[[validate.unchecked]]` with `kind = \"{kind}\"` and a `reason` to charts.toml"
        ),
    )
}

/// Reports an API version that the cluster no longer serves.
fn no_longer_served(
    input: &Input<'_>,
    kind: &Kind,
    subjects: &[&Subject],
    place: Place,
    removal: removed_api::Removal,
) -> Diagnostic {
    let message = format!("`{kind}` was removed in Kubernetes 1.{}", removal.minor);
    let label = format!("not served by Kubernetes {}", input.kubernetes);
    let mut found = subjects[0].finding(Code::SchemaMissing, message, place, label);
    if subjects.len() > 1 {
        found = found.note(format!("{} objects of this kind cannot be applied", subjects.len()));
    }
    match removal.replacement {
        Some(replacement) => {
            found.help(format!("set `apiVersion: {replacement}`, and adapt the fields: some of them may have changed"))
        }
        None => found.help(format!("remove the object: {} has no replacement", kind.kind)),
    }
}

/// Reports a kind whose definition a target does not render, or no longer renders.
fn no_definition(kind: &Kind, count: usize, used: Place, unrendered: &Unrendered) -> Diagnostic {
    let Unrendered { app, place, skipped, recorded } = unrendered;
    let state = if *recorded { "no longer rendered" } else { "not rendered" };
    let message = format!("the CustomResourceDefinition of `{kind}` is {state} by Application `{app}`");
    let label = if *skipped { "skips all CustomResourceDefinitions" } else { "the definition as last rendered" };
    let found = Diagnostic::new(Code::SchemaMissing, message)
        .facts(recorded.then_some(Fact::Removed(fact::Subject::Definition)))
        .target(app)
        .at(place.clone(), label)
        .at(used, if count > 1 { "one of the objects of this kind" } else { "an object of this kind" })
        .note("without its definition, the API server rejects objects of this kind, and they cannot be validated");
    let fix = if *skipped { "remove `skipCrds`" } else { "render it again, or remove the objects of this kind" };
    found.help(fix).help("if the definition is installed in another way, pass it with `--crds DIR`")
}

/// A kind of the same group with a similar name.
fn similar_kind(root: &Path, known: &BTreeSet<String>, kind: &Kind) -> Option<String> {
    let file = kind.file()?;
    let (group, own) = file.split_once('/')?;
    // Without the version, which would make different names look similar.
    let name = |file: &str| file.rsplit_once('_').map_or_else(|| file.to_owned(), |(name, _)| name.to_owned());
    let of_group = |other: &&String| other.split_once('/').is_some_and(|(its, _)| its == group);
    let names: BTreeMap<String, &String> =
        known.iter().filter(of_group).map(|other| (name(&other[group.len() + 1..]), other)).collect();
    let near = names[nearest(&name(own), names.keys().map(String::as_str))?];
    let schema: Value = serde_json::from_str(&files::read(root, near).ok()?).ok()?;
    let word = |name: &str| schema["properties"][name]["enum"][0].as_str().map(str::to_owned);
    Some(Kind::new(&word("apiVersion")?, &word("kind")?).to_string())
}

fn unused(allowance: &Unchecked, meant: Option<&Kind>) -> Diagnostic {
    Diagnostic::new(Code::UncheckedUnused, format!("unused `validate.unchecked` entry for `{}`", allowance.kind))
        .at(allowance.place.clone(), "no object of this kind is skipped")
        .help(match meant {
            Some(kind) => did_you_mean(kind),
            None => "remove this entry".into(),
        })
}

/// Reports a schema without any fields, which would accept every object.
fn empty_schema(root: &Path, file: &str, kind: &Kind) -> Option<Diagnostic> {
    let text = files::read(root, file).ok()?;
    // Parsing every schema would take longer than kubeconform itself.
    let is_empty = !text.contains("\"properties\"")
        && serde_json::from_str::<Value>(&text).is_ok_and(|schema| {
            let delegates = ["$ref", "allOf", "anyOf", "oneOf"].iter().any(|key| schema.get(key).is_some());
            schema.is_object() && !delegates && schema.get("type").is_none_or(|name| name == "object")
        });
    is_empty.then(|| {
        Diagnostic::new(Code::SchemaBroken, format!("the schema of `{kind}` has no fields"))
            .at(schemas::place(file), "accepts every object")
            .help("regenerate it: `cargo xtask schemas --from-cluster --kubeconfig FILE`")
    })
}

/// Converts kubeconform's answers about objects to findings.
fn run_kubeconform(input: &Input<'_>, objects: &[(&Subject, Schema)]) -> Result<Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut found: BTreeMap<&Kind, String> = BTreeMap::new();
    for (subject, schema) in objects {
        if found.contains_key(&subject.kind) {
            continue;
        }
        let text = match schema {
            Schema::Derived => input.derived.get(&subject.kind).map(Value::to_string).unwrap_or_default(),
            Schema::File(file) => {
                diagnostics.0.extend(empty_schema(input.root, file, &subject.kind));
                kubeconform::schema_text(input.root, file)?
            }
            _ => continue,
        };
        found.insert(&subject.kind, text);
    }
    let questions: Vec<Question<'_>> = objects
        .iter()
        .map(|(Subject { object, kind, text, .. }, _)| Question { target: &object.target, kind, text })
        .collect();
    let remote = objects.iter().any(|(_, schema)| *schema == Schema::Remote);
    let locations: &[String] = if remote { input.locations } else { &[] };
    let Input { kubernetes, version, .. } = input;
    let rules = Rules { schemas: &found, kubernetes, locations, version };
    let answers = answers::find(&rules, &questions, input.kubeconform, input.results)?;

    let mut loaded: BTreeMap<&Kind, Option<Value>> = BTreeMap::new();
    for (subject, schema) in objects {
        let Some(answer) = answers.get(subject.text.as_str()) else { continue };
        match answer.status {
            Status::Valid => {}
            Status::Invalid => {
                let schema = loaded.entry(&subject.kind).or_insert_with(|| match schema {
                    Schema::Derived => input.derived.get(&subject.kind).cloned(),
                    Schema::File(file) => {
                        files::read(input.root, file).ok().and_then(|text| serde_json::from_str(&text).ok())
                    }
                    _ => None,
                });
                diagnostics.extend(explain::findings(subject, schema.as_ref(), answer));
            }
            Status::Error => diagnostics.push(error(input, subject, schema, answer)),
        }
    }
    Ok(diagnostics)
}

/// Reports an object that kubeconform could not validate.
fn error(input: &Input<'_>, subject: &Subject, schema: &Schema, answer: &Answer) -> Diagnostic {
    let kind = &subject.kind;
    // The message may quote what kubeconform could not read.
    let output = if subject.secret() { "(redacted: this is a Secret)" } else { answer.message.as_str() };
    if answer.cause() == Cause::Unparsable {
        let message = format!("{} cannot be parsed", subject.title());
        return subject.finding(Code::ObjectInvalid, message, subject.object.root.place(), "").note(output);
    }
    let no_schema_found = answer.cause() == Cause::NoSchema;
    match schema {
        Schema::File(file) => {
            let broken = Diagnostic::new(Code::SchemaBroken, format!("the schema of `{kind}` is invalid"))
                .at(schemas::place(file), "")
                .help("regenerate it: `cargo xtask schemas --from-cluster --kubeconfig FILE`");
            match files::read(input.root, file).map(|text| serde_json::from_str::<Value>(&text)) {
                Err(error) => return broken.note(format!("the file cannot be read: {error}")),
                Ok(Err(error)) => return broken.note(format!("the file is not valid JSON: {error}")),
                Ok(Ok(_)) if no_schema_found => {
                    return broken.note("the file is valid JSON, but kubeconform cannot compile it as a JSON schema");
                }
                Ok(Ok(_)) => {}
            }
        }
        Schema::Derived if no_schema_found => return broken_definition(input, kind),
        _ if no_schema_found => {
            let tried = input.locations.join(", ");
            return no_schema(input, kind, &[subject]).note(format!("searched in {tried}"));
        }
        _ => {}
    }
    Diagnostic::new(Code::KubeconformFailed, format!("kubeconform failed to validate `{kind}`")).note(output)
}

/// Reports a `CustomResourceDefinition` whose schema kubeconform cannot compile.
fn broken_definition(input: &Input<'_>, kind: &Kind) -> Diagnostic {
    let message = format!("the schema in the CustomResourceDefinition of `{kind}` is invalid");
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
    found
        .note("kubeconform cannot compile the schema derived from it")
        .help("make sure that every `pattern` is a valid regular expression")
}
