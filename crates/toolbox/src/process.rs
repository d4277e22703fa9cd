//! Running other programs. No other file spawns processes, except [`crate::worker`].
//!
//! Every program runs with a deadline, an explicit environment, captured output, and its own process group, since
//! killing only the program would leave its children running. Its standard input is empty unless set.
//!
//! SIGINT and SIGTERM set a flag. A wait that sees it ends the process group and returns an error, so that staged files
//! are removed as after any other error. Programs that clean up continue ([`Invocation::cleaning_up`]). A second signal
//! ends the tool immediately, and so does [`PATIENCE`], since not all work waits for programs.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use diagnostics::{Code, Diagnostic, Diagnostics, Limit, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use signals::{Cleaning, PULSE};
pub use signals::{catch_signals, check_interrupted, interrupted};

mod signals;

/// The time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// The number of retries for a program that is busy, and the pause between them.
const BUSY_TRIES: u32 = 50;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Whether programs are kept from the network.
static OFFLINE: AtomicBool = AtomicBool::new(false);

/// Keeps the programs from the network that ask for it with [`Invocation::local`]: for `--offline`.
pub fn go_offline() {
    OFFLINE.store(true, Ordering::Relaxed);
}

/// A program to run.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The absolute path of the program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its working directory.
    pub directory: PathBuf,
    /// Its environment variables, in addition to [`INHERITED`].
    pub environment: BTreeMap<OsString, OsString>,
    /// Its standard input; empty if `None`.
    pub input: Option<Vec<u8>>,
    /// The time limit.
    pub deadline: Duration,
    /// The limit that it is, if it can be changed.
    pub limit: Option<Limit>,
    /// Whether it runs to its end even after a signal.
    pub cleaning_up: bool,
}

/// The result of [`Invocation::follow`].
#[derive(Debug)]
pub enum Followed<T> {
    /// The caller had what it waited for, and the program was ended.
    Broken(T),
    /// The program ended by itself. The output does not contain standard output, which the caller has received.
    Ended(Output),
    /// The program was ended at its deadline; its standard error.
    Late(String),
}

/// The variables that programs inherit: where programs and temporary files are, and how to reach the network. Go and git
/// need `HOME`; Helm's own directories are always set in addition.
pub(crate) const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];

/// The first program with a name on PATH, as a shell finds it. Relative directories are ignored: they would depend on the
/// current directory.
#[must_use]
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    let mut programs = folders.map(|folder| folder.join(name));
    programs
        .find(|program| std::fs::metadata(program).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0))
}
/// The variables with the proxies of a program, and the one that `--offline` sets: nothing listens there.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
const NO_PROXY_ANSWERS: &str = "http://127.0.0.1:9";

/// The exit code and output of a program.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error, with invalid UTF-8 replaced.
    pub stderr: String,
}

