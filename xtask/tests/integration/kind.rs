//! What `test-kind` tells when a cluster goes wrong, and that it leaves nothing behind.
//!
//! Each folder in tests/faults is a fault: what it changes of the workspace there, and the exact screen. All of them run
//! in one kept cluster, so that each costs seconds. They need a container engine and `XTASK_TEST_NODE_IMAGE`, the image of
//! a node that the engine has; where that is not set, they say that they did not run. `UPDATE_FAULTS=1` writes the screens,
//! `FAULTS=<part>` runs those with this in their name.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cluster::name_of;
use regex_lite::Regex;
use toolbox::engine::Engine;

use crate::image::{engine, unique};
use crate::support::{Bench, HELM_4, ci, copy, helm, repository, tool, tree};

/// An image that holds a shell: the base of the relay's.
const IMAGE: &str = "debian:bookworm-slim";

/// One cluster at a time: each takes most of a small machine.
static ONE: Mutex<()> = Mutex::new(());

/// A workspace with one application, and the cluster that belongs to it. All of it goes in the end.
struct Lab {
    bench: Bench,
    engine: Engine,
    helm: PathBuf,
    kind: PathBuf,
    kubectl: PathBuf,
    node_image: String,
    /// The image by a name that no registry has.
    gone: String,
    /// The folder of a stand-in for the engine's client, which fails once there is a file `stopped` in it.
    stand_in: PathBuf,
    _one: MutexGuard<'static, ()>,
}

