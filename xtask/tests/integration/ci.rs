//! Runs `cargo xtask ci`: all stages with one report. The findings of each stage have their own tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Answer, Bench, HELM_4, helm, kubeconform, lay_schemas};

/// A workspace with one Application, helm, and kubeconform.
fn sound() -> Option<(Bench, PathBuf, PathBuf)> {
    let (helm, kubeconform) = (helm(HELM_4)?, kubeconform()?);
    let bench = Bench::of("validate-sound-deployment");
    lay_schemas(&bench.root());
    bench.replace("charts.toml", "[tools]\n", "[tools]\nkind = \"0.33.0\"\nkubectl = \"1.34.11\"\n");
    Some((bench, helm, kubeconform))
}

fn ci(bench: &Bench, args: &str, helm: &Path, kubeconform: &Path) -> Answer {
    bench.xtask(&format!("ci --offline {args}")).helm(helm).kubeconform(kubeconform).env("PATH", "/nowhere").run()
}

fn junit(bench: &Bench) -> String {
    fs::read_to_string(bench.root().join("target/ci.xml")).expect("written")
}

#[test]
fn without_kind_no_cluster_is_created() {
    let Some((bench, helm, kubeconform)) = sound() else { return };
    let answer = ci(&bench, "--junit target/ci.xml", &helm, &kubeconform);
    answer.says(1, &["golden-missing", "Finished render, validate, lint: "]);
    let junit = junit(&bench);
    assert!(junit.contains("<testsuite name=\"lint\"") && !junit.contains("test-kind"), "{junit}");
    let answer = ci(&bench, "--format json", &helm, &kubeconform);
    assert!(!answer.stdout.contains("\"steps\""), "{answer}");
}

#[test]
fn with_kind_its_findings_are_in_the_same_report() {
    let Some((bench, helm, kubeconform)) = sound() else { return };
    let answer = ci(&bench, "--kind --junit target/ci.xml", &helm, &kubeconform);
    // Earlier findings do not stop the scenarios; here, there is no container engine to run them.
    let finished = "Finished render, validate, lint, test-kind: ";
    answer.says(3, &["golden-missing", "no running container engine found", "install docker or podman", finished]);
    assert_eq!(answer.stderr.matches("no running container engine found").count(), 1, "{answer}");
    let junit = junit(&bench);
    for part in ["<testsuite name=\"render\"", "<testsuite name=\"test-kind\"", "no running container engine found"] {
        assert!(junit.contains(part), "{part} is not in\n{junit}");
    }
    let answer = ci(&bench, "--kind --format json", &helm, &kubeconform);
    answer.says(3, &["\"steps\": []", "no running container engine found", "\"targets\": ["]);
}

#[test]
fn with_kind_and_nothing_rendered_the_stage_is_skipped() {
    let Some((bench, helm, kubeconform)) = sound() else { return };
    bench.write("charts/web/templates/deployment.yaml", "{{ fail \"no such luck\" }}\n");
    let answer = ci(&bench, "--kind --junit target/ci.xml", &helm, &kubeconform);
    answer.says(2, &["no such luck", "Skipping test-kind: nothing could be rendered"]);
    assert!(!answer.stderr.contains("no container engine"), "{answer}");
    let junit = junit(&bench);
    assert!(junit.contains("<skipped message=\"nothing could be rendered\"/>"), "{junit}");
}

#[test]
fn a_signal_in_the_last_stage_decides_the_exit_code() {
    let Some((bench, helm, kubeconform)) = sound() else { return };
    let (engine, asked) = (bench.base().join("docker"), bench.base().join("asked"));
    fs::write(&engine, format!("#!/bin/sh\n: > {}\nexec /bin/sleep 60\n", asked.display())).expect("written");
    fs::set_permissions(&engine, fs::Permissions::from_mode(0o755)).expect("mode");
    let run = bench.xtask("ci --kind --offline").helm(&helm).kubeconform(&kubeconform).env("XTASK_DOCKER", &engine);
    let mut child = run.spawn();
    while !asked.exists() && child.try_wait().expect("waits").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::INT).expect("sent");
    assert_eq!(child.wait().expect("ends").code(), Some(130));
}
