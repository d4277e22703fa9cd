//! The progress line on a terminal.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{Bench, HELM_4, repository};

/// A pseudoterminal: the side of the terminal, and the side of the program.
pub(crate) fn terminal() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("granted");
    unlockpt(&master).expect("unlocked");
    let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("text");
    let slave = OpenOptions::new().read(true).write(true).open(name).expect("opened");
    (File::from(master), slave)
}

/// The lines on the screen after some output.
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
                // Without color, the only escape sequence erases the rest of a line.
                assert_eq!((rest.next(), rest.next()), (Some('['), Some('K')), "{written:?}");
                line.truncate(column);
            }
            c if column < line.len() => {
                line[column] = c;
                column += 1;
            }
            c => {
                line.push(c);
                column += 1;
            }
        }
    }
    lines.into_iter().map(|line| line.into_iter().collect()).collect()
}

/// A run on a terminal that builds helm with a `go` that waits for a file.
struct Scene {
    bench: Bench,
    screen: File,
    child: Child,
    written: String,
}

impl Scene {
    fn new(variable: (&str, &str)) -> Self {
        let bench = Bench::new();
        bench.write("charts.toml", &fs::read_to_string(repository().join("charts.toml")).expect("readable"));
        bench.write("tools.lock", &fs::read_to_string(repository().join("tools.lock")).expect("readable"));
        let bin = bench.base().join("bin");
        let go = bin.join("go");
        fs::create_dir(&bin).expect("created");
        let script = format!(
            "#!/bin/sh\n[ $1 = install ] || {{ echo /nowhere; exit; }}\n\
             until [ -e {}/may ]; do /bin/sleep 0.05; done\n\
             printf '#!/bin/sh\\necho v{HELM_4}\\n' > $GOBIN/helm; /bin/chmod +x $GOBIN/helm\n",
            bench.base().display()
        );
        fs::write(&go, script).expect("written");
        fs::set_permissions(&go, fs::Permissions::from_mode(0o755)).expect("mode");
        let (screen, terminal) = terminal();
        let run = bench.xtask(&format!("tools install helm@{HELM_4} --offline")).env("PATH", &bin).env("TERM", "xterm");
        let child = run.env(variable.0, variable.1).on(terminal);
        Self { bench, screen, child, written: String::new() }
    }

    /// Reads the output until it contains a text, or to its end.
    fn read_until(&mut self, text: Option<&str>) {
        let mut buffer = [0; 4096];
        while !text.is_some_and(|text| self.written.contains(text)) {
            // On Linux, reading fails once the other side is closed.
            match self.screen.read(&mut buffer) {
                Ok(count) if count > 0 => self.written.push_str(&String::from_utf8_lossy(&buffer[..count])),
                _ => break,
            }
        }
    }

    fn finish_build(&self) {
        fs::write(self.bench.base().join("may"), "").expect("written");
    }

    /// Waits for the run, and returns its exit code and the screen.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        self.read_until(None);
        let code = self.child.wait().expect("ends").code();
        (code, shown(&self.written.replace("\r\n", "\n\r")))
    }
}

#[test]
fn a_running_task_is_shown_and_erased_at_its_end() {
    let mut scene = Scene::new(("NO_COLOR", "1"));
    let drawn = format!(" Building helm {HELM_4} with go (about 2 minutes) (");
    scene.read_until(Some(&drawn));
    assert!(scene.written.contains(&drawn), "{}", scene.written);
    scene.finish_build();
    let (code, lines) = scene.end();
    assert_eq!(code, Some(0), "{lines:?}");
    let built = format!("       Built helm {HELM_4} with go (about 2 minutes) (");
    assert!(lines.iter().any(|line| line.starts_with(&built)), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("Building")), "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some(""), "the cursor is not at the beginning of a line");
}

#[test]
fn a_signal_erases_the_progress_line() {
    let mut scene = Scene::new(("NO_COLOR", "1"));
    scene.read_until(Some(" Building helm"));
    let pid = Pid::from_raw(i32::try_from(scene.child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::INT).expect("sent");
    let (code, lines) = scene.end();
    assert_eq!(code, Some(130), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("Building")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("interrupted by a signal")), "{lines:#?}");
}

#[test]
fn progress_is_plain_lines_if_lines_cannot_be_overwritten() {
    for variable in [("CI", "true"), ("TERM", "dumb")] {
        let mut scene = Scene::new(variable);
        scene.read_until(Some("Building helm"));
        scene.finish_build();
        let (code, lines) = scene.end();
        assert_eq!(code, Some(0), "{lines:#?}");
        let building = format!("    Building helm {HELM_4} with go (about 2 minutes)");
        assert_eq!(lines.iter().filter(|line| line.contains("helm")).take(1).collect::<Vec<_>>(), [&building]);
        assert!(!lines.iter().any(|line| line.contains("Built")), "{lines:#?}");
    }
}
