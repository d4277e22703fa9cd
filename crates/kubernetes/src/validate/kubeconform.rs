//! Runs kubeconform and reads its report. This is the only module that knows its output format and, with
//! [`super::problem`], its wording.
//!
//! kubeconform exits with 1 for many reasons, so its JSON report decides: every file passed to it must be in the report
//! exactly once. Anything else is a failure of the program, not a finding.
//!
//! Does not locate kubeconform (`tools`), nor turn its answers into findings (`explain`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Limit, Result};
use serde::Deserialize;
use toolbox::process::{Invocation, Output};

use super::problem::{self, Problem};
use crate::schemas;
use crate::schemas::{Kind, files};

const MANIFESTS: &str = "manifests";
const SCHEMAS: &str = "schemas";

/// kubeconform's report, as written by `-output json`.
#[derive(Debug, Deserialize)]
struct Report {
    resources: Vec<Resource>,
}

/// kubeconform's result for one object.
#[derive(Debug, Deserialize)]
struct Resource {
    filename: String,
    status: ReportedStatus,
    #[serde(default)]
    msg: String,
}

/// The status of an object in the report.
#[derive(Debug, Deserialize)]
enum ReportedStatus {
    #[serde(rename = "statusValid")]
    Valid,
    #[serde(rename = "statusInvalid")]
    Invalid,
    #[serde(rename = "statusError")]
    Error,
    /// A status that is not a verdict, such as `statusSkipped`, or an empty string for an empty document.
    #[serde(untagged)]
    Other(String),
}

/// kubeconform's answer for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The verdict.
    pub status: Status,
    /// The message, in kubeconform's words.
    pub message: String,
}

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The object matches its schema.
    Valid,
    /// The object does not match its schema.
    Invalid,
    /// The object was not validated.
    Error,
}

/// Why kubeconform could not validate an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The object cannot be parsed.
    Unparsable,
    /// There is no schema, or none that can be compiled.
    NoSchema,
    /// Anything else, such as a network error.
    Other,
}

impl Answer {
    /// The schema violations of an invalid object.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        problem::parse(&self.message)
    }

    /// Why the object was not validated.
    #[must_use]
    pub fn cause(&self) -> Cause {
        if self.message.starts_with("error unmarshalling resource") {
            Cause::Unparsable
        } else if self.message.starts_with("could not find schema") {
            Cause::NoSchema
        } else {
            Cause::Other
        }
    }
}

/// The directory that kubeconform runs in, with manifests and schemas.
#[derive(Debug)]
pub struct Stage<'a>(&'a Path);

impl<'a> Stage<'a> {
    /// Creates the directories.
    pub fn new(folder: &'a Path) -> Result<Self> {
        for name in [MANIFESTS, SCHEMAS] {
            let path = folder.join(name);
            std::fs::create_dir(&path).map_err(|error| Diagnostic::io("create", &path, &error))?;
        }
        Ok(Self(folder))
    }

    /// Writes an object and returns its name in the report.
    pub fn manifest(&self, number: usize, text: &str) -> Result<String> {
        let name = format!("{MANIFESTS}/{number:05}.yaml");
        let path = self.0.join(&name);
        std::fs::write(&path, text).map_err(|error| Diagnostic::io("write", &path, &error))?;
        Ok(name)
    }

    /// Writes the schema of a kind.
    pub fn schema(&self, kind: &Kind, text: &str) -> Result<()> {
        let Some(path) = self.path(kind)? else { return Ok(()) };
        std::fs::write(&path, text).map_err(|error| Diagnostic::io("write", &path, &error).into())
    }

    fn path(&self, kind: &Kind) -> Result<Option<PathBuf>> {
        let Some(file) = kind.file() else { return Ok(None) };
        let path = self.0.join(SCHEMAS).join(file);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Diagnostic::io("create", folder, &error))?;
        }
        Ok(Some(path))
    }
}

/// The text of a schema file. kubeconform would fetch what a schema refers to elsewhere.
pub(super) fn schema_text(root: &Path, file: &str) -> Result<String> {
    let source = files::source(root, file)?;
    if let Some(found) = schemas::elsewhere(&source) {
        return Err(found.into());
    }
    Ok(source.text.clone())
}

