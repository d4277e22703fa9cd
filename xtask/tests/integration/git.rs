//! Workspaces in a Git repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Bench, ci};

/// The program on the PATH; `None` if there is none, which fails in CI.
pub(crate) fn git() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let git = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|program| program.is_file());
    assert!(git.is_some() || !ci(), "git is required in CI");
    git
}

/// The repository of a workspace.
pub(crate) struct Git<'a> {
    pub(crate) git: &'a Path,
    pub(crate) bench: &'a Bench,
}

impl Git<'_> {
    /// Runs a command, and returns what it prints.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgSign=false"];
        let output = Command::new(self.git)
            .args(identity)
            .args(args)
            .current_dir(self.bench.root())
            .env_clear()
            .env("HOME", self.bench.base().join("home"))
            // The same commits every time.
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

#[test]
fn init_takes_the_checkout_for_a_branch_that_is_not_in_the_clone() {
    let Some(git) = git() else { return };
    let bench = Bench::of("init-instances-files");
    let repository = Git { git: &git, bench: &bench };
    repository.run(&["init", "--quiet", "--initial-branch", "main"]);
    repository.run(&["add", "."]);
    repository.run(&["commit", "--quiet", "--message", "begin"]);
    let init = || {
        let run = bench.xtask("init").env("PATH", git.parent().unwrap_or(Path::new("/"))).run();
        run.says(0, &[]);
        let text = std::fs::read_to_string(bench.root().join("charts.toml")).expect("written");
        std::fs::remove_file(bench.root().join("charts.toml")).expect("removed");
        text.lines().any(|line| line == "branch = \"release\"")
    };
    assert!(init());
    repository.run(&["branch", "release"]);
    assert!(!init(), "it is rendered from the clone");
}

#[test]
fn init_says_that_there_is_no_application() {
    let Some(git) = git() else { return };
    let bench = Bench::new();
    let workflow = "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: build}\nspec: {}\n";
    std::fs::write(bench.root().join("build.yaml"), workflow).expect("written");
    let repository = Git { git: &git, bench: &bench };
    repository.run(&["init", "--quiet", "--initial-branch", "main"]);
    repository.run(&["remote", "add", "origin", "https://git.example.com/home.git"]);
    let run = bench.xtask("init").env("PATH", git.parent().unwrap_or(Path::new("/"))).run();
    assert_eq!(
        run.stdout,
        "0 Applications, 0 ApplicationSets, 0 AppProjects in files\n\
         no Application was found: none is in a YAML or JSON file, and no chart or kustomization mentions one\n\
         next: declare what renders the first Applications with `[[bootstrap]]` in charts.toml\n"
    );
}
