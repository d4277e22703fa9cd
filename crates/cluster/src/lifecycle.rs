//! A kind cluster of our own: made, reused, and gone in the end, however that comes.
//!
//! Its name tells whose it is: [`PREFIX`] and a digest of the workspace's path. A folder in the cache holds its
//! kubeconfig, a record of what was asked of it, and a lock that the run holds as long as it lives; the system releases
//! that lock however the run ends. A cluster without a lock that nobody asked to keep was left by a run that was
//! killed, and the next run says so and removes it. Its network is its own, too, so that nothing stays.
//!
//! Deliberately absent: the user's kubeconfig and current context, which are neither read nor changed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::config;
use crate::kubectl::{Kubectl, checked};
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::archive::sha256;
use toolbox::engine::Engine;
use toolbox::process;
use toolbox::process::Invocation;
use toolbox::progress::Progress;
use toolbox::whole;

/// What every cluster of this tool begins with.
pub const PREFIX: &str = "homelab-chart-";

/// The longest that a cluster may take to start.
const CREATE: Duration = Duration::from_secs(300);

/// The longest that removing one may take.
const DELETE: Duration = Duration::from_secs(120);

/// How often a node that is starting is asked whether it takes images.
const ASK: Duration = Duration::from_millis(250);

/// The `DaemonSet`, as namespace and name, without which no pod reaches a Service, nor the API server.
pub const NETWORK: (&str, &str) = ("kube-system", "kube-proxy");

/// How long after a signal a container may still appear that was being made.
const LATE: Duration = Duration::from_secs(3);

/// The programs and places that make a cluster.
#[derive(Debug, Clone)]
pub struct Maker {
    /// The engine whose containers are the nodes.
    pub engine: Engine,
    /// kind, absolute.
    pub kind: PathBuf,
    /// kubectl, absolute.
    pub kubectl: PathBuf,
    /// The cluster's name.
    pub name: String,
    /// Its folder in the cache.
    pub folder: PathBuf,
    /// The workspace that it belongs to.
    pub root: PathBuf,
}

/// What a run asks of its cluster.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The image of its node.
    pub node_image: String,
    /// Whether somebody named that image; otherwise a kept cluster may have any.
    pub node_given: bool,
    /// The port of the API server on this machine; a free one when absent.
    pub port: Option<u16>,
    /// Whether it stays after the run.
    pub keep: bool,
    /// Whether a kept one is replaced instead of used.
    pub fresh: bool,
}

/// What an earlier run left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No cluster.
    Nothing,
    /// A cluster that is to be used again.
    Kept,
    /// A cluster that has to go: how that is told, as a verb and the rest.
    InTheWay(&'static str, String),
}

/// A cluster while a run has it. Dropped, it goes, unless it is to be kept.
#[derive(Debug)]
pub struct Cluster {
    /// What made it.
    pub maker: Maker,
    /// kubectl toward it.
    pub kubectl: Kubectl,
    /// Whether it was there already.
    pub reused: bool,
    /// Whether it stays.
    pub keep: bool,
    finished: bool,
    _lock: File,
}

impl Maker {
    /// What makes the cluster of a workspace.
    #[must_use]
    pub fn new(engine: Engine, kind: PathBuf, kubectl: PathBuf, cache: &Path, root: &Path) -> Self {
        let name = name_of(root);
        let folder = cache.join("kind").join(&name);
        Self { engine, kind, kubectl, name, folder, root: root.to_owned() }
    }

    /// kubectl toward the cluster.
    #[must_use]
    pub fn kubectl(&self) -> Kubectl {
        Kubectl { program: self.kubectl.clone(), kubeconfig: self.folder.join("kubeconfig"), home: self.folder.clone() }
    }

    /// The container of the node.
    #[must_use]
    pub fn node(&self) -> String {
        format!("{}-control-plane", self.name)
    }

    /// kind about to run, with this engine and a network of the cluster's own.
    #[must_use]
    pub fn kind(&self) -> Invocation {
        let mut invocation = self.engine.as_seen_by(Invocation::new(&self.kind, Path::new("/")));
        // kind calls the engine by its plain name.
        let folder = self.engine.program.parent().unwrap_or(Path::new("/")).to_path_buf();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(folders) {
            invocation = invocation.env("PATH", path);
        }
        invocation
            .env("KIND_EXPERIMENTAL_PROVIDER", self.engine.name)
            .env(
                if self.engine.name == "podman" {
                    "KIND_EXPERIMENTAL_PODMAN_NETWORK"
                } else {
                    "KIND_EXPERIMENTAL_DOCKER_NETWORK"
                },
                &self.name,
            )
            .env("KUBECONFIG", self.folder.join("kubeconfig"))
    }

