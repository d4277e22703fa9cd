//! Renders of many charts in few processes: the programs in engine/, which call Helm's packages as `helm template` does.
//!
//! A worker has the environment of a helm command. What it refuses, and what ends it, is left to the helm command, whose
//! answer counts. The protocol is in engine/README.md.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use diagnostics::{Code, Diagnostic, Diagnostics, Limit, Result};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use toolbox::process::{self, Invocation, Output};
use toolbox::scratch;
use toolbox::worker::{Silence, Worker};

use crate::command;

/// The version of the protocol.
const PROTOCOL: u32 = 1;

/// The time zone of Helm's commands, except for second renders.
const UTC: &str = "UTC";

/// The time limit of a worker's start.
const START: Duration = Duration::from_secs(30);

/// The number of workers that may fail before all commands are left to Helm.
const FAILURES: usize = 3;

/// The workers of one version of Helm.
#[derive(Debug)]
pub struct Batch {
    program: PathBuf,
    helm: PathBuf,
    /// Whether it can render in the place of Helm, once the first worker was started.
    usable: OnceLock<bool>,
    /// Workers without a command, by their time zone.
    idle: Mutex<HashMap<OsString, Vec<Running>>>,
    failed: Mutex<Vec<String>>,
    differs: Mutex<Diagnostics>,
}

/// How helm commands are run: by the command, unless there is an engine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Runner<'a> {
    /// The engine.
    pub engine: Option<&'a Batch>,
    /// Whether the command runs, too, and its output is compared with that of the engine.
    pub compares: bool,
}

impl Runner<'_> {
    /// Runs a helm command.
    pub fn run(self, invocation: &Invocation) -> Result<Output> {
        match self.engine {
            None => invocation.run(),
            Some(engine) if self.compares => engine.compare(invocation),
            Some(engine) => engine.run(invocation),
        }
    }
}

/// A worker, and its private directories.
#[derive(Debug)]
struct Running {
    worker: Worker,
    _homes: TempDir,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hello {
    protocol: u32,
    go: String,
    command_go: String,
}

#[derive(Debug, Serialize)]
struct Request<'a> {
    directory: &'a str,
    arguments: Vec<&'a str>,
}

#[derive(Debug, Deserialize)]
struct Response {
    code: i32,
    stdout: usize,
    stderr: usize,
    #[serde(default)]
    refused: String,
    #[serde(default)]
    last: bool,
}

/// The result of a command in a worker.
enum Answer {
    Output(Output),
    Refused,
    Failed(String),
}

impl Batch {
    /// The engine `program` in the place of the command `helm`. Starts no worker yet.
    #[must_use]
    pub fn new(program: &Path, helm: &Path) -> Self {
        Self {
            program: program.to_owned(),
            helm: helm.to_owned(),
            usable: OnceLock::new(),
            idle: Mutex::default(),
            failed: Mutex::default(),
            differs: Mutex::default(),
        }
    }

    /// Starts the first worker. Fails with a predicate of the engine if it cannot render in the place of Helm.
    ///
    /// Without this, it is started with the first command, and if that fails, all commands are left to Helm.
    pub fn check(&self) -> std::result::Result<(), String> {
        let mut why = None;
        let usable = self.usable.get_or_init(|| match self.start(OsStr::new(UTC)) {
            Ok(running) => {
                locked(&self.idle).entry(UTC.into()).or_default().push(running);
                true
            }
            Err(found) => {
                why = Some(found);
                false
            }
        });
        if *usable { Ok(()) } else { Err(why.unwrap_or_else(|| "it does not start".to_owned())) }
    }

    fn is_usable(&self) -> bool {
        self.check().is_ok()
    }

    /// Runs a helm command: in a worker if that is the same.
    pub fn run(&self, invocation: &Invocation) -> Result<Output> {
        process::check_interrupted()?;
        let Some(request) = request(invocation).filter(|_| self.is_usable()) else { return invocation.run() };
        if locked(&self.failed).len() >= FAILURES {
            return invocation.run();
        }
        match self.ask(invocation, &request)? {
            Answer::Output(output) => Ok(output),
            Answer::Refused => invocation.run(),
            Answer::Failed(why) => {
                let output = invocation.run()?;
                // A chart that ends Helm, too, such as one with an endless template, is at fault.
                if matches!(output.code, Some(0 | 1)) {
                    locked(&self.failed).push(format!("{why}: {}", invocation.command_line()));
                }
                Ok(output)
            }
        }
    }

    /// Runs a command in a worker and by Helm, whose output counts, and reports a difference.
    fn compare(&self, invocation: &Invocation) -> Result<Output> {
        if !self.is_usable() {
            return invocation.run();
        }
        let own = self.run(invocation)?;
        let reference = invocation.run()?;
        let same = |one: &Output, other: &Output| {
            let errors = one.stderr == other.stderr
                || one.code != Some(0) && in_any_order(&one.stderr) == in_any_order(&other.stderr);
            one.code == other.code && one.stdout == other.stdout && errors
        };
        // A chart that renders differently each time proves nothing.
        if !same(&own, &reference) && same(&reference, &invocation.run()?) {
            let name = invocation.args.iter().skip_while(|word| *word != "--name-template").nth(1);
            let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let message = format!("the render engine renders `{name}` differently from the helm command");
            let differs = Diagnostic::new(Code::EngineDiffers, message)
                .note(difference(&own, &reference))
                .note(format!("command: {}", invocation.command_line()))
                .note(format!("engine: {}", self.program.display()))
                .help("set `--engine helm`, and report this as a bug with the chart");
            locked(&self.differs).push(differs);
        }
        Ok(reference)
    }

