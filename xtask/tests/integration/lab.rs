//! A workspace with one application and a cluster of its own, for the tests of `test-kind` and `test-gitops`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cluster::name_of;
use toolbox::engine::Engine;

use crate::image::{engine, unique};
use crate::support::{Bench, HELM_4, helm, repository, tool, tree};

/// An image that contains a shell: the base of the relay's image.
const IMAGE: &str = "debian:bookworm-slim";

/// One cluster at a time: on a small machine, there is no room for more.
static ONE: Mutex<()> = Mutex::new(());

/// What a lab runs.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    /// The command.
    pub(crate) command: &'static str,
    /// The directory with its workspace.
    pub(crate) workspace: &'static str,
}

/// A workspace with one application, and its cluster. Both are deleted at the end.
pub(crate) struct Lab {
    subject: Subject,
    pub(crate) bench: Bench,
    pub(crate) engine: Engine,
    helm: PathBuf,
    kind: PathBuf,
    pub(crate) kubectl: PathBuf,
    node_image: String,
    /// A name of the image that no registry has.
    pub(crate) gone: String,
    /// The directory of a stand-in for the engine's client, which fails while the directory has a file `stopped`.
    pub(crate) stand_in: PathBuf,
    _one: MutexGuard<'static, ()>,
}

impl Lab {
    pub(crate) fn new(subject: Subject) -> Option<Self> {
        let Ok(node_image) = std::env::var("XTASK_TEST_NODE_IMAGE") else {
            let _ =
                writeln!(std::io::stderr(), "skipped: the faults of {} require XTASK_TEST_NODE_IMAGE", subject.command);
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
        let lab = Self { subject, bench, engine, helm, kind, kubectl, node_image, gone, stand_in, _one: one };
        lab.copy(&repository().join(subject.workspace));
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
    pub(crate) fn copy(&self, folder: &Path) {
        if folder.is_dir() {
            crate::support::copy(folder, &self.bench.root());
            self.fill(&self.bench.root());
        }
    }

    /// Restores the workspace.
    pub(crate) fn reset(&self) {
        for part in ["argocd", "charts", "tests"] {
            fs::remove_dir_all(self.bench.root().join(part)).expect("removed");
        }
        self.copy(&repository().join(self.subject.workspace));
    }

    /// The output of the engine; empty if it fails.
    pub(crate) fn ask(&self, args: &[&str]) -> String {
        let output = self.engine.invocation(Path::new("/")).args(args.iter().copied()).run().expect("the engine runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn cluster(&self) -> String {
        name_of(&self.bench.root().canonicalize().expect("there"), self.subject.command)
    }

    pub(crate) fn node(&self) -> String {
        format!("{}-control-plane", self.cluster())
    }

    /// A command.
    pub(crate) fn command(&self, args: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args([self.subject.command, "--offline"])
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
        for name in ["DOCKER_HOST", "XDG_RUNTIME_DIR", "XTASK_ARGOCD_MANIFEST"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs it; returns its exit code and its output.
    pub(crate) fn run(&self, args: &str) -> (Option<i32>, String) {
        let output = self.command(args).output().expect("xtask runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Runs it, and does something when a line contains a text; returns the same as [`Self::run`].
    pub(crate) fn run_until(&self, args: &str, text: &str, then: impl FnOnce(&Child)) -> (Option<i32>, String) {
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
    pub(crate) fn traces(&self) -> BTreeMap<&'static str, Vec<String>> {
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

pub(crate) fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
}

/// Interrupts a run at some moment: its exit code is 130, and it leaves nothing behind.
#[track_caller]
pub(crate) fn interrupted(lab: &Lab, args: &str, moment: Duration) {
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
