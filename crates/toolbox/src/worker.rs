//! Programs that answer requests on their standard input and output, one at a time.
//!
//! A worker has its own process group, and is killed when it is dropped: it must have nothing to clean up. Its standard
//! error is a file without a name, which it may truncate.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use diagnostics::Diagnostics;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::process::{self, INHERITED, Invocation, limit_memory};

/// How often a wait checks for a signal.
const PULSE: Duration = Duration::from_millis(100);

/// The size of the pieces in which output is read.
const PIECE: usize = 1 << 16;

/// The length of a line above which the program is not taken seriously.
const LINE: usize = 1 << 16;

/// A running program.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    received: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Silence {
    /// The program ended, or does not follow the protocol.
    Ended,
    /// The deadline has passed.
    Late,
    /// This program was interrupted.
    Interrupted(Diagnostics),
}

impl Worker {
    /// Starts a program with the arguments, the directory, and the environment of an invocation.
    pub fn start(invocation: &Invocation) -> io::Result<Self> {
        let inherited = INHERITED.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)));
        let mut environment: BTreeMap<OsString, OsString> = inherited.collect();
        environment.extend(invocation.environment.clone());
        let mut child = Command::new(&invocation.program)
            .args(&invocation.args)
            .current_dir(&invocation.directory)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(tempfile::tempfile()?)
            .process_group(0)
            .spawn()?;
        if invocation.limit.is_some() {
            limit_memory(child.id());
        }
        let (Some(input), Some(mut reader)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("no pipes"));
        };
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut piece = vec![0; PIECE];
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                if sender.send(piece[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, input, output, received: Vec::new() })
    }

    /// Sends a request.
    pub fn send(&mut self, request: &[u8]) -> Result<(), Silence> {
        self.input.write_all(request).and_then(|()| self.input.flush()).map_err(|_| Silence::Ended)
    }

    /// The next line of the output, without its end.
    pub fn line(&mut self, deadline: Instant) -> Result<Vec<u8>, Silence> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let rest = self.received.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.received, rest);
                line.pop();
                return Ok(line);
            }
            if self.received.len() > LINE {
                return Err(Silence::Ended);
            }
            self.receive(deadline)?;
        }
    }

    /// The next bytes of the output.
    pub fn bytes(&mut self, count: usize, deadline: Instant) -> Result<Vec<u8>, Silence> {
        while self.received.len() < count {
            self.receive(deadline)?;
        }
        let rest = self.received.split_off(count);
        Ok(std::mem::replace(&mut self.received, rest))
    }

    fn receive(&mut self, deadline: Instant) -> Result<(), Silence> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(PULSE.min(left)) {
                Ok(piece) => {
                    self.received.extend(piece);
                    return Ok(());
                }
                Err(RecvTimeoutError::Disconnected) => return Err(Silence::Ended),
                Err(RecvTimeoutError::Timeout) => {}
            }
            process::check_interrupted().map_err(Silence::Interrupted)?;
            if Instant::now() >= deadline {
                return Err(Silence::Late);
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn sh(script: &str) -> Worker {
        let invocation = Invocation::new(Path::new("/bin/sh"), Path::new("/")).args(["-c", script]);
        Worker::start(&invocation).expect("sh starts")
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn requests_are_answered() {
        let mut worker = sh(r#"while read -r word; do printf '%s\n%s' "$word" "$word"; done"#);
        for word in ["one", "three"] {
            worker.send(format!("{word}\n").as_bytes()).expect("sent");
            assert_eq!(worker.line(soon()).expect("a line"), word.as_bytes());
            assert_eq!(worker.bytes(word.len(), soon()).expect("bytes"), word.as_bytes());
        }
    }

    #[test]
    fn the_end_and_the_deadline_are_noticed() {
        let mut ended = sh("printf half");
        assert!(matches!(ended.line(soon()), Err(Silence::Ended)));
        let mut late = sh("sleep 60");
        assert!(matches!(late.line(Instant::now() + Duration::from_millis(50)), Err(Silence::Late)));
    }

    #[test]
    fn a_line_without_an_end_is_not_awaited() {
        let mut endless = sh("yes | tr -d '\\n'");
        assert!(matches!(endless.line(soon()), Err(Silence::Ended)));
    }
}
