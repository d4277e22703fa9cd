//! Workflows and actions of GitHub in this repository, and renovate.json: what GitHub and Renovate reject, or ignore.
//!
//! Only what is certain is reported: unknown keys, steps that do nothing, and names in expressions that nothing defines.
//! Of the inputs of actions in other repositories, only misspelled ones of some actions are known.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::wording::names;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source, did_you_mean, nearest, nearest_within};
use document::{Node, yaml};
use toolbox::source;

use super::subject::Subject;
use super::{renovate_patterns, workflow_expressions as expressions, workflow_inputs};

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::WorkflowInvalid];

const WORKFLOW: &[&str] = &["name", "run-name", "on", "permissions", "env", "defaults", "concurrency", "jobs"];
const JOB: &[&str] = &[
    "name",
    "permissions",
    "needs",
    "if",
    "runs-on",
    "environment",
    "concurrency",
    "outputs",
    "env",
    "defaults",
    "steps",
    "timeout-minutes",
    "strategy",
    "continue-on-error",
    "container",
    "services",
    "uses",
    "with",
    "secrets",
    "snapshot",
];
const STRATEGY: &[&str] = &["matrix", "fail-fast", "max-parallel"];
const STEP: &[&str] = &[
    "id",
    "if",
    "name",
    "uses",
    "run",
    "working-directory",
    "shell",
    "with",
    "env",
    "continue-on-error",
    "timeout-minutes",
    "background",
];
/// The keys of steps without `uses` and `run`, which control steps in the background.
const CONTROL: &[&str] = &["parallel", "wait", "wait-all", "cancel"];
const ACTION: &[&str] = &["name", "author", "description", "inputs", "outputs", "runs", "branding"];
/// The runtimes of actions.
const USING: &[&str] = &["composite", "docker", "node12", "node16", "node20", "node24"];
const PERMISSIONS: &[&str] = &[
    "actions",
    "artifact-metadata",
    "attestations",
    "checks",
    "contents",
    "deployments",
    "discussions",
    "id-token",
    "issues",
    "models",
    "packages",
    "pages",
    "pull-requests",
    "repository-projects",
    "security-events",
    "statuses",
];
/// The runners of GitHub, for suggestions.
const RUNNERS: &[&str] = &[
    "macos-13",
    "macos-14",
    "macos-15",
    "macos-latest",
    "ubuntu-22.04",
    "ubuntu-22.04-arm",
    "ubuntu-24.04",
    "ubuntu-24.04-arm",
    "ubuntu-latest",
    "windows-2022",
    "windows-2025",
    "windows-latest",
];
/// The events to which people react, for suggestions.
const EVENTS: &[&str] = &[
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "fork",
    "gollum",
    "image_version",
    "issue_comment",
    "issues",
    "label",
    "merge_group",
    "milestone",
    "page_build",
    "public",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_target",
    "push",
    "registry_package",
    "release",
    "repository_dispatch",
    "schedule",
    "status",
    "watch",
    "workflow_call",
    "workflow_dispatch",
    "workflow_run",
];

/// Checks all of these files.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let root = &subject.workspace.root;
    let mut diagnostics = Diagnostics::default();
    for (path, is_workflow) in files(root) {
        let Ok(source) = source::read(root, &path) else { continue };
        match yaml::parse_one(&source) {
            Err(found) => diagnostics.extend(refused(found)),
            Ok(document) if is_workflow => workflow(&document.root, root, &mut diagnostics),
            Ok(document) => action(&document.root, root, &mut diagnostics),
        }
    }
    if let Ok(source) = source::read(root, &root.join("renovate.json")) {
        match json(&source) {
            Some(found) => diagnostics.push(found),
            None => diagnostics.extend(renovate_patterns::check(&source)),
        }
    }
    diagnostics
}

/// The workflows, and the action of the repository. The second part says whether it is a workflow.
fn files(root: &Path) -> Vec<(PathBuf, bool)> {
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|end| end == "yml" || end == "yaml");
    let entries = std::fs::read_dir(root.join(".github/workflows")).into_iter().flatten();
    let mut files: Vec<(PathBuf, bool)> =
        entries.filter_map(|entry| Some((entry.ok()?.path(), true))).filter(|(path, _)| is_yaml(path)).collect();
    files.extend(
        ["action.yml", "action.yaml"]
            .map(|name| (root.join(name), false))
            .into_iter()
            .filter(|(path, _)| path.is_file()),
    );
    files.sort();
    files
}

