//! A kind cluster of our own: created, reused, and deleted however a run ends.
//!
//! Its name consists of [`PREFIX`] and a digest of the workspace's path. A directory in the cache holds its kubeconfig, a
//! record of how it was created, and a lock that a run holds until it ends; the operating system releases the lock however
//! that happens. A cluster without a lock that was not to be kept was left by a run that was killed: the next run deletes
//! it. The cluster has a network of its own, which is deleted with it.
//!
//! Neither reads nor changes the user's kubeconfig and current context.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use diagnostics::excerpt::last_lines;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toolbox::archive::sha256;
use toolbox::engine::Engine;
use toolbox::process::Invocation;
use toolbox::progress::Progress;
use toolbox::{atomic_file, process};

use crate::kubectl::{Kubectl, checked};

/// The prefix of the names of all clusters of this tool.
pub const PREFIX: &str = "homelab-chart-";

/// The deadline for creating a cluster.
const CREATE: Duration = Duration::from_secs(300);

/// The deadline for deleting one.
const DELETE: Duration = Duration::from_secs(120);

/// How often a starting node is asked whether its container runtime answers.
const POLL: Duration = Duration::from_millis(250);

/// Namespace and name of the `DaemonSet` without which no pod reaches a Service or the API server.
pub const NETWORK: (&str, &str) = ("kube-system", "kube-proxy");

/// How long after a signal a container may still appear that was being created.
const LATE: Duration = Duration::from_secs(10);

/// Creates and deletes the cluster of a workspace.
#[derive(Debug, Clone)]
pub struct Provisioner {
    /// The engine whose containers are the nodes.
    pub engine: Engine,
    /// The absolute path of kind.
    pub kind: PathBuf,
    /// The absolute path of kubectl.
    pub kubectl: PathBuf,
    /// The cluster's name.
    pub name: String,
    /// The cluster's directory in the cache.
    pub folder: PathBuf,
    /// The root of the workspace.
    pub root: PathBuf,
}

/// The cluster that a run asks for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The node image.
    pub node_image: String,
    /// Whether the node image was given for this run; otherwise a kept cluster may have any.
    pub node_given: bool,
    /// The port of the API server on this machine; any free port when absent.
    pub port: Option<u16>,
    /// Whether to keep the cluster after the run.
    pub keep: bool,
    /// Whether to replace a kept cluster.
    pub fresh: bool,
}

/// The cluster that an earlier run left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    /// There is none.
    None,
    /// It can be reused.
    Reusable,
    /// It has to be deleted; the progress message for that, as a verb and the rest.
    Obsolete(&'static str, String),
}

/// How a cluster was created, for later runs.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record {
    pid: Option<u32>,
    root: PathBuf,
    node_image: String,
    kept: bool,
}

/// The cluster of a run. It is deleted when this is dropped, unless it is to be kept.
#[derive(Debug)]
pub struct Cluster {
    /// What created it.
    pub provisioner: Provisioner,
    /// kubectl for it.
    pub kubectl: Kubectl,
    /// Whether an earlier run created it.
    pub reused: bool,
    /// Whether to keep it after the run.
    pub keep: bool,
    finished: bool,
    _lock: File,
}

impl Provisioner {
    /// The provisioner of a workspace's cluster.
    #[must_use]
    pub fn new(engine: Engine, kind: PathBuf, kubectl: PathBuf, cache: &Path, root: &Path) -> Self {
        let name = name_of(root);
        let folder = cache.join("kind").join(&name);
        Self { engine, kind, kubectl, name, folder, root: root.to_owned() }
    }

    /// kubectl for the cluster.
    #[must_use]
    pub fn kubectl(&self) -> Kubectl {
        Kubectl { program: self.kubectl.clone(), kubeconfig: self.folder.join("kubeconfig"), home: self.folder.clone() }
    }

    /// The name of the node's container.
    #[must_use]
    pub fn node(&self) -> String {
        format!("{}-control-plane", self.name)
    }

