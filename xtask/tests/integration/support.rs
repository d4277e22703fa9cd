//! Shared helpers: a temporary workspace in which to run the binary, and the tools to run it with.
//!
//! A run is independent of this machine: it has only the PATH, cache, and variables that the test sets. Only [`helm`] and
//! [`tool`] search this machine, with the tool's own search.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::case::Case;

/// The Helm versions of Argo CD 3.5 and 3.4.
pub(crate) const HELM_4: &str = "4.2.1";
pub(crate) const HELM_3: &str = "3.19.4";

/// The root of this repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the repository")
}

/// Whether this is a CI run, in which a missing helm is a failure and expectations are not rewritten.
pub(crate) fn ci() -> bool {
    std::env::var("CI").is_ok_and(|value| matches!(value.to_lowercase().as_str(), "true" | "1"))
}

/// A version of helm, found or installed by `cargo xtask tools`. If it is unavailable, prints why, and fails in CI.
/// Building helm takes minutes, so the older version is installed only in CI; elsewhere it is used if it is found.
#[track_caller]
pub(crate) fn helm(version: &str) -> Option<PathBuf> {
    static REPORTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    static HELMS: OnceLock<(BTreeMap<String, PathBuf>, String)> = OnceLock::new();
    let (helms, why) = HELMS.get_or_init(|| {
        // This run uses the PATH, the proxies, and the cache of this machine.
        let tools = |command: &str, name: &str| {
            let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
                .args(["tools", command, name, "--root"])
                .arg(repository())
                .env("NO_COLOR", "1")
                .output()
                .expect("xtask runs");
            (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let (four, mut why) = tools("install", &format!("helm@{HELM_4}"));
        let (three, why_not) = tools(if ci() { "install" } else { "list" }, &format!("helm@{HELM_3}"));
        why.push_str(&why_not);
        let text = format!("{four}\n{three}");
        let helms = text.lines().filter(|line| !line.contains("not found")).filter_map(|line| {
            let (name, rest) = line.split_once(' ')?;
            let (version, rest) = rest.trim().split_once(' ')?;
            let (path, _) = rest.rsplit_once(" (")?;
            (name == "helm").then(|| (version.to_owned(), PathBuf::from(path.trim())))
        });
        (helms.collect(), why)
    });
    let helm = helms.get(version).cloned();
    if helm.is_none() {
        assert!(!ci(), "CI requires helm {version}:\n{why}");
        // Printed once, even if test output is captured, so that skipped tests are noticed.
        if REPORTED.lock().is_ok_and(|mut reported| reported.insert(version.to_owned())) {
            let _ = writeln!(std::io::stderr(), "skipped: tests with helm {version}, which is unavailable\n{why}");
        }
    }
    helm
}

/// The pinned kubeconform.
#[track_caller]
pub(crate) fn kubeconform() -> Option<PathBuf> {
    tool("kubeconform")
}

/// The pinned kustomize.
#[track_caller]
pub(crate) fn kustomize() -> Option<PathBuf> {
    tool("kustomize")
}

/// A pinned tool, found or installed by `cargo xtask tools`. If it is unavailable, prints why, and fails in CI.
#[track_caller]
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    static FOUND: Mutex<BTreeMap<String, Option<PathBuf>>> = Mutex::new(BTreeMap::new());
    let mut all = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    // This repository has no Jsonnet files.
    let workspace = tempfile::tempdir().expect("temporary directory");
    let root = if name == "jsonnet" { workspace.path().to_path_buf() } else { repository().to_path_buf() };
    let configuration = fs::read_to_string(repository().join("charts.toml")).expect("charts.toml");
    let configuration = configuration.replace("[tools]\n", "[tools]\njsonnet = \"0.22.0\"\n");
    fs::write(workspace.path().join("charts.toml"), configuration).expect("written");
    if let Some(found) = all.get(name) {
        assert!(found.is_some() || !ci(), "CI requires {name}");
        return found.clone();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["tools", "install", name, "--format", "json", "--root"])
        .arg(root)
        .output()
        .expect("xtask runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let found = answer["tools"][0]["path"].as_str().map(PathBuf::from);
    all.insert(name.to_owned(), found.clone());
    if found.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: tests with {name}, which is unavailable\n{text}");
    }
    assert!(found.is_some() || !ci(), "CI requires {name}:\n{text}");
    found
}

/// The directory of the render engines, which all runs use if they are installed; in CI, they have to be. With
/// `XTASK_ENGINE=helm`, the helm command renders.
pub(crate) fn engines() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["tools", if ci() { "install" } else { "list" }, "helm-engine", "--format", "json", "--root"])
            .arg(repository())
            .output()
            .expect("xtask runs");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let path = answer["tools"][0]["path"].as_str().map(PathBuf::from);
        let directory = path.and_then(|path| Some(path.parent()?.parent()?.to_path_buf()));
        assert!(directory.is_some() || !ci(), "CI requires the render engines");
        directory
    };
    FOUND.get_or_init(find).clone()
}

