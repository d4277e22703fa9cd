//! The container engine: docker or, if that is unavailable, podman.
//!
//! Both support the commands that are needed here, so code outside this file does not depend on which one it is. The
//! engine is never started automatically.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Result};

use crate::environment::Environment;
use crate::process::Invocation;

/// The engines, in the order in which they are tried.
const ENGINES: &[&str] = &["docker", "podman"];

/// The environment variables that are passed to the engine's client.
const VARIABLES: &[&str] = &[
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "DOCKER_BUILDKIT",
    "CONTAINER_HOST",
    "CONTAINERS_CONF",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
];

/// The time limit of the version query. A stopped engine fails immediately; only a hanging one takes this long.
const ANSWER: Duration = Duration::from_secs(20);

/// A running container engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// The absolute path of its client.
    pub program: PathBuf,
    /// `docker` or `podman`.
    pub name: &'static str,
    /// Its version.
    pub version: String,
}

/// An image in the engine's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its ID.
    pub id: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// Finds the first running engine, docker before podman. `XTASK_DOCKER` and `XTASK_PODMAN` override the client.
    pub fn find() -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::find_among(&path, &Environment::tool)
    }

    fn find_among(path: &OsStr, named: &dyn Fn(&str) -> Option<PathBuf>) -> Result<Self> {
        let mut missing = Diagnostic::new(Code::ToolUnavailable, "no running container engine found");
        let mut installed = None;
        for &name in ENGINES {
            let on_path = || {
                let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
                folders.map(|folder| folder.join(name)).find(|program| program.is_file())
            };
            let Some(program) = named(name).or_else(on_path) else {
                missing = missing.note(format!("`{name}` is not on PATH"));
                continue;
            };
            let engine = Self { program, name, version: String::new() };
            match engine.ask_version() {
                Ok(version) => return Ok(Self { version, ..engine }),
                Err(why) => missing = missing.note(format!("`{}` failed: {why}", engine.program.display())),
            }
            installed.get_or_insert(name);
        }
        Err(match installed {
            Some("docker") => missing
                .help(
                    "start docker, for example with `sudo systemctl start docker`; `docker version` must show a server",
                )
                .help("if docker is running, add yourself to the group `docker`, or set `DOCKER_HOST`"),
            Some(_) => missing.help("fix `podman version`; on macOS, run `podman machine start`"),
            None => missing.help("install docker or podman"),
        }
        .into())
    }

    /// Queries the engine's version. The error is the engine's own message.
    fn ask_version(&self) -> std::result::Result<String, String> {
        let format = if self.name == "docker" { "{{.Server.Version}}" } else { "{{.Client.Version}}" };
        let invocation = self.invocation(Path::new("/")).args(["version", "--format", format]).deadline(ANSWER);
        match invocation.run() {
            Err(found) => {
                Err(found.0.iter().map(|diagnostic| diagnostic.message.clone()).collect::<Vec<_>>().join("; "))
            }
            Ok(output) => {
                let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                if output.success() && !version.is_empty() { Ok(version) } else { Err(output.stderr.trim().to_owned()) }
            }
        }
    }

    /// `docker 20.10.24`.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// An invocation of the engine's client in a directory.
    #[must_use]
    pub fn invocation(&self, directory: &Path) -> Invocation {
        self.as_seen_by(Invocation::new(&self.program, directory))
    }

    /// Adds the engine's environment variables to the invocation of another program that uses the engine.
    #[must_use]
    pub fn as_seen_by(&self, mut invocation: Invocation) -> Invocation {
        for name in VARIABLES {
            if let Some(value) = std::env::var_os(name) {
                invocation = invocation.env(name, value);
            }
        }
        invocation
    }

    /// Looks up an image. Returns `None` if it does not exist.
    pub fn inspect(&self, image: &str) -> Result<Option<Found>> {
        let invocation = self.invocation(Path::new("/")).args(["image", "inspect", image]);
        let output = invocation.run()?;
        if !output.success() {
            // The messages of docker and podman; some docker versions capitalize them.
            let message = output.stderr.to_lowercase();
            if message.contains("no such image") || message.contains("not known") || message.contains("not found") {
                return Ok(None);
            }
            return Err(Diagnostic::new(Code::ProcessFailed, format!("{} could not inspect `{image}`", self.name))
                .note(output.stderr.trim().to_owned())
                .note(format!("command: {}", invocation.command_line()))
                .into());
        }
        let unreadable = || {
            Diagnostic::new(Code::ProcessFailed, format!("{} printed unexpected output for `{image}`", self.name))
                .note(format!("command: {}", invocation.command_line()))
        };
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|_| unreadable())?;
        let image = &answer[0];
        let labels = image["Config"]["Labels"].as_object().into_iter().flatten();
        let labels = labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
        let id = image["Id"].as_str().ok_or_else(unreadable)?.to_owned();
        Ok(Some(Found { id, size: image["Size"].as_u64().unwrap_or_default(), labels }))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(programs: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("temporary directory");
        for (name, script) in programs {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("mode");
        }
        folder
    }

    fn find(programs: &[(&str, &str)]) -> Result<Engine> {
        let folder = folder(programs);
        Engine::find_among(folder.path().as_os_str(), &|_| None)
    }

    const STOPPED: &str = "echo 'Cannot connect to the Docker daemon' >&2; exit 1";

    #[test]
    fn docker_is_preferred_and_podman_is_the_fallback() {
        let both = find(&[("docker", "echo 28.0"), ("podman", "echo 5.0")]).expect("docker");
        assert_eq!(both.describe(), "docker 28.0");
        let stopped = find(&[("docker", STOPPED), ("podman", "echo 5.0")]).expect("podman");
        assert_eq!(stopped.describe(), "podman 5.0");
    }

    #[test]
    fn the_error_for_a_missing_or_stopped_engine_has_a_fix() {
        let error = find(&[]).expect_err("none installed");
        assert_eq!(error.0[0].code, Code::ToolUnavailable);
        assert_eq!(error.0[0].helps, ["install docker or podman"]);
        let error = find(&[("docker", STOPPED)]).expect_err("not running");
        assert!(error.0[0].notes[0].contains("Cannot connect to the Docker daemon"), "{error:?}");
        assert!(error.0[0].helps[0].contains("systemctl start docker"), "{error:?}");
    }
}
