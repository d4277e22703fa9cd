//! The state of this repository that the entries change: its files, with the archives of dependencies, in Git.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::case::Tree;
use crate::edit::{self, Spot};
use crate::entry::Entry;
use crate::judge::{self, Finding};
use crate::support::{Bench, HELM_4, dependencies, helm, kubeconform, repository, tree};

/// What `ci` reads.
const PARTS: [&str; 13] = [
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "README.md",
    "advisories.toml",
    "argocd",
    "charts",
    "charts.lock",
    "charts.toml",
    "images",
    "schemas",
    "tests/golden",
    "tools.lock",
];

/// The files of this repository that `ci` reads.
pub(crate) fn files() -> Tree {
    let below = |part: &str| {
        let path = repository().join(part);
        if path.is_dir() {
            tree(&path).into_iter().map(|(name, bytes)| (Path::new(part).join(name), bytes)).collect()
        } else {
            vec![(PathBuf::from(part), fs::read(&path).unwrap_or_else(|error| panic!("{part}: {error}")))]
        }
    };
    PARTS.iter().flat_map(|part| below(part)).collect()
}

/// The unedited repository, and what runs need.
pub(crate) struct Base {
    /// The files, without those of Git.
    pub(crate) files: Tree,
    /// The folder .git: all files in one commit, on a branch that is not the main branch.
    git: Tree,
    commit: String,
    helm: PathBuf,
    kubeconform: PathBuf,
    /// The cache that all runs share, as those of one user do.
    cache: tempfile::TempDir,
    /// The archives of the charts that this repository depends on.
    mirror: tempfile::TempDir,
}

impl Base {
    /// Copies the repository. If a tool is unavailable, says which one; in CI, that is a failure.
    pub(crate) fn new() -> Result<Self, String> {
        let helm = helm(HELM_4).ok_or("helm is unavailable")?;
        let kubeconform = kubeconform().ok_or("kubeconform is unavailable")?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let root = folder.path();
        write(root, files())?;
        dependencies(root)?;
        let files = tree(root);
        git(root, &["init", "--quiet", "--template=", "--initial-branch=topic"])?;
        git(root, &["add", "--all"])?;
        git(root, &["commit", "--quiet", "--message", "The repository before the change"])?;
        git(root, &["gc", "--quiet"])?;
        let commit = git(root, &["rev-parse", "HEAD"])?;
        let cache = tempfile::tempdir().map_err(|error| error.to_string())?;
        fs::write(cache.path().join("fingerprint.key"), [7; 32]).map_err(|error| error.to_string())?;
        let mirror = tempfile::tempdir().map_err(|error| error.to_string())?;
        for (path, bytes) in archives(&files) {
            fs::write(mirror.path().join(path.file_name().expect("a file")), bytes)
                .map_err(|error| error.to_string())?;
        }
        Ok(Self { git: tree(&root.join(".git")), files, commit, helm, kubeconform, cache, mirror })
    }

    /// Edits a copy as these entries do, in this order, and runs `ci`. Returns the findings, and the place that each
    /// entry marks.
    pub(crate) fn run(&self, entries: &[&Entry]) -> Result<(Vec<Finding>, Vec<Option<Spot>>), String> {
        let mut files = self.files.clone();
        let spots = edit::apply_all(&mut files, entries)?;
        let base = entries.iter().any(|entry| entry.base);
        self.ci(files, base, &[]).map(|findings| (findings, spots))
    }

    /// Runs commands and then `ci` in a workspace with these files, and returns the findings of `ci`.
    pub(crate) fn ci(&self, files: Tree, base: bool, before: &[&str]) -> Result<Vec<Finding>, String> {
        let bench = Bench::new();
        let git = self.git.iter().map(|(path, bytes)| (Path::new(".git").join(path), bytes.clone()));
        write(&bench.root(), git.collect())?;
        if base {
            fs::create_dir_all(bench.root().join(".git/refs/heads")).expect("created");
            fs::write(bench.root().join(".git/refs/heads/main"), &self.commit).expect("written");
        }
        write(&bench.root(), files)?;
        let xtask = |args: &str| {
            let run = bench.xtask(args).helm(&self.helm).kubeconform(&self.kubeconform);
            let run = run.env("XTASK_CACHE_DIR", self.cache.path()).env("XTASK_CHART_MIRROR", self.mirror.path());
            run.env("PATH", env::var("PATH").unwrap_or_default()).run()
        };
        for command in before {
            let answer = xtask(&format!("{command} --offline"));
            if answer.code != Some(0) {
                return Err(format!("`{command}` fails:\n{answer}"));
            }
        }
        let answer = xtask("ci --offline --jobs 2 --format json");
        if !matches!(answer.code, Some(0..=3)) {
            return Err(format!("ci does not end with a verdict:\n{answer}"));
        }
        judge::findings(&answer.stdout)
    }
}

/// The chart archives among files.
pub(crate) fn archives(files: &Tree) -> impl Iterator<Item = (&PathBuf, &Vec<u8>)> {
    files.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "tgz"))
}

fn write(root: &Path, files: Tree) -> Result<(), String> {
    for (path, bytes) in files {
        let path = root.join(path);
        let parent = path.parent().expect("a folder");
        fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn git(root: &Path, args: &[&str]) -> Result<String, String> {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").current_dir(root).args(identity).args(args).output();
    let output = output.map_err(|error| format!("git: {error}"))?;
    if !output.status.success() {
        return Err(format!("git {args:?}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
