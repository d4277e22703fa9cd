//! Queries to git: base revisions, and what changed since.
//!
//! git only reads: it writes nothing into the repository, takes no optional locks, never prompts, downloads nothing, and
//! runs no hooks and no filters. Paths are relative to the directory of the [`Repository`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use diagnostics::{Code, Diagnostic, Diagnostics, Result};

use crate::git_directory::Directories;
use crate::process::{Invocation, Output};

#[cfg(test)]
mod tests;

/// The candidates for the main branch, the default branch of `origin` first.
const MAIN: [&str; 5] = [
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/heads/main",
    "refs/remotes/origin/master",
    "refs/heads/master",
];

/// Settings of every query.
const SETTINGS: [(&str, &str); 3] =
    [("core.hooksPath", "/dev/null"), ("core.fsmonitor", "false"), ("core.quotePath", "false")];

/// Settings with which files are written as Argo CD has them: those of this machine would change line breaks and links.
const EXACT: [(&str, &str); 3] =
    [("core.autocrlf", "false"), ("core.symlinks", "true"), ("core.attributesFile", "/dev/null")];

/// A directory in a git repository, and the git program.
#[derive(Debug)]
pub struct Repository {
    git: PathBuf,
    folder: PathBuf,
    /// The settings that disable filters, once a query needed them.
    filters: OnceLock<Vec<(String, String)>>,
}

impl Repository {
    /// The repository that contains a directory; `None` if there is none, or no git on PATH.
    #[must_use]
    pub fn around(folder: &Path) -> Option<Self> {
        folder.ancestors().find(|folder| folder.join(".git").exists())?;
        Some(Self { git: program()?, folder: folder.to_path_buf(), filters: OnceLock::new() })
    }

    /// The commit of a revision.
    pub fn commit(&self, revision: &str) -> Result<Option<String>> {
        self.object(&format!("{revision}^{{commit}}"))
    }

    /// The tree of this directory in a commit; `None` if the commit does not have the directory.
    pub fn tree(&self, commit: &str) -> Result<Option<String>> {
        self.object(&format!("{commit}:./"))
    }

    fn object(&self, name: &str) -> Result<Option<String>> {
        let output = self.query(&["rev-parse", "--verify", "--quiet", "--end-of-options", name]).run()?;
        Ok(output.success().then(|| first_line(&output)).flatten())
    }

