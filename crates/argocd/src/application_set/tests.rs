//! Each line of answers.jsonl is what Argo CD 3.5.7 generates from an ApplicationSet, or its error.

use std::sync::Arc;

use diagnostics::{Place, Source};
use document::{Node, yaml};
use serde_json::{Map, Value as Json};

use super::{Cluster, Outcome, Repository, Surroundings, Unknown, generate};

struct Files {
    paths: Vec<String>,
    files: Map<String, Json>,
}

impl Repository for Files {
    fn paths(&self) -> &[String] {
        &self.paths
    }

    fn read(&self, path: &str) -> Result<Arc<Source>, String> {
        let text = self.files.get(path).and_then(Json::as_str).ok_or("no such file")?;
        Ok(Source::new(path, text))
    }
}

#[derive(Default)]
struct World {
    files: Option<Arc<Files>>,
    clusters: Vec<Cluster>,
    new_globbing: bool,
}

impl World {
    fn with_files(files: &Map<String, Json>) -> Self {
        let mut paths: Vec<String> = files.keys().cloned().collect();
        paths.sort();
        Self { files: Some(Arc::new(Files { paths, files: files.clone() })), ..Self::default() }
    }
}

impl Surroundings for World {
    fn repository(&self, url: &str, _: &str, _: &Place) -> Result<Arc<dyn Repository>, Unknown> {
        let files = self.files.clone().ok_or_else(|| unknown(format!("`{url}` is not this repository")))?;
        Ok(files)
    }

    fn clusters(&self) -> Result<&[Cluster], Unknown> {
        Ok(&self.clusters)
    }

    fn samples(&self, _: &str, generator: &str) -> Result<Vec<Node>, Unknown> {
        let text = "- {number: '7', branch: feature/X, head_short_sha: abc}\n";
        let samples = yaml::parse_one(&Source::new("charts.toml", text)).expect("YAML").root;
        (generator == "pullRequest")
            .then(|| samples.items().to_vec())
            .ok_or_else(|| unknown("no sample is declared".to_owned()))
    }

    fn new_globbing(&self) -> bool {
        self.new_globbing
    }
}

fn unknown(reason: String) -> Unknown {
    Unknown { reason, help: None }
}

fn run(text: &str, world: &World) -> Outcome {
    let source = Source::new("argocd/set.yaml", text);
    let root = yaml::parse_one(&source).expect("YAML").root;
    generate(&root, world)
}

/// A manifest without empty fields, which Argo CD's types do not distinguish from missing ones.
fn plain(json: &Json) -> Json {
    match json {
        Json::Object(entries) => {
            let kept = entries.iter().map(|(key, value)| {
                // Values for Helm are not fields.
                let value = if key == "valuesObject" { value.clone() } else { plain(value) };
                (key.clone(), value)
            });
            let empty = |value: &Json| match value {
                Json::Null | Json::Bool(false) => true,
                Json::String(text) => text.is_empty(),
                Json::Array(items) => items.is_empty(),
                Json::Object(entries) => entries.is_empty(),
                Json::Number(number) => number.as_f64() == Some(0.0),
                Json::Bool(true) => false,
            };
            Json::Object(kept.filter(|(key, value)| key == "valuesObject" || !empty(value)).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(plain).collect()),
        other => other.clone(),
    }
}

fn sorted(json: &Json) -> String {
    match json {
        Json::Object(entries) => {
            let mut parts: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key:?}:{}", sorted(value))).collect();
            parts.sort();
            format!("{{{}}}", parts.join(","))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(",")),
        Json::Number(number) => number.as_f64().unwrap_or_default().to_string(),
        other => other.to_string(),
    }
}

