//! `diff` between revisions: what it starts, what it leaves alone, and a base that is broken.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::git::{Git, git};
use crate::support::{Bench, Run, tree};

/// A Helm that prints a Deployment whose image is in values.yaml, and leaves a trace of each run.
const SCRIPT: &str = r#"
echo "$@" >>"$(dirname "$0")/ran"
image=$(sed -n 's/^image: //p' values.yaml 2>/dev/null || true)
if [ -z "$image" ]; then
  echo "Error: execution error at (app-1/templates/web.yaml:1:1): image is required" >&2
  exit 1
fi
printf -- '---\n# Source: web/templates/web.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  image: "%s"\n' web "$image"
"#;

/// A workspace with some Applications, in a Git repository.
struct Fleet {
    bench: Bench,
    git: PathBuf,
    helm: PathBuf,
}

impl Fleet {
    /// `None` without Git.
    fn new(count: usize) -> Option<Self> {
        let git = git()?;
        let bench = Bench::new();
        bench.write(
            "charts.toml",
            "repository = \"https://git.example.com/home.git\"\n[argocd]\nversion = \"3.5\"\n[kubernetes]\nversion = \"1.34.11\"\n",
        );
        for index in 0..count {
            let name = format!("app-{index}");
            bench.write(
                &format!("charts/{name}/Chart.yaml"),
                &format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n"),
            );
            bench.write(&format!("charts/{name}/values.yaml"), "image: registry.example.com/web:1.0\n");
            bench.write(&format!("charts/{name}/templates/web.yaml"), "# The stub renders this.\n");
            bench.write(&format!("argocd/{name}.yaml"), &application(&name));
        }
        let helm = bench.stub(SCRIPT);
        let fleet = Self { bench, git, helm };
        fleet.xtask("render --accept").run().says(0, &[]);
        fleet.commit("begin");
        Some(fleet)
    }

    /// A run whose PATH has nothing but Git.
    fn xtask(&self, args: &str) -> Run<'_> {
        self.bench.xtask(args).helm(&self.helm).env("PATH", self.git.parent().unwrap_or(Path::new("/")))
    }

    fn git(&self, args: &[&str]) -> String {
        Git { git: &self.git, bench: &self.bench }.run(args)
    }

    fn commit(&self, message: &str) {
        if !self.bench.root().join(".git").exists() {
            self.git(&["init", "--quiet", "--initial-branch", "main"]);
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// The releases for which Helm ran since the last call.
    fn runs(&self) -> BTreeSet<String> {
        let path = self.bench.base().join("ran");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        let release = |line: &str| line.split(" --name-template ").nth(1)?.split(' ').next().map(str::to_owned);
        text.lines().filter_map(release).collect()
    }
}

/// The output without what follows the ranges of a hunk.
fn plain(stdout: &str) -> String {
    let line = |line: &str| match line.strip_prefix("@@ ").and_then(|rest| rest.split_once(" @@")) {
        Some((range, _)) => format!("@@ {range} @@\n"),
        None => format!("{line}\n"),
    };
    stdout.lines().map(line).collect()
}

fn application(name: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\n  namespace: argocd\nspec:\n  project: default\n  source:\n    repoURL: https://git.example.com/home.git\n    targetRevision: main\n    path: charts/{name}\n  destination:\n    server: https://kubernetes.default.svc\n    namespace: {name}\n"
    )
}

#[test]
fn accepted_changes_are_shown_without_a_render() {
    let Some(fleet) = Fleet::new(12) else { return };
    fleet.git(&["switch", "--quiet", "--create", "work"]);
    fleet.bench.replace("charts/app-3/values.yaml", "web:1.0", "web:2.0");
    fleet.runs();
    let pending = fleet.xtask("diff").run();
    pending.says(0, &["app-3/default: modified ConfigMap web", "12 Applications: 1 changed, 11 unchanged"]);
    let changed = BTreeSet::from(["app-3".to_owned()]);
    assert_eq!(fleet.runs(), changed, "only the Application that changed is rendered");
    fleet.xtask("render --accept").run().says(0, &[]);
    fleet.commit("change");
    fleet.runs();
    let before = tree(&fleet.bench.root());
    let accepted = fleet.xtask("diff").run();
    // Where lines come from is known only of what was rendered.
    assert_eq!(plain(&accepted.stdout), plain(&pending.stdout), "it makes no difference whether a change is accepted");
    assert!(fleet.runs().is_empty());
    assert_eq!(fleet.git(&["status", "--porcelain"]), "");
    assert!(before == tree(&fleet.bench.root()), "the checkout is only read");
    // Two revisions, whatever is checked out.
    fleet.bench.write("charts/app-5/values.yaml", "image: registry.example.com/web:9.0\n");
    let revisions = fleet.xtask("diff --base main --head work").run();
    assert_eq!(
        revisions.stdout.replace("work: ", "the checkout: "),
        accepted.stdout.replace(&fleet.git(&["rev-parse", "main"])[..10], "main")
    );
    assert!(fleet.runs().is_empty());
}