impl Lab {
    fn new() -> Option<Self> {
        let Ok(node_image) = std::env::var("XTASK_TEST_NODE_IMAGE") else {
            let _ = writeln!(std::io::stderr(), "skipped: the faults of test-kind, which need XTASK_TEST_NODE_IMAGE");
            return None;
        };
        let (engine, helm) = (engine()?, helm(HELM_4)?);
        let (kind, kubectl) = (tool("kind")?, tool("kubectl")?);
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let bench = Bench::new();
        let gone = format!("localhost:1/{}:1", unique());
        let stand_in = bench.base().join("engine");
        fs::create_dir(&stand_in).expect("created");
        let client = stand_in.join(engine.name);
        let script = format!(
            "#!/bin/sh\nif [ -e {}/stopped ]; then echo 'Cannot connect to the engine. Is it running?' >&2; exit 1; fi\n\
             exec {} \"$@\"\n",
            stand_in.display(),
            engine.program.display()
        );
        fs::write(&client, script).expect("written");
        fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).expect("mode");
        let lab = Self { bench, engine, helm, kind, kubectl, node_image, gone, stand_in, _one: one };
        lab.lay(&repository().join("tests/faults/workspace"));
        lab.ask(&["tag", IMAGE, &lab.gone]);
        Some(lab)
    }

    /// Puts images into the files of a folder.
    fn fill(&self, folder: &Path) {
        for (path, bytes) in tree(folder) {
            let Ok(text) = String::from_utf8(bytes) else { continue };
            if text.contains("[IMAGE]") || text.contains("[GONE]") {
                let text = text.replace("[IMAGE]", IMAGE).replace("[GONE]", &self.gone);
                fs::write(folder.join(path), text).expect("written");
            }
        }
    }

    /// Lays a fault over the workspace.
    fn lay(&self, folder: &Path) {
        if folder.is_dir() {
            copy(folder, &self.bench.root());
            self.fill(&self.bench.root());
        }
    }

    /// Brings the workspace back to what it was.
    fn reset(&self) {
        for part in ["charts", "tests"] {
            fs::remove_dir_all(self.bench.root().join(part)).expect("removed");
        }
        self.lay(&repository().join("tests/faults/workspace"));
    }

    /// What the engine says; nothing where it refuses.
    fn ask(&self, args: &[&str]) -> String {
        let output = self.engine.invocation(Path::new("/")).args(args.iter().copied()).run().expect("the engine runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn cluster(&self) -> String {
        name_of(&self.bench.root().canonicalize().expect("there"))
    }

    fn node(&self) -> String {
        format!("{}-control-plane", self.cluster())
    }

    /// `test-kind` about to run.
    fn command(&self, args: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args(["test-kind", "--offline"])
            .args(args.split_whitespace())
            .current_dir(self.bench.root())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.bench.base().join("home"))
            .env("TMPDIR", self.bench.base().join("tmp"))
            .env("XTASK_CACHE_DIR", self.bench.cache())
            .env("XTASK_HELM", &self.helm)
            .env("XTASK_KIND", &self.kind)
            .env("XTASK_KUBECTL", &self.kubectl)
            .env(format!("XTASK_{}", self.engine.name.to_uppercase()), self.stand_in.join(self.engine.name))
            .env("XTASK_KIND_NODE_IMAGE", &self.node_image)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for name in ["DOCKER_HOST", "XDG_RUNTIME_DIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs it to its end: its exit code, and all that is on the screen.
    fn run(&self, args: &str) -> (Option<i32>, String) {
        let output = self.command(args).output().expect("xtask runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Starts it, and does something once it says a text; then as [`Self::run`].
    fn run_until(&self, args: &str, says: &str, then: impl FnOnce(&Child)) -> (Option<i32>, String) {
        let mut child = self.command(args).spawn().expect("xtask runs");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut stderr = String::new();
        for line in lines.by_ref() {
            let line = line.expect("text");
            stderr.push_str(&line);
            stderr.push('\n');
            if line.contains(says) {
                break;
            }
        }
        assert!(stderr.contains(says), "it never said {says:?}:\n{stderr}");
        then(&child);
        for line in lines {
            stderr.push_str(&line.expect("text"));
            stderr.push('\n');
        }
        let mut stdout = String::new();
        child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("text");
        (child.wait().expect("it ends").code(), stdout + &stderr)
    }

    /// All that a run might leave.
    fn traces(&self) -> BTreeMap<&'static str, Vec<String>> {
        let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let label = format!("label=io.x-k8s.kind.cluster={}", self.cluster());
        let name = format!("name={}", self.cluster());
        let files = |folder: &Path| tree(folder).into_keys().map(|path| path.display().to_string());
        // kubectl remembers what the API server can do, and the lock of a cluster is never removed: a run may hold it.
        let mine = |path: &String| !path.contains("/cache/") && !path.ends_with("/lock");
        let cache = files(&self.bench.cache().join("kind")).filter(mine).collect();
        BTreeMap::from([
            ("containers", lines(self.ask(&["ps", "--all", "--filter", &label, "--format", "{{.Names}} {{.State}}"]))),
            ("networks", lines(self.ask(&["network", "ls", "--filter", &name, "--format", "{{.Name}}"]))),
            ("files of the cluster", cache),
            ("files of runs", files(&self.bench.root().join("target")).collect()),
            ("files of the user", files(&self.bench.base().join("home")).collect()),
            ("temporary files", self.bench.left_over().iter().map(|path| path.display().to_string()).collect()),
            ("processes", processes(self.bench.base())),
        ])
    }

    /// The screen without what differs from run to run.
    fn normal(&self, screen: &str) -> String {
        let mut text = screen.to_owned();
        for (path, name) in [(self.bench.root(), "[ROOT]"), (self.bench.cache(), "[CACHE]")] {
            text = text.replace(&path.display().to_string(), name);
        }
        let name = self.gone.trim_start_matches("localhost:1/").trim_end_matches(":1");
        text = text.replace(&self.cluster(), "[CLUSTER]").replace(&self.gone, "[GONE]").replace(name, "gone");
        text = text.replace(&format!("{} does not answer", self.engine.name), "[ENGINE] does not answer");
        for (pattern, replacement) in [
            (r"demo-[0-9a-f]{8,10}-[0-9a-z]{5}\b", "demo-[POD]"),
            (r"demo-[0-9a-f]{8,10}\b", "demo-[SET]"),
            (r"_demo\([0-9a-f-]{36}\)", "_demo([UID])"),
            (r"target/kind/\d+-\d+", "target/kind/[RUN]"),
            (r"\b\d\d:\d\d:\d\d (Pod|Deployment|ReplicaSet|PersistentVolumeClaim) ", "[TIME] $1 "),
            (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "[TIME]"),
            (r"(127\.0\.0\.1|\[::1\]):1\b", "[LOOPBACK]:1"),
            (r"\b(10|172|192)\.\d+\.\d+\.\d+", "[ADDRESS]"),
            (r" +\d+\.\d+ s\b", " [S] s"),
            (r"in \d+\.\d+s", "in [S]s"),
            (r" \(\d+ times\)", ""),
            (r"\d+ restarts?\b", "some restarts"),
            (r"CrashLoop(BackOff)?\b", "CrashLoop"),
            (r"0/1 ready  (Running|CrashLoop)  some", "0/1 ready  [RUNS]  some"),
            (r"\(Error\), some restarts", "(Error)"),
            (r"(?m)^ +(State|Last State|Reason|Exit Code|Started|Finished|Restart Count): .*\n", ""),
            (r"(?m)^ += note: previous log of .*\n( {9,}.*\n)+", ""),
            (r"(?m)^( +).*(Unable to connect|deadline exceeded|Client\.Timeout|handshake timeout).*$", "$1[NO ANSWER]"),
            (r"(?m)^ +.*(BackOff: |ImagePullBackOff|  Terminating  ).*\n", ""),
            // The pod of the fault before may still say so; the cause of its own screen has it.
            (r"(?m)^ +\[TIME\] Pod demo/demo-\[POD\] FailedMount: .*\n", ""),
            (r"(pods:\n) +none\n", "$1"),
            (r"back-off \d+s", "back-off [S]s"),
            (r", without what kind could not get: .*", ""),
            (r"process \d+", "process [PID]"),
        ] {
            text = Regex::new(pattern).expect("a pattern").replace_all(&text, replacement).into_owned();
        }
        // Progress is not of interest, and how wide a column is follows from names.
        let lines = text.lines().filter(|line| !is_progress(line));
        let trimmed = lines.map(|line| {
            Regex::new("  +(passed|failed|skipped)").expect("a pattern").replace(line, "  $1").into_owned()
        });
        sorted_events(&trimmed.collect::<Vec<_>>())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.stand_in.join("stopped"));
        let _ = self.run("--delete");
        self.ask(&["rmi", &self.gone]);
        let left = self.ask(&["ps", "--all", "--quiet", "--filter", &format!("name={}", self.node())]);
        assert!(std::thread::panicking() || left.is_empty(), "a cluster was left");
    }
}

/// Whether a line tells what is under way: a verb that ends in the twelfth column.
fn is_progress(line: &str) -> bool {
    let Some((verb, rest)) = line.split_at_checked(12) else { return false };
    let verb = verb.trim_start();
    let word = verb.starts_with(|c: char| c.is_ascii_uppercase()) && verb.chars().all(|c| c.is_ascii_alphabetic());
    word && rest.starts_with(' ') && verb != "Finished"
}

/// Programs that run with something of a folder.
fn processes(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let lines = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(&folder).then_some(line)
    });
    lines.collect()
}