    /// The problems of the engine: workers that failed, and output that differs.
    #[must_use]
    pub fn findings(&self) -> Diagnostics {
        let mut found = std::mem::take(&mut *locked(&self.differs));
        found.extend(self.failures());
        found
    }

    fn failures(&self) -> Diagnostics {
        let failed = std::mem::take(&mut *locked(&self.failed));
        let Some(first) = failed.first() else { return Diagnostics::default() };
        Diagnostic::new(Code::EngineFailed, "the render engine failed, and the helm command rendered instead")
            .note(first.clone())
            .note(format!("engine: {}", self.program.display()))
            .help("run `cargo xtask tools verify helm-engine`, or set `--engine helm`")
            .into()
    }

    fn ask(&self, invocation: &Invocation, request: &[u8]) -> Result<Answer> {
        let Some(zone) = zone(invocation) else { return Ok(Answer::Refused) };
        let idle = locked(&self.idle).get_mut(zone).and_then(Vec::pop);
        let mut running = match idle.map_or_else(|| self.start(zone), Ok) {
            Ok(running) => running,
            Err(why) => return Ok(Answer::Failed(why)),
        };
        let deadline = Instant::now() + invocation.deadline;
        match converse(&mut running.worker, request, deadline) {
            Ok((response, stdout, stderr)) => {
                if !response.last {
                    locked(&self.idle).entry(zone.to_owned()).or_default().push(running);
                }
                if !response.refused.is_empty() {
                    return Ok(Answer::Refused);
                }
                let stderr = String::from_utf8_lossy(&stderr).into_owned();
                Ok(Answer::Output(Output { code: Some(response.code), stdout, stderr }))
            }
            Err(Silence::Ended) => Ok(Answer::Failed("it exited without a response".to_owned())),
            Err(Silence::Late) => Err(invocation.late()),
            Err(Silence::Interrupted(found)) => Err(found),
        }
    }

    fn start(&self, zone: &OsStr) -> std::result::Result<Running, String> {
        let homes = scratch::directory().map_err(|_| "it has no temporary directory".to_owned())?;
        let invocation = command::invocation(&self.program, Path::new("/"), homes.path());
        let invocation = invocation.env("TZ", zone);
        let invocation =
            invocation.args(["serve".into(), self.helm.clone().into_os_string()]).limit(Limit::ProgramTime);
        let mut worker = Worker::start(&invocation).map_err(|error| format!("it cannot be started: {error}"))?;
        let line = worker.line(Instant::now() + START).map_err(|_| "it does not start".to_owned())?;
        let hello: Hello = serde_json::from_slice(&line).map_err(|error| format!("it sends no greeting: {error}"))?;
        if hello.protocol != PROTOCOL {
            return Err(format!("it has version {} of the protocol instead of {PROTOCOL}", hello.protocol));
        }
        // Templates are part of Go's library, and change with it.
        if minor(&hello.go) != minor(&hello.command_go) {
            let command = if hello.command_go.is_empty() { "another program" } else { &hello.command_go };
            return Err(format!("it was built with {}, and the helm command with {command}", hello.go));
        }
        Ok(Running { worker, _homes: homes })
    }
}

/// The words of an error: the order of the keys that a schema does not allow is random in each run of Helm.
fn in_any_order(error: &str) -> Vec<&str> {
    let mut words: Vec<&str> = error.split([' ', '\n', ',']).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words
}

/// Where the outputs of a command differ first.
fn difference(own: &Output, reference: &Output) -> String {
    if own.code != reference.code {
        let code = |output: &Output| output.code.map_or("none".to_owned(), |code| code.to_string());
        return format!("exit code {} instead of {}", code(own), code(reference));
    }
    let (name, own, reference) = if own.stdout == reference.stdout {
        ("standard error", own.stderr.as_bytes(), reference.stderr.as_bytes())
    } else {
        ("standard output", own.stdout.as_slice(), reference.stdout.as_slice())
    };
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    let (own, reference) = (lines(own), lines(reference));
    let line = own.iter().zip(&reference).take_while(|(own, reference)| own == reference).count();
    // The text may be that of a Secret.
    format!("{name} differs first in line {} of {}", line + 1, reference.len())
}

fn converse(
    worker: &mut Worker,
    request: &[u8],
    deadline: Instant,
) -> std::result::Result<(Response, Vec<u8>, Vec<u8>), Silence> {
    worker.send(request)?;
    let line = worker.line(deadline)?;
    let response: Response = serde_json::from_slice(&line).map_err(|_| Silence::Ended)?;
    let stdout = worker.bytes(response.stdout, deadline)?;
    let stderr = worker.bytes(response.stderr, deadline)?;
    Ok((response, stdout, stderr))
}

/// The time zone of a command.
fn zone(invocation: &Invocation) -> Option<&OsStr> {
    invocation.environment.get(OsStr::new("TZ")).map(OsString::as_os_str)
}

/// The request for a command that a worker may run: `helm template`.
fn request(invocation: &Invocation) -> Option<Vec<u8>> {
    if invocation.args.first()? != "template" || invocation.input.is_some() {
        return None;
    }
    let directory = invocation.directory.to_str()?;
    let arguments = invocation.args.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    let mut line = serde_json::to_vec(&Request { directory, arguments }).ok()?;
    line.push(b'\n');
    Some(line)
}

/// `go1.26` of `go1.26.8`.
fn minor(version: &str) -> Option<&str> {
    let mut dots = version.match_indices('.');
    dots.next()?;
    Some(dots.next().map_or(version, |(end, _)| &version[..end]))
}

/// Locks a value, also after a panic of another thread, which cannot leave it half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