    /// Takes the cluster's lock: who has it is the only run on it.
    pub fn lock(&self) -> Result<File> {
        std::fs::create_dir_all(&self.folder).map_err(|error| Diagnostic::io("create", &self.folder, &error))?;
        let path = self.folder.join("lock");
        let open = File::options().create(true).write(true).truncate(false).open(&path);
        let file = open.map_err(|error| Diagnostic::io("open", &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => {
                let pid = self.record()["pid"].as_u64().map_or(String::new(), |pid| format!(" (process {pid})"));
                Err(Diagnostic::new(
                    Code::ClusterBusy,
                    format!("another run{pid} is using the cluster `{}`", self.name),
                )
                .help("wait until it ends, or run in another checkout: each has a cluster of its own")
                .into())
            }
            Err(std::fs::TryLockError::Error(error)) => Err(Diagnostic::io("lock", &path, &error).into()),
        }
    }

    /// Whether the engine has a cluster of this name, whole or in parts.
    pub fn exists(&self) -> Result<bool> {
        Ok(!checked(&self.containers())?.stdout.trim_ascii().is_empty())
    }

    /// The engine about to list what it has of a cluster of this name.
    fn containers(&self) -> Invocation {
        let filter = format!("label=io.x-k8s.kind.cluster={}", self.name);
        self.engine.invocation(Path::new("/")).args(["ps", "--all", "--quiet", "--filter", &filter])
    }

    /// What the last run wrote about the cluster.
    #[must_use]
    pub fn record(&self) -> Value {
        let text = std::fs::read(self.folder.join("record.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn write_record(&self, wish: &Wish) -> Result<()> {
        let record = json!({
            "pid": std::process::id(),
            "root": self.root.display().to_string(),
            "nodeImage": wish.node_image,
            "kept": wish.keep,
        });
        whole::write(&self.folder.join("record.json"), record.to_string().as_bytes())
    }

    /// What an earlier run left. Changes nothing.
    pub fn found(&self, wish: &Wish) -> Result<Found> {
        if !self.exists()? {
            return Ok(Found::Nothing);
        }
        let record = self.record();
        let pid = record["pid"].as_u64().map_or_else(|| "a run".to_owned(), |pid| format!("process {pid}"));
        let image = record["nodeImage"].as_str().unwrap_or_default();
        Ok(if record["kept"] != true {
            Found::InTheWay("Found", format!("cluster {}, left by {pid}, which was killed; removing it", self.name))
        } else if wish.fresh {
            Found::InTheWay("Replacing", format!("cluster {}: a new one was asked for", self.name))
        } else if wish.node_given && image != wish.node_image {
            Found::InTheWay("Replacing", format!("cluster {}: its node is {image}", self.name))
        } else if self.kubectl().get("/version").is_err() {
            Found::InTheWay("Replacing", format!("cluster {}: its API server does not answer", self.name))
        } else {
            Found::Kept
        })
    }

    /// Removes what an earlier run left, unless it can be used.
    pub fn settle(&self, found: &Found, progress: &dyn Progress) -> Result<()> {
        match found {
            // A network, or a folder, may be all that is left.
            Found::Nothing => self.forget(),
            Found::Kept => progress.status("Using", &format!("cluster {}, kept by an earlier run", self.name)),
            Found::InTheWay(verb, what) => {
                progress.status(verb, what);
                self.remove(progress)?;
            }
        }
        Ok(())
    }

    /// Makes the cluster; whatever comes of it, [`Cluster`] cleans up.
    pub fn create(&self, wish: &Wish) -> Result<()> {
        self.write_record(wish)?;
        let mut invocation = self.kind().args(["create", "cluster", "--name", &self.name, "--image", &wish.node_image]);
        invocation = invocation.args(["--kubeconfig".into(), self.folder.join("kubeconfig").into_os_string()]);
        invocation = invocation.args(["--retain", "--wait", "0s", "--quiet", "--config", "-"]);
        invocation = invocation.input(config::config(wish.port));
        let invocation = invocation.deadline(CREATE);
        let output = invocation.run()?;
        if output.success() {
            return Ok(());
        }
        Err(Diagnostic::new(Code::ClusterFailed, format!("kind could not make the cluster `{}`", self.name))
            .note(last_lines(&output.stderr, 30))
            .note(format!("command: {}", invocation.command_line()))
            .help(format!("see what the node says: `{} logs {}`, with `--keep`", self.engine.name, self.node()))
            .into())
    }

    /// Waits until the node's container runtime answers. kind tells nothing on its way, so this asks; once kind is
    /// `over`, for the last time.
    pub fn wait_for_runtime(&self, over: impl Fn() -> bool) -> Result<()> {
        let ask = ["exec", &self.node(), "ctr", "version"];
        let ask = self.engine.invocation(Path::new("/")).args(ask).deadline(Duration::from_secs(30));
        loop {
            let last = over();
            let output = ask.run()?;
            if output.success() {
                return Ok(());
            }
            if last {
                return Err(Diagnostic::new(Code::ClusterFailed, "the node's container runtime does not answer")
                    .note(output.stderr.trim().to_owned())
                    .note(format!("command: {}", ask.command_line()))
                    .into());
            }
            std::thread::sleep(ASK);
        }
    }

    /// The same as [`Maker::delete`], shown as under way.
    pub fn remove(&self, progress: &dyn Progress) -> Result<()> {
        let under_way = progress.under_way("Removing", &format!("cluster {}", self.name));
        self.delete()?;
        under_way.done("Removed");
        Ok(())
    }

    /// Removes the cluster, its network, and its folder.
    pub fn delete(&self) -> Result<()> {
        // An engine makes a container to the end although the client that asked for it was ended meanwhile.
        let late = process::interrupted() && !self.exists_still();
        let mut failure = self.delete_once();
        let started = Instant::now();
        while failure.is_none() && started.elapsed() < LATE {
            if self.exists_still() {
                failure = self.delete_once();
            } else if !late {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        if failure.is_none() && self.exists_still() {
            failure = Some("kind says that it did, and containers are left".to_owned());
        }
        if let Some(why) = failure {
            let by_hand = format!("{} rm --force --volumes {}", self.engine.name, self.node());
            return Err(Diagnostic::new(
                Code::ClusterLeft,
                format!("the cluster `{}` could not be removed", self.name),
            )
            .note(why)
            .help("the next `cargo xtask test-kind` removes it")
            .help(format!("or by hand: `{by_hand} && {} network rm {}`", self.engine.name, self.name))
            .into());
        }
        self.forget();
        Ok(())
    }

    /// Lets kind remove what there is of the cluster; what went wrong, if something did.
    fn delete_once(&self) -> Option<String> {
        let arguments = ["delete", "cluster", "--name", &self.name, "--kubeconfig"];
        let invocation = self.kind().args(arguments).args([self.folder.join("kubeconfig")]);
        match invocation.deadline(DELETE).cleaning_up().run() {
            Ok(output) if output.success() => None,
            Ok(output) => Some(last_lines(&output.stderr, 5)),
            Err(found) => found.0.into_iter().next().map(|found| found.message),
        }
    }

    fn exists_still(&self) -> bool {
        self.containers().cleaning_up().run().is_ok_and(|output| !output.stdout.trim_ascii().is_empty())
    }

    /// Removes what is left without containers: the network, and what the cache knows. The lock stays: a run may hold it.
    fn forget(&self) {
        let network = self.engine.invocation(Path::new("/")).args(["network", "rm", &self.name]).cleaning_up();
        let _ = network.run();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_name() != "lock" {
                let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            }
        }
    }

    /// Takes the cluster over for a run: it goes when what this returns does, unless it is to be kept.
    #[must_use]
    pub fn hold(&self, lock: File, reused: bool, keep: bool) -> Cluster {
        Cluster { maker: self.clone(), kubectl: self.kubectl(), reused, keep, finished: false, _lock: lock }
    }
}

impl Cluster {
    /// Ends the run's hold on it: removes it, unless it is to be kept.
    pub fn finish(mut self, progress: &dyn Progress) -> Diagnostics {
        self.finished = true;
        if self.keep {
            return Diagnostics::default();
        }
        self.maker.remove(progress).err().unwrap_or_default()
    }

    /// Waits until the node takes pods. They may not reach the API server yet: see [`NETWORK`].
    pub fn wait_for_node(&self) -> Result<()> {
        self.kubectl.check_version()?;
        let ask = |args: &[&str]| {
            let invocation = self.kubectl.invocation().args(args.iter().copied()).args(["--timeout=120s"]);
            checked(&invocation.deadline(Duration::from_secs(130)))
        };
        ask(&["wait", "--for=condition=Ready", "nodes", "--all"])?;
        // A pod of a namespace whose default account is not there yet is refused.
        ask(&["wait", "--for=create", "serviceaccount/default", "--namespace=default"])?;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Only an error or a panic comes here; what cannot be removed now the next run finds by its record.
        if !self.finished && !self.keep {
            let _ = self.maker.delete();
        }
    }
}

/// The name of a workspace's cluster.
#[must_use]
pub fn name_of(root: &Path) -> String {
    format!("{PREFIX}{}", &sha256(root.as_os_str().as_encoded_bytes())[..8])
}

/// The last lines of a text that say anything.
#[must_use]
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// A maker whose programs only write down how they are called, and the file that they write to.
    fn maker(folder: &Path) -> (Maker, PathBuf) {
        let told = folder.join("told");
        let program = |name: &str| {
            let path = folder.join(name);
            std::fs::write(&path, format!("#!/bin/sh\necho {name} $1 $2 >> {}\n", told.display())).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
            path
        };
        let engine = Engine { program: program("docker"), name: "docker", version: "1".to_owned() };
        (Maker::new(engine, program("kind"), program("kubectl"), &folder.join("cache"), folder), told)
    }

    #[test]
    fn a_panic_takes_the_cluster_with_it_unless_it_is_kept() {
        for (keep, removed) in [(false, true), (true, false)] {
            let folder = tempfile::tempdir().expect("temporary folder");
            let (maker, told) = maker(folder.path());
            let lock = maker.lock().expect("nobody has it");
            let run = AssertUnwindSafe(|| {
                let _cluster = maker.hold(lock, false, keep);
                panic!("a defect of this tool");
            });
            assert!(catch_unwind(run).is_err());
            let told = std::fs::read_to_string(told).unwrap_or_default();
            assert_eq!(told.contains("kind delete cluster\ndocker ps --all\n"), removed, "{told}");
            assert_eq!(told.contains("docker network rm\n"), removed, "{told}");
        }
    }
}