    /// Whether history is cut off, as in a shallow clone.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        self.directories().is_some_and(|directories| directories.common.join("shallow").exists())
    }

    /// Where the repository keeps its state.
    #[must_use]
    pub fn directories(&self) -> Option<Directories> {
        self.folder.ancestors().find_map(Directories::of)
    }

    /// The records of a tree and of all trees in it, as `git ls-tree -z` writes them and [`Repository::check_out`] reads them.
    pub fn records(&self, tree: &str) -> Result<Vec<u8>> {
        let output = self.query(&["ls-tree", "-r", "-z", "--full-tree", tree]).run()?;
        if !output.success() {
            return Err(incomplete("ls-tree", tree, &output));
        }
        Ok(output.stdout)
    }

    /// Writes files into this directory, a work tree of its own without files, as `git checkout` would.
    pub fn check_out(&self, records: Vec<u8>) -> Result<()> {
        let update = self.invocation(&self.settings(), &["update-index", "-z", "--index-info"]).input(records).run()?;
        if !update.success() {
            return Err(incomplete("update-index", &self.folder.display().to_string(), &update));
        }
        let mut settings = self.settings();
        settings.extend_from_slice(self.filters()?);
        settings.extend(EXACT.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let output = self.invocation(&settings, &["checkout-index", "--all", "--quiet", "--force"]).run()?;
        if output.success() { Ok(()) } else { Err(incomplete("checkout-index", "the commit", &output)) }
    }

    /// The URLs of the remotes, `origin` first.
    pub fn remotes(&self) -> Result<Vec<String>> {
        let output = self.ask(&["config", "--get-regexp", "^remote\\..*\\.url$"])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_by_key(|line| !line.starts_with("remote.origin."));
        Ok(lines.iter().filter_map(|line| Some(line.split_once(' ')?.1.to_owned())).collect())
    }

    /// The merge base of a revision, such as `HEAD`, and the main branch; `None` if there is no main branch or no common
    /// commit.
    pub fn merge_base(&self, revision: &str) -> Result<Option<String>> {
        let output = self.query(&[["for-each-ref", "--format=%(refname)"].as_slice(), &MAIN].concat()).run()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let known: BTreeSet<&str> = text.lines().collect();
        let Some(main) = MAIN.iter().find(|name| known.contains(*name)) else { return Ok(None) };
        let output = self.query(&["merge-base", revision, main]).run()?;
        Ok(output.success().then(|| first_line(&output)).flatten())
    }

    /// The names of all branches and tags that the clone knows, local or not.
    pub fn names(&self) -> Result<BTreeSet<String>> {
        let output = self.ask(&["for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes", "refs/tags"])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let name = |line: &str| {
            let remote = line.strip_prefix("refs/remotes/").and_then(|rest| rest.split_once('/')).map(|(_, name)| name);
            let local = line.strip_prefix("refs/heads/").or_else(|| line.strip_prefix("refs/tags/"));
            remote.or(local).map(str::to_owned)
        };
        Ok(text.lines().filter_map(name).collect())
    }

    /// The files below some paths that were changed, added, or deleted since a commit, committed or not, without ignored
    /// files. `None` if git fails.
    pub fn changed(&self, commit: &str, paths: &[&str]) -> Result<Option<BTreeSet<String>>> {
        let diff = ["diff", "--name-only", "-z", "--relative", "--no-renames", "--no-ext-diff", "--no-textconv"];
        let diff = self.ask(&[diff.as_slice(), &[commit, "--"], paths].concat())?;
        let others =
            self.ask(&[["ls-files", "-z", "--others", "--exclude-standard", "--"].as_slice(), paths].concat())?;
        if !diff.success() || !others.success() {
            return Ok(None);
        }
        let names = [diff.stdout, others.stdout].concat();
        let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(Some(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()))
    }

    /// The files that git tracks, committed or not.
    pub fn tracked(&self) -> Result<BTreeSet<String>> {
        let output = self.query(&["ls-files", "-z", "--cached"]).run()?;
        let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty() && output.success());
        Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }

    /// The text of a file in a commit; `None` if the commit does not contain it.
    pub fn file(&self, commit: &str, path: &str) -> Result<Option<String>> {
        let output = self.ask(&["show", "--no-textconv", "--end-of-options", &format!("{commit}:./{path}")])?;
        Ok(output.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// The files of a commit below some paths, and the name of the object with the content of each. Empty if git fails.
    pub fn files(&self, commit: &str, paths: &[&str]) -> Result<BTreeMap<String, String>> {
        let output = self.ask(&[["ls-tree", "-r", "-z", commit, "--"].as_slice(), paths].concat())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let entry = |line: &str| {
            // `<mode> blob <object>`, a tab, and the path. Symbolic links have another mode than files.
            let (fields, path) = line.split_once('\t')?;
            let object = fields.strip_prefix("100")?.split_whitespace().nth(2)?;
            Some((path.to_owned(), object.to_owned()))
        };
        Ok(if output.success() { text.split('\0').filter_map(entry).collect() } else { BTreeMap::new() })
    }

    /// The contents of objects, by their names; an object that is not in this clone is left out.
    pub fn contents(&self, objects: &[&str]) -> Result<BTreeMap<String, Vec<u8>>> {
        if objects.is_empty() {
            return Ok(BTreeMap::new());
        }
        let input = objects.iter().map(|object| format!("{object}\n")).collect::<String>();
        let output = self.query(&["cat-file", "--batch"]).input(input).run()?;
        Ok(batch(&output.stdout))
    }

    /// Writes the files of a commit into an empty directory, without those that have the attribute `export-ignore`.
    pub fn write(&self, commit: &str, folder: &Path) -> Result<()> {
        let output = self.ask(&["archive", "--format=tar", commit])?;
        if !output.success() {
            return Err(Diagnostic::new(Code::Usage, format!("`git archive` failed for `{commit}`"))
                .note(output.stderr.trim().to_owned())
                .help("run `git fetch` if the commit is not in this clone")
                .into());
        }
        let unpacked = tar::Archive::new(output.stdout.as_slice()).unpack(folder);
        Ok(unpacked.map_err(|error| Diagnostic::io("unpack the commit into", folder, &error))?)
    }

    /// A query that reads no file of the work tree, so that no filter could run.
    fn query(&self, args: &[&str]) -> Invocation {
        self.invocation(&self.settings(), args)
    }

    fn ask(&self, args: &[&str]) -> Result<Output> {
        let mut settings = self.settings();
        settings.extend_from_slice(self.filters()?);
        self.invocation(&settings, args).run()
    }

    /// The settings of every query. A checkout of another user is read if it is the workspace itself, as in a container;
    /// that of a directory above it is not.
    fn settings(&self) -> Vec<(String, String)> {
        let text = str::to_owned;
        let mut settings: Vec<(String, String)> =
            SETTINGS.iter().map(|(key, value)| (text(key), text(value))).collect();
        if self.folder.join(".git").exists() {
            let real = std::fs::canonicalize(&self.folder).unwrap_or_else(|_| self.folder.clone());
            settings.push((text("safe.directory"), real.to_string_lossy().into_owned()));
        }
        settings
    }

    /// Settings that disable all filters: they are programs that the configuration names, and git would run them to compare
    /// files.
    fn filters(&self) -> Result<&[(String, String)]> {
        if let Some(known) = self.filters.get() {
            return Ok(known);
        }
        let query = ["config", "--name-only", "-z", "--get-regexp", r"^filter\..*\.(clean|smudge|process|required)$"];
        let output = self.invocation(&self.settings(), &query).run()?;
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        let names: BTreeSet<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
        let off = |name: &str| if name.ends_with(".required") { "false" } else { "" };
        let settings = names.into_iter().map(|name| (name.to_owned(), off(name).to_owned())).collect();
        Ok(self.filters.get_or_init(|| settings))
    }

    /// An invocation of git, with settings that overrule those of the repository. No transport is allowed, so that a partial
    /// clone does not download what it lacks.
    fn invocation(&self, settings: &[(String, String)], args: &[&str]) -> Invocation {
        let invocation = Invocation::new(&self.git, &self.folder)
            .args(["--no-pager", "--literal-pathspecs"].iter().chain(args).copied())
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", "none")
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_COUNT", settings.len().to_string());
        settings.iter().enumerate().fold(invocation, |invocation, (index, (key, value))| {
            invocation.env(&format!("GIT_CONFIG_KEY_{index}"), key).env(&format!("GIT_CONFIG_VALUE_{index}"), value)
        })
    }
}

/// The git on PATH.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut programs =
        std::env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join("git"));
    programs.find(|program| program.is_file())
}