/// Events of one second come in any order, and those of a normal start may come late.
fn sorted_events(lines: &[String]) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut events: Vec<String> = Vec::new();
    for line in lines {
        if line.trim_start().starts_with("[TIME] ") {
            events.push(line.clone());
            continue;
        }
        events.sort();
        events.dedup();
        out.append(&mut events);
        out.push(line.trim_end().to_owned());
    }
    out.join("\n") + "\n"
}

/// The clocks of events, as they stand on a screen, one list for each.
fn clocks(screen: &str) -> Vec<Vec<String>> {
    let clock =
        Regex::new(r"^ +(\d\d:\d\d:\d\d) (Pod|Deployment|ReplicaSet|PersistentVolumeClaim) ").expect("a pattern");
    let mut lists = vec![Vec::new()];
    for line in screen.lines() {
        match clock.captures(line) {
            Some(found) => lists.last_mut().expect("one").push(found[1].to_owned()),
            None => lists.push(Vec::new()),
        }
    }
    lists
}

fn as_recorded(lab: &Lab, folder: &Path, screen: &str) -> bool {
    fs::read_to_string(folder.join("screen")).is_ok_and(|recorded| recorded == lab.normal(screen))
}

/// Holds a screen against the one that is recorded; a line on how they differ, if they do.
fn compare(lab: &Lab, folder: &Path, screen: &str) -> Option<String> {
    for list in clocks(screen) {
        // Past midnight the first ones are later.
        let turns = list.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!(turns <= 1, "events are not in order:\n{screen}");
    }
    let (file, now) = (folder.join("screen"), lab.normal(screen));
    if as_recorded(lab, folder, screen) {
        return None;
    }
    if std::env::var_os("UPDATE_FAULTS").is_some() && !ci() {
        fs::write(&file, &now).expect("written");
        return None;
    }
    Some(format!("{} tells:\n{now}", folder.display()))
}

/// The faults that are told in tests/faults, by name.
fn faults() -> Vec<PathBuf> {
    let wanted = std::env::var("FAULTS").unwrap_or_default();
    let entries = fs::read_dir(repository().join("tests/faults")).expect("readable");
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.expect("readable").path()).filter(|path| path.join("about").is_file()).collect();
    folders.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(&wanted)));
    folders.sort();
    folders
}

