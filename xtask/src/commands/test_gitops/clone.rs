//! A clone of the repository as the author of a commit has it: a branch with the commit, on top of a main branch.

use std::path::Path;
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Result};
use tempfile::TempDir;
use toolbox::pack::Entry;
use toolbox::process::{self, Invocation};

use super::tree::Files;

/// The deadline for a command of Git.
const GIT: Duration = Duration::from_secs(60);

/// Writes a clone whose main branch has some files, and whose branch has others.
pub(super) fn write(before: &Files, after: &Files) -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("homelab-chart-").tempdir();
    let folder = folder.map_err(|error| Diagnostic::io("create a directory in", &std::env::temp_dir(), &error))?;
    let path = folder.path();
    // Without a commit of a scenario, both are the same.
    let before = if before.is_empty() { after } else { before };
    for (name, entry) in before {
        write_entry(path, name, entry)?;
    }
    let commit = ["commit", "--quiet", "--allow-empty", "--no-verify", "--message=test-gitops"];
    git(path, &["init", "--quiet", "--initial-branch=main"])?;
    git(path, &["add", "--all", "--force"])?;
    git(path, &commit)?;
    git(path, &["checkout", "--quiet", "-b", "change"])?;
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        let gone = path.join(name);
        std::fs::remove_file(&gone).map_err(|error| Diagnostic::io("delete", &gone, &error))?;
    }
    for (name, entry) in after.iter().filter(|(name, entry)| before.get(*name) != Some(*entry)) {
        write_entry(path, name, entry)?;
    }
    git(path, &["add", "--all", "--force"])?;
    git(path, &commit)?;
    Ok(folder)
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
        let folder = write(&before, &after).expect("written");
        let repository = Repository::around(folder.path()).expect("a repository");
        let base = repository.merge_base("main").expect("git").expect("a commit");
        assert_eq!(repository.file(&base, "a").expect("git").as_deref(), Some("1"));
        assert_eq!(repository.file("HEAD", "a").expect("git").as_deref(), Some("2"));
        assert_eq!(repository.tracked().expect("git"), [b"a", b"l"]);
    }
}
