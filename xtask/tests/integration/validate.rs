//! `cargo xtask validate` with a kubeconform that misbehaves: what it fails at is no finding about an object.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::support::{Answer, Bench, HELM_4, helm, kubeconform, lay_schemas};

/// A sound workspace, and a program in kubeconform's place: it tells the pinned version, and for all else runs a script.
fn run(script: &str) -> Option<Answer> {
    let helm = helm(HELM_4)?;
    let bench = Bench::of("validate-sound-deployment");
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
