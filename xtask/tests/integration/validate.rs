//! `cargo xtask validate` with a kubeconform that misbehaves: what it fails at is no finding about an object.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::support::{Answer, Bench, HELM_4, helm, kubeconform, lay_schemas};

/// A sound workspace, and a program in kubeconform's place: it tells the pinned version, and for all else runs a script.
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

/// Its answer for the one object of that workspace.
fn answer(resources: &str, code: i32) -> String {
    format!("echo '{{\"resources\": [{resources}]}}'; exit {code}")
}

const VALID: &str = r#"{"filename": "manifests/00000.yaml", "status": "statusValid", "msg": ""}"#;

#[test]
fn what_is_no_verdict_is_a_failure() {
    let skipped = VALID.replace("statusValid", "statusSkipped");
    let other = VALID.replace("00000", "00001");
    for (script, what) in [
        ("echo 'failed parsing command line: no such flag' >&2; exit 1".to_owned(), "its answer is no JSON"),
        ("exit 2".to_owned(), "it ended without a verdict"),
        ("kill -KILL $$".to_owned(), "it ended without a verdict"),
        ("echo '{}'; exit 0".to_owned(), "its answer lists no objects"),
        (answer("", 0), "an object that it was given is not in its answer"),
        (answer(&skipped, 0), "it passed over an object with the status `statusSkipped`"),
        (answer(&format!("{VALID}, {other}"), 0), "an object that it was not given is in its answer"),
        (answer(&format!("{VALID}, {VALID}"), 0), "it tells of one object twice"),
        (answer(VALID, 1), "its exit code does not fit its answer"),
    ] {
        let Some(answer) = run(&script) else { return };
        answer.says(3, &["error[kubeconform-failed]", what, "1 finding"]);
    }
}

#[test]
fn its_own_words_are_kept_where_they_are_not_known() {
    let strange = r#"{"filename": "manifests/00000.yaml", "status": "statusInvalid", "msg": "quite new words"}"#;
    let Some(told) = run(&answer(strange, 1)) else { return };
    told.says(1, &["error[object-invalid]", "Deployment web is not what its schema allows", "quite new words"]);
    let unreachable = r#"{"filename": "manifests/00000.yaml", "status": "statusError", "msg": "no route to host"}"#;
    let Some(told) = run(&answer(unreachable, 1)) else { return };
    told.says(3, &["error[kubeconform-failed]", "no route to host"]);
}

#[test]
fn remote_schemas_are_looked_for_only_where_charts_toml_names_a_place() {
    let bench = Bench::of("validate-kind-unknown");
    let config = fs::read_to_string(bench.root().join("charts.toml")).expect("text");
    let location = "https://schemas.example.org/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json";
    bench.write("charts.toml", &format!("{config}\n[validate]\nschema-locations = [\"{location}\"]\n"));
    let second = VALID.replace("00000", "00001");
    let missing = second
        .replace("statusValid", "statusError")
        .replace("\"msg\": \"\"", "\"msg\": \"could not find schema for Basket\"");
    let script =
        |answer: &str| format!("case \"$*\" in *'-schema-location {location} manifests') {answer};; *) exit 9;; esac");
    let Some(told) = run_in(&bench, &script(&answer(&format!("{VALID}, {second}"), 0))) else { return };
    told.says(0, &["2 objects: nothing found"]);
    let Some(told) = run_in(&bench, &script(&answer(&format!("{VALID}, {missing}"), 1))) else { return };
    told.says(1, &["no schema describes `example.org/v1/Basket`", "looked for in https://schemas.example.org/"]);
    // Nothing is looked for there that is here.
    let bench = Bench::of("validate-sound-deployment");
    bench.write("charts.toml", &format!("{config}\n[validate]\nschema-locations = [\"{location}\"]\n"));
    let script = format!("case \"$*\" in *https:*) exit 9;; *) {};; esac", answer(VALID, 0));
    let Some(told) = run_in(&bench, &script) else { return };
    told.says(0, &["1 object: nothing found"]);
}

#[test]
fn every_object_of_this_repository_is_accounted_for() {
    let Some(kubeconform) = kubeconform() else { return };
    let bench = Bench::new();
    // All that is fresh needs no helm; a stub that is started tells.
    let stub = bench.stub("exit 1");
    let args = format!("validate --offline --format json --root {}", crate::support::repository().display());
    let answer = bench.xtask(&args).helm(&stub).kubeconform(&kubeconform).run();
    answer
        .says(0, &["\"monitoring.coreos.com/v1/ServiceMonitor\": 1", "\"monitoring.coreos.com/v1/PrometheusRule\": 1"]);
    let document: serde_json::Value = serde_json::from_str(&answer.stdout).expect("JSON");
    let goldens = crate::support::tree(&crate::support::repository().join("tests/golden"));
    let objects = goldens.keys().filter(|path| path.extension().is_some_and(|end| end == "yaml")).count() as u64;
    assert_eq!(document["objects"].as_u64(), Some(objects - 2), "two go unchecked");
}