/// Runs kubeconform on a staged directory and returns its answer for each of the named files.
pub fn run<'a>(
    program: &Path,
    folder: &Path,
    kubernetes: &str,
    locations: &[String],
    names: impl Iterator<Item = &'a String>,
) -> Result<BTreeMap<String, Answer>> {
    let mut invocation = Invocation::new(program, folder)
        .local()
        // More workers would compile the same schemas several times.
        .args(["-strict", "-output", "json", "-verbose", "-n", "2", "-kubernetes-version", kubernetes])
        .args(["-schema-location".to_owned(), format!("{SCHEMAS}/{}", schemas::LAYOUT)])
        .limit(Limit::ProgramTime);
    for location in locations {
        invocation = invocation.args(["-schema-location", location]);
    }
    let invocation = invocation.args([MANIFESTS]);
    let output = invocation.run()?;
    let failed = |what: &str| failure(what, &invocation, &output);
    if !matches!(output.code, Some(0 | 1)) {
        return Err(failed("it exited without a verdict"));
    }
    let mut answers = parse(&output.stdout).map_err(|what| failed(&what))?;
    let mut wanted = BTreeMap::new();
    for name in names {
        match answers.remove(name) {
            Some(answer) => {
                wanted.insert(name.clone(), answer);
            }
            None => return Err(failed("an object is missing from its report")),
        }
    }
    let all_valid = wanted.values().all(|answer| answer.status == Status::Valid);
    match (answers.keys().next(), all_valid == output.success()) {
        (Some(_), _) => Err(failed("its report has an object that was not passed to it")),
        (None, false) => Err(failed("its exit code contradicts its report")),
        (None, true) => Ok(wanted),
    }
}

fn failure(what: &str, invocation: &Invocation, output: &Output) -> Diagnostics {
    let end = output.code.map_or_else(|| "killed by a signal".to_owned(), |code| format!("exit code {code}"));
    let mut failure = Diagnostic::new(Code::KubeconformFailed, format!("kubeconform failed: {what}"))
        .note(end)
        .note(format!("command: {}", invocation.command_line()));
    let stderr = output.stderr.trim();
    if !stderr.is_empty() {
        failure = failure.note(stderr.lines().take(10).collect::<Vec<_>>().join("\n"));
    }
    failure.help("check that it is the pinned one: `cargo xtask tools verify kubeconform`").into()
}

/// Parses a report into answers by file name. The error is what is wrong with the report.
pub fn parse(bytes: &[u8]) -> std::result::Result<BTreeMap<String, Answer>, String> {
    let report: Report =
        serde_json::from_slice(bytes).map_err(|error| format!("its report cannot be parsed: {error}"))?;
    let mut answers = BTreeMap::new();
    for Resource { filename, status, msg } in report.resources {
        let status = match status {
            ReportedStatus::Valid => Status::Valid,
            ReportedStatus::Invalid => Status::Invalid,
            ReportedStatus::Error => Status::Error,
            ReportedStatus::Other(other) => return Err(format!("it skipped an object with the status `{other}`")),
        };
        if answers.insert(filename, Answer { status, message: msg }).is_some() {
            return Err("its report has an object twice".to_owned());
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_without_verdicts_is_rejected() {
        let one = |status: &str| {
            let text = format!(r#"{{"resources": [{{"filename": "a", "status": "{status}", "msg": "m"}}]}}"#);
            parse(text.as_bytes())
        };
        assert_eq!(one("statusInvalid").expect("a report")["a"].status, Status::Invalid);
        for status in ["statusSkipped", "", "statusNew"] {
            assert!(one(status).is_err(), "{status}");
        }
        assert!(parse(b"panic: no").is_err() && parse(b"{}").is_err());
        let twice = br#"{"resources": [{"filename": "a", "status": "statusValid"}, {"filename": "a", "status": "statusValid"}]}"#;
        assert!(parse(twice).is_err());
    }
}
