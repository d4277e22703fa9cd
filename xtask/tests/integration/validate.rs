//! `cargo xtask validate` and kubeconform: a kubeconform that misbehaves, and the output format of the pinned one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use kubernetes::schemas::Kind;
use kubernetes::validate::kubeconform::{self, Cause, Stage, Status};
use kubernetes::validate::pointer;
use kubernetes::validate::problem::What;

use crate::support::{Answer, Bench, HELM_4, helm, kubeconform, lay_schemas};

/// Runs `validate` in a valid workspace with a stub for kubeconform, which prints the pinned version and otherwise runs a
/// script.
fn run(script: &str) -> Option<Answer> {
    run_in(&Bench::of("validate-sound-deployment"), script)
}

fn run_in(bench: &Bench, script: &str) -> Option<Answer> {
    let helm = helm(HELM_4)?;
    lay_schemas(&bench.root());
    let path: PathBuf = bench.base().join("kubeconform");
    fs::write(&path, format!("#!/bin/sh\nif [ \"$1\" = -v ]; then echo v0.8.0; exit; fi\n{script}\n"))
        .expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
    Some(bench.xtask("validate").helm(&helm).kubeconform(&path).run())
}

/// A script that prints a report and exits.
fn report(resources: &str, code: i32) -> String {
    format!("echo '{{\"resources\": [{resources}]}}'; exit {code}")
}

const VALID: &str = r#"{"filename": "manifests/00000.yaml", "status": "statusValid", "msg": ""}"#;

#[test]
fn a_report_without_verdicts_is_a_failure() {
    let skipped = VALID.replace("statusValid", "statusSkipped");
    let other = VALID.replace("00000", "00001");
    for (script, what) in [
        ("echo 'failed parsing command line: no such flag' >&2; exit 1".to_owned(), "its report cannot be parsed"),
        ("exit 2".to_owned(), "it exited without a verdict"),
        ("kill -KILL $$".to_owned(), "it exited without a verdict"),
        ("echo '{}'; exit 0".to_owned(), "missing field `resources`"),
        (report("", 0), "an object is missing from its report"),
        (report(&skipped, 0), "it skipped an object with the status `statusSkipped`"),
        (report(&format!("{VALID}, {other}"), 0), "its report has an object that was not passed to it"),
        (report(&format!("{VALID}, {VALID}"), 0), "its report has an object twice"),
        (report(VALID, 1), "its exit code contradicts its report"),
    ] {
        let Some(answer) = run(&script) else { return };
        answer.says(3, &["error[kubeconform-failed]", what, "1 finding"]);
    }
}

#[test]
fn unknown_wording_is_shown_as_it_is() {
    let strange = r#"{"filename": "manifests/00000.yaml", "status": "statusInvalid", "msg": "quite new words"}"#;
    let Some(answer) = run(&report(strange, 1)) else { return };
    answer.says(1, &["error[object-invalid]", "Deployment web does not match its schema", "quite new words"]);
    let unreachable = r#"{"filename": "manifests/00000.yaml", "status": "statusError", "msg": "no route to host"}"#;
    let Some(answer) = run(&report(unreachable, 1)) else { return };
    answer.says(3, &["error[kubeconform-failed]", "no route to host"]);
}