#[test]
fn an_export_is_written_again_after_it_was_deleted() {
    let Some(fleet) = Fleet::new(2) else { return };
    fleet.bench.replace("charts/app-1/values.yaml", "web:1.0", "web:2.0");
    let first = fleet.xtask("diff --base main").run();
    first.says(0, &["2 Applications: 1 changed, 1 unchanged"]);
    let exports = fleet.bench.cache().join("trees");
    assert_eq!(fs::read_dir(&exports).expect("written").count(), 1);
    let again = fleet.xtask("diff --base main").run();
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(fs::read_dir(&exports).expect("written").count(), 1, "an export is used again");
    // What a killed run left behind is not an export.
    let export = fs::read_dir(&exports).expect("written").next().expect("one").expect("readable").path();
    fs::remove_file(export.join("records")).expect("removed");
    fs::remove_dir_all(export).expect("removed");
    assert_eq!(fleet.xtask("diff --base main").run().stdout, first.stdout);
    // Older ones are deleted.
    for index in 0..12 {
        fleet.bench.write("README.md", &format!("{index}\n"));
        fleet.commit("again");
        fleet.xtask("diff --base HEAD").run().says(0, &[]);
    }
    assert!(fs::read_dir(&exports).expect("written").count() <= 9);
}

#[test]
fn a_base_that_cannot_be_rendered_is_not_an_addition() {
    let Some(fleet) = Fleet::new(3) else { return };
    fleet.bench.write("charts/app-1/values.yaml", "nothing: here\n");
    fleet.commit("break");
    fleet.bench.write("charts/app-1/values.yaml", "image: registry.example.com/web:1.0\n");
    let answer = fleet.xtask("diff --base HEAD").run();
    answer.says(0, &["app-1: failed: ", "3 Applications: 1 failed, 2 unchanged"]);
    assert!(!answer.stdout.contains("added"), "{answer}");
    fleet
        .xtask("diff --base HEAD --fail-on blocker")
        .run()
        .says(1, &["error[change-severe]: 1 Application has changes"]);
    // In the other direction, something is wrong with the head.
    fleet.commit("repair");
    let answer = fleet.xtask("diff --base HEAD --head HEAD~1").run();
    assert_ne!(answer.code, Some(0), "{answer}");
    assert!(answer.stdout.contains("app-1: failed: ") && !answer.stdout.contains("removed"), "{answer}");
}

#[test]
fn a_base_without_charts_toml_is_configured_like_the_head() {
    let Some(fleet) = Fleet::new(2) else { return };
    fleet.git(&["rm", "--quiet", "-r", "--cached", "charts.toml", "tests/golden"]);
    fleet.git(&["commit", "--quiet", "--message", "without"]);
    let answer = fleet.xtask("diff --base HEAD").run();
    answer.says(0, &["revision `HEAD` has no charts.toml: that of the head is used", "2 Applications: 2 unchanged"]);
    fleet.bench.write("charts/app-1/values.yaml", "image: registry.example.com/web:2.0\n");
    fleet.xtask("diff --base HEAD").run().says(0, &["app-1: 1 modified", "1 changed, 1 unchanged"]);
    fleet.git(&["branch", "without"]);
    fleet.git(&["add", "charts.toml"]);
    fleet.git(&["commit", "--quiet", "--message", "with"]);
    fleet.xtask("diff --base without --head HEAD").run().says(0, &["2 Applications: 2 unchanged"]);
    fleet.xtask("diff --base HEAD --head without").run().says(2, &["revision `without` has no charts.toml"]);
}

#[test]
fn a_policy_checker_runs_over_both_revisions() {
    let Some(fleet) = Fleet::new(2) else { return };
    let checker = fleet.bench.base().join("checker");
    fs::write(&checker, "#!/bin/sh\ngrep -rh 'image: .*latest' \"$1\"\ntrue\n").expect("written");
    fs::set_permissions(&checker, fs::Permissions::from_mode(0o755)).expect("executable");
    let diff = format!("diff --base main --policy {}", checker.display());
    fleet.xtask(&diff).run().says(0, &["0 new violations, 0 existing, 0 fixed"]);
    fleet.bench.write("charts/app-1/values.yaml", "image: registry.example.com/web:latest\n");
    fleet.xtask(&diff).run().says(1, &["policy-violated", "1 new violation, 0 existing, 0 fixed"]);
    // What it prints cannot contain what it does not get.
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {password: hunter2}\n";
    fleet.bench.write("charts/keys/secret.yaml", secret);
    fleet.bench.write("argocd/keys.yaml", &application("keys"));
    let printing = fleet.xtask("diff --base main").arg("--policy").arg("grep -rh password: {}; true #").run();
    printing.says(1, &["policy-violated", "stringData: {password: PHNlY3JldC"]);
    assert!(!printing.to_string().contains("hunter2"), "{printing}");
    let missing = "diff --base main --policy no-such-checker";
    fleet.xtask(missing).run().says(3, &["policy-failed", "was not found"]);
}
