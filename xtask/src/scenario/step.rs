//! The kinds of steps, as they are written.
//!
//! Deliberately absent: doing them (run.rs).

use std::path::Path;

use super::expect::Expect;
use super::object::{Check, Subject};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, suggestion};
use crate::document::{Fields, Node, Syntax, Value};

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Waits until objects are in order.
    Ready(Vec<Subject>),
    /// Deploys the application: as it is, or an instance with further values in a namespace of its own.
    Deploy {
        /// A values file beside the scenario, which wins over all others.
        values: Option<String>,
        /// The namespace; the application's when absent.
        namespace: Option<String>,
    },
    /// Applies files of manifests, and waits until their workloads are in order.
    Apply {
        /// The files, beside the scenario.
        files: Vec<String>,
        /// The namespace of what names none; the application's when absent.
        namespace: Option<String>,
        /// Whether that is waited for; a `ready` step can do so later.
        wait: bool,
    },
    /// Deletes objects, and waits until they are gone.
    Delete(Vec<Subject>),
    /// Starts the pods of a workload anew, and waits until they are ready.
    Restart(Subject),
    /// Sets the number of a workload's pods, and waits until it is so.
    Scale {
        /// The workload.
        subject: Subject,
        /// How many.
        replicas: u64,
    },
    /// Runs a command in a pod of a workload.
    Exec {
        /// The workload, or the pod.
        subject: Subject,
        /// What runs.
        command: Vec<String>,
        /// What it reads.
        input: Option<String>,
        /// What has to come of it.
        expect: Expect,
    },
    /// Runs one of the pinned tools, with the cluster as its own.
    Tool {
        /// Its name.
        tool: String,
        /// Its arguments.
        args: Vec<String>,
        /// What it reads.
        input: Option<String>,
        /// What has to come of it.
        expect: Expect,
    },
    /// Waits until an object is as it should be.
    Object {
        /// The object.
        subject: Subject,
        /// What has to hold.
        check: Check,
    },
}

/// The keys that make a step, one for each kind.
const KINDS: &[&str] = &["ready", "deploy", "apply", "delete", "restart", "scale", "exec", "tool", "object"];

