//! The workflows, the action, the bot's configuration, and the scripts in .ci, as far as they can be tested here.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use diagnostics::Source;
use document::{Node, yaml};
use regex_lite::Regex;
use serde_json::Value;

use crate::support::repository;

/// The workflows and the action, with their names.
fn workflows() -> Vec<(String, Node)> {
    let folder = repository().join(".github/workflows");
    let files = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
    let mut files: Vec<PathBuf> = files.chain([repository().join("action.yml")]).collect();
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(repository()).expect("inside").display().to_string();
        let source = Source::new(name.clone(), fs::read_to_string(path).expect("text"));
        (name, yaml::parse_one(&source).expect("YAML").root)
    };
    files.iter().map(read).collect()
}

/// The jobs of a workflow, with their names.
fn jobs(workflow: &Node) -> impl Iterator<Item = (&str, &Node)> {
    workflow.get("jobs").map(Node::entries).unwrap_or_default().iter().map(|(key, job)| (key.name.as_str(), job))
}

/// The steps of all jobs, or of an action.
fn steps(workflow: &Node) -> Vec<&Node> {
    let of_jobs = jobs(workflow).filter_map(|(_, job)| job.get("steps"));
    of_jobs.chain(workflow.get("runs").and_then(|runs| runs.get("steps"))).flat_map(Node::items).collect()
}

#[test]
fn actions_are_pinned_by_commit() {
    let pinned =
        Regex::new(r"^\s*(- )?uses: [A-Za-z0-9._/-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$").expect("a pattern");
    let mut wrong = Vec::new();
    let docs = fs::read_dir(repository().join("docs")).expect("readable").map(|entry| entry.expect("readable").path());
    let folder = fs::read_dir(repository().join(".github/workflows")).expect("readable");
    let files =
        folder.map(|entry| entry.expect("readable").path()).chain([repository().join("action.yml")]).chain(docs);
    for path in files {
        // Pictures are not text.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let uses = text.lines().filter(|line| line.trim_start_matches([' ', '-']).starts_with("uses: "));
        // The documentation leaves the choice of a commit of this repository to its readers.
        let others = uses.filter(|line| !line.contains("uses: example/homelab-chart@"));
        wrong.extend(others.filter(|line| !pinned.is_match(line)).map(|line| format!("{}: {line}", path.display())));
    }
    assert!(wrong.is_empty(), "not pinned by a commit, with the version as a comment:\n{}", wrong.join("\n"));
}

#[test]
fn workflows_state_their_permissions_and_time_limits() {
    for (name, workflow) in workflows().into_iter().filter(|(name, _)| name != "action.yml") {
        let permissions = workflow.get("permissions").unwrap_or_else(|| panic!("{name} has no `permissions`"));
        let written = permissions.entries().iter().filter(|(_, value)| value.as_str() == Some("write")).count();
        assert_eq!(written, 0, "{name}: only jobs may write");
        for (job, node) in jobs(&workflow) {
            assert!(node.get("timeout-minutes").is_some(), "{name}: the job {job} has no `timeout-minutes`");
            let runner = node.get("runs-on").and_then(Node::as_str).unwrap_or_default();
            assert!(
                runner.chars().any(|c| c.is_ascii_digit()),
                "{name}: `{runner}` is another system from time to time"
            );
        }
    }
}

#[test]
fn scripts_contain_no_expressions_and_no_credentials_are_kept() {
    for (name, workflow) in workflows() {
        for step in steps(&workflow) {
            let run = step.get("run").and_then(Node::as_str).unwrap_or_default();
            assert!(!run.contains("${{"), "{name}: a script contains an expression: {run}");
            let action = step.get("uses").and_then(Node::as_str).unwrap_or_default();
            if action.starts_with("actions/checkout@") {
                let kept = step.get("with").and_then(|with| with.get("persist-credentials"));
                assert_eq!(kept.map(Node::to_json).as_deref(), Some("false"), "{name}: a checkout keeps its token");
            }
        }
    }
}

