//! Failures of programs and machines. Errors in the input are tested by the fixtures `error-…`.

use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::support::{Bench, HELM_4, helm};

#[test]
fn an_unavailable_helm_is_reported_once_with_all_fixes() {
    let bench = Bench::of("target-one");
    let answer = bench.xtask("render --offline").run();
    answer.says(
        3,
        &["tool-unavailable", HELM_4, "`helm` is not on PATH", "XTASK_HELM", "cargo xtask tools install helm"],
    );
    assert_eq!(answer.stderr.matches("is unavailable").count(), 1, "{answer}");
    assert_eq!(answer.stdout.matches(": failed").count(), 4, "every target is listed: {answer}");
}

#[test]
fn a_helm_of_another_version_is_rejected() {
    let bench = Bench::of("accept");
    let helm = bench.stub("");
    let text = std::fs::read_to_string(&helm).expect("readable").replace(HELM_4, "4.0.0");
    std::fs::write(&helm, text).expect("written");
    bench.xtask("render").helm(&helm).run().says(3, &["tool-unavailable", "[HELM]", "is 4.0.0", HELM_4]);
}

#[test]
fn a_crash_of_helm_is_not_reported_as_an_error_in_the_chart() {
    for (script, message) in [("kill -9 $$", "was killed by a signal"), ("echo boom >&2; exit 7", "exit code 7")] {
        let bench = Bench::of("accept");
        let helm = bench.stub(script);
        let answer = bench.xtask("render").helm(&helm).run();
        answer.says(3, &["error[helm-failed]: web/default: helm", message, "to reproduce it, run: (cd charts/web && "]);
        assert_eq!(answer.stderr.contains("boom"), script.contains("boom"), "{answer}");
    }
}

#[test]
fn output_that_is_not_utf8_is_reported_with_its_template() {
    let bench = Bench::of("accept");
    let helm = bench.stub(r"printf -- '---\n# Source: web/templates/raw.yaml\napiVersion: v1\nraw: \377\n'");
    let answer = bench.xtask("render").helm(&helm).run();
    answer.says(2, &["manifest-invalid", "`web/templates/raw.yaml`", "not valid UTF-8", "binaryData"]);
}

#[test]
fn the_command_in_an_error_reproduces_it() {
    let Some(helm) = helm(HELM_4) else { return };
    let bench = Bench::of("error-template-fail");
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("render")
        .current_dir(bench.root())
        .env_clear()
        .env("XTASK_CACHE_DIR", bench.cache())
        .env("XTASK_HELM", &helm)
        .output()
        .expect("xtask runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let command =
        text.split_once("to reproduce it, run: ").and_then(|(_, rest)| rest.lines().next()).expect("a command");
    let mut shell = Command::new("/bin/sh");
    let repeated = shell.args(["-c", command]).current_dir(bench.root()).output().expect("sh runs");
    assert!(!repeated.status.success());
    let said = String::from_utf8_lossy(&repeated.stderr).into_owned();
    assert!(said.contains("the shop cannot be open and closed"), "{command}\n{said}");
}

#[test]
fn a_failure_to_write_goldens_is_an_error() {
    let bench = Bench::of("accept");
    let helm = bench.stub("printf -- '---\\napiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: a}\\n'");
    // A file in the place of the directory: file modes would have no effect for root.
    bench.write("tests", "not a directory\n");
    bench.xtask("render --accept").helm(&helm).run().says(3, &["error[io]", "[ROOT]/tests"]);
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let bench = Bench::of("render-fresh");
    let mut shell = Command::new("/bin/sh");
    let script = format!("{} render | :; echo ${{PIPESTATUS:-ok}}", env!("CARGO_BIN_EXE_xtask"));
    let output = shell.args(["-c", &script]).current_dir(bench.root()).env("XTASK_CACHE_DIR", bench.cache());
    let output = output.output().expect("sh runs");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    for arguments in ["explain --format json", "explain --format human", "--help", "render --help", "--version", "man"]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(arguments.split(' '))
            .stdout(full.try_clone().expect("cloned"))
            .output()
            .expect("xtask runs");
        assert_eq!(output.status.code(), Some(3), "{arguments}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "error: the output could not be written\n");
    }
}

#[test]
fn arguments_that_are_not_utf_8_are_an_error() {
    let bench = Bench::new();
    let invalid = std::ffi::OsStr::from_bytes(b"\xff");
    for before in ["", "render", "seal postfix", "--root"] {
        let answer = bench.xtask(before).arg(invalid).run();
        answer.says(2, &["error: ", "Usage: cargo xtask"]);
    }
}