#[test]
fn schema_locations_are_used_only_for_kinds_without_a_schema() {
    let bench = Bench::of("validate-kind-unknown");
    let config = fs::read_to_string(bench.root().join("charts.toml")).expect("text");
    let location = "https://schemas.example.org/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json";
    bench.write("charts.toml", &format!("{config}\n[validate]\nschema-locations = [\"{location}\"]\n"));
    let second = VALID.replace("00000", "00001");
    let missing = second
        .replace("statusValid", "statusError")
        .replace("\"msg\": \"\"", "\"msg\": \"could not find schema for Basket\"");
    let script =
        |report: &str| format!("case \"$*\" in *'-schema-location {location} manifests') {report};; *) exit 9;; esac");
    let Some(answer) = run_in(&bench, &script(&report(&format!("{VALID}, {second}"), 0))) else { return };
    answer.says(0, &["2 objects: nothing found"]);
    let Some(answer) = run_in(&bench, &script(&report(&format!("{VALID}, {missing}"), 1))) else { return };
    answer.says(1, &["no schema found for `example.org/v1/Basket`", "searched in https://schemas.example.org/"]);
    // Schema locations are not used for kinds with a schema in schemas/.
    let bench = Bench::of("validate-sound-deployment");
    bench.write("charts.toml", &format!("{config}\n[validate]\nschema-locations = [\"{location}\"]\n"));
    let script = format!("case \"$*\" in *https:*) exit 9;; *) {};; esac", report(VALID, 0));
    let Some(answer) = run_in(&bench, &script) else { return };
    answer.says(0, &["1 object: nothing found"]);
}

#[test]
fn every_object_of_this_repository_is_validated_or_skipped() {
    let Some(kubeconform) = kubeconform() else { return };
    let bench = Bench::new();
    // All targets are fresh, so the stub for helm must not run.
    let stub = bench.stub("exit 1");
    let args = format!("validate --offline --format json --root {}", crate::support::repository().display());
    let answer = bench.xtask(&args).helm(&stub).kubeconform(&kubeconform).run();
    answer.says(0, &[]);
    let document: serde_json::Value = serde_json::from_str(&answer.stdout).expect("JSON");
    let goldens = crate::support::tree(&crate::support::repository().join("tests/golden"));
    let objects = goldens.keys().filter(|path| path.extension().is_some_and(|end| end == "yaml")).count() as u64;
    let skipped = document["unchecked"].as_object().expect("a mapping");
    let kinds = ["monitoring.coreos.com/v1/PrometheusRule", "monitoring.coreos.com/v1/ServiceMonitor"];
    assert_eq!(skipped.keys().collect::<Vec<_>>(), kinds);
    let skipped: u64 = skipped.values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(document["objects"].as_u64(), Some(objects - skipped), "the others are validated");
}

/// A schema with a violation of each sort in [`VIOLATIONS`].
fn schema() -> serde_json::Value {
    let reference = serde_json::json!({"allOf": [{"$ref": "#/definitions/Spec"}, {"type": "object"}]});
    serde_json::json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": reference,
        },
        "definitions": {"Spec": {
            "type": "object",
            "additionalProperties": false,
            "required": ["size"],
            "properties": {
                "size": {"type": "integer"},
                "it's": {"type": ["string", "null"]},
                "color": {"enum": ["red", "blue"]},
                "state": {"enum": ["on"]},
                "tag": {"type": "string", "pattern": "^v[0-9]+\\.$"},
                "since": {"type": "string", "format": "date-time"},
                "count": {"type": "integer", "maximum": 2_147_483_647},
                "names": {"type": "array", "minItems": 2},
                "choice": {"anyOf": [{"type": "object"}, {"type": "array"}]},
                "value": {"not": {"type": "string"}},
            },
        }},
    })
}

/// An object that violates every keyword of [`schema`].
const VIOLATIONS: &str = r#"
apiVersion: example.com/v1
kind: Sample
metadata: {name: violations}
spec:
  "it's": 1
  color: green
  state: "off"
  tag: latest
  since: yesterday
  count: 99999999999
  names: [a]
  choice: 1
  value: text
  other: 1
  another: 1
"#;