#[test]
fn secrets_never_meet_the_code_of_a_pull_request() {
    for (name, workflow) in workflows() {
        // YAML 1.1 reads the key `on` as true.
        let triggers = ["on", "true"].iter().find_map(|key| workflow.get(key)).map(Node::to_json).unwrap_or_default();
        let text = fs::read_to_string(repository().join(&name)).expect("text");
        assert!(!triggers.contains("pull_request_target"), "{name} runs with secrets for forks");
        if triggers.contains("\"pull_request\"") {
            assert!(!text.contains("secrets.") && !text.contains(": write"), "{name} has secrets or can write");
        }
        if triggers.contains("workflow_run") {
            for step in steps(&workflow) {
                let with = step.get("with").map(Node::to_json).unwrap_or_default();
                assert!(!with.contains("\"ref\""), "{name} checks out the pull request");
                let run = step.get("run").and_then(Node::as_str).unwrap_or_default();
                assert!(!run.contains("cargo"), "{name} runs the code of the pull request");
            }
        }
    }
}

/// The custom managers of Renovate whose files match a path.
fn managers(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(repository().join("renovate.json")).expect("renovate.json");
    let config: Value = serde_json::from_str(&text).expect("JSON");
    let managers = config["customManagers"].as_array().expect("managers").iter();
    let matches = |pattern: &Value| {
        let pattern = pattern.as_str().expect("a pattern").trim_matches('/');
        Regex::new(pattern).expect("a pattern").is_match(path)
    };
    let of_file = |manager: &&Value| manager["managerFilePatterns"].as_array().expect("patterns").iter().any(matches);
    managers.filter(of_file).cloned().collect()
}

/// What the custom managers find in a file: names and versions.
fn found(path: &str) -> BTreeSet<(String, String)> {
    let text = fs::read_to_string(repository().join(path)).expect("text");
    let mut found = BTreeSet::new();
    for manager in managers(path) {
        for pattern in manager["matchStrings"].as_array().expect("patterns") {
            let pattern = Regex::new(pattern.as_str().expect("a pattern")).expect("a pattern");
            for captures in pattern.captures_iter(&text) {
                let name = captures.name("depName").map(|name| name.as_str().to_owned());
                let name = name.or_else(|| manager["depNameTemplate"].as_str().map(str::to_owned));
                found.insert((name.expect("a name"), captures["currentValue"].to_owned()));
            }
        }
    }
    found
}

#[test]
fn the_bot_finds_every_version_in_charts_toml() {
    let source = Source::new("charts.toml", fs::read_to_string(repository().join("charts.toml")).expect("text"));
    let root = document::toml::parse(&source).expect("TOML");
    let text = |path: [&str; 2]| root.get(path[0]).and_then(|table| table.get(path[1])).and_then(Node::as_str);
    let text = |path| text(path).expect("a version").to_owned();
    let mut expected = BTreeSet::from([
        ("argo-cd".to_owned(), text(["argocd", "version"])),
        ("kubernetes".to_owned(), text(["kubernetes", "version"])),
    ]);
    let image = text(["kind", "node-image"]);
    let (image, _) = image.split_once('@').expect("a digest");
    let (name, tag) = image.split_once(':').expect("a tag");
    expected.insert((name.to_owned(), tag.to_owned()));
    for (key, version) in root.get("tools").expect("tools").entries() {
        expected.insert((key.name.clone(), version.as_str().expect("a version").to_owned()));
    }
    assert_eq!(found("charts.toml"), expected);
}