impl Action {
    /// The key that makes it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ready(_) => "ready",
            Self::Deploy { .. } => "deploy",
            Self::Apply { .. } => "apply",
            Self::Delete(_) => "delete",
            Self::Restart(_) => "restart",
            Self::Scale { .. } => "scale",
            Self::Exec { .. } => "exec",
            Self::Tool { .. } => "tool",
            Self::Object { .. } => "object",
        }
    }

    /// The files beside the scenario whose variables it fills in.
    #[must_use]
    pub fn files(&self) -> Vec<&str> {
        match self {
            Self::Apply { files, .. } => files.iter().map(String::as_str).collect(),
            Self::Deploy { values, .. } => values.as_deref().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The texts that it waits to see, refusals and errors among them.
    #[must_use]
    pub fn awaits(&self) -> Vec<&str> {
        let texts: Vec<&String> = match self {
            Self::Exec { expect, .. } | Self::Tool { expect, .. } => {
                expect.contains.iter().chain(&expect.until).collect()
            }
            Self::Object { check, .. } => check.has.iter().map(|has| &has.text).collect(),
            _ => Vec::new(),
        };
        // A word or a number may stand in any line.
        texts.into_iter().map(String::as_str).filter(|text| text.contains(' ')).collect()
    }

    /// What a step leaves behind for those after it.
    #[must_use]
    pub fn saves(&self) -> Option<&str> {
        match self {
            Self::Exec { expect, .. } | Self::Tool { expect, .. } => expect.save.as_deref(),
            _ => None,
        }
    }
}

/// Reads what a step does: the one key among [`KINDS`], and those that go with it.
pub(super) fn read(
    fields: &mut Fields<'_>,
    node: &Node,
    folder: &Path,
    diagnostics: &mut Diagnostics,
) -> Option<Action> {
    let there: Vec<&str> = KINDS.iter().copied().filter(|kind| node.get(kind).is_some()).collect();
    let [kind] = there[..] else {
        let what = if there.is_empty() { "nothing is done".to_owned() } else { format!("it has {}", there.join(", ")) };
        let mut wrong = Diagnostic::new(Code::ScenarioInvalid, format!("a step does one thing: {what}"))
            .at(node.get("name").unwrap_or(node).place(), "this step");
        if there.is_empty() {
            let mut keys = node.entries().iter().map(|(key, _)| key.name.as_str());
            let odd = keys.find(|key| !["name", "deadline", "when", "expect", "input", "save", "tell"].contains(key));
            wrong = wrong.help(suggestion(odd.unwrap_or_default(), KINDS.iter().copied()));
        }
        fields.report(wrong);
        fields.ignore(KINDS);
        fields.ignore(&["expect", "input", "save", "tell"]);
        return None;
    };
    match kind {
        "ready" => Some(Action::Ready(subjects(fields, "ready"))),
        "delete" => Some(Action::Delete(subjects(fields, "delete"))),
        "restart" => Some(Action::Restart(Subject::read(fields, "restart")?)),
        "apply" => {
            let node = fields.node("apply")?;
            if !matches!(node.value, Value::Mapping(_)) {
                return Some(Action::Apply { files: files(fields, "apply", folder), namespace: None, wait: true });
            }
            let mut inner = Fields::new(node, &fields.path_of("apply"), Syntax::Scenario);
            inner.required("files");
            let (files, namespace) = (files(&mut inner, "files", folder), inner.string("namespace"));
            let wait = inner.flag("wait").unwrap_or(true);
            inner.finish(diagnostics);
            Some(Action::Apply { files, namespace, wait })
        }
        "deploy" => {
            let mut inner = Fields::new(fields.node("deploy")?, &fields.path_of("deploy"), Syntax::Scenario);
            let (values, namespace) = (inner.string("values"), inner.string("namespace"));
            if let Some(file) = &values {
                exists(&mut inner, "values", file, folder);
            }
            inner.finish(diagnostics);
            Some(Action::Deploy { values, namespace })
        }
        "scale" => {
            let mut inner = Fields::new(fields.node("scale")?, &fields.path_of("scale"), Syntax::Scenario);
            let subject = Subject::read(&mut inner, "object");
            inner.required("replicas");
            let replicas = inner.count("replicas");
            inner.finish(diagnostics);
            Some(Action::Scale { subject: subject?, replicas: replicas? })
        }
        "exec" => {
            let mut inner = Fields::new(fields.node("exec")?, &fields.path_of("exec"), Syntax::Scenario);
            let subject = Subject::read(&mut inner, "in");
            let mut command: Vec<String> = inner.strings("command").into_iter().map(|(text, _)| text).collect();
            if let Some(script) = inner.string("script") {
                command.extend(["/bin/sh".to_owned(), "-euc".to_owned(), script]);
            }
            if command.is_empty() {
                inner.required("command");
            }
            inner.finish(diagnostics);
            let (input, expect) = (fields.string("input"), Expect::read(fields, folder, diagnostics));
            Some(Action::Exec { subject: subject?, command, input, expect })
        }
        "tool" => {
            let tool = fields.required_string("tool");
            let args = fields.strings("args").into_iter().map(|(text, _)| text).collect();
            let (input, expect) = (fields.string("input"), Expect::read(fields, folder, diagnostics));
            Some(Action::Tool { tool: tool?, args, input, expect })
        }
        _ => {
            let subject = Subject::read(fields, "object");
            let check = Check::read(fields, diagnostics);
            Some(Action::Object { subject: subject?, check })
        }
    }
}

/// One file beside the scenario, or a list of them.
fn files(fields: &mut Fields<'_>, key: &'static str, folder: &Path) -> Vec<String> {
    let list = matches!(fields.node(key).map(|node| &node.value), Some(Value::Sequence(_)));
    let files: Vec<String> = if list {
        fields.strings(key).into_iter().map(|(text, _)| text).collect()
    } else {
        fields.required_string(key).into_iter().collect()
    };
    for file in &files {
        exists(fields, key, file, folder);
    }
    files
}

/// One subject, or a list of them.
fn subjects(fields: &mut Fields<'_>, key: &'static str) -> Vec<Subject> {
    match fields.node(key).map(|node| &node.value) {
        Some(Value::Sequence(_)) => {
            let texts = fields.strings(key);
            texts.into_iter().filter_map(|(text, place)| Subject::parse(fields, &text, place)).collect()
        }
        Some(_) => Subject::read(fields, key).into_iter().collect(),
        None => Vec::new(),
    }
}

pub(super) fn exists(fields: &mut Fields<'_>, key: &'static str, file: &str, folder: &Path) {
    let inside = !file.starts_with('/') && !file.split('/').any(|part| part == "..");
    if inside && folder.join(file).is_file() {
        return;
    }
    if let Some(node) = fields.node(key) {
        fields.report(
            Diagnostic::new(Code::ScenarioInvalid, format!("there is no file `{file}` beside the scenario"))
                .at(node.place(), "a path from the scenario's folder"),
        );
    }
}
