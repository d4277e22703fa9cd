//! A clone of the repository as the author of a commit has it: a branch with the commit, on top of a main branch.

use std::path::Path;
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Result};
use tempfile::TempDir;
use toolbox::pack::Entry;
use toolbox::process::{self, Invocation};
use toolbox::scratch;

use super::tree::Files;

/// The tag of the first commit of a clone.
const FIRST: &str = "first";

/// The deadline for a command of Git.
const GIT: Duration = Duration::from_secs(60);

/// A clone, which is written once and then updated: Git has to read only the files that change.
#[derive(Debug)]
pub(super) struct Cloned {
    folder: TempDir,
    /// The files of its first commit.
    first: Files,
}

impl Cloned {
    /// Updates a clone, or writes a new one: its main branch has some files, and its branch has others. Returns its directory.
    pub(super) fn write<'a>(slot: &'a mut Option<Self>, before: &Files, after: &Files) -> Result<&'a Path> {
        // Without a commit of a scenario, both are the same.
        let before = if before.is_empty() { after } else { before };
        // After an error, the next one is new.
        let clone = match slot.take() {
            Some(clone) => clone,
            None => Self::new(before)?,
        };
        clone.update(before, after)?;
        Ok(slot.insert(clone).folder.path())
    }

    fn new(first: &Files) -> Result<Self> {
        let folder = scratch::directory()?;
        git(folder.path(), &["init", "--quiet", "--initial-branch=main"])?;
        change(folder.path(), &Files::new(), first)?;
        git(folder.path(), &["tag", FIRST])?;
        Ok(Self { folder, first: first.clone() })
    }

    fn update(&self, before: &Files, after: &Files) -> Result<()> {
        let path = self.folder.path();
        // Files that commands have written do not belong to it.
        git(path, &["clean", "--quiet", "-ffdx"])?;
        git(path, &["checkout", "--quiet", "--force", "-B", "main", FIRST])?;
        if *before != self.first {
            change(path, &self.first, before)?;
        }
        git(path, &["checkout", "--quiet", "-B", "change"])?;
        change(path, before, after)
    }
}

/// Changes the files of a clone, and commits them.
fn change(folder: &Path, before: &Files, after: &Files) -> Result<()> {
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        let gone = folder.join(name);
        std::fs::remove_file(&gone).map_err(|error| Diagnostic::io("delete", &gone, &error))?;
    }
    for (name, entry) in after.iter().filter(|(name, entry)| before.get(*name) != Some(*entry)) {
        write_entry(folder, name, entry)?;
    }
    git(folder, &["add", "--all", "--force"])?;
    git(folder, &["commit", "--quiet", "--allow-empty", "--no-verify", "--message=test-gitops"])
}

fn write_entry(folder: &Path, name: &str, entry: &Entry) -> Result<()> {
    let target = folder.join(name);
    let written = std::fs::create_dir_all(target.parent().unwrap_or(folder)).and_then(|()| match entry {
        Entry::File { content, executable } => {
            use std::os::unix::fs::PermissionsExt;
            std::fs::write(&target, content)?;
            let mode = if *executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(&target, std::fs::Permissions::from_mode(mode))
        }
        Entry::Link(to) => std::os::unix::fs::symlink(to, &target),
    });
    Ok(written.map_err(|error| Diagnostic::io("write", &target, &error))?)
}

fn git(folder: &Path, args: &[&str]) -> Result<()> {
    let Some(program) = process::on_path("git") else {
        return Err(Diagnostic::new(Code::ToolUnavailable, "`git` is not on PATH")
            .help("install Git: steps of scenarios run commands in a clone")
            .into());
    };
    // Settings of this machine have no effect.
    let invocation = Invocation::new(&program, folder)
        .args(["-c", "user.name=test-gitops", "-c", "user.email=test-gitops@example.com", "-c", "core.autocrlf=false"])
        .args(args.iter().copied())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .deadline(GIT);
    let output = invocation.run()?;
    if output.success() {
        return Ok(());
    }
    Err(Diagnostic::new(Code::ProcessFailed, "`git` failed")
        .note(output.stderr.trim().to_owned())
        .note(format!("command: {}", invocation.command_line()))
        .into())
}

#[cfg(test)]
mod tests {
    use toolbox::git::Repository;

    use super::*;

    #[test]
    fn a_clone_has_the_commit_on_top_of_the_main_branch() {
        let file = |text: &str| Entry::File { content: text.as_bytes().to_vec(), executable: true };
        let before: Files = [("a".to_owned(), file("1")), ("b/c".to_owned(), file(""))].into();
        let after: Files = [("a".to_owned(), file("2")), ("l".to_owned(), Entry::Link("a".to_owned()))].into();
        let mut clone = None;
        let mut written = |before: &Files, after: &Files| {
            let folder = Cloned::write(&mut clone, before, after).expect("written");
            let repository = Repository::around(folder).expect("a repository");
            let base = repository.merge_base("main").expect("git").expect("a commit");
            let text = |revision: &str| repository.file(revision, "a").expect("git");
            let found = (text(&base), text("HEAD"), repository.tracked().expect("git"));
            // Files that a command leaves behind are in no commit.
            std::fs::write(folder.join("left"), "").expect("written");
            found
        };
        let two = (Some("1".to_owned()), Some("2".to_owned()), vec![b"a".to_vec(), b"l".to_vec()]);
        assert_eq!(written(&before, &after), two);
        assert_eq!(written(&after, &before), (two.1.clone(), two.0.clone(), vec![b"a".to_vec(), b"b/c".to_vec()]));
        assert_eq!(written(&before, &after), two);
        assert_eq!(written(&Files::new(), &after), (two.1.clone(), two.1, two.2));
    }
}