/// `validate` parses kubeconform's messages, so a new version must not be pinned without adjusting the parser.
#[test]
fn the_pinned_kubeconform_has_the_expected_wording() {
    let Some(program) = kubeconform() else { return };
    let folder = tempfile::tempdir().expect("temporary directory");
    let stage = Stage::new(folder.path()).expect("created");
    stage.schema(&Kind::new("example.com/v1", "Sample"), &schema().to_string()).expect("written");
    let valid = "apiVersion: example.com/v1\nkind: Sample\nmetadata: {name: valid}\nspec: {size: 1}\n";
    let texts = [valid, VIOLATIONS, "apiVersion: v1\nkind: Unknown\nmetadata: {name: a}\n", "kind: [a\n"];
    let names: Vec<String> =
        texts.iter().enumerate().map(|(index, text)| stage.manifest(index, text).expect("written")).collect();
    let answers = kubeconform::run(&program, folder.path(), "1.34.4", &[], names.iter()).expect("a report");

    let statuses = names.iter().map(|name| answers[name].status);
    assert_eq!(statuses.collect::<Vec<_>>(), [Status::Valid, Status::Invalid, Status::Error, Status::Error]);
    assert_eq!(answers[&names[2]].cause(), Cause::NoSchema, "{:?}", answers[&names[2]]);
    assert_eq!(answers[&names[3]].cause(), Cause::Unparsable, "{:?}", answers[&names[3]]);

    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut expected = vec![
        ("spec", What::Missing(words(&["size"]))),
        ("spec", What::Unknown(words(&["another", "other"]))),
        (
            "spec.choice",
            What::Alternatives(words(&["spec.choice: got number, want object", "spec.choice: got number, want array"])),
        ),
        ("spec.color", What::Value(words(&["red", "blue"]))),
        ("spec.count", What::Bound("maximum".to_owned(), "2.147483647×10⁰⁹".to_owned())),
        ("spec.names", What::Bound("minItems".to_owned(), "2".to_owned())),
        ("spec.since", What::Format("date-time".to_owned())),
        ("spec.state", What::Value(words(&["on"]))),
        ("spec.tag", What::Pattern(r"^v[0-9]+\.$".to_owned())),
        ("spec.value", What::Alternatives(Vec::new())),
        ("spec[it's]", What::Type(words(&["null", "string"]))),
    ];
    let message = &answers[&names[1]].message;
    let mut problems: Vec<(String, What)> = answers[&names[1]]
        .problems()
        .into_iter()
        .map(|problem| {
            let mut what = problem.what;
            if let What::Unknown(names) = &mut what {
                names.sort();
            }
            (pointer::path(&problem.at), what)
        })
        .collect();
    problems.sort_by(|left, right| {
        left.0.cmp(&right.0).then_with(|| format!("{:?}", left.1).cmp(&format!("{:?}", right.1)))
    });
    expected.sort_by(|left, right| {
        left.0.cmp(right.0).then_with(|| format!("{:?}", left.1).cmp(&format!("{:?}", right.1)))
    });
    let expected: Vec<(String, What)> = expected.into_iter().map(|(path, what)| (path.to_owned(), what)).collect();
    assert_eq!(problems, expected, "{message}");
}

/// The fields of the report beyond those that `validate` reads; a new one may be worth reading.
#[test]
fn the_pinned_kubeconform_has_the_expected_report() {
    let Some(program) = kubeconform() else { return };
    let folder = tempfile::tempdir().expect("temporary directory");
    let schema_file = folder.path().join("sample.json");
    fs::write(&schema_file, schema().to_string()).expect("written");
    fs::write(folder.path().join("sample.yaml"), VIOLATIONS).expect("written");
    let output = std::process::Command::new(program)
        .args(["-strict", "-output", "json", "-verbose", "-schema-location", "sample.json", "sample.yaml"])
        .current_dir(folder.path())
        .output()
        .expect("kubeconform runs");
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let fields = |value: &serde_json::Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&document), ["resources"]);
    let expected = ["filename", "kind", "name", "version", "status", "msg", "validationErrors"];
    assert_eq!(fields(&document["resources"][0]), expected);
    assert_eq!(document["resources"][0]["filename"], "sample.yaml");
    assert_eq!(document["resources"][0]["status"], "statusInvalid");
}