/// Copies the schemas of this repository into a workspace.
pub(crate) fn lay_schemas(root: &Path) {
    copy(&repository().join("schemas"), &root.join("schemas"));
}

/// A temporary directory with a workspace, a cache, a home, and a directory for temporary files.
pub(crate) struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    /// An empty workspace.
    pub(crate) fn new() -> Self {
        let bench = Self { directory: tempfile::tempdir().expect("temporary directory") };
        for folder in ["workspace", "cache", "home", "tmp"] {
            fs::create_dir(bench.directory.path().join(folder)).expect("directory");
        }
        // The key of fingerprints differs between machines; expectations need a fixed one.
        fs::write(bench.cache().join("fingerprint.key"), [7; 32]).expect("written");
        if let Some(engines) = engines() {
            fs::create_dir(bench.cache().join("tools")).expect("directory");
            std::os::unix::fs::symlink(engines, bench.cache().join("tools/helm-engine")).expect("linked");
        }
        bench
    }

    /// A copy of a fixture's workspace.
    pub(crate) fn of(fixture: &str) -> Self {
        let bench = Self::new();
        let case = Case::read(fixture).unwrap_or_else(|error| panic!("{fixture}: {error}"));
        let written = case.write_workspace(&bench.root()).and_then(|()| case.delete(&bench.root()));
        written.unwrap_or_else(|error| panic!("{fixture}: {error}"));
        bench
    }

    /// The temporary directory.
    pub(crate) fn base(&self) -> &Path {
        self.directory.path()
    }

    /// The workspace.
    pub(crate) fn root(&self) -> PathBuf {
        self.base().join("workspace")
    }

    /// The tool's cache.
    pub(crate) fn cache(&self) -> PathBuf {
        self.base().join("cache")
    }

    /// Writes a file of the workspace.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("created");
        fs::write(path, text).expect("written");
    }

    /// Replaces a text in a file of the workspace, which must contain it.
    #[track_caller]
    pub(crate) fn replace(&self, path: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.root().join(path)).expect("readable");
        assert!(text.contains(old), "{path} does not contain {old:?}");
        self.write(path, &text.replace(old, new));
    }

    /// A program that replaces helm 4: it prints the version, or else runs a script.
    pub(crate) fn stub(&self, script: &str) -> PathBuf {
        let path = self.base().join("helm");
        let text = format!("#!/bin/sh\nif [ \"$1\" = version ]; then echo v{HELM_4}; exit; fi\n{script}\n");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        path
    }

    /// Prepares a run of the binary in the workspace; arguments are separated by spaces.
    pub(crate) fn xtask(&self, args: &str) -> Run<'_> {
        self.through(&[], args)
    }

    /// The same, started by another program with arguments of its own.
    pub(crate) fn through(&self, program: &[&str], args: &str) -> Run<'_> {
        let mut words = program.iter().copied().chain([env!("CARGO_BIN_EXE_xtask")]);
        let mut command = Command::new(words.next().expect("a program"));
        command
            .args(words)
            .args(args.split_whitespace())
            .current_dir(self.root())
            .env_clear()
            .env("CARGO", "cargo")
            .env("HOME", self.base().join("home"))
            .env("TMPDIR", self.base().join("tmp"))
            .env("XTASK_CACHE_DIR", self.cache())
            .env("NO_COLOR", "1")
            .envs(std::env::var_os("XTASK_ENGINE").map(|engine| ("XTASK_ENGINE", engine)))
            .stdin(Stdio::null());
        Run { bench: self, command, helm: None, kubeconform: None, kustomize: None, jsonnet: None }
    }

    /// The files in the directory for temporary files.
    pub(crate) fn left_over(&self) -> Vec<PathBuf> {
        tree(&self.base().join("tmp")).into_keys().collect()
    }

    /// The goldens by path.
    pub(crate) fn goldens(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        tree(&self.root().join("tests/golden"))
    }
}

/// A run that is being prepared.
pub(crate) struct Run<'a> {
    bench: &'a Bench,
    command: Command,
    helm: Option<PathBuf>,
    kubeconform: Option<PathBuf>,
    kustomize: Option<PathBuf>,
    jsonnet: Option<PathBuf>,
}