impl Output {
    fn of(output: &std::process::Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: output.stdout.clone(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Whether it ended with exit code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

impl Invocation {
    /// A program in a working directory, without arguments, with a deadline of a minute and the inherited environment.
    #[must_use]
    pub fn new(program: &Path, directory: &Path) -> Self {
        Self {
            program: program.to_owned(),
            args: Vec::new(),
            directory: directory.to_owned(),
            environment: BTreeMap::new(),
            input: None,
            deadline: Duration::from_secs(60),
            limit: None,
            cleaning_up: false,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Sets the time limit.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the time limit to one that can be changed, and limits the memory, too.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.deadline = Duration::from_secs(limit.value() as u64);
        self.limit = Some(limit);
        self
    }

    /// Sets its standard input.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// With `--offline`, keeps a program that follows the usual variables, as Go's do, from fetching anything. Schemas may
    /// refer to URLs.
    #[must_use]
    pub fn local(mut self) -> Self {
        if OFFLINE.load(Ordering::Relaxed) {
            for name in PROXIES {
                self.environment.insert(name.into(), NO_PROXY_ANSWERS.into());
            }
            for name in ["NO_PROXY", "no_proxy"] {
                self.environment.insert(name.into(), OsString::new());
            }
        }
        self
    }

    /// Lets it run to its end even after a signal.
    #[must_use]
    pub fn cleaning_up(mut self) -> Self {
        self.cleaning_up = true;
        self
    }

    /// The command line, quoted for a POSIX shell, with the file name of the program.
    #[must_use]
    pub fn command_line(&self) -> String {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str());
        std::iter::once(&name.to_owned())
            .chain(&self.args)
            .map(|word| quoted(&word.to_string_lossy()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs it to its end. Fails if it cannot be started, exceeds its deadline, or is interrupted, but not if its exit
    /// code is not 0.
    pub fn run(&self) -> Result<Output> {
        match self.run_unless(|| None::<Infallible>)? {
            Ok(output) => Ok(output),
            Err(never) => match never {},
        }
    }

    /// Runs it to its end, or until `stop`, which is called several times a second, returns a reason.
    pub fn run_unless<T>(&self, stop: impl Fn() -> Option<T>) -> Result<std::result::Result<Output, T>> {
        self.check_interrupted()?;
        let _cleaning = self.cleaning_up.then(Cleaning::begin);
        let handle = self.start(self.expression().stdout_capture())?;
        let started = Instant::now();
        loop {
            let left = self.deadline.saturating_sub(started.elapsed());
            match handle.wait_timeout(PULSE.min(left)) {
                Ok(Some(output)) => return self.within_memory(Output::of(output)).map(Ok),
                Ok(None) => {}
                Err(error) => return Err(self.failure(&format!("cannot wait for it: {error}"))),
            }
            if let Some(why) = stop() {
                end(&handle);
                return Ok(Err(why));
            }
            if let Err(interrupted) = self.check_interrupted() {
                end(&handle);
                return Err(interrupted);
            }
            if started.elapsed() >= self.deadline {
                end(&handle);
                return Err(self.late());
            }
        }
    }

    /// Runs it and passes each line of its standard output to `each` as it arrives; several times a second, also without
    /// a line, passes `None`. The caller can break at any time.
    pub fn follow<T>(&self, mut each: impl FnMut(Option<&str>) -> ControlFlow<T>) -> Result<Followed<T>> {
        self.check_interrupted()?;
        let _cleaning = self.cleaning_up.then(Cleaning::begin);
        let pipe = |error: io::Error| self.failure(&format!("cannot create a pipe: {error}"));
        let (reader, writer) = io::pipe().map_err(pipe)?;
        // The expression holds the writing end; the reader sees the end of the stream only once it is dropped.
        let handle = self.start(self.expression().stdout_file(writer))?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = Vec::new();
            while matches!(reader.read_until(b'\n', &mut line), Ok(count) if count > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
                if sender.send(text).is_err() {
                    return;
                }
                line.clear();
            }
        });
        let started = Instant::now();
        loop {
            let left = self.deadline.saturating_sub(started.elapsed());
            let step = match lines.recv_timeout(PULSE.min(left)) {
                Ok(line) => each(Some(&line)),
                Err(mpsc::RecvTimeoutError::Timeout) => each(None),
                Err(mpsc::RecvTimeoutError::Disconnected) => match handle.wait_timeout(PULSE.min(left)) {
                    Ok(Some(output)) => return Ok(Followed::Ended(Output::of(output))),
                    Ok(None) => each(None),
                    Err(error) => return Err(self.failure(&format!("cannot wait for it: {error}"))),
                },
            };
            if let ControlFlow::Break(value) = step {
                end(&handle);
                return Ok(Followed::Broken(value));
            }
            if let Err(interrupted) = self.check_interrupted() {
                end(&handle);
                return Err(interrupted);
            }
            if started.elapsed() >= self.deadline {
                end(&handle);
                let stderr = handle.wait().map(|output| Output::of(output).stderr).unwrap_or_default();
                return Ok(Followed::Late(stderr));
            }
        }
    }

    fn check_interrupted(&self) -> Result<()> {
        if self.cleaning_up { Ok(()) } else { check_interrupted() }
    }

    fn expression(&self) -> duct::Expression {
        let mut environment: BTreeMap<OsString, OsString> =
            INHERITED.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?))).collect();
        environment.extend(self.environment.clone());
        let expression = duct::cmd(&self.program, &self.args).dir(&self.directory).full_env(environment);
        match &self.input {
            Some(input) => expression.stdin_bytes(input.clone()),
            None => expression.stdin_null(),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "`follow` needs the pipe in it to be dropped")]
    fn start(&self, expression: duct::Expression) -> Result<duct::Handle> {
        let expression = expression.stderr_capture().unchecked().before_spawn(|command| {
            std::os::unix::process::CommandExt::process_group(command, 0);
            Ok(())
        });
        let mut tries = 0;
        let started = loop {
            match expression.start() {
                // A program that was just written is busy as long as a process that another thread is starting holds the
                // descriptor through which it was written: for some milliseconds.
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES => {
                    tries += 1;
                    thread::sleep(BUSY_PAUSE);
                }
                other => break other,
            }
        };
        let handle =
            started.map_err(|error| self.failure(&format!("cannot start `{}`: {error}", self.program.display())))?;
        if self.limit.is_some() {
            handle.pids().into_iter().for_each(limit_memory);
        }
        Ok(handle)
    }

    /// Fails if a program in Go ended because its memory is limited.
    fn within_memory(&self, output: Output) -> Result<Output> {
        let exhausted = |line: &str| {
            // Go prints this when its own runtime crashes, as it sometimes does without memory. A nil pointer of the program is a
            // panic.
            if line == "SIGSEGV: segmentation violation" {
                return true;
            }
            let fatal = line.strip_prefix("fatal error: ").or_else(|| line.strip_prefix("runtime: "));
            fatal.is_some_and(|reason| reason.contains("out of memory") || reason.contains("cannot allocate memory"))
        };
        if self.limit.is_none() || output.success() || !output.stderr.lines().any(exhausted) {
            return Ok(output);
        }
        let limit = Limit::ProgramMemory;
        let mut found = self.failure(&format!("it exceeded its memory limit of {} MiB", limit.value()));
        found.0.iter_mut().for_each(|found| found.helps.push(limit.help()));
        Err(found)
    }

    /// The error of a program that was ended at its deadline.
    #[must_use]
    pub fn late(&self) -> Diagnostics {
        let mut found = self.failure(&format!("it exceeded its time limit of {} s", self.deadline.as_secs()));
        if let Some(limit) = self.limit {
            found.0.iter_mut().for_each(|found| found.helps.push(limit.help()));
        }
        found
    }

    fn failure(&self, what: &str) -> Diagnostics {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Diagnostic::new(Code::ProcessFailed, format!("`{name}` failed: {what}"))
            .note(format!("command: {}", self.command_line()))
            .note(format!("directory: {}", self.directory.display()))
            .into()
    }
}

/// Limits the memory of a process and of those that it starts. Only Linux can limit a process from outside.
pub(crate) fn limit_memory(process: u32) {
    #[cfg(target_os = "linux")]
    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        let most = Some(Limit::ProgramMemory.bytes() as u64);
        let limit = rustix::process::Rlimit { current: most, maximum: most };
        // A process that has ended needs no limit.
        let _ = rustix::process::prlimit(Some(process), rustix::process::Resource::Data, limit);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = process;
}

/// Ends the program and all processes that it started, by SIGTERM and then by SIGKILL.
fn end(handle: &duct::Handle) {
    let groups: Vec<Pid> =
        handle.pids().into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).collect();
    for group in &groups {
        let _ = kill_process_group(*group, Signal::TERM);
    }
    if matches!(handle.wait_timeout(GRACE), Ok(None)) {
        for group in &groups {
            let _ = kill_process_group(*group, Signal::KILL);
        }
        let _ = handle.wait();
    }
}

/// Quotes a word for a POSIX shell.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
