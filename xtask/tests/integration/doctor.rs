//! `doctor`, on machines with more and less.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Bench, HELM_4};

/// A directory for PATH with scripts.
fn programs(bench: &Bench, scripts: &[(&str, &str)]) -> String {
    let bin = bench.base().join("bin");
    fs::create_dir_all(&bin).expect("created");
    for (name, script) in scripts {
        fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("mode");
    }
    bin.display().to_string()
}

#[test]
fn render_works_with_the_pinned_helm() {
    let bench = Bench::of("render-changed-value");
    let helm = bench.stub("exit 1");
    let path = programs(&bench, &[("git", "echo git version 2.39.5"), ("docker", "echo 28.2.2")]);
    let answer = bench.xtask("doctor").helm(&helm).env("PATH", &path).run();
    answer.says(0, &["`render` works"]);
    let lines: Vec<&str> = answer.stdout.lines().collect();
    let line = |start: &str| lines.iter().find(|line| line.contains(start)).copied().unwrap_or_default();
    assert!(line(" cache ").starts_with("found"), "{answer}");
    assert!(line(" git 2.39.5").starts_with("found"), "{answer}");
    assert!(line(&format!(" helm {HELM_4}")).ends_with("[HELM] (named by its variable)"), "{answer}");
    assert!(line(" container engine docker 28.2.2").starts_with("found"), "{answer}");
    assert!(line(" go ").starts_with("missing"), "{answer}");
    assert!(line(" terminal ").starts_with("missing"), "{answer}");
}

#[test]
fn a_missing_helm_is_an_error_with_a_fix() {
    let bench = Bench::of("render-changed-value");
    let answer = bench.xtask("doctor --format json").run();
    assert_eq!(answer.code, Some(3), "{answer}");
    let json: serde_json::Value = serde_json::from_str(&answer.stdout).expect("JSON");
    assert_eq!(json["renders"], false);
    let checks = json["checks"].as_array().expect("checks");
    let helm = checks.iter().find(|check| check["name"] == format!("helm {HELM_4}")).expect("a check");
    assert_eq!(helm["state"], "missing");
    assert_eq!(helm["neededFor"][0], "render");
    assert!(helm["help"][0].as_str().expect("help").contains("cargo xtask tools install helm"), "{helm}");
    assert_eq!(json["diagnostics"].as_array().expect("diagnostics").len(), 1, "{answer}");
}

#[test]
fn the_workspace_and_the_cache_are_checked() {
    let bench = Bench::new();
    bench.xtask("doctor").run().says(2, &["unusable  workspace", "charts.toml"]);
    let bench = Bench::of("render-changed-value");
    fs::set_permissions(bench.cache(), fs::Permissions::from_mode(0o777)).expect("mode");
    bench.xtask("doctor").run().says(2, &["unusable  cache", "is writable by every user", "`render` does not work"]);
}
