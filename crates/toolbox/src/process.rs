//! Foreign programs: the only file that spawns.
//!
//! Every program runs with a deadline, an environment that is spelled out, captured output, no standard input but what
//! it is given, and a process group of its own: `kill` on the program alone would leave its children behind. Ctrl-C and
//! SIGTERM set a flag; whoever waits here sees it, ends the group, and returns an error, so that staged files go the way
//! of every other error. Only what cleans up runs on ([`Invocation::cleaning_up`]). A second signal ends the tool at once.
//!
//! Deliberately absent: shells, inherited environments, and any knowledge of what the programs do.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use diagnostics::{Code, Diagnostic, Diagnostics, Result};

/// How often a wait looks at the interruption flag. The end of a program is noticed at once, whatever this says.
const PULSE: Duration = Duration::from_millis(100);

/// How long a program may take to end after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(2);

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Makes SIGINT and SIGTERM end what runs in an orderly way. To be called once, first thing.
pub fn catch_signals() -> io::Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // Order matters: the conditional exit sees the flag as it was before this signal.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(flag))?;
        signal_hook::flag::register(signal, Arc::clone(flag))?;
    }
    Ok(())
}

/// Whether a signal asked the tool to end.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// `Err` once a signal came: for long work between programs.
pub fn check_interrupted() -> Result<()> {
    if interrupted() { Err(Diagnostic::new(Code::Interrupted, "interrupted by a signal").into()) } else { Ok(()) }
}

/// A program about to run.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The program, as an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its working directory.
    pub directory: PathBuf,
    /// Its whole environment beside [`INHERITED`].
    pub environment: BTreeMap<OsString, OsString>,
    /// What it reads from standard input; nothing when absent.
    pub input: Option<Vec<u8>>,
    /// The longest it may take.
    pub deadline: Duration,
    /// Whether it runs although a signal asked the tool to end.
    pub cleaning_up: bool,
}

/// How a program ended that was followed line by line.
#[derive(Debug)]
pub enum Followed<T> {
    /// A line was what the caller waited for, and the program was ended.
    Broken(T),
    /// The program ended by itself; what it wrote to standard output was followed and is not in here.
    Ended(Output),
    /// The time was over, and the program was ended; what it had written to standard error by then.
    Late(String),
}

