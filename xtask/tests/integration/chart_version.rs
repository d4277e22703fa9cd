//! Checks that a changed chart requires a higher version, with real Git repositories.

use std::path::PathBuf;

use crate::git::{Git, git};
use crate::support::{Answer, Bench, HELM_4, helm};

/// A workspace in a git repository.
struct Repository {
    bench: Bench,
    git: PathBuf,
    helm: PathBuf,
}

impl Repository {
    /// A repository whose branch `main` contains a chart at 0.1.0; `None` if git or helm is unavailable.
    fn new() -> Option<Self> {
        let repository = Self { bench: Bench::of("lint-null-sound"), git: git()?, helm: helm(HELM_4)? };
        repository.bench.write("charts/web/.helmignore", "ci/\n");
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository.commit("begin");
        Some(repository)
    }

    fn git(&self, args: &[&str]) {
        Git { git: &self.git, bench: &self.bench }.run(args);
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    fn lint(&self, args: &str) -> Answer {
        let path = self.git.parent().expect("a directory");
        self.bench.xtask(&format!("lint {args}")).helm(&self.helm).env("PATH", path).run()
    }

    fn version(&self, old: &str, new: &str) {
        self.bench.replace("charts/web/Chart.yaml", &format!("version: {old}\n"), &format!("version: {new}\n"));
    }
}

#[test]
fn a_change_on_a_branch_requires_a_higher_version() {
    let Some(repository) = Repository::new() else { return };
    repository.lint("").says(0, &["nothing found"]);
    repository.git(&["switch", "--quiet", "--create", "work"]);
    repository.bench.write("charts/web/NOTES.md", "new\n");
    repository.bench.replace("charts/web/values.yaml", "lib: {}\n", "lib: {size: 3}\n");
    repository.commit("change");
    // Uncommitted and untracked files count as well.
    repository.bench.write("charts/web/files/more.txt", "new\n");
    let answer = repository.lint("");
    answer.says(
        1,
        &[
            "error[chart-version-unraised]: `charts/web` changed since `",
            "`, but its version is still 0.1.0",
            "charts/web/Chart.yaml:3:10",
            "expected 0.1.1 or higher",
            "changed: charts/web/NOTES.md and 2 more",
            "set `version: 0.1.1` in charts/web/Chart.yaml",
        ],
    );
    repository.version("0.1.0", "0.0.9");
    repository.lint("").says(1, &["but its version went down from 0.1.0 to 0.0.9"]);
    // A release candidate comes before its release, and build metadata makes no difference.
    repository.version("0.0.9", "0.1.0-rc.1");
    repository.lint("").says(1, &["went down from 0.1.0 to 0.1.0-rc.1"]);
    repository.version("0.1.0-rc.1", "0.1.0+build.2");
    repository.lint("").says(1, &["is still 0.1.0+build.2"]);
    repository.version("0.1.0+build.2", "0.2.0-rc.1");
    repository.lint("").says(0, &["nothing found"]);
}

#[test]
fn only_packaged_files_count() {
    let Some(repository) = Repository::new() else { return };
    repository.git(&["switch", "--quiet", "--create", "work"]);
    repository.bench.write("charts/web/ci/case-values.yaml", "lib: {}\n");
    repository.bench.write("README.md", "outside\n");
    repository.bench.write(".gitignore", "*.log\n");
    repository.bench.write("charts/web/run.log", "ignored by git\n");
    repository.commit("nothing of the chart");
    repository.lint("").says(0, &["nothing found"]);
    std::fs::remove_file(repository.bench.root().join("charts/web/templates/config.yaml")).expect("removed");
    repository.lint("").says(1, &["changed: charts/web/templates/config.yaml"]);
}

#[test]
fn a_new_chart_requires_no_version_change() {
    let Some(repository) = Repository::new() else { return };
    repository.git(&["switch", "--quiet", "--create", "work"]);
    for file in ["Chart.yaml", "values.schema.json"] {
        let text = std::fs::read_to_string(repository.bench.root().join("charts/web").join(file)).expect("readable");
        let text =
            text.replace("name: web", "name: other").replace("dependencies:\n  - name: lib\n    version: 1.2.0\n", "");
        repository.bench.write(&format!("charts/other/{file}"), &text);
    }
    repository.lint("").says(0, &["2 charts", "nothing found"]);
}

#[test]
fn the_base_revision_can_be_chosen() {
    let Some(repository) = Repository::new() else { return };
    repository.git(&["tag", "v1"]);
    repository.bench.replace("charts/web/values.yaml", "lib: {}\n", "lib: {size: 3}\n");
    // On the main branch itself, the work tree is compared with the last commit.
    repository.lint("").says(1, &["chart-version-unraised"]);
    repository.commit("on main");
    repository.lint("").says(0, &["nothing found"]);
    repository.lint("--base v1").says(1, &["`charts/web` changed since `v1`, but its version is still 0.1.0"]);
    repository.lint("--base v2").says(2, &["error[usage]: `--base v2` is not a commit: Git does not know it"]);
    repository.lint("--base=--output=x").says(2, &["is not a commit"]);
}

#[test]
fn without_git_the_check_is_skipped() {
    let Some(repository) = Repository::new() else { return };
    repository.git(&["branch", "--move", "something-else"]);
    repository.bench.replace("charts/web/values.yaml", "lib: {}\n", "lib: {size: 3}\n");
    repository.lint("").says(0, &["nothing found"]);
    // Without git on PATH.
    let bench = &repository.bench;
    bench.xtask("lint").helm(&repository.helm).run().says(0, &["nothing found"]);
    bench.xtask("lint --base HEAD").helm(&repository.helm).run().says(2, &["git is not on PATH"]);
    std::fs::remove_dir_all(bench.root().join(".git")).expect("removed");
    repository.lint("").says(0, &["nothing found"]);
    repository.lint("--base HEAD").says(2, &["this is not a Git repository"]);
}