impl Run<'_> {
    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Adds an argument, which may contain spaces.
    pub(crate) fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Runs in another directory.
    pub(crate) fn root(mut self, root: &Path) -> Self {
        self.command.current_dir(root);
        self
    }

    /// Sets the helm.
    pub(crate) fn helm(mut self, helm: &Path) -> Self {
        self.command.env("XTASK_HELM", helm);
        self.helm = Some(helm.to_path_buf());
        self
    }

    /// Sets the kubeconform.
    pub(crate) fn kubeconform(mut self, kubeconform: &Path) -> Self {
        self.command.env("XTASK_KUBECONFORM", kubeconform);
        self.kubeconform = Some(kubeconform.to_path_buf());
        self
    }

    /// Sets the kustomize.
    pub(crate) fn kustomize(mut self, kustomize: &Path) -> Self {
        self.command.env("XTASK_KUSTOMIZE", kustomize);
        self.kustomize = Some(kustomize.to_path_buf());
        self
    }

    /// Sets the jsonnet.
    pub(crate) fn jsonnet(mut self, jsonnet: &Path) -> Self {
        self.command.env("XTASK_JSONNET", jsonnet);
        self.jsonnet = Some(jsonnet.to_path_buf());
        self
    }

    /// Waits for its end and returns its output.
    pub(crate) fn run(mut self) -> Answer {
        let output = self.command.output().expect("xtask runs");
        let normal = |bytes: &[u8]| self.normal(&String::from_utf8_lossy(bytes));
        Answer { code: output.status.code(), stdout: normal(&output.stdout), stderr: normal(&output.stderr) }
    }

    /// Starts it, without output.
    pub(crate) fn spawn(mut self) -> Child {
        self.command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("xtask runs")
    }

    /// Starts it, with its output in a pipe.
    pub(crate) fn piped(mut self) -> (Child, std::io::PipeReader) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let child = self.command.stdout(writer.try_clone().expect("cloned")).stderr(writer).spawn();
        (child.expect("xtask runs"), reader)
    }

    /// Starts it with standard error on a terminal and without standard output.
    pub(crate) fn on(mut self, terminal: File) -> Child {
        self.command.stdout(Stdio::null()).stderr(terminal).spawn().expect("xtask runs")
    }

    /// Starts it on a terminal, with a person in front of it.
    pub(crate) fn attended(mut self, terminal: &File) -> Child {
        let terminal = || terminal.try_clone().expect("cloned");
        self.command.stdin(terminal()).stdout(terminal()).stderr(terminal()).spawn().expect("xtask runs")
    }

    /// Replaces paths and durations, which differ between runs.
    fn normal(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let paths = [
            (self.helm.clone().unwrap_or_else(|| "\0".into()), "[HELM]"),
            (self.kubeconform.clone().unwrap_or_else(|| "\0".into()), "[KUBECONFORM]"),
            (self.kustomize.clone().unwrap_or_else(|| "\0".into()), "[KUSTOMIZE]"),
            (self.jsonnet.clone().unwrap_or_else(|| "\0".into()), "[JSONNET]"),
            (self.bench.root(), "[ROOT]"),
            (self.bench.cache(), "[CACHE]"),
            (self.bench.base().join("mirror"), "[MIRROR]"),
            (self.bench.base().to_path_buf(), "[TEMP]"),
        ];
        for (path, name) in paths {
            text = text.replace(&path.display().to_string(), name);
        }
        let lines = text.split_inclusive('\n').map(|line| {
            let timed = line.trim_start().starts_with("Finished ").then(|| line.rsplit_once(" in ")).flatten();
            timed.map_or_else(|| line.to_owned(), |(what, _)| format!("{what} in 0.01s\n"))
        });
        lines.collect()
    }
}

/// The exit code and output of a run.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// Checks the exit code, and that each text is in the output.
    #[track_caller]
    pub(crate) fn says(&self, code: i32, texts: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        for text in texts {
            assert!(self.stdout.contains(text) || self.stderr.contains(text), "{text:?} is not in:\n{self}");
        }
        self
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// The content of all files in a directory by path, or the target of links; empty if the directory does not exist.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.expect("readable").path();
            let name = path.strip_prefix(folder).expect("inside").to_path_buf();
            if let Ok(target) = fs::read_link(&path) {
                files.insert(name, format!("link to {}", target.display()).into_bytes());
            } else if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(name, fs::read(&path).expect("readable"));
            }
        }
    }
    files
}

/// Puts the dependencies of the charts in place, with the cache and the mirror of this machine. The error says why they are
/// unavailable, which fails in CI.
pub(crate) fn dependencies(root: &Path) -> Result<(), String> {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(["deps", "--root"]).arg(root).output();
    let output = output.expect("xtask runs");
    if output.status.success() {
        return Ok(());
    }
    let why = format!("the dependencies of the charts are unavailable: {}", String::from_utf8_lossy(&output.stderr));
    assert!(!ci(), "{why}");
    Err(why)
}

/// Copies what is in a directory into another, over what is there.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let source = entry.expect("readable").path();
        let target = to.join(source.file_name().expect("a name"));
        if let Ok(link) = fs::read_link(&source) {
            std::os::unix::fs::symlink(link, &target).expect("linked");
        } else if source.is_dir() {
            copy(&source, &target);
        } else {
            // Not `fs::copy`, which would copy a read-only mode.
            fs::write(&target, fs::read(&source).expect("readable")).expect("written");
        }
    }
}

/// A chart archive with these files; the same bytes every time.
pub(crate) fn pack(files: BTreeMap<PathBuf, Vec<u8>>) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, bytes.as_slice()).expect("in memory");
    }
    builder.into_inner().expect("in memory").finish().expect("in memory")
}