/// Reads the output of `git cat-file --batch`: for each object a line `<object> <type> <size>`, its content, and a line
/// break; for a missing one only the line `<object> missing`.
fn batch(output: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut contents = BTreeMap::new();
    let mut rest = output;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let header = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        let mut fields = header.split(' ');
        let (Some(object), Some(size)) = (fields.next(), fields.nth(1)) else { continue };
        let Some(content) = size.parse().ok().and_then(|size: usize| rest.get(..size)) else { break };
        contents.insert(object.to_owned(), content.to_vec());
        rest = rest.get(content.len() + 1..).unwrap_or_default();
    }
    contents
}

/// The error for objects that this clone lacks.
fn incomplete(command: &str, what: &str, output: &Output) -> Diagnostics {
    Diagnostic::new(Code::Usage, format!("`git {command}` failed for `{what}`"))
        .note(output.stderr.trim().to_owned())
        .help("run `git fetch` if files of the revision are not in this clone")
        .into()
}

fn first_line(output: &Output) -> Option<String> {
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}

/// The error for a revision that does not exist.
#[must_use]
pub fn unknown(flag: &str, revision: &str, why: &str) -> Diagnostic {
    Diagnostic::new(Code::Usage, format!("`{flag} {revision}` is not a commit: {why}"))
        .help("use a branch, a tag, or a commit of this clone; run `git fetch` if it is only on the remote")
}
