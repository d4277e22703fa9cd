//! Pinned commits of other repositories: `deps` fetches them, and nothing else does.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::git::git;
use crate::support::{Bench, kustomize};

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

#[test]
fn update_pins_what_kustomizations_refer_to() {
    let (Some(git), Some(kustomize)) = (git(), kustomize()) else { return };
    let bench = Bench::new();
    let write = |path: &str, text: &str| {
        let path = bench.base().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(path, text).expect("written");
    };
    let other = bench.base().join("other");
    // The base refers to a file, which is known once the base is there.
    write("other/base/kustomization.yaml", "resources:\n  - https://files.example.com/v1/role.yaml\n");
    write("mirror/files.example.com/v1/role.yaml", "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: reader\n");
    let first = repository(&git, &other, "first");
    let url = format!("file://{}", other.display());
    let own = bench.root().strip_prefix(bench.base()).expect("below").to_string_lossy().into_owned();
    write(
        &format!("{own}/charts.toml"),
        "repository = \"https://git.example.com/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \
         \"1.34.11\"\n",
    );
    let application = |name: &str, url: &str, path: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\n  namespace: argocd\nspec:\n  \
             project: default\n  source:\n    repoURL: {url}\n    path: {path}\n  destination:\n    server: \
             https://kubernetes.default.svc\n    namespace: {name}\n"
        )
    };
    write(&format!("{own}/argocd/web.yaml"), &application("web", "https://git.example.com/home.git", "web"));
    write(&format!("{own}/argocd/plain.yaml"), &application("plain", &url, "apps/web"));
    write(&format!("{own}/web/kustomization.yaml"), &format!("resources:\n  - {url}//base\n"));
    let mirror = bench.base().join("mirror");
    let run = |arguments: &str| {
        let xtask = bench.xtask(arguments).env("PATH", git.parent().expect("a directory"));
        xtask.kustomize(&kustomize).env("XTASK_CHART_MIRROR", &mirror).run()
    };

    let render = run("render");
    assert!(render.stdout.contains("0 targets; 2 Applications not rendered"), "{render}");
    assert!(render.stderr.contains("deps --update"), "{render}");
    let update = run("deps --update");
    assert_eq!(update.code, Some(0), "{update}");
    assert!(update.stdout.contains(&format!("added {} of ", &first[..8])), "{update}");
    assert!(update.stdout.contains("added https://files.example.com/v1/role.yaml"), "{update}");
    let lock = fs::read_to_string(bench.root().join("charts.lock")).expect("written");
    assert!(lock.contains(&format!("commit = \"{first}\"")), "{lock}");

    // Nothing is fetched after that, and a new commit changes nothing until it is pinned.
    let second = repository(&git, &other, "second");
    fs::remove_dir_all(&mirror).expect("deleted");
    fs::create_dir(&mirror).expect("created");
    let render = run("render --offline");
    assert!(render.stdout.contains("+  name: reader") && render.stdout.contains("+  from: first"), "{render}");
    let update = run("deps --update other");
    assert_eq!(update.code, Some(0), "{update}");
    assert!(update.stdout.contains(&format!("{} → {}", &first[..8], &second[..8])), "{update}");
    let render = run("render --offline");
    assert!(render.stdout.contains("+  from: second"), "{render}");

    // What cannot be downloaded keeps its pin, and what is not needed any more is dropped.
    let update = run("deps --update");
    assert_eq!(update.code, Some(3), "{update}");
    assert!(update.stderr.contains("`https://files.example.com/v1/role.yaml` cannot be downloaded"), "{update}");
    fs::remove_file(bench.root().join("argocd/web.yaml")).expect("deleted");
    let update = run("deps --update");
    assert_eq!(update.code, Some(0), "{update}");
    assert!(update.stdout.contains("dropped https://files.example.com/v1/role.yaml"), "{update}");
    let lock = fs::read_to_string(bench.root().join("charts.lock")).expect("written");
    assert!(!lock.contains("[[file]]") && lock.contains(&second), "{lock}");
}

#[test]
fn update_pins_what_generators_read() {
    let Some(git) = git() else { return };
    let bench = Bench::new();
    let other = bench.base().join("other");
    let commit = repository(&git, &other, "first");
    let url = format!("file://{}", other.display());
    let set = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata:\n  name: all\n  namespace: argocd\nspec:\n  \
         generators:\n    - git:\n        repoURL: {url}\n        revision: HEAD\n        directories: [{{path: apps/*}}]\n  \
         template:\n    metadata:\n      name: '{{{{path.basename}}}}'\n    spec:\n      project: default\n      source:\n        \
         repoURL: {url}\n        targetRevision: HEAD\n        path: '{{{{path}}}}'\n      destination:\n        server: \
         https://kubernetes.default.svc\n        namespace: web\n"
    );
    let configuration = "repository = \"https://git.example.com/home.git\"\n[argocd]\nversion = \
                         \"3.5\"\n[kubernetes]\nversion = \"1.34.11\"\n";
    fs::create_dir_all(bench.root().join("argocd")).expect("created");
    fs::write(bench.root().join("argocd/all.yaml"), set).expect("written");
    fs::write(bench.root().join("charts.toml"), configuration).expect("written");
    let run = |arguments: &str| bench.xtask(arguments).env("PATH", git.parent().expect("a directory")).run();

    let render = run("render");
    assert!(render.stderr.contains("Applications of ApplicationSet `all` are not generated"), "{render}");
    let update = run("deps --update");
    assert_eq!(update.code, Some(0), "{update}");
    assert!(update.stdout.contains(&format!("added {} of ", &commit[..8])), "{update}");
    let render = run("render --offline");
    assert!(
        render.stdout.contains("web/default: added ConfigMap") && render.stdout.contains("+  from: first"),
        "{render}"
    );
}