/// The errors of the parser, as findings.
fn refused(found: Diagnostics) -> Diagnostics {
    Diagnostics(found.0.into_iter().map(|one| Diagnostic { code: Code::WorkflowInvalid, ..one }).collect())
}

fn invalid(message: String) -> Diagnostic {
    Diagnostic::new(Code::WorkflowInvalid, message)
}

/// Reports the keys of a mapping that are not known, and returns whether there are any.
fn unknown(node: &Node, what: &str, known: &[&str], diagnostics: &mut Diagnostics) -> bool {
    let before = diagnostics.0.len();
    for (key, _) in node.entries() {
        if known.contains(&key.name.as_str()) {
            continue;
        }
        let found = invalid(format!("unknown key `{}` in {what}", key.name)).at(node.key_place(&key.name), "");
        diagnostics.push(match nearest(&key.name, known.iter().copied()) {
            Some(near) => found.help(did_you_mean(near)),
            None => found.help(format!("known keys: {}", names(known))),
        });
    }
    diagnostics.0.len() > before
}

fn workflow(root: &Node, folder: &Path, diagnostics: &mut Diagnostics) {
    // YAML reads an unquoted `on` as true.
    let on = root.get("on").or_else(|| root.get("true"));
    if unknown(root, "the workflow", &[WORKFLOW, &["true"]].concat(), diagnostics) {
        return;
    }
    for (key, node) in [("on", on), ("jobs", root.get("jobs"))] {
        if node.is_none() {
            let found = invalid(format!("the workflow has no `{key}`")).at(root.place(), "");
            diagnostics.push(found.help(format!("add `{key}`")));
        }
    }
    let mut inputs = Vec::new();
    if let Some(on) = on {
        events(on, diagnostics);
        for event in ["workflow_call", "workflow_dispatch"] {
            inputs.extend(
                on.find(&[event, "inputs"])
                    .map(Node::entries)
                    .unwrap_or_default()
                    .iter()
                    .map(|(key, _)| key.name.as_str()),
            );
        }
    }
    permissions(root, diagnostics);
    for (key, value) in root.entries().iter().filter(|(key, _)| key.name != "jobs") {
        let mut texts = Vec::new();
        collect(value, key.name == "if", &mut texts);
        diagnostics.0.extend(texts.into_iter().filter_map(|(node, condition)| expressions::wrong(node, condition)));
    }
    let jobs = root.get("jobs").map(Node::entries).unwrap_or_default();
    let known: Vec<&str> = jobs.iter().map(|(key, _)| key.name.as_str()).collect();
    for (name, job) in jobs {
        let what = format!("job `{}`", name.name);
        if unknown(job, &what, JOB, diagnostics) {
            continue;
        }
        let place = || root.get("jobs").unwrap_or(root).key_place(&name.name);
        if job.get("uses").is_none() {
            for key in ["runs-on", "steps"] {
                if job.get(key).is_none() {
                    diagnostics
                        .push(invalid(format!("{what} has no `{key}`")).at(place(), "").help(format!("add `{key}`")));
                }
            }
        }
        permissions(job, diagnostics);
        diagnostics.0.extend(job.get("runs-on").and_then(runner));
        if let Some(strategy) = job.get("strategy") {
            unknown(strategy, &format!("`strategy` of {what}"), STRATEGY, diagnostics);
        }
        let needs = job
            .get("needs")
            .map(|needs| if needs.items().is_empty() { std::slice::from_ref(needs) } else { needs.items() });
        for needed in needs.unwrap_or_default() {
            let Some(text) = needed.as_str().filter(|text| !known.contains(text)) else { continue };
            let found = invalid(format!("{what} needs `{text}`, which is not a job")).at(needed.place(), "");
            diagnostics.push(match nearest(text, known.iter().copied()) {
                Some(near) => found.help(did_you_mean(near)),
                None => found.help("add the job, or remove the name"),
            });
        }
        let steps = job.get("steps").map(Node::items).unwrap_or_default();
        check_steps(steps, &what, folder, false, diagnostics);
        let matrix = matrix(job);
        let names = Names { inputs: Some(&inputs), matrix: matrix.as_deref(), steps };
        names.check(job, diagnostics);
    }
}

