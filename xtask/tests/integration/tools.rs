//! `cargo xtask tools`, as people run it: on a workspace of its own, with nothing on PATH but what a test puts there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with a workspace, an empty cache, and an empty PATH.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { directory: tempfile::tempdir().expect("temporary folder") };
        for folder in ["workspace", "bin", "cache"] {
            fs::create_dir(bench.path(folder)).expect("folder");
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        for file in ["charts.toml", "tools.lock"] {
            fs::copy(root.join(file), bench.path("workspace").join(file)).expect("copied");
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A program on PATH that says a version.
    fn program(&self, name: &str, says: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\necho {says}\n")).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode");
    }

    /// Runs `xtask tools …` where nothing can be downloaded or built.
    fn tools(&self, args: &[&str]) -> Answer {
        self.tools_with(args, &[])
    }

    fn tools_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Answer {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .arg("tools")
            .args(args)
            .args(["--offline", "--root"])
            .arg(self.path("workspace"))
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("XTASK_CACHE_DIR", self.path("cache"))
            .envs(variables.iter().copied())
            .output()
            .expect("xtask runs");
        Answer::from(output)
    }
}

#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    all: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Self { code: output.status.code(), all: format!("{out}{err}") }
    }
}

impl Answer {
    #[track_caller]
    fn says(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.all.contains(part), "{part:?} is not in\n{}", self.all);
        }
    }
}

/// The version of a tool in the workspace's charts.toml decides; the first pinned one in tools.lock is the default's.
fn pinned(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let text = fs::read_to_string(root.join("tools.lock")).expect("tools.lock");
    let entry = text.split("[[tool]]").find(|entry| entry.contains(&format!("name = \"{name}\""))).expect("an entry");
    let line = entry.lines().find(|line| line.starts_with("version = ")).expect("a version");
    line.trim_start_matches("version = ").trim_matches('"').to_owned()
}

#[test]
fn a_list_says_where_each_tool_is() {
    let bench = Bench::new();
    bench.program("kind", &format!("kind v{} go1.26 linux/amd64", pinned("kind")));
    let answer = bench.tools(&["list"]);
    answer.says(&["kind", &pinned("kind"), "helm", &pinned("helm"), "kubeconform"]);
    answer.says(&[&bench.path("bin/kind").display().to_string()]);
    assert!(fs::read_dir(bench.path("cache")).expect("cache").next().is_none(), "a list brings and keeps nothing");
}

#[test]
fn another_version_on_path_is_not_used() {
    let bench = Bench::new();
    bench.program("helm", "v0.0.1");
    let answer = bench.tools(&["install", "helm"]);
    answer.says(&["helm", "0.0.1", &pinned("helm"), "could not be had", "XTASK_HELM"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
}

#[test]
fn a_variable_that_names_another_version_is_refused() {
    let bench = Bench::new();
    bench.program("other", "v0.0.1");
    let other = bench.path("bin/other").display().to_string();
    let answer = bench.tools_with(&["verify", "kubeconform"], &[("XTASK_KUBECONFORM", &other)]);
    answer.says(&["XTASK_KUBECONFORM", &other, "is 0.0.1", &pinned("kubeconform")]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
}

#[test]
fn what_is_there_is_verified() {
    let bench = Bench::new();
    bench.program("kind", &format!("v{}", pinned("kind")));
    let answer = bench.tools(&["verify", "kind"]);
    answer.says(&["kind", &pinned("kind"), "linux-arm64"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
}

#[test]
fn what_is_missing_is_told_with_the_command_that_brings_it() {
    let bench = Bench::new();
    let answer = bench.tools(&["verify", "kind"]);
    answer.says(&["is not installed", "cargo xtask tools install kind"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
}

#[test]
fn a_misspelt_name_is_told_with_the_nearest() {
    let answer = Bench::new().tools(&["install", "kubeconfrom"]);
    answer.says(&["kubeconfrom", "kubeconform"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
}

#[test]
fn of_a_neighbour_its_own_version_is_told() {
    let bench = Bench::new();
    bench.program("kubectl", "Client Version: v1.34.4");
    bench.tools(&["list", "kubectl"]).says(&["kubectl      1.34.4   ", "(on PATH)"]);
    bench.tools(&["verify", "kubectl"]).says(&["kubectl      1.34.4   ok: "]);
}
