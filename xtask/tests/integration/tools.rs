//! `cargo xtask tools`, in a workspace with an otherwise empty PATH.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory with a workspace, an empty cache, and an empty PATH.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { directory: tempfile::tempdir().expect("temporary directory") };
        for folder in ["workspace", "bin", "cache"] {
            fs::create_dir(bench.path(folder)).expect("directory");
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

    /// Creates a program on PATH that prints a version.
    fn program(&self, name: &str, version: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\necho {version}\n")).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode");
    }

    /// Runs `xtask tools …` without network access and Go.
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

/// The version of the first entry of a tool in tools.lock, which is the default.
fn pinned(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let text = fs::read_to_string(root.join("tools.lock")).expect("tools.lock");
    let entry = text.split("[[tool]]").find(|entry| entry.contains(&format!("name = \"{name}\""))).expect("an entry");
    let line = entry.lines().find(|line| line.starts_with("version = ")).expect("a version");
    line.trim_start_matches("version = ").trim_matches('"').to_owned()
}

#[test]
fn list_shows_the_path_of_each_tool() {
    let bench = Bench::new();
    bench.program("kind", &format!("kind v{} go1.26 linux/amd64", pinned("kind")));
    let answer = bench.tools(&["list"]);
    answer.says(&["kind", &pinned("kind"), "helm", &pinned("helm"), "kubeconform"]);
    answer.says(&[&bench.path("bin/kind").display().to_string()]);
    assert!(fs::read_dir(bench.path("cache")).expect("cache").next().is_none(), "a list installs nothing");
}

#[test]
fn another_version_on_path_is_not_used() {
    let bench = Bench::new();
    bench.program("helm", "v0.0.1");
    let answer = bench.tools(&["install", "helm"]);
    answer.says(&["helm", "0.0.1", &pinned("helm"), "is unavailable", "XTASK_HELM"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
}

#[test]
fn another_version_on_path_and_none_in_the_cache_is_listed_once() {
    let bench = Bench::new();
    bench.program("kubectl", "Client Version: v1.30.1");
    let answer = bench.tools(&["list", "kubectl"]);
    let path = bench.path("bin/kubectl").display().to_string();
    answer.says(&["not found: ", &format!("`{path}` on PATH is 1.30.1"), "is not in the cache"]);
    answer
        .says(&["help: download https://dl.k8s.io/v", "help: then put it on PATH, or set `XTASK_KUBECTL` to its path"]);
    assert_eq!(answer.all.matches(&path).count(), 1, "{}", answer.all);
    assert!(!answer.all.contains("warning") && !answer.all.contains("instead"), "{}", answer.all);
    assert_eq!(answer.code, Some(0), "{answer:?}");
}

#[test]
fn a_variable_with_another_version_is_an_error() {
    let bench = Bench::new();
    bench.program("other", "v0.0.1");
    let other = bench.path("bin/other").display().to_string();
    let answer = bench.tools_with(&["verify", "kubeconform"], &[("XTASK_KUBECONFORM", &other)]);
    answer.says(&["XTASK_KUBECONFORM", &other, "is 0.0.1", &pinned("kubeconform")]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
}

#[test]
fn verify_checks_tools_on_path() {
    let bench = Bench::new();
    bench.program("kind", &format!("v{}", pinned("kind")));
    let answer = bench.tools(&["verify", "kind"]);
    answer.says(&["kind", &pinned("kind"), "linux-arm64"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
}

#[test]
fn verify_names_the_command_that_installs_a_missing_tool() {
    let bench = Bench::new();
    let answer = bench.tools(&["verify", "kind"]);
    answer.says(&["is not installed", "xtask tools install kind"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
}

#[test]
fn a_misspelled_name_is_reported_with_the_nearest() {
    let answer = Bench::new().tools(&["install", "kubeconfrom"]);
    answer.says(&["kubeconfrom", "kubeconform"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
}

#[test]
fn a_tool_with_another_minor_version_is_shown_with_it() {
    let bench = Bench::new();
    bench.program("kubectl", "Client Version: v1.34.4");
    bench.tools(&["list", "kubectl"]).says(&["kubectl      1.34.4   ", "(on PATH)"]);
    bench.tools(&["verify", "kubectl"]).says(&["kubectl      1.34.4   ok: "]);
}