fn cluster(json: &Json) -> Cluster {
    let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let pairs = |key: &str| {
        let entries = json.get(key).and_then(Json::as_object).cloned().unwrap_or_default();
        entries.into_iter().map(|(key, value)| (key, value.as_str().unwrap_or_default().to_owned())).collect()
    };
    Cluster {
        name: text("name"),
        server: text("server"),
        project: text("project"),
        labels: pairs("labels"),
        annotations: pairs("annotations"),
    }
}

#[test]
fn applications_are_generated_like_in_argo_cd() {
    let lines = include_str!("answers.jsonl").lines();
    let all: Vec<Json> = lines.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let repositories: Vec<&Json> = all.iter().filter_map(|line| line.get("repository")).collect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in all.iter().filter(|line| line.get("set").is_some()) {
        count += 1;
        let none = Map::new();
        let files = case
            .get("files")
            .and_then(Json::as_u64)
            .map(|index| repositories[usize::try_from(index).expect("an index")]);
        let world = World {
            clusters: case.get("clusters").and_then(Json::as_array).into_iter().flatten().map(cluster).collect(),
            new_globbing: case.get("newGlob").is_some(),
            ..World::with_files(files.and_then(Json::as_object).unwrap_or(&none))
        };
        let set = case["set"].as_str().expect("a string");
        let outcome = run(set, &world);
        let mut found: Vec<String> = outcome
            .applications
            .iter()
            .map(|generated| {
                let json: Json = serde_json::from_str(&generated.application.to_json()).expect("JSON");
                sorted(&plain(&serde_json::json!({"metadata": json["metadata"], "spec": json["spec"]})))
            })
            .collect();
        found.sort();
        let failed = outcome.diagnostics.has_errors() || !outcome.unavailable.is_empty();
        let problems: Vec<String> = outcome.diagnostics.0.iter().map(|diagnostic| diagnostic.message.clone()).collect();
        if let Some(error) = case.get("error") {
            if !failed {
                wrong.push(format!("{set}\n  expected error {error}\n  found {found:?}"));
            }
            continue;
        }
        let mut expected: Vec<String> =
            case["apps"].as_array().expect("a list").iter().map(|app| sorted(&plain(app))).collect();
        expected.sort();
        // Argo CD finds duplicates later, and unknown generators not at all.
        let stricter = problems.iter().any(|problem| {
            problem.contains(" Applications named ")
                || problem.contains("has no generator")
                || problem.contains("is not defined")
        });
        if expected != found && !stricter {
            wrong.push(format!(
                "{set}\n  expected {}\n  found    {} {problems:?} {:?}",
                expected.join("\n           "),
                found.join("\n           "),
                outcome.unavailable
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

const TEMPLATE: &str = "  template:\n    metadata: {name: 'x-{{ .branch | normalize }}'}\n    spec: {project: p, source: {repoURL: r, path: x}, destination: {server: s}}\n";

fn set(generators: &str) -> String {
    let head =
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: s}\nspec:\n  goTemplate: true\n";
    format!("{head}  generators:\n{generators}{TEMPLATE}")
}

#[test]
fn generators_that_need_the_outside_use_samples() {
    let outcome = run(&set("    - pullRequest: {values: {label: 'pr-{{ .number }}'}}\n"), &World::default());
    assert!(outcome.diagnostics.is_empty(), "{:?}", outcome.diagnostics);
    let names: Vec<&str> = outcome.applications.iter().map(super::Generated::name).collect();
    assert_eq!(names, ["x-feature-x"]);
    assert_eq!(outcome.applications[0].parameters["values"]["label"], "pr-7");
    assert_eq!(outcome.applications[0].made_by(), "pullRequest: sample 1");

    let outcome = run(&set("    - plugin: {configMapRef: {name: x}}\n"), &World::default());
    let reasons: Vec<&str> = outcome.unavailable.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(reasons, ["a `plugin` generator needs data from outside of the repository, and no sample is declared"]);
    assert_eq!(outcome.unavailable[0].place.to_string(), "argocd/set.yaml:7:7");
}

#[test]
fn one_unavailable_generator_does_not_affect_the_others() {
    let generators = "    - git: {repoURL: https://x, revision: HEAD, directories: [{path: '*'}]}\n    - list: {elements: [{branch: a}, {branch: b}]}\n";
    let outcome = run(&set(generators), &World::default());
    assert_eq!(outcome.applications.len(), 2);
    assert_eq!(outcome.unavailable.len(), 1);
    assert!(outcome.diagnostics.is_empty());
}

#[test]
fn functions_with_changing_results_are_unavailable() {
    let text = set("    - list: {elements: [{branch: a}]}\n").replace("| normalize", "}}{{ now | date \"2006\"");
    let outcome = run(&text, &World::default());
    assert_eq!(outcome.unavailable[0].reason, "the result of the function `now` is unknown here");
    assert!(outcome.applications.is_empty() && outcome.diagnostics.is_empty());
}

#[test]
fn nothing_panics_on_odd_trees() {
    let odd = ["null", "[]", "{}", "x", "1", "[null]", "[{}]", "{a: null}", "[[1]]", "{list: {elements: [[[]]]}}"];
    let paths = [
        "metadata: ODD\nspec: {generators: [], template: {}}",
        "metadata: {name: ODD}\nspec: {generators: [], template: {}}",
        "metadata: {name: s}\nspec: ODD",
        "metadata: {name: s}\nspec: {generators: ODD, template: {}}",
        "metadata: {name: s}\nspec: {generators: [ODD], template: {}}",
        "metadata: {name: s}\nspec: {generators: [{list: ODD}], template: {}}",
        "metadata: {name: s}\nspec: {generators: [{list: {elements: ODD}}], template: ODD}",
        "metadata: {name: s}\nspec: {goTemplate: true, generators: [{list: {elements: [ODD]}}], template: {metadata: ODD, spec: ODD}}",
        "metadata: {name: s}\nspec: {generators: [{list: {elementsYaml: 'ODD'}}], template: {spec: ODD}}",
        "metadata: {name: s}\nspec: {generators: [{git: {repoURL: x, files: ODD, directories: ODD, values: ODD}}], template: {}}",
        "metadata: {name: s}\nspec: {generators: [{git: {repoURL: x, files: [{path: ODD}]}}], template: {}}",
        "metadata: {name: s}\nspec: {generators: [{clusters: ODD, selector: ODD}], template: {}}",
        "metadata: {name: s}\nspec: {generators: [{clusters: {}, selector: {matchLabels: ODD, matchExpressions: ODD}}], template: {}}",
        "metadata: {name: s}\nspec: {generators: [{clusters: {}, selector: {matchExpressions: [ODD]}}], template: {}}",
        "metadata: {name: s}\nspec: {generators: [{matrix: {generators: [ODD, ODD]}}], template: {}}",
        "metadata: {name: s}\nspec: {generators: [{merge: {mergeKeys: ODD, generators: [{clusters: {}}, {clusters: ODD}]}}], template: {}}",
        "metadata: {name: s}\nspec: {generators: [{list: {elements: [{a: b}]}}], templatePatch: ODD, template: {metadata: {name: x}, spec: ODD}}",
        "metadata: {name: s}\nspec: {generators: [{list: {elements: [{a: b}]}}], templatePatch: 'spec: ODD', template: {metadata: {name: x}, spec: {source: ODD}}}",
        "metadata: {name: s}\nspec: {goTemplateOptions: ODD, syncPolicy: ODD, strategy: ODD, generators: [{pullRequest: ODD}], template: {}}",
    ];
    let files: Map<String, Json> =
        odd.iter().enumerate().map(|(index, text)| (format!("{index}/x.yaml"), Json::from(*text))).collect();
    let world = World::with_files(&files);
    for path in paths {
        for text in odd {
            let text = format!("apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\n{}", path.replace("ODD", text));
            let _ = run(&text, &world);
        }
    }
}