    /// An invocation of kind, with this engine and the cluster's own network.
    #[must_use]
    pub fn kind(&self) -> Invocation {
        let mut invocation = self.engine.as_seen_by(Invocation::new(&self.kind, Path::new("/")));
        // kind looks the engine up in PATH.
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

    /// Takes the cluster's lock, which one run can hold at a time.
    pub fn lock(&self) -> Result<File> {
        std::fs::create_dir_all(&self.folder).map_err(|error| Diagnostic::io("create", &self.folder, &error))?;
        let path = self.folder.join("lock");
        let open = File::options().create(true).write(true).truncate(false).open(&path);
        let file = open.map_err(|error| Diagnostic::io("open", &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => {
                let pid = self.record().pid.map_or(String::new(), |pid| format!(" (process {pid})"));
                let message = format!("the cluster `{}` is in use by another run{pid}", self.name);
                Err(Diagnostic::new(Code::ClusterBusy, message)
                    .help("wait until that run ends, or run in another clone: each clone has its own cluster")
                    .into())
            }
            Err(std::fs::TryLockError::Error(error)) => Err(Diagnostic::io("lock", &path, &error).into()),
        }
    }

    /// Whether the engine has any container of the cluster.
    pub fn exists(&self) -> Result<bool> {
        Ok(!checked(&self.containers())?.stdout.trim_ascii().is_empty())
    }

    /// An invocation that lists the containers of the cluster.
    fn containers(&self) -> Invocation {
        let filter = format!("label=io.x-k8s.kind.cluster={}", self.name);
        self.engine.invocation(Path::new("/")).args(["ps", "--all", "--quiet", "--filter", &filter])
    }

    /// The record of the run that created the cluster.
    fn record(&self) -> Record {
        let text = toolbox::regular_file::read(self.folder.join("record.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn write_record(&self, options: &Options) -> Result<()> {
        let record = Record {
            pid: Some(std::process::id()),
            root: self.root.clone(),
            node_image: options.node_image.clone(),
            kept: options.keep,
        };
        let text = serde_json::to_vec(&record).unwrap_or_default();
        atomic_file::write(&self.folder.join("record.json"), &text)
    }

    /// The cluster that an earlier run left. Changes nothing.
    pub fn existing(&self, options: &Options) -> Result<Existing> {
        if !self.exists()? {
            return Ok(Existing::None);
        }
        let record = self.record();
        let pid = record.pid.map_or_else(|| "a run".to_owned(), |pid| format!("process {pid}"));
        let image = record.node_image;
        Ok(if !record.kept {
            Existing::Obsolete("Found", format!("cluster {}, left behind by {pid}, which was killed", self.name))
        } else if options.fresh {
            Existing::Obsolete("Replacing", format!("cluster {}: this run needs a new one", self.name))
        } else if options.node_given && image != options.node_image {
            Existing::Obsolete("Replacing", format!("cluster {}: its node image is {image}", self.name))
        } else if self.kubectl().get::<Value>("/version").is_err() {
            Existing::Obsolete("Replacing", format!("cluster {}: its API server does not answer", self.name))
        } else {
            Existing::Reusable
        })
    }

    /// Deletes the cluster that an earlier run left, unless it can be reused.
    pub fn clear(&self, existing: &Existing, progress: &dyn Progress) -> Result<()> {
        match existing {
            // A network or a directory may be left all the same.
            Existing::None => self.forget(),
            Existing::Reusable => progress.status("Using", &format!("cluster {}, kept by an earlier run", self.name)),
            Existing::Obsolete(verb, what) => {
                progress.status(verb, what);
                self.remove(progress)?;
            }
        }
        Ok(())
    }

    /// Creates the cluster. [`Cluster`] deletes it, also after an error.
    pub fn create(&self, options: &Options) -> Result<()> {
        self.write_record(options)?;
        let mut invocation = self.kind().args(["create", "cluster", "--name", &self.name]);
        invocation = invocation.args(["--image", &options.node_image]);
        invocation = invocation.args(["--kubeconfig".into(), self.folder.join("kubeconfig").into_os_string()]);
        invocation = invocation.args(["--retain", "--wait", "0s", "--quiet", "--config", "-"]);
        invocation = invocation.input(crate::config::config(options.port));
        let invocation = invocation.deadline(CREATE);
        let output = invocation.run()?;
        if output.success() {
            return Ok(());
        }
        Err(Diagnostic::new(Code::ClusterFailed, format!("kind failed to create the cluster `{}`", self.name))
            .note(last_lines(&output.stderr, 30))
            .note(format!("command: {}", invocation.command_line()))
            .help(format!(
                "run it again with `--keep`, then read the node's log: `{} logs {}`",
                self.engine.name,
                self.node()
            ))
            .into())
    }

    /// Waits until the node's container runtime answers, at most until `kind_ended`: kind itself reports no progress.
    pub fn wait_for_runtime(&self, kind_ended: impl Fn() -> bool) -> Result<()> {
        let check = ["exec", &self.node(), "ctr", "version"];
        let check = self.engine.invocation(Path::new("/")).args(check).deadline(Duration::from_secs(30));
        loop {
            let last = kind_ended();
            let output = check.run()?;
            if output.success() {
                return Ok(());
            }
            if last {
                return Err(Diagnostic::new(Code::ClusterFailed, "the node's container runtime does not answer")
                    .note(output.stderr.trim().to_owned())
                    .note(format!("command: {}", check.command_line()))
                    .into());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Deletes the cluster and shows progress.
    pub fn remove(&self, progress: &dyn Progress) -> Result<()> {
        let under_way = progress.under_way("Deleting", &format!("cluster {}", self.name));
        self.delete()?;
        under_way.done("Deleted");
        Ok(())
    }

    /// Deletes the cluster, its network, and its directory.
    pub fn delete(&self) -> Result<()> {
        // The engine finishes creating a container even if the client that asked for it has ended.
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
            failure = Some("kind succeeded, but containers are left".to_owned());
        }
        if let Some(why) = failure {
            let by_hand = format!("{} rm --force --volumes {}", self.engine.name, self.node());
            let by_hand = format!("{by_hand} && {} network rm {}", self.engine.name, self.name);
            let message = format!("the cluster `{}` could not be deleted", self.name);
            return Err(Diagnostic::new(Code::ClusterLeft, message)
                .note(why)
                .help(format!("run `cargo xtask test-kind` again, which deletes it, or delete it by hand: `{by_hand}`"))
                .into());
        }
        self.forget();
        Ok(())
    }

    /// Deletes the cluster with kind; returns the reason if that fails.
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

    /// Deletes what remains without containers: the network and the directory's contents. The lock file stays, because a
    /// run may hold it.
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

    /// The cluster of a run. It is deleted when the returned value is dropped, unless it is to be kept.
    #[must_use]
    pub fn guard(&self, lock: File, reused: bool, keep: bool) -> Cluster {
        Cluster { provisioner: self.clone(), kubectl: self.kubectl(), reused, keep, finished: false, _lock: lock }
    }
}

impl Cluster {
    /// Deletes the cluster, unless it is to be kept.
    pub fn finish(mut self, progress: &dyn Progress) -> Diagnostics {
        self.finished = true;
        if self.keep {
            return Diagnostics::default();
        }
        self.provisioner.remove(progress).err().unwrap_or_default()
    }

    /// Waits until the node accepts pods. They may not reach the API server yet: see [`NETWORK`].
    pub fn wait_for_node(&self) -> Result<()> {
        self.kubectl.check_version()?;
        let wait = |args: &[&str]| {
            let invocation = self.kubectl.invocation().args(args.iter().copied()).args(["--timeout=120s"]);
            checked(&invocation.deadline(Duration::from_secs(130)))
        };
        wait(&["wait", "--for=condition=Ready", "nodes", "--all"])?;
        // Pods are refused until their namespace has its default service account.
        wait(&["wait", "--for=create", "serviceaccount/default", "--namespace=default"])?;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Reached after an error or a panic only. If deleting fails, the next run finds the record and tries again.
        if !self.finished && !self.keep {
            let _ = self.provisioner.delete();
        }
    }
}

/// The name of a workspace's cluster.
#[must_use]
pub fn name_of(root: &Path) -> String {
    format!("{PREFIX}{}", &sha256(root.as_os_str().as_encoded_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// A provisioner whose programs append their command lines to a file, and that file.
    fn provisioner(folder: &Path) -> (Provisioner, PathBuf) {
        let log = folder.join("log");
        let program = |name: &str| {
            let path = folder.join(name);
            std::fs::write(&path, format!("#!/bin/sh\necho {name} $1 $2 >> {}\n", log.display())).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
            path
        };
        let engine = Engine { program: program("docker"), name: "docker", version: "1".to_owned() };
        (Provisioner::new(engine, program("kind"), program("kubectl"), &folder.join("cache"), folder), log)
    }

    #[test]
    fn a_panic_deletes_the_cluster_unless_it_is_kept() {
        for (keep, removed) in [(false, true), (true, false)] {
            let folder = tempfile::tempdir().expect("temporary directory");
            let (provisioner, log) = provisioner(folder.path());
            let lock = provisioner.lock().expect("it is free");
            let run = AssertUnwindSafe(|| {
                let _cluster = provisioner.guard(lock, false, keep);
                panic!("a defect of this tool");
            });
            assert!(catch_unwind(run).is_err());
            let log = toolbox::regular_file::read_to_string(log).unwrap_or_default();
            assert_eq!(log.contains("kind delete cluster\ndocker ps --all\n"), removed, "{log}");
            assert_eq!(log.contains("docker network rm\n"), removed, "{log}");
        }
    }
}
