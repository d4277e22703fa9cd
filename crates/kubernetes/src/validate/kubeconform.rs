//! How kubeconform is run, and what it answers.
//!
//! It exits with 1 for whatever reason, so its JSON decides: each file that it was given has to be in it, once. What is
//! no such answer is a failure of the program and not a finding.
//!
//! Deliberately absent: finding kubeconform (`tools`), and what its answers mean to people (`explain`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::schemas;
use crate::schemas::Kind;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::process::{Invocation, Output};

/// Without remote schemas it takes a fraction of a second; with them, as long as the network takes.
const DEADLINE: Duration = Duration::from_secs(120);

const MANIFESTS: &str = "manifests";
const SCHEMAS: &str = "schemas";

/// What it says of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its verdict.
    pub status: Status,
    /// Its words for it.
    pub message: String,
}

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// As the schema has it.
    Valid,
    /// Not as the schema has it.
    Invalid,
    /// Not judged.
    Error,
}

/// The folder that it works in: manifests and schemas.
#[derive(Debug)]
pub struct Stage<'a>(&'a Path);

impl<'a> Stage<'a> {
    /// Makes the folders.
    pub fn new(folder: &'a Path) -> Result<Self> {
        for name in [MANIFESTS, SCHEMAS] {
            let path = folder.join(name);
            std::fs::create_dir(&path).map_err(|error| Diagnostic::io("create", &path, &error))?;
        }
        Ok(Self(folder))
    }

    /// Lays out an object; the name is what the answer calls it.
    pub fn manifest(&self, number: usize, text: &str) -> Result<String> {
        let name = format!("{MANIFESTS}/{number:05}.yaml");
        let path = self.0.join(&name);
        std::fs::write(&path, text).map_err(|error| Diagnostic::io("write", &path, &error))?;
        Ok(name)
    }

    /// Lays out the schema of a kind.
    pub fn schema(&self, kind: &Kind, text: &str) -> Result<()> {
        let Some(path) = self.path(kind)? else { return Ok(()) };
        std::fs::write(&path, text).map_err(|error| Diagnostic::io("write", &path, &error).into())
    }

    /// Lays out the schema of a kind that is a file already.
    pub fn link(&self, kind: &Kind, file: &Path) -> Result<()> {
        let Some(path) = self.path(kind)? else { return Ok(()) };
        std::os::unix::fs::symlink(file, &path).map_err(|error| Diagnostic::io("link", &path, &error).into())
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

/// Runs it on what is laid out, and returns its answer for each of the named files.
pub fn run<'a>(
    program: &Path,
    folder: &Path,
    kubernetes: &str,
    locations: &[String],
    names: impl Iterator<Item = &'a String>,
) -> Result<BTreeMap<String, Answer>> {
    let mut invocation = Invocation::new(program, folder)
        // More workers compile the same schemas at the same time.
        .args(["-strict", "-output", "json", "-verbose", "-n", "2", "-kubernetes-version", kubernetes])
        .args(["-schema-location".to_owned(), format!("{SCHEMAS}/{}", schemas::LAYOUT)])
        .deadline(DEADLINE);
    for location in locations {
        invocation = invocation.args(["-schema-location", location]);
    }
    let invocation = invocation.args([MANIFESTS]);
    let output = invocation.run()?;
    let failed = |what: &str| failure(what, &invocation, &output);
    if !matches!(output.code, Some(0 | 1)) {
        return Err(failed("it ended without a verdict"));
    }
    let mut answers = parse(&output.stdout).map_err(|what| failed(&what))?;
    let mut wanted = BTreeMap::new();
    for name in names {
        match answers.remove(name) {
            Some(answer) => {
                wanted.insert(name.clone(), answer);
            }
            None => return Err(failed("an object that it was given is not in its answer")),
        }
    }
    let sound = wanted.values().all(|answer| answer.status == Status::Valid);
    match (answers.keys().next(), sound == output.success()) {
        (Some(_), _) => Err(failed("an object that it was not given is in its answer")),
        (None, false) => Err(failed("its exit code does not fit its answer")),
        (None, true) => Ok(wanted),
    }
}

fn failure(what: &str, invocation: &Invocation, output: &Output) -> Diagnostics {
    let code = output.code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
    let mut failure = Diagnostic::new(Code::KubeconformFailed, format!("kubeconform failed: {what}"))
        .note(format!("it ended with {code}"))
        .note(format!("command: {}", invocation.command_line()));
    let said = output.stderr.trim();
    if !said.is_empty() {
        failure = failure.note(said.lines().take(10).collect::<Vec<_>>().join("\n"));
    }
    failure.help("`cargo xtask tools verify kubeconform` says whether it is what is pinned").into()
}

/// Reads its JSON: what it says of each file. The error is what is wrong with it.
pub fn parse(bytes: &[u8]) -> std::result::Result<BTreeMap<String, Answer>, String> {
    let answer: Value = serde_json::from_slice(bytes).map_err(|error| format!("its answer is no JSON: {error}"))?;
    let resources = answer.get("resources").and_then(Value::as_array).ok_or("its answer lists no objects")?;
    let mut answers = BTreeMap::new();
    for resource in resources {
        let text = |key: &str| resource.get(key).and_then(Value::as_str).unwrap_or_default();
        let status = match text("status") {
            "statusValid" => Status::Valid,
            "statusInvalid" => Status::Invalid,
            "statusError" => Status::Error,
            other => return Err(format!("it passed over an object with the status `{other}`")),
        };
        let answer = Answer { status, message: text("msg").to_owned() };
        if answers.insert(text("filename").to_owned(), answer).is_some() {
            return Err("it tells of one object twice".to_owned());
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verdict_is_an_answer() {
        let one = |status: &str| {
            let text = format!(r#"{{"resources": [{{"filename": "a", "status": "{status}", "msg": "m"}}]}}"#);
            parse(text.as_bytes())
        };
        assert_eq!(one("statusInvalid").expect("an answer")["a"].status, Status::Invalid);
        for status in ["statusSkipped", "", "statusNew"] {
            assert!(one(status).is_err(), "{status}");
        }
        assert!(parse(b"panic: no").is_err() && parse(b"{}").is_err());
        let twice = br#"{"resources": [{"filename": "a", "status": "statusValid"}, {"filename": "a", "status": "statusValid"}]}"#;
        assert!(parse(twice).is_err());
    }
}