/// A fault that is not a matter of files: how it comes about while a step waits, and how it ends.
fn meanwhile(lab: &Lab, folder: &Path) -> (Option<i32>, String) {
    let node = lab.node();
    let waits = "Running demo/works: it waits";
    match folder.file_name().and_then(|name| name.to_str()) {
        Some("api-server-gone") => {
            let told = lab.run_until("--keep", waits, |_| drop(lab.ask(&["pause", &node])));
            lab.ask(&["unpause", &node]);
            told
        }
        Some("engine-stopped") => {
            let told = lab.run_until("--keep", waits, |_| {
                fs::write(lab.stand_in.join("stopped"), "").expect("written");
                lab.ask(&["pause", &node]);
            });
            fs::remove_file(lab.stand_in.join("stopped")).expect("removed");
            lab.ask(&["unpause", &node]);
            told
        }
        _ => lab.run(&fs::read_to_string(folder.join("args")).unwrap_or_else(|_| "--keep".to_owned())),
    }
}

#[test]
fn a_fault_is_told_with_its_cause() {
    let Some(lab) = Lab::new() else { return };
    let mut wrong = Vec::new();
    // Before there is a cluster: nothing is made for what cannot succeed.
    let (nothing, others): (Vec<_>, Vec<_>) = faults().into_iter().partition(|folder| folder.join("before").is_file());
    for (round, folders) in [nothing, others].iter().enumerate() {
        if round == 1 {
            let (code, screen) = lab.run("--keep");
            assert_eq!(code, Some(0), "{screen}");
        }
        for folder in folders {
            let before = lab.traces();
            lab.lay(&folder.join("workspace"));
            let mut told = meanwhile(&lab, folder);
            // What a pod shows depends on the moment: that it just failed, or that it is tried once more.
            for _ in 0..3 {
                if !as_recorded(&lab, folder, &told.1) {
                    told = meanwhile(&lab, folder);
                }
            }
            let (code, screen) = told;
            assert_ne!(code, Some(0), "{} is not noticed:\n{screen}", folder.display());
            wrong.extend(compare(&lab, folder, &screen));
            let after = lab.traces();
            if round == 0 {
                assert_eq!(before, after, "{} leaves something", folder.display());
            }
            assert_eq!(before["processes"], after["processes"], "{} leaves something", folder.display());
            if folder.join("mended").is_dir() {
                lab.lay(&folder.join("mended"));
                let (code, screen) = lab.run("--keep");
                assert_eq!(code, Some(0), "{} is mended:\n{screen}", folder.display());
            }
            lab.reset();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // All is well again, in the same cluster, and an interrupted run leaves it as it was.
    let (code, screen) = lab.run("--keep");
    assert_eq!(code, Some(0), "{screen}");
    for moment in [400, 900, 1500] {
        interrupted(&lab, "--keep", Duration::from_millis(moment));
    }
}

#[test]
fn ctrl_c_leaves_nothing_at_any_moment() {
    let Some(lab) = Lab::new() else { return };
    for moment in [150, 600, 1300, 2500, 4000, 6500, 10000] {
        interrupted(&lab, "", Duration::from_millis(moment));
    }
}

#[test]
fn what_a_stopped_engine_leaves_is_told_and_goes_with_the_next_run() {
    let Some(lab) = Lab::new() else { return };
    let before = lab.traces();
    let stopped = lab.stand_in.join("stopped");
    let (code, screen) = lab.run_until("", "Creating cluster", |_| {
        std::thread::sleep(Duration::from_secs(3));
        fs::write(&stopped, "").expect("written");
    });
    assert_eq!(code, Some(3), "{screen}");
    for text in
        ["kind could not make the cluster", "could not be removed", "the next `cargo xtask test-kind` removes it"]
    {
        assert!(screen.contains(text), "{text:?} is not in:\n{screen}");
    }
    fs::remove_file(&stopped).expect("removed");
    let (code, screen) = lab.run_until("", "Found cluster", interrupt);
    assert_eq!(code, Some(130), "{screen}");
    assert!(screen.contains("left by process"), "{screen}");
    assert_eq!(before, lab.traces(), "{screen}");
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
}

/// Ends a run by SIGINT at some moment: it says so, and leaves what was there before.
#[track_caller]
fn interrupted(lab: &Lab, args: &str, moment: Duration) {
    let before = lab.traces();
    let mut child = lab.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("xtask runs");
    std::thread::sleep(moment);
    interrupt(&child);
    let code = child.wait().expect("it ends").code();
    assert_eq!(code, Some(130), "after {moment:?}");
    let mut after = lab.traces();
    // A process that was killed last may be there for another moment.
    for _ in 0..20 {
        if after == before {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        after = lab.traces();
    }
    assert_eq!(before, after, "left behind after {moment:?}");
}
