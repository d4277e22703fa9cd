//! The diagnoses of `test-kind`, and its cleanup.
//!
//! Each directory in tests/faults is a fault: a change to the workspace there, and the expected output. All faults run in
//! one kept cluster, so that each takes seconds. The tests need a container engine that has the node image
//! `XTASK_TEST_NODE_IMAGE`; without that variable, they are skipped. `UPDATE_FAULTS=1` writes the expected output, and
//! `FAULTS=<part>` runs the faults whose names contain the part.

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
use crate::support::{Bench, HELM_4, ci, helm, repository, tool, tree};

/// An image that contains a shell: the base of the relay's image.
const IMAGE: &str = "debian:bookworm-slim";

/// One cluster at a time: on a small machine, there is no room for more.
static ONE: Mutex<()> = Mutex::new(());

/// A workspace with one application, and its cluster. Both are deleted at the end.
struct Lab {
    bench: Bench,
    engine: Engine,
    helm: PathBuf,
    kind: PathBuf,
    kubectl: PathBuf,
    node_image: String,
    /// A name of the image that no registry has.
    gone: String,
    /// The directory of a stand-in for the engine's client, which fails while the directory has a file `stopped`.
    stand_in: PathBuf,
    _one: MutexGuard<'static, ()>,
}

impl Lab {
    fn new() -> Option<Self> {
        let Ok(node_image) = std::env::var("XTASK_TEST_NODE_IMAGE") else {
            let _ = writeln!(std::io::stderr(), "skipped: the faults of test-kind require XTASK_TEST_NODE_IMAGE");
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
        lab.copy(&repository().join("tests/faults/workspace"));
        lab.ask(&["tag", IMAGE, &lab.gone]);
        Some(lab)
    }

    /// Replaces the placeholders of images in the files of a directory.
    fn fill(&self, folder: &Path) {
        for (path, bytes) in tree(folder) {
            let Ok(text) = String::from_utf8(bytes) else { continue };
            if text.contains("[IMAGE]") || text.contains("[GONE]") {
                let text = text.replace("[IMAGE]", IMAGE).replace("[GONE]", &self.gone);
                fs::write(folder.join(path), text).expect("written");
            }
        }
    }

    /// Copies the files of a fault over the workspace.
    fn copy(&self, folder: &Path) {
        if folder.is_dir() {
            crate::support::copy(folder, &self.bench.root());
            self.fill(&self.bench.root());
        }
    }

    /// Restores the workspace.
    fn reset(&self) {
        for part in ["charts", "tests"] {
            fs::remove_dir_all(self.bench.root().join(part)).expect("removed");
        }
        self.copy(&repository().join("tests/faults/workspace"));
    }

    /// The output of the engine; empty if it fails.
    fn ask(&self, args: &[&str]) -> String {
        let output = self.engine.invocation(Path::new("/")).args(args.iter().copied()).run().expect("the engine runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn cluster(&self) -> String {
        name_of(&self.bench.root().canonicalize().expect("there"), "test-kind")
    }

    fn node(&self) -> String {
        format!("{}-control-plane", self.cluster())
    }

    /// A `test-kind` command.
    fn command(&self, args: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args(["test-kind", "--offline"])
            .args(args.split_whitespace())
            .current_dir(self.bench.root())
            .env_clear()
            .env("CARGO", "cargo")
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

    /// Runs `test-kind`; returns its exit code and its output.
    fn run(&self, args: &str) -> (Option<i32>, String) {
        let output = self.command(args).output().expect("xtask runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Runs `test-kind`, and does something when a line contains a text; returns the same as [`Self::run`].
    fn run_until(&self, args: &str, text: &str, then: impl FnOnce(&Child)) -> (Option<i32>, String) {
        let mut child = self.command(args).spawn().expect("xtask runs");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut stderr = String::new();
        for line in lines.by_ref() {
            let line = line.expect("text");
            stderr.push_str(&line);
            stderr.push('\n');
            if line.contains(text) {
                break;
            }
        }
        assert!(stderr.contains(text), "no line contains {text:?}:\n{stderr}");
        then(&child);
        for line in lines {
            stderr.push_str(&line.expect("text"));
            stderr.push('\n');
        }
        let mut stdout = String::new();
        child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("text");
        (child.wait().expect("it ends").code(), stdout + &stderr)
    }

    /// Everything that a run might leave behind.
    fn traces(&self) -> BTreeMap<&'static str, Vec<String>> {
        let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let label = format!("label=io.x-k8s.kind.cluster={}", self.cluster());
        let name = format!("name={}", self.cluster());
        let files = |folder: &Path| tree(folder).into_keys().map(|path| path.display().to_string());
        // kubectl caches the API server's discovery, and the lock of a cluster is never deleted, because a run may hold it.
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

    /// The output without what differs between runs.
    fn normalized(&self, screen: &str) -> String {
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
            // The pod of the previous fault may still report it; for its own fault, it is the cause.
            (r"(?m)^ +\[TIME\] Pod demo/demo-\[POD\] FailedMount: .*\n", ""),
            (r"(pods:\n) +none\n", "$1"),
            (r"back-off \d+s", "back-off [S]s"),
            (r"partial export: (.*); kind reported: .*", "full export: $1"),
            (r"process \d+", "process [PID]"),
        ] {
            text = Regex::new(pattern).expect("a pattern").replace_all(&text, replacement).into_owned();
        }
        // Progress is omitted, and the width of a column depends on names.
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

/// Whether a line is progress: a verb that ends in the twelfth column.
fn is_progress(line: &str) -> bool {
    let Some((verb, rest)) = line.split_at_checked(12) else { return false };
    let verb = verb.trim_start();
    let word = verb.starts_with(|c: char| c.is_ascii_uppercase()) && verb.chars().all(|c| c.is_ascii_alphabetic());
    word && rest.starts_with(' ') && verb != "Finished"
}

/// The command lines of running programs that mention a directory.
fn processes(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let lines = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(&folder).then_some(line)
    });
    lines.collect()
}

/// Sorts events: those of one second have no order, and those of a normal start may be late.
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

/// The times of events in the output, one list per block of events.
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

fn is_expected(lab: &Lab, folder: &Path, screen: &str) -> bool {
    fs::read_to_string(folder.join("screen")).is_ok_and(|expected| expected == lab.normalized(screen))
}

/// Compares output with the expected output; returns a message if they differ.
fn compare(lab: &Lab, folder: &Path, screen: &str) -> Option<String> {
    for list in clocks(screen) {
        // At midnight, the times restart once.
        let turns = list.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!(turns <= 1, "events are not in order:\n{screen}");
    }
    let (file, now) = (folder.join("screen"), lab.normalized(screen));
    if is_expected(lab, folder, screen) {
        return None;
    }
    if std::env::var_os("UPDATE_FAULTS").is_some() && !ci() {
        fs::write(&file, &now).expect("written");
        return None;
    }
    Some(format!("{} prints:\n{now}", folder.display()))
}

/// The faults in tests/faults, by name.
fn faults() -> Vec<PathBuf> {
    let wanted = std::env::var("FAULTS").unwrap_or_default();
    let entries = fs::read_dir(repository().join("tests/faults")).expect("readable");
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.expect("readable").path()).filter(|path| path.join("about").is_file()).collect();
    folders.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(&wanted)));
    folders.sort();
    folders
}

/// Runs a fault. Some faults are not changes to files, but happen while a step runs.
fn run(lab: &Lab, folder: &Path) -> (Option<i32>, String) {
    let node = lab.node();
    let step = "Running demo/works: a long command runs";
    match folder.file_name().and_then(|name| name.to_str()) {
        Some("api-server-gone") => {
            let result = lab.run_until("--keep", step, |_| drop(lab.ask(&["pause", &node])));
            lab.ask(&["unpause", &node]);
            result
        }
        Some("engine-stopped") => {
            let result = lab.run_until("--keep", step, |_| {
                fs::write(lab.stand_in.join("stopped"), "").expect("written");
                lab.ask(&["pause", &node]);
            });
            fs::remove_file(lab.stand_in.join("stopped")).expect("removed");
            lab.ask(&["unpause", &node]);
            result
        }
        _ => lab.run(&fs::read_to_string(folder.join("args")).unwrap_or_else(|_| "--keep".to_owned())),
    }
}

#[test]
fn a_fault_is_diagnosed() {
    let Some(lab) = Lab::new() else { return };
    let mut unexpected = Vec::new();
    // The first faults run without a cluster, and must not create one.
    let (before, others): (Vec<_>, Vec<_>) = faults().into_iter().partition(|folder| folder.join("before").is_file());
    for (round, folders) in [before, others].iter().enumerate() {
        if round == 1 {
            let (code, screen) = lab.run("--keep");
            assert_eq!(code, Some(0), "{screen}");
        }
        for folder in folders {
            let before = lab.traces();
            lab.copy(&folder.join("workspace"));
            let mut result = run(&lab, folder);
            // The state of a pod depends on the moment: it has just failed, or it is being restarted.
            for _ in 0..3 {
                if !is_expected(&lab, folder, &result.1) {
                    result = run(&lab, folder);
                }
            }
            let (code, screen) = result;
            assert_ne!(code, Some(0), "{} is not detected:\n{screen}", folder.display());
            unexpected.extend(compare(&lab, folder, &screen));
            let after = lab.traces();
            if round == 0 {
                assert_eq!(before, after, "{} leaves something behind", folder.display());
            }
            assert_eq!(before["processes"], after["processes"], "{} leaves a process behind", folder.display());
            if folder.join("fixed").is_dir() {
                lab.copy(&folder.join("fixed"));
                let (code, screen) = lab.run("--keep");
                assert_eq!(code, Some(0), "{} is not fixed:\n{screen}", folder.display());
            }
            lab.reset();
        }
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    // Without a fault, a run in the same cluster passes, and an interrupted run leaves nothing behind.
    let (code, screen) = lab.run("--keep");
    assert_eq!(code, Some(0), "{screen}");
    // On a fast machine, such a run takes little more than a second.
    for moment in [150, 400, 700] {
        interrupted(&lab, "--keep", Duration::from_millis(moment));
    }
}

#[test]
fn ctrl_c_leaves_nothing_behind_at_any_moment() {
    let Some(lab) = Lab::new() else { return };
    for moment in [150, 600, 1300, 2500, 4000, 6500, 10000] {
        interrupted(&lab, "", Duration::from_millis(moment));
    }
}

#[test]
fn a_cluster_that_a_stopped_engine_left_is_reported_and_deleted_by_the_next_run() {
    let Some(lab) = Lab::new() else { return };
    let before = lab.traces();
    let stopped = lab.stand_in.join("stopped");
    let (code, screen) = lab.run_until("", "Creating cluster", |_| {
        std::thread::sleep(Duration::from_secs(3));
        fs::write(&stopped, "").expect("written");
    });
    assert_eq!(code, Some(3), "{screen}");
    for text in ["kind failed to create the cluster", "could not be deleted", "run `cargo xtask test-kind` again"] {
        assert!(screen.contains(text), "{text:?} is missing in:\n{screen}");
    }
    fs::remove_file(&stopped).expect("removed");
    let (code, screen) = lab.run_until("", "Found cluster", interrupt);
    assert_eq!(code, Some(130), "{screen}");
    assert!(screen.contains("left behind by process"), "{screen}");
    assert_eq!(before, lab.traces(), "{screen}");
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
}

/// Interrupts a run at some moment: its exit code is 130, and it leaves nothing behind.
#[track_caller]
fn interrupted(lab: &Lab, args: &str, moment: Duration) {
    let before = lab.traces();
    let mut child = lab.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("xtask runs");
    std::thread::sleep(moment);
    interrupt(&child);
    let code = child.wait().expect("it ends").code();
    assert_eq!(code, Some(130), "after {moment:?}");
    let mut after = lab.traces();
    // The last process that was killed may exist for another moment.
    for _ in 0..20 {
        if after == before {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        after = lab.traces();
    }
    assert_eq!(before, after, "left behind after {moment:?}");
}