/// Reports permissions that GitHub does not have.
fn permissions(owner: &Node, diagnostics: &mut Diagnostics) {
    let Some(list) = owner.get("permissions") else { return };
    for (key, value) in list.entries() {
        // There may be further ones by now.
        let near = nearest(&key.name, PERMISSIONS.iter().copied());
        if let Some(near) = near.filter(|_| !PERMISSIONS.contains(&key.name.as_str())) {
            let found = invalid(format!("unknown permission `{}`", key.name)).at(list.key_place(&key.name), "");
            diagnostics.push(found.help(did_you_mean(near)));
        }
        if let Some(text) = value.as_str().filter(|text| !["read", "write", "none"].contains(text)) {
            let found = invalid(format!("invalid permission `{}: {text}`", key.name)).at(value.place(), "");
            diagnostics.push(found.help("use one of `read`, `write`, and `none`"));
        }
    }
}

/// The finding about the name of a runner that is written nearly like one of GitHub's.
fn runner(node: &Node) -> Option<Diagnostic> {
    let text = node.as_str().filter(|text| !RUNNERS.contains(text))?;
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let near = RUNNERS.iter().find(|known| {
        plain(known) == plain(text) || digits(known) == digits(text) && nearest_within(text, 1, [**known]).is_some()
    })?;
    let found = invalid(format!("GitHub has no runner `{text}`")).at(node.place(), "the job waits for it");
    Some(found.help(did_you_mean(near)))
}

/// Reports events that GitHub does not have.
fn events(on: &Node, diagnostics: &mut Diagnostics) {
    let single = on.as_str().map(|text| (text, on.place()));
    let listed = on.items().iter().filter_map(|item| Some((item.as_str()?, item.place())));
    let keys = on.entries().iter().map(|(key, _)| (key.name.as_str(), on.key_place(&key.name)));
    for (event, place) in single.into_iter().chain(listed).chain(keys) {
        if EVENTS.contains(&event) {
            continue;
        }
        // GitHub may have further events by now.
        if let Some(near) = nearest(event, EVENTS.iter().copied()) {
            diagnostics.push(invalid(format!("unknown event `{event}`")).at(place, "").help(did_you_mean(near)));
        }
    }
}

/// The keys of the matrix of a job; `None` if an expression makes it.
fn matrix(job: &Node) -> Option<Vec<&str>> {
    let Some(matrix) = job.find(&["strategy", "matrix"]) else { return Some(Vec::new()) };
    if matrix.as_str().is_some() || matrix.get("include").is_some_and(|include| include.as_str().is_some()) {
        return None;
    }
    let included = matrix.get("include").map(Node::items).unwrap_or_default().iter().flat_map(Node::entries);
    Some(matrix.entries().iter().chain(included).map(|(key, _)| key.name.as_str()).collect())
}

fn action(root: &Node, folder: &Path, diagnostics: &mut Diagnostics) {
    if unknown(root, "the action", ACTION, diagnostics) {
        return;
    }
    let inputs = root.get("inputs").map(Node::entries).unwrap_or_default();
    let inputs: Vec<&str> = inputs.iter().map(|(key, _)| key.name.as_str()).collect();
    let steps = root.find(&["runs", "steps"]).map(Node::items).unwrap_or_default();
    check_steps(steps, "the action", folder, true, diagnostics);
    if let Some(node) = root.find(&["runs", "using"])
        && let Some(text) = node.as_str().filter(|text| !USING.contains(text))
        && let Some(near) = nearest(text, USING.iter().copied())
    {
        let found = invalid(format!("`using: {text}` is unknown")).at(node.place(), "");
        diagnostics.push(found.help(did_you_mean(near)));
    }
    if let Some(runs) = root.get("runs") {
        Names { inputs: Some(&inputs), matrix: None, steps }.check(runs, diagnostics);
    }
}

fn check_steps(steps: &[Node], what: &str, folder: &Path, composite: bool, diagnostics: &mut Diagnostics) {
    for step in steps {
        if let Some(group) = step.get("parallel") {
            check_steps(group.items(), what, folder, composite, diagnostics);
        }
        if CONTROL.iter().any(|key| step.entries().iter().any(|(found, _)| found.name == *key)) {
            continue;
        }
        if unknown(step, &format!("a step of {what}"), STEP, diagnostics) {
            continue;
        }
        let (uses, run) = (step.get("uses"), step.get("run"));
        let problem = match (uses, run) {
            (None, None) => Some("has neither `uses` nor `run`"),
            (Some(_), Some(_)) => Some("has both `uses` and `run`"),
            (None, Some(_)) if composite && step.get("shell").is_none() => {
                Some("has no `shell`, which actions require")
            }
            _ => None,
        };
        if let Some(problem) = problem {
            diagnostics.push(invalid(format!("a step of {what} {problem}")).at(step.place(), "this step"));
        }
        let Some((node, text)) = uses.and_then(|node| Some((node, node.as_str()?))) else { continue };
        let found = if let Some(path) = text.strip_prefix("./") {
            let folder = folder.join(path);
            let exists = folder.is_file()
                || ["action.yml", "action.yaml", "Dockerfile"].iter().any(|name| folder.join(name).is_file());
            (!exists).then(|| invalid(format!("`{text}` has no action.yml")).at(node.place(), ""))
        } else if text.starts_with("docker://") || text.contains('@') {
            workflow_inputs::misspelled(step, text)
        } else {
            let found = invalid(format!("`uses: {text}` has no version")).at(node.place(), "");
            Some(found.help(format!("write `{text}@` and a commit or tag")))
        };
        diagnostics.0.extend(found);
    }
}