#[test]
fn the_bot_finds_the_tools_that_github_releases() {
    let source = Source::new("tools.lock", fs::read_to_string(repository().join("tools.lock")).expect("text"));
    let root = document::toml::parse(&source).expect("TOML");
    let text = |tool: &Node, key: &str| tool.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
    let tools = root.get("tool").expect("tools").items().iter();
    let released = tools.filter(|tool| text(tool, "url").starts_with("https://github.com/"));
    let expected: BTreeSet<_> = released.map(|tool| (text(tool, "name"), text(tool, "version"))).collect();
    assert!(!expected.is_empty());
    assert_eq!(found("tools.lock"), expected);
}

#[test]
fn the_bot_finds_the_programs_of_scripts() {
    let names = |path| found(path).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(".ci/check"), ["github.com/rhysd/actionlint"]);
    assert_eq!(names(".ci/release"), ["github.com/google/go-containerregistry"]);
}

/// A pull request on a GitHub that a script replaces: `gh` answers from files, and records what it is asked.
struct Hub {
    folder: tempfile::TempDir,
}

impl Hub {
    /// `comments` is what the API lists, and `reports` the files of the artifact.
    fn new(comments: &str, reports: &[(&str, &str)]) -> Self {
        let hub = Self { folder: tempfile::tempdir().expect("temporary directory") };
        let pulls = r#"[{"number": 6, "head": {"sha": "old"}}, {"number": 7, "head": {"sha": "abc"}}]"#;
        fs::create_dir(hub.path("artifact")).expect("created");
        for (name, text) in [("pulls", pulls), ("comments", comments)] {
            fs::write(hub.path(name), text).expect("written");
        }
        for (name, text) in reports {
            fs::write(hub.path("artifact").join(name), text).expect("written");
        }
        let gh = "#!/usr/bin/env bash\ncd \"$(dirname \"$0\")\"\n\
            case \"$*\" in\n\
            'run download 42 --name diff --dir '*) cp -a artifact/. \"${@: -1}\" ;;\n\
            'api --method GET repos/me/lab/pulls --raw-field state=open --raw-field head=you:topic') cat pulls ;;\n\
            'api --paginate repos/me/lab/issues/7/comments') cat comments ;;\n\
            *' --input -') echo \"$* $(cat)\" >> log ;;\n\
            'api --method DELETE '*) echo \"$*\" >> log ;;\n\
            *) echo \"unexpected: gh $*\" >&2; exit 1 ;;\n\
            esac\n";
        fs::write(hub.path("gh"), gh).expect("written");
        fs::set_permissions(hub.path("gh"), fs::Permissions::from_mode(0o755)).expect("mode");
        hub
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the script; `None` if this machine lacks jq.
    fn publish(&self, head: &str) -> Option<(Output, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join("jq").is_file()) {
            return None;
        }
        let output = Command::new(repository().join(".ci/publish"))
            .env("PATH", format!("{}:{path}", self.folder.path().display()))
            .envs([("GH_REPO", "me/lab"), ("RUN", "42"), ("HEAD", head), ("OWNER", "you"), ("BRANCH", "topic")])
            .output()
            .expect("bash runs");
        Some((output, fs::read_to_string(self.path("log")).unwrap_or_default()))
    }
}

const COMMENTS: &str = r#"[
    {"id": 1, "user": {"type": "User"}, "body": "<!-- cargo-xtask:diff:1 --> not ours"},
    {"id": 2, "user": {"type": "Bot"}, "body": "<!-- cargo-xtask:diff:1 -->\nold"},
    {"id": 3, "user": {"type": "Bot"}, "body": "of another bot"},
    {"id": 4, "user": {"type": "Bot"}, "body": "<!-- cargo-xtask:diff:2 -->\nold"}
]"#;

