//! kubeconform's answers about objects: from the cache, or else by running it once for all objects without an answer.
//!
//! The answers about the objects of a target are one result, whose inputs are the objects, their schemas, and the version of
//! kubeconform. What schemas from elsewhere say is not kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use diagnostics::Result;
use toolbox::archive::sha256;
use toolbox::environment::Environment;
use toolbox::results::Results;
use toolbox::scratch;
use toolbox::timings;

use super::kubeconform::{self, Answer, Status};
use crate::schemas::Kind;

/// The part of the results.
const KIND: &str = "validation";

/// An object to validate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    /// The target that renders it.
    pub(super) target: &'a str,
    pub(super) kind: &'a Kind,
    pub(super) text: &'a str,
}

/// What decides the answers, besides the objects.
pub(super) struct Rules<'a> {
    /// The schemas in the repository and those derived from definitions, by kind.
    pub(super) schemas: &'a BTreeMap<&'a Kind, String>,
    /// The version of Kubernetes.
    pub(super) kubernetes: &'a str,
    /// Locations of further schemas.
    pub(super) locations: &'a [String],
    /// The pinned version of kubeconform.
    pub(super) version: &'a str,
}

/// The answers by the text of the object.
pub(super) fn find<'a>(
    rules: &Rules<'_>,
    questions: &[Question<'a>],
    program: &dyn Fn() -> Result<PathBuf>,
    results: &Results,
) -> Result<BTreeMap<&'a str, Answer>> {
    let own = Environment::tool_facts("kubeconform").unwrap_or_default();
    let digests: BTreeMap<&Kind, String> =
        rules.schemas.iter().map(|(kind, text)| (*kind, sha256(text.as_bytes()))).collect();
    let mut targets: BTreeMap<&str, BTreeMap<&str, &Kind>> = BTreeMap::new();
    for question in questions {
        targets.entry(question.target).or_default().insert(question.text, question.kind);
    }
    let keys: BTreeMap<&str, String> = targets
        .iter()
        .filter(|(_, objects)| objects.values().all(|kind| digests.contains_key(kind)))
        .map(|(target, objects)| {
            let general = [("version", rules.version), ("program", own.as_str()), ("kubernetes", rules.kubernetes)];
            let objects =
                objects.iter().flat_map(|(text, kind)| [("schema", digests[kind].as_str()), ("object", *text)]);
            (*target, results.key(general.into_iter().chain(objects)))
        })
        .collect();
    let mut answers = BTreeMap::new();
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (target, objects) in &targets {
        let known = keys.get(target).and_then(|key| decode(&results.find(KIND, key)?, objects.len()));
        match known {
            Some(known) => answers.extend(objects.keys().copied().zip(known)),
            None => drop(open.insert(target)),
        }
    }
    if open.is_empty() {
        return Ok(answers);
    }
    let objects: BTreeMap<&str, &Kind> = open.iter().flat_map(|target| targets[target].clone()).collect();
    let running = timings::phase("kubeconform");
    answers.extend(run(rules, &objects, &program()?)?);
    drop(running);
    for target in open {
        let own = targets[target].keys().map(|text| answers.get(text).filter(|answer| answer.status != Status::Error));
        if let (Some(key), Some(own)) = (keys.get(target), own.collect::<Option<Vec<_>>>()) {
            results.keep(KIND, key, &encode(&own));
        }
    }
    Ok(answers)
}

/// Runs kubeconform. An object that several targets render identically is validated once.
fn run<'a>(
    rules: &Rules<'_>,
    objects: &BTreeMap<&'a str, &Kind>,
    program: &std::path::Path,
) -> Result<BTreeMap<&'a str, Answer>> {
    let staging = scratch::directory()?;
    let stage = kubeconform::Stage::new(staging.path())?;
    // kubeconform finds the schema of `Deployment` for `deployment`, too, and then rejects the object.
    let mut staged: BTreeSet<Option<String>> = BTreeSet::new();
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for (text, kind) in objects {
        names.insert(text, stage.manifest(names.len(), text)?);
        if staged.insert(kind.file())
            && let Some(schema) = rules.schemas.get(kind)
        {
            stage.schema(kind, schema)?;
        }
    }
    let Rules { kubernetes, locations, .. } = rules;
    let mut answers = kubeconform::run(program, staging.path(), kubernetes, locations, names.values())?;
    Ok(names.into_iter().filter_map(|(text, name)| Some((text, answers.remove(&name)?))).collect())
}

/// Whether each object is valid, and the message.
fn encode(answers: &[&Answer]) -> Vec<u8> {
    let answers: Vec<(bool, &str)> =
        answers.iter().map(|answer| (answer.status == Status::Valid, answer.message.as_str())).collect();
    serde_json::to_vec(&answers).unwrap_or_default()
}

fn decode(bytes: &[u8], count: usize) -> Option<Vec<Answer>> {
    let answers: Vec<(bool, String)> = serde_json::from_slice(bytes).ok()?;
    let answer = |(valid, message)| Answer { status: if valid { Status::Valid } else { Status::Invalid }, message };
    (answers.len() == count).then(|| answers.into_iter().map(answer).collect())
}