/// What every program sees of our environment: where programs and temporary files are, and how the network is reached.
/// `HOME` is among them because Go and git need it; Helm's own homes are always set beside it.
pub const INHERITED: &[&str] = &[
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

/// What a program left.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All that it wrote to standard output.
    pub stdout: Vec<u8>,
    /// All that it wrote to standard error, invalid UTF-8 replaced.
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
    /// A program in a directory, with no arguments, a minute to run, and nothing but the inherited environment.
    #[must_use]
    pub fn new(program: &Path, directory: &Path) -> Self {
        Self {
            program: program.to_owned(),
            args: Vec::new(),
            directory: directory.to_owned(),
            environment: BTreeMap::new(),
            input: None,
            deadline: Duration::from_secs(60),
            cleaning_up: false,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Sets the longest it may take.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Gives it something to read.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Lets it run, and to its end, although a signal asked the tool to end.
    #[must_use]
    pub fn cleaning_up(mut self) -> Self {
        self.cleaning_up = true;
        self
    }

    /// The command line, quoted for a POSIX shell, with the program by its file name.
    #[must_use]
    pub fn command_line(&self) -> String {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str());
        std::iter::once(&name.to_owned())
            .chain(&self.args)
            .map(|word| quoted(&word.to_string_lossy()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs it to its end. An exit code other than 0 is no error here; not starting, not ending in time, and being
    /// interrupted are.
    pub fn run(&self) -> Result<Output> {
        match self.run_unless(|| None::<Infallible>)? {
            Ok(output) => Ok(output),
            Err(never) => match never {},
        }
    }

    /// The same, but ended early once `stop`, asked several times a second, says why.
    pub fn run_unless<T>(&self, stop: impl Fn() -> Option<T>) -> Result<std::result::Result<Output, T>> {
        self.check_interrupted()?;
        let handle = self.start(self.expression().stdout_capture())?;
        let started = Instant::now();
        loop {
            let left = self.deadline.saturating_sub(started.elapsed());
            match handle.wait_timeout(PULSE.min(left)) {
                Ok(Some(output)) => return Ok(Ok(Output::of(output))),
                Ok(None) => {}
                Err(error) => return Err(self.failure(&format!("waiting failed: {error}"))),
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
                let seconds = self.deadline.as_secs();
                return Err(self.failure(&format!("it did not end within {seconds} s and was stopped")));
            }
        }
    }

    /// Runs it, and hands over each line of its standard output as it comes, and between lines, several times a second,
    /// nothing. The caller may break it off at any time.
    pub fn follow<T>(&self, mut each: impl FnMut(Option<&str>) -> ControlFlow<T>) -> Result<Followed<T>> {
        self.check_interrupted()?;
        let pipe = |error: io::Error| self.failure(&format!("no pipe could be made: {error}"));
        let (reader, writer) = io::pipe().map_err(pipe)?;
        // The expression holds the writing end; the reader sees the end of the stream only once it is gone.
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
                    Err(error) => return Err(self.failure(&format!("waiting failed: {error}"))),
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

    #[expect(clippy::needless_pass_by_value, reason = "whoever follows needs it, and the pipe in it, gone afterwards")]
    fn start(&self, expression: duct::Expression) -> Result<duct::Handle> {
        let expression = expression.stderr_capture().unchecked().before_spawn(|command| {
            std::os::unix::process::CommandExt::process_group(command, 0);
            Ok(())
        });
        expression
            .start()
            .map_err(|error| self.failure(&format!("`{}` could not be started: {error}", self.program.display())))
    }

    fn failure(&self, what: &str) -> Diagnostics {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Diagnostic::new(Code::ProcessFailed, format!("`{name}` failed: {what}"))
            .note(format!("command: {}", self.command_line()))
            .note(format!("directory: {}", self.directory.display()))
            .into()
    }
}

/// Ends the program and all that it started: first politely, then for certain.
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

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Invocation {
        Invocation::new(Path::new("/bin/sh"), Path::new("/")).args(["-c", script])
    }

    #[test]
    fn captures_both_streams_and_the_exit_code() {
        let output = sh("echo out; echo err >&2; exit 3").run().expect("sh runs");
        assert_eq!((output.code, output.stdout.as_slice(), output.stderr.as_str()), (Some(3), &b"out\n"[..], "err\n"));
        assert!(!output.success());
    }

    #[test]
    fn a_deadline_ends_grandchildren_too() {
        let directory = tempfile::tempdir().expect("temporary folder");
        let pid_file = directory.path().join("pid");
        let script = format!("sleep 60 & echo $! > {}; wait", pid_file.display());
        let error = sh(&script).deadline(Duration::from_millis(300)).run().expect_err("must not end by itself");
        assert!(error.0[0].message.contains("did not end within"), "{error:?}");
        let pid = std::fs::read_to_string(pid_file).expect("pid");
        // A process that nobody reaps yet is a zombie, `Z`; it has ended all the same.
        let state = || sh(&format!("ps -o stat= -p {}", pid.trim())).run().expect("ps runs").stdout;
        let gone = (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            matches!(state().first(), None | Some(b'Z'))
        });
        assert!(gone, "the grandchild still runs");
    }

    #[test]
    fn is_followed_line_by_line_and_broken_off() {
        let script = sh("cat; echo two; sleep 60").input("one\n").deadline(Duration::from_secs(20));
        let mut seen = Vec::new();
        let followed = script.follow(|line| {
            seen.extend(line.map(str::to_owned));
            if seen.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(followed, Ok(Followed::Broken(()))), "{followed:?}");
        assert_eq!(seen, ["one", "two"]);
    }

    #[test]
    fn a_followed_program_that_ends_tells_how_and_one_that_does_not_is_late() {
        let never = |_: Option<&str>| ControlFlow::<()>::Continue(());
        let ended = sh("echo out; echo err >&2; exit 3").follow(never);
        assert!(matches!(&ended, Ok(Followed::Ended(output)) if output.code == Some(3) && output.stderr == "err\n"));
        let late = sh("echo why >&2; sleep 60").deadline(Duration::from_millis(500)).follow(never);
        assert!(matches!(&late, Ok(Followed::Late(stderr)) if stderr == "why\n"), "{late:?}");
    }

    #[test]
    fn a_program_that_nobody_waits_for_any_more_is_ended() {
        let ended = sh("sleep 60").run_unless(|| Some("gone"));
        assert!(matches!(ended, Ok(Err("gone"))), "{ended:?}");
        let whole = sh("echo done").run_unless(|| None::<()>);
        assert!(matches!(&whole, Ok(Ok(output)) if output.stdout == b"done\n"), "{whole:?}");
    }

    #[test]
    fn sees_only_what_it_is_given() {
        let output = sh("env").env("GIVEN", "yes").run().expect("sh runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.contains("GIVEN=yes"));
        assert!(!text.contains("CARGO_PKG_NAME="), "{text}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Invocation::new(Path::new("/nowhere/helm"), Path::new("/")).run().expect_err("there is none");
        assert!(error.0[0].message.contains("/nowhere/helm"), "{error:?}");
    }

    #[test]
    fn a_command_line_can_be_pasted() {
        let line = sh("echo 'a b'").command_line();
        assert_eq!(line, r"sh -c 'echo '\''a b'\'''");
    }
}