#[test]
fn a_later_run_replaces_the_comments_of_an_earlier_one() {
    let hub = Hub::new(COMMENTS, &[("comment.md", "<!-- cargo-xtask:diff:1 -->\n\"new\" $(id)")]);
    let Some((output, log)) = hub.publish("abc") else { return };
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[0], "api --method PATCH repos/me/lab/issues/comments/2 --input - {");
    assert!(log.contains(r#""body": "<!-- cargo-xtask:diff:1 -->\n\"new\" $(id)""#), "{log}");
    assert_eq!(lines.last(), Some(&"api --method DELETE repos/me/lab/issues/comments/4"));
}

#[test]
fn parts_are_separate_comments_and_sarif_is_uploaded() {
    let (one, two) = ("<!-- cargo-xtask:diff:1 -->\n1", "<!-- cargo-xtask:diff:2 -->\n2");
    let hub = Hub::new("[]", &[("comment.md", one), ("comment.2.md", two), ("diff.sarif", "{}")]);
    let Some((output, log)) = hub.publish("abc") else { return };
    assert!(output.status.success(), "{output:?}");
    assert_eq!(log.matches("--method POST repos/me/lab/issues/7/comments").count(), 2, "{log}");
    assert!(log.contains("--method POST repos/me/lab/code-scanning/sarifs"), "{log}");
    assert!(log.contains(r#""ref": "refs/pull/7/head""#) && log.contains(r#""commit_sha": "abc""#), "{log}");
}

#[test]
fn reports_are_only_data() {
    let hub = Hub::new("[]", &[("comment.md", "buy this"), ("number", "1")]);
    std::os::unix::fs::symlink("/etc/hostname", hub.path("artifact/comment.2.md")).expect("linked");
    let Some((output, log)) = hub.publish("abc") else { return };
    assert!(output.status.success(), "{output:?}");
    assert_eq!(log, "", "what `diff` did not write is not published");
    let hub = Hub::new("[]", &[("comment.md", "<!-- cargo-xtask:diff:1 -->")]);
    let Some((output, log)) = hub.publish("another commit") else { return };
    assert!(output.status.success(), "{output:?}");
    assert_eq!(log, "", "the pull request has a newer commit");
}

/// Runs `.ci/release check` in a repository with a version and a changelog.
fn release_check(tag: &str, version: &str, changelog: &str) -> String {
    let folder = tempfile::tempdir().expect("temporary directory");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("created");
        fs::write(path, text).expect("written");
    };
    write("xtask/Cargo.toml", &format!("[package]\nname = \"xtask\"\nversion = \"{version}\"\n"));
    write("CHANGELOG.md", changelog);
    write(".ci/release", &fs::read_to_string(repository().join(".ci/release")).expect("text"));
    let output = Command::new("bash").arg(folder.path().join(".ci/release")).args(["check", tag]).output();
    let Output { status, stdout, stderr } = output.expect("bash runs");
    let text = String::from_utf8_lossy(if status.success() { &stdout } else { &stderr }).trim().to_owned();
    assert_eq!(status.success(), !text.starts_with("error"), "{text}");
    text
}

#[test]
fn a_release_needs_the_version_and_the_changelog() {
    let complete = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3]\n\n- a\n\n## [1.2.2]\n\n- b\n";
    assert_eq!(release_check("v1.2.3", "1.2.3", complete), "version 1.2.3: the tag and the changelog agree");
    let error = release_check("v1.2.4", "1.2.3", complete);
    assert_eq!(error, "error: the tag is v1.2.4, and the version in xtask/Cargo.toml 1.2.3");
    let empty = complete.replace("- a\n", "");
    assert_eq!(release_check("v1.2.3", "1.2.3", &empty), "error: CHANGELOG.md has no entries for 1.2.3");
    let open = complete.replace("[Unreleased]\n", "[Unreleased]\n\n- c\n");
    assert!(release_check("v1.2.3", "1.2.3", &open).starts_with("error: CHANGELOG.md has unreleased entries"));
}

#[test]
fn scripts_are_executable() {
    for entry in fs::read_dir(repository().join(".ci")).expect("readable") {
        let path: PathBuf = entry.expect("readable").path();
        let mode = fs::metadata(&path).expect("metadata").permissions().mode();
        assert!(mode & 0o100 != 0, "{} is not executable", Path::new(&path).display());
    }
}