/// The names that expressions may use.
struct Names<'a> {
    inputs: Option<&'a [&'a str]>,
    /// The keys of the matrix, if they are known.
    matrix: Option<&'a [&'a str]>,
    steps: &'a [Node],
}

impl Names<'_> {
    /// Reports the names in all expressions of a node that nothing defines.
    fn check(&self, node: &Node, diagnostics: &mut Diagnostics) {
        let grouped = self.steps.iter().flat_map(|step| step.items_at(&["parallel"]));
        let ids: Vec<&str> = self.steps.iter().chain(grouped).filter_map(|step| step.get("id")?.as_str()).collect();
        let contexts = [
            ("inputs.", self.inputs, "input"),
            ("matrix.", self.matrix, "key of the matrix"),
            ("steps.", Some(&ids[..]), "step with this `id`"),
        ];
        let mut texts = Vec::new();
        collect(node, false, &mut texts);
        for (node, condition) in texts {
            let text = node.as_str().unwrap_or_default();
            if let Some(wrong) = expressions::wrong(node, condition) {
                diagnostics.push(wrong);
                continue;
            }
            for expression in expressions::of(text, condition) {
                for (prefix, known, noun) in &contexts {
                    let Some(known) = known else { continue };
                    for name in uses(expression, prefix) {
                        if known.iter().any(|one| one.eq_ignore_ascii_case(name)) {
                            continue;
                        }
                        let used = format!("{prefix}{name}");
                        let near = nearest(name, known.iter().copied());
                        // Optional, such as a key that only some rows of a matrix have.
                        if near.is_none() && has_default(expression, &used) {
                            continue;
                        }
                        let found = invalid(format!("`{used}` is not defined"))
                            .at(expressions::within(node, &used), format!("no {noun}"));
                        diagnostics.push(match near {
                            Some(near) => found.help(did_you_mean(format!("{prefix}{near}"))),
                            None => found.help("define it, or correct the name"),
                        });
                    }
                }
            }
        }
    }
}

/// Whether an expression has another value for where a name is not defined.
fn has_default(expression: &str, used: &str) -> bool {
    let ends = expression.match_indices(used).map(|(at, _)| expression[at + used.len()..].trim_start());
    let mut ends = ends.filter(|rest| !rest.starts_with(['-', '_', '.']));
    ends.all(|rest| rest.starts_with("||"))
}

/// The names behind a prefix in an expression, such as `x` of `inputs.x`.
fn uses<'a>(expression: &'a str, prefix: &str) -> Vec<&'a str> {
    let starts = expression.match_indices(prefix).filter(|(at, _)| {
        // Not the end of another name, as in `github.event.inputs.x`.
        !expression[..*at].ends_with(|c: char| c.is_alphanumeric() || "._-'".contains(c))
    });
    starts
        .filter_map(|(at, _)| {
            let rest = &expression[at + prefix.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
            (end > 0).then(|| &rest[..end])
        })
        .collect()
}

/// The scalars with expressions below a node, and whether each of them is a condition.
fn collect<'a>(node: &'a Node, condition: bool, texts: &mut Vec<(&'a Node, bool)>) {
    if node.as_str().is_some_and(|text| condition || text.contains("${{")) {
        texts.push((node, condition));
    }
    node.items().iter().for_each(|item| collect(item, false, texts));
    node.entries().iter().for_each(|(key, value)| collect(value, key.name == "if", texts));
}

/// The syntax error of renovate.json, in which comments are allowed.
fn json(source: &Arc<Source>) -> Option<Diagnostic> {
    if source.text.lines().any(|line| line.trim_start().starts_with("//")) {
        return None;
    }
    let error = serde_json::from_str::<serde_json::Value>(&source.text).err()?;
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default();
    let line = document::json::line_of_error(&source.text, error.line(), error.column());
    Some(invalid(format!("cannot parse JSON: {what}")).at(Place::line(source, line), ""))
}
