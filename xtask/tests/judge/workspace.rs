//! The workspaces: files in tests/judge/workspaces, in the format of fixtures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::case::{self, Case};
use crate::support::{Bench, repository};

/// charts.toml of a workspace that does not contain its own.
const CONFIGURATION: &str = "\
repository = \"https://git.example.com/home.git\"

[argocd]
version = \"3.5\"

[kubernetes]
version = \"1.34.11\"
";

/// A workspace in a temporary directory.
pub(crate) struct Workspace {
    pub(crate) bench: Bench,
    /// The files and directories that are applied to Argo CD's cluster.
    pub(crate) applied: Vec<String>,
}

fn folder() -> PathBuf {
    repository().join("tests/judge/workspaces")
}

/// The names of all workspaces, in order. Other files would be tests that nothing runs.
pub(crate) fn names() -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder()).map_err(|error| error.to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        let file = entry.map_err(|error| error.to_string())?.file_name().to_string_lossy().into_owned();
        let name = file.strip_suffix(".txtar");
        names.push(name.ok_or_else(|| format!("tests/judge/workspaces/{file} does not end in .txtar"))?.to_owned());
    }
    names.sort();
    Ok(names)
}

impl Workspace {
    /// Writes a workspace into a temporary directory.
    pub(crate) fn lay(name: &str, helm: &Path, memory: &Path) -> Result<Self, String> {
        let path = folder().join(format!("{name}.txtar"));
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let case = Case::parse(&text)?;
        let bench = Bench::new();
        let root = bench.root();
        remember(&bench, memory).map_err(|error| error.to_string())?;
        fs::write(root.join("charts.toml"), CONFIGURATION).map_err(|error| error.to_string())?;
        if case.value("git").is_some() {
            // The earlier state has a tag, by which Applications can refer to it.
            case.write_workspace(&root)?;
            case::write(&root, case.files("before"));
            commit(&root, "before", case.value("tag"))?;
        }
        case.write_workspace(&root)?;
        case.delete(&root)?;
        let mirror = case.files("mirror");
        if !mirror.is_empty() {
            case::write(&bench.base().join("mirror"), mirror);
            // Dependencies have to be pinned before anything is rendered.
            bench.xtask("deps --update").helm(helm).env("XTASK_CHART_MIRROR", bench.base().join("mirror")).run();
        }
        if case.value("git").is_some() {
            commit(&root, "after", None)?;
        }
        let applied = case.value("applied").unwrap_or("argocd").split_whitespace().map(str::to_owned).collect();
        Ok(Self { bench, applied })
    }

    /// Whether charts.toml declares a version of jsonnet.
    pub(crate) fn evaluates(&self) -> bool {
        fs::read_to_string(self.bench.root().join("charts.toml")).is_ok_and(|text| text.contains("\njsonnet = "))
    }

    /// The directory with the archives of all chart repositories.
    pub(crate) fn mirror(&self) -> PathBuf {
        self.bench.base().join("mirror")
    }
}

/// All runs share what the binary remembers of its helm, by digests of everything that it depends on.
fn remember(bench: &Bench, memory: &Path) -> std::io::Result<()> {
    let probed = memory.join("tools/probed");
    fs::create_dir_all(&probed)?;
    fs::create_dir_all(bench.cache().join("tools"))?;
    std::os::unix::fs::symlink(probed, bench.cache().join("tools/probed"))
}

/// Commits all files on the branch `main`.
fn commit(root: &Path, message: &str, tag: Option<&str>) -> Result<(), String> {
    let git = |arguments: &[&str]| -> Result<(), String> {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Judge", "-c", "user.email=judge@example.com"]).args(arguments).current_dir(root);
        for variable in ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"] {
            command.env(variable, "/dev/null");
        }
        // The same commits every time.
        for variable in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
            command.env(variable, "2026-01-01T00:00:00Z");
        }
        let output = command.output().map_err(|error| format!("git: {error}"))?;
        let problem = || format!("git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(()) } else { Err(problem()) }
    };
    if !root.join(".git").exists() {
        git(&["init", "--quiet", "--initial-branch", "main"])?;
    }
    git(&["add", "--all"])?;
    git(&["commit", "--quiet", "--allow-empty", "--message", message])?;
    tag.map_or(Ok(()), |tag| git(&["tag", tag]))
}
