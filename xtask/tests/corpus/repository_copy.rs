//! The state of this repository that the entries change: its files, with the archives of dependencies, in Git.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;
use std::{env, fs};

use crate::case::Tree;
use crate::edit::{self, Spot};
use crate::entry::Entry;
use crate::judge::{self, Finding};
use crate::settings::{enabled, print};
use crate::support::{Bench, HELM_4, dependencies, engines, helm, kubeconform, repository, tree};

/// What `ci` reads.
const PARTS: [&str; 19] = [
    ".gitattributes",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "README.md",
    "action.yml",
    "advisories.toml",
    "argocd",
    "charts",
    "charts.lock",
    "charts.toml",
    "images",
    "renovate.json",
    "schemas",
    "tests/gitops",
    "tests/golden",
    "tests/images",
    "tests/kind",
    "tools.lock",
];

/// The files of this repository that `ci` reads.
pub(crate) fn files() -> Tree {
    let below = |part: &str| {
        let path = repository().join(part);
        if path.is_dir() {
            let read = |name: &Path, bytes| {
                let path = path.join(name);
                // Scenarios share files by links.
                if path.is_symlink() { fs::read(&path).unwrap_or(bytes) } else { bytes }
            };
            let files = tree(&path).into_iter();
            files.map(|(name, bytes)| (Path::new(part).join(&name), read(&name, bytes))).collect()
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
    /// The files, in one commit of a Git repository, on a branch that is not the main branch.
    folder: tempfile::TempDir,
    /// The files of Git in it.
    git: Vec<PathBuf>,
    commit: String,
    helm: PathBuf,
    kubeconform: PathBuf,
    /// The cache that all runs share, as those of one user do.
    cache: tempfile::TempDir,
    /// The archives of the charts that this repository depends on.
    mirror: tempfile::TempDir,
    /// The findings about the unedited repository in runs of each size but the whole.
    usual: [OnceLock<Result<Vec<Finding>, String>>; 2],
}

/// The cases of the charts in a run. What is found rarely depends on them, and each is rendered several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Only the Applications themselves.
    Least,
    /// One further case.
    Few,
    Whole,
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
        if let Some(engines) = engines() {
            fs::create_dir(cache.path().join("tools")).map_err(|error| error.to_string())?;
            std::os::unix::fs::symlink(engines, cache.path().join("tools/helm-engine"))
                .map_err(|error| error.to_string())?;
        }
        let mirror = tempfile::tempdir().map_err(|error| error.to_string())?;
        for (path, bytes) in archives(&files) {
            fs::write(mirror.path().join(path.file_name().expect("a file")), bytes)
                .map_err(|error| error.to_string())?;
        }
        let git = tree(&root.join(".git")).into_keys().map(|path| Path::new(".git").join(path)).collect();
        Ok(Self { files, folder, git, commit, helm, kubeconform, cache, mirror, usual: Default::default() })
    }

    /// Edits a copy as these entries do, in this order, and runs `ci`. Returns the findings, and the place that each
    /// entry marks.
    pub(crate) fn run(&self, entries: &[&Entry], size: Size) -> Result<(Vec<Finding>, Vec<Option<Spot>>), String> {
        let mut files = self.reduced(entries, size);
        let spots = edit::apply_all(&mut files, entries)?;
        let base = entries.iter().any(|entry| entry.base);
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        let mut findings = self.ci(&names.join(" "), files, base, &[])?;
        if let Some(usual) = self.usual.get(size as usize) {
            // Without most cases, no case reaches some branches and values.
            let usual = usual.get_or_init(|| self.ci("the base", self.reduced(&[], size), false, &[]));
            judge::without(&mut findings, usual.as_ref().map_err(Clone::clone)?);
        }
        Ok((findings, spots))
    }

    /// The files without the cases that a run of this size does not need.
    fn reduced(&self, entries: &[&Entry], size: Size) -> Tree {
        let kept: &[&str] = match size {
            Size::Least => &[],
            Size::Few => &["everything", "network-policy"],
            Size::Whole => return self.files.clone(),
        };
        let at = |entry: &&Entry| Some(entry.expected.as_ref()?.at.as_ref()?.0.clone());
        let edited = entries.iter().flat_map(|entry| &entry.edits).map(|edit| edit.path().to_owned());
        let named: Vec<String> = edited.chain(entries.iter().filter_map(at)).collect();
        let needed = |path: &&PathBuf| {
            let Some((chart, case)) = path.to_str().and_then(case_of) else { return true };
            let (file, golden) =
                (format!("charts/{chart}/ci/{case}-values.yaml"), format!("tests/golden/{chart}/{case}"));
            kept.contains(&case) || named.iter().any(|path| file.starts_with(path) || path.starts_with(&golden))
        };
        self.files.iter().filter(|(path, _)| needed(path)).map(|(path, bytes)| (path.clone(), bytes.clone())).collect()
    }

    /// Runs commands and then `ci` in a workspace with these files, and returns the findings of `ci`.
    pub(crate) fn ci(&self, name: &str, files: Tree, base: bool, before: &[&str]) -> Result<Vec<Finding>, String> {
        let bench = Bench::new();
        for path in &self.git {
            link(self.folder.path(), &bench.root(), path)?;
        }
        if base {
            fs::create_dir_all(bench.root().join(".git/refs/heads")).expect("created");
            fs::write(bench.root().join(".git/refs/heads/main"), &self.commit).expect("written");
        }
        for (path, bytes) in files {
            if self.files.get(&path) == Some(&bytes) {
                link(self.folder.path(), &bench.root(), &path)?;
            } else {
                write(&bench.root(), Tree::from([(path, bytes)]))?;
            }
        }
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
        let started = Instant::now();
        let answer = xtask("ci --offline --jobs 2 --format json");
        if enabled("CORPUS_TIMES") {
            print(&format!("{:>8.3}s {name}", started.elapsed().as_secs_f64()));
        }
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

/// The chart and the case that a file, or a golden, belongs to.
fn case_of(path: &str) -> Option<(&str, &str)> {
    match path.split('/').collect::<Vec<_>>()[..] {
        ["charts", chart, "ci", file] => Some((chart, file.strip_suffix("-values.yaml")?)),
        ["tests", "golden", chart, case, ..] if case != "default" => Some((chart, case)),
        _ => None,
    }
}

/// Links a file of one folder into another: programs replace files, and never write into them.
fn link(from: &Path, to: &Path, path: &Path) -> Result<(), String> {
    let (from, to) = (from.join(path), to.join(path));
    let parent = to.parent().expect("a folder");
    let linked = fs::create_dir_all(parent).and_then(|()| fs::hard_link(&from, &to));
    linked.or_else(|_| fs::copy(&from, &to).map(drop)).map_err(|error| format!("{}: {error}", to.display()))
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
