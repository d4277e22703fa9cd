//! Queries to git: base revisions, and what changed since.
//!
//! git only reads: it writes nothing into the repository, takes no optional locks, never prompts, downloads nothing, and
//! runs no hooks and no filters. Paths are relative to the directory of the [`Repository`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Diagnostics, Limit, Result};

use crate::git_directory::Directories;
use crate::process;
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

/// The limits of what [`Repository::export`] writes.
/// The time limit of an export.
const EXPORT_DEADLINE: Duration = Duration::from_secs(300);

/// The time limit of a download.
const FETCH_DEADLINE: Duration = Duration::from_secs(600);

/// The protocols of downloads: no programs that a URL could name.
const PROTOCOLS: &str = "file:git:http:https:ssh";

/// Settings of every query.
const SETTINGS: [(&str, &str); 3] =
    [("core.hooksPath", "/dev/null"), ("core.fsmonitor", "false"), ("core.quotePath", "false")];

/// Settings with which files are written as Argo CD has them: those of this machine would change line breaks and links.
const EXACT: [(&str, &str); 3] =
    [("core.autocrlf", "false"), ("core.symlinks", "true"), ("core.attributesFile", "/dev/null")];

/// A branch, a tag, or another reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its full name, such as `refs/tags/v1.0.0`.
    pub name: String,
    /// The object that it names; of an annotated tag, what the tag names.
    pub commit: String,
}

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
        Some(Self { git: process::on_path("git")?, folder: folder.to_path_buf(), filters: OnceLock::new() })
    }

    /// A repository without a work tree in a directory; `None` if there is none, or no git on PATH.
    #[must_use]
    pub fn bare(folder: &Path) -> Option<Self> {
        folder.join("HEAD").is_file().then_some(())?;
        Some(Self { git: process::on_path("git")?, folder: folder.to_path_buf(), filters: OnceLock::new() })
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
    pub(crate) fn check_out(&self, records: Vec<u8>) -> Result<()> {
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

    /// The names and URLs of the remotes.
    pub fn named_remotes(&self) -> Result<Vec<(String, String)>> {
        let output = self.ask(&["config", "-z", "--get-regexp", "^remote\\..*\\.url$"])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let remote = |entry: &str| {
            let (key, url) = entry.split_once('\n')?;
            let name = key.strip_prefix("remote.")?.strip_suffix(".url")?;
            Some((name.to_owned(), url.to_owned()))
        };
        Ok(text.split('\0').filter_map(remote).collect())
    }

    /// All references that name a commit, sorted by name, without symbolic ones.
    pub fn references(&self) -> Result<Vec<Reference>> {
        let format = "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname) %(symref)";
        let output = self.ask(&["for-each-ref", format])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let reference = |line: &str| {
            let fields: Vec<&str> = line.split(' ').collect();
            let [kind, object, peeled, inner, name, symbolic] = fields.as_slice() else { return None };
            let commit = match (*kind, *peeled) {
                ("commit", _) => object,
                ("tag", "commit") => inner,
                _ => return None,
            };
            symbolic.is_empty().then(|| Reference { name: (*name).to_owned(), commit: (*commit).to_owned() })
        };
        Ok(text.lines().filter_map(reference).collect())
    }

    /// The merge base of a revision, such as `HEAD`, and the main branch; `None` if there is no main branch or no common
    /// commit.
    pub fn merge_base(&self, revision: &str) -> Result<Option<String>> {
        if let Some(commit) = self.directories().filter(|_| revision == "HEAD").and_then(|files| at_main(&files)) {
            return Ok(Some(commit));
        }
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
        // git would run itself in the work trees of submodules, with their filters.
        let submodules = "--ignore-submodules=dirty";
        let diff =
            ["diff", "--name-only", "-z", "--relative", "--no-renames", "--no-ext-diff", "--no-textconv", submodules];
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

    /// The paths of the files that git tracks, committed or not.
    pub fn tracked(&self) -> Result<Vec<Vec<u8>>> {
        let output = self.query(&["ls-files", "-z", "--cached"]).run()?;
        let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty() && output.success());
        Ok(names.map(<[u8]>::to_vec).collect())
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
            // `<mode> blob <object>`, a tab, and the path. Symbolic links have a different mode than files.
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

    /// Writes the files of a commit into an empty directory, as a checkout without filters. The directory that is asked
    /// for is the one of this repository, if it is not the root. Fails with the reason, for example because this clone does
    /// not contain the commit.
    pub fn export(&self, commit: &str, target: &Path) -> Result<std::result::Result<(), String>> {
        let whole = self.folder.join(".git").exists() || self.folder.join("HEAD").is_file();
        let tree = if whole { format!("{commit}^{{tree}}") } else { format!("{commit}:./") };
        let listed = self.ask(&["ls-tree", "-r", "-l", "-z", "--full-tree", &tree])?;
        if !listed.success() {
            return Ok(Err(format!("this clone does not contain commit {commit}")));
        }
        let (mut files, mut bytes) = (0, 0_u64);
        for entry in listed.stdout.split(|byte| *byte == 0) {
            let size = String::from_utf8_lossy(entry).split_whitespace().nth(3).and_then(|size| size.parse().ok());
            files += 1;
            bytes = bytes.saturating_add(size.unwrap_or(0));
        }
        let large = |size: &str, limit: Limit| {
            let what = format!("commit {commit} has {size}, and the limit is {}", limit.value());
            Ok(Err(format!("{what}; {}", limit.help())))
        };
        if files > Limit::CommitFiles.value() {
            return large(&format!("{files} files"), Limit::CommitFiles);
        }
        if bytes > Limit::CommitSize.bytes() as u64 {
            return large(&format!("{} MiB", bytes >> 20), Limit::CommitSize);
        }
        let directory = self.ask(&["rev-parse", "--absolute-git-dir"])?;
        let Some(directory) = first_line(&directory) else { return Ok(Err("git found no repository".to_owned())) };
        let scratch = crate::scratch::directory()?;
        let mut settings = self.settings();
        settings.extend_from_slice(self.filters()?);
        // Those of this machine would change line breaks and links.
        let own = [("core.autocrlf", "false"), ("core.symlinks", "true"), ("core.attributesFile", "/dev/null")];
        settings.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
        for arguments in [["read-tree", &tree].as_slice(), &["checkout-index", "--all", "--force"]] {
            // From the directory of the repository, the name of the tree is found; the files belong into another one.
            let folder = if arguments[0] == "read-tree" { &self.folder } else { target };
            let invocation = Self { folder: folder.to_path_buf(), git: self.git.clone(), filters: OnceLock::new() }
                .invocation(&settings, arguments)
                .env("GIT_INDEX_FILE", scratch.path().join("index"))
                .deadline(EXPORT_DEADLINE);
            let invocation = if arguments[0] == "read-tree" {
                invocation
            } else {
                invocation.env("GIT_DIR", directory.as_str()).env("GIT_WORK_TREE", target)
            };
            let output = invocation.run()?;
            if !output.success() {
                return Ok(Err(cause(&output.stderr)));
            }
        }
        Ok(Ok(()))
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

/// The branches and tags of a remote repository, and `HEAD`; annotated tags are those of their commits. Fails with what git
/// says.
pub fn remote_references(url: &str) -> Result<std::result::Result<Vec<Reference>, String>> {
    let Some(git) = process::on_path("git") else { return Ok(Err("git is not on PATH".to_owned())) };
    let settings = SETTINGS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
    let folder = crate::scratch::directory()?;
    let repository = Repository { git, folder: folder.path().to_path_buf(), filters: OnceLock::new() };
    let invocation = repository.invocation(&settings, &["ls-remote", "--end-of-options", url]);
    let invocation = invocation.env("GIT_ALLOW_PROTOCOL", PROTOCOLS).env("GIT_CEILING_DIRECTORIES", "/");
    let output = invocation.deadline(FETCH_DEADLINE).run()?;
    if !output.success() {
        return Ok(Err(output.stderr.trim().lines().last().unwrap_or("git failed").to_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut references: BTreeMap<&str, &str> = BTreeMap::new();
    for (commit, name) in text.lines().filter_map(|line| line.split_once('\t')) {
        match name.strip_suffix("^{}") {
            Some(tag) => drop(references.insert(tag, commit)),
            None => drop(references.entry(name).or_insert(commit)),
        }
    }
    let reference = |(name, commit): (&str, &str)| Reference { name: name.to_owned(), commit: commit.to_owned() };
    Ok(Ok(references.into_iter().map(reference).collect()))
}

/// The line of an error that says what is wrong: Git ends it with advice, and SSH says more than Git.
fn cause(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let fatal = lines.iter().position(|line| line.starts_with("fatal: "));
    let unread = fatal.filter(|at| lines[*at].starts_with("fatal: Could not read from remote repository"));
    let before = unread.and_then(|at| lines[..at].iter().rfind(|line| !line.starts_with("Warning: ")));
    let said = before.or_else(|| lines.get(fatal?)).or_else(|| lines.last());
    said.map_or("git failed", |line| line).to_owned()
}

/// Downloads a commit of a remote repository into a repository without a work tree, which is created if necessary. Fails
/// with what git says.
pub fn fetch(url: &str, commit: &str, folder: &Path) -> Result<std::result::Result<(), String>> {
    let Some(git) = process::on_path("git") else { return Ok(Err("git is not on PATH".to_owned())) };
    std::fs::create_dir_all(folder).map_err(|error| Diagnostic::io("create", folder, &error))?;
    let run = |arguments: &[&str]| {
        let settings = SETTINGS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
        let repository = Repository { git: git.clone(), folder: folder.to_path_buf(), filters: OnceLock::new() };
        let invocation = repository.invocation(&settings, arguments).env("GIT_ALLOW_PROTOCOL", PROTOCOLS);
        invocation.env("GIT_DIR", folder).deadline(FETCH_DEADLINE).run()
    };
    let said = |output: &Output| cause(&output.stderr);
    let created = run(&["init", "--quiet", "--bare"])?;
    if !created.success() {
        return Ok(Err(said(&created)));
    }
    let fetched = run(&["fetch", "--quiet", "--depth", "1", "--no-tags", "--end-of-options", url, commit])?;
    Ok(if fetched.success() { Ok(()) } else { Err(said(&fetched)) })
}

/// The commit that is checked out, if it is that of the main branch: no process has to say so.
fn at_main(directories: &Directories) -> Option<String> {
    let main = MAIN.iter().find_map(|name| directories.commit(name))?;
    (directories.commit("HEAD")? == main).then_some(main)
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
