//! Pinned commits of other repositories: `deps` fetches them, and nothing else does.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::git::git;
use crate::support::Bench;

/// A repository with one commit; returns the commit.
fn repository(git: &Path, folder: &Path, from: &str) -> String {
    fs::create_dir_all(folder.join("apps/web")).expect("created");
    let manifest = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  from: {from}\n");
    fs::write(folder.join("apps/web/a.yaml"), manifest).expect("written");
    let run = |args: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgSign=false"];
        let output = Command::new(git).args(identity).args(args).current_dir(folder).output().expect("git runs");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    run(&["init", "--quiet", "."]);
    run(&["add", "--all"]);
    run(&["commit", "--quiet", "--message", from]);
    run(&["rev-parse", "HEAD"])
}

#[test]
fn a_pinned_commit_is_fetched_by_deps_only() {
    let Some(git) = git() else { return };
    let bench = Bench::new();
    let other = bench.base().join("other");
    let old = repository(&git, &other, "old");
    let new = repository(&git, &other, "new");
    assert_ne!(old, new);
    let url = format!("file://{}", other.display());
    let configuration = |commit: &str| {
        format!(
            "repository = \"https://git.example.com/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \
             \"1.34.11\"\n[[other-repository]]\nurl = \"{url}\"\ncommit = \"{commit}\"\n"
        )
    };
    let application = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: web\n  namespace: argocd\nspec:\n  \
         project: default\n  source:\n    repoURL: {url}\n    targetRevision: main\n    path: apps/web\n  destination:\n    \
         server: https://kubernetes.default.svc\n    namespace: web\n"
    );
    fs::create_dir_all(bench.root().join("argocd")).expect("created");
    fs::write(bench.root().join("argocd/web.yaml"), application).expect("written");
    fs::write(bench.root().join("charts.toml"), configuration(&old)).expect("written");
    let run = |arguments: &str| bench.xtask(arguments).env("PATH", git.parent().expect("a directory")).run();

    let render = run("render");
    assert!(render.stdout.contains("web: not rendered: commit"), "{render}");
    let deps = run("deps");
    assert_eq!(deps.code, Some(0), "{deps}");
    assert!(deps.stderr.contains("Fetched commit"), "{deps}");
    // The remote repository is not needed any more.
    fs::rename(&other, bench.base().join("moved")).expect("renamed");
    let render = run("render --offline");
    assert!(render.stdout.contains("+  from: old"), "{render}");
    let deps = run("deps --offline");
    assert_eq!(deps.code, Some(0), "{deps}");

    fs::write(bench.root().join("charts.toml"), configuration(&new)).expect("written");
    let deps = run("deps");
    assert_eq!(deps.code, Some(3), "{deps}");
    assert!(deps.stderr.contains("cannot be fetched"), "{deps}");
    fs::rename(bench.base().join("moved"), &other).expect("renamed");
    let deps = run("deps");
    assert_eq!(deps.code, Some(0), "{deps}");
    let render = run("render --offline");
    assert!(render.stdout.contains("+  from: new"), "{render}");
}
