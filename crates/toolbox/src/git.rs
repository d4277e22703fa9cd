//! Queries to git: base revisions, and what changed since.
//!
//! git only reads: it writes nothing into the repository, takes no optional locks, never prompts, and runs no hooks. Paths
//! are relative to the directory of the [`Repository`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Result};

use crate::process::{Invocation, Output};

/// The candidates for the main branch, the default branch of `origin` first.
const MAIN: [&str; 5] = [
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/heads/main",
    "refs/remotes/origin/master",
    "refs/heads/master",
];

/// A directory in a git repository, and the git program.
#[derive(Debug)]
pub struct Repository {
    git: PathBuf,
    folder: PathBuf,
}

impl Repository {
    /// The repository that contains a directory; `None` if there is none, or no git on PATH.
    #[must_use]
    pub fn around(folder: &Path) -> Option<Self> {
        folder.ancestors().find(|folder| folder.join(".git").exists())?;
        let path = std::env::var_os("PATH")?;
        let mut programs =
            std::env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join("git"));
        Some(Self { git: programs.find(|program| program.is_file())?, folder: folder.to_path_buf() })
    }

    /// The commit of a revision.
    pub fn commit(&self, revision: &str) -> Result<Option<String>> {
        let name = format!("{revision}^{{commit}}");
        let output = self.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name])?;
        Ok(output.success().then(|| first_line(&output)).flatten())
    }

    /// The merge base of `HEAD` and the main branch; `None` if there is no main branch or no common commit.
    pub fn merge_base(&self) -> Result<Option<String>> {
        let output = self.ask(&[["for-each-ref", "--format=%(refname)"].as_slice(), &MAIN].concat())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let known: BTreeSet<&str> = text.lines().collect();
        let Some(main) = MAIN.iter().find(|name| known.contains(*name)) else { return Ok(None) };
        let output = self.ask(&["merge-base", "HEAD", main])?;
        Ok(output.success().then(|| first_line(&output)).flatten())
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

    /// The text of a file in a commit; `None` if the commit does not contain it.
    pub fn file(&self, commit: &str, path: &str) -> Result<Option<String>> {
        let output = self.ask(&["show", "--no-textconv", "--end-of-options", &format!("{commit}:./{path}")])?;
        Ok(output.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
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

    fn ask(&self, args: &[&str]) -> Result<Output> {
        let settings = ["core.hooksPath=/dev/null", "core.fsmonitor=false", "core.quotePath=false", "safe.directory=*"];
        let settings = settings.into_iter().flat_map(|setting| ["-c", setting]);
        let invocation = Invocation::new(&self.git, &self.folder)
            .args(settings.chain(["--no-pager", "--literal-pathspecs"]).chain(args.iter().copied()))
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C");
        invocation.run()
    }
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
