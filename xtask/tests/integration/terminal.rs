//! What a terminal shows while something is under way, and that nothing of it stays.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{Bench, Run};

/// A terminal: what reads it, and what a program writes to.
fn terminal() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("granted");
    unlockpt(&master).expect("unlocked");
    let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("text");
    let slave = OpenOptions::new().read(true).write(true).open(name).expect("opened");
    (File::from(master), slave)
}

/// The lines that are on the screen of a terminal after all this was written to it.
fn shown(written: &str) -> Vec<String> {
    let mut lines = vec![Vec::new()];
    let mut column = 0;
    let mut rest = written.chars();
    while let Some(c) = rest.next() {
        let line: &mut Vec<char> = lines.last_mut().expect("never empty");
        match c {
            '\r' => column = 0,
            '\n' => lines.push(Vec::new()),
            '\x1b' => {
                let sequence: String = rest.by_ref().take_while(|c| !c.is_ascii_alphabetic()).collect();
                // Colours were not asked for, so it can only be that the rest of the line goes.
                assert_eq!(sequence, "[", "another sequence than that which erases");
                line.truncate(column);
            }
            c => {
                line.truncate(column.max(line.len().min(column)));
                line.push(c);
                column += 1;
            }
        }
    }
    lines.into_iter().map(|line| line.into_iter().collect()).collect()
}

/// A `go` that takes its time, for a tool to be built with.
fn slow(bench: &Bench) -> PathBuf {
    let folder = bench.base().join("bin");
    let go = folder.join("go");
    std::fs::create_dir(&folder).expect("created");
    let text = "#!/bin/sh\ncase $1 in install) /bin/sleep 1; echo no such luck >&2; exit 1;; esac\n";
    std::fs::write(&go, text).expect("written");
    std::fs::set_permissions(&go, std::fs::Permissions::from_mode(0o755)).expect("mode");
    folder
}
