//! The container engine: docker, else podman.
//!
//! Both understand the few commands that are needed here, so nothing beyond this file asks which one it is.
//!
//! Deliberately absent: starting an engine. Which one runs on a machine, and how, is not for a build tool to decide.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::environment::Environment;
use crate::process::Invocation;
use diagnostics::{Code, Diagnostic, Result};

/// The engines, in the order in which they are tried.
const ENGINES: &[&str] = &["docker", "podman"];

/// How engines are reached and how they build; all that programs see beside what every program sees.
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

/// An engine that answers within this is one that works; a stopped one answers at once, a hanging one never.
const ANSWER: Duration = Duration::from_secs(20);

/// An engine that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// The client, absolute.
    pub program: PathBuf,
    /// `docker` or `podman`.
    pub name: &'static str,
    /// What it said its version is.
    pub version: String,
}

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its identity.
    pub id: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// The first engine that answers: docker, else podman. `XTASK_DOCKER` and `XTASK_PODMAN` name a client.
    pub fn find() -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::find_among(&path, &Environment::tool)
    }

    fn find_among(path: &OsStr, named: &dyn Fn(&str) -> Option<PathBuf>) -> Result<Self> {
        let mut missing = Diagnostic::new(Code::ToolUnavailable, "no container engine answers");
        let mut installed = None;
        for &name in ENGINES {
            let on_path = || {
                let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
                folders.map(|folder| folder.join(name)).find(|program| program.is_file())
            };
            let Some(program) = named(name).or_else(on_path) else {
                missing = missing.note(format!("PATH has no `{name}`"));
                continue;
            };
            let engine = Self { program, name, version: String::new() };
            match engine.ask_version() {
                Ok(version) => return Ok(Self { version, ..engine }),
                Err(why) => missing = missing.note(format!("`{}` said: {why}", engine.program.display())),
            }
            installed.get_or_insert(name);
        }
        Err(match installed {
            Some("docker") => missing
                .help("start it, for example with `sudo systemctl start docker`, and see that `docker version` names a server")
                .help("if it runs, see that you may use it: be in the group `docker`, or set `DOCKER_HOST`"),
            Some(_) => missing.help("see that `podman version` works; on macOS, `podman machine start`"),
            None => missing.help("install docker or podman"),
        }
        .into())
    }

    /// The error is in the engine's own words.
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

    /// The engine's client, about to run in a directory.
    #[must_use]
    pub fn invocation(&self, directory: &Path) -> Invocation {
        self.as_seen_by(Invocation::new(&self.program, directory))
    }

    /// Another program that calls the engine, with what it needs to reach it.
    #[must_use]
    pub fn as_seen_by(&self, mut invocation: Invocation) -> Invocation {
        for name in VARIABLES {
            if let Some(value) = std::env::var_os(name) {
                invocation = invocation.env(name, value);
            }
        }
        invocation
    }

    /// What is known of an image; nothing where there is none of this name.
    pub fn inspect(&self, image: &str) -> Result<Option<Found>> {
        let invocation = self.invocation(Path::new("/")).args(["image", "inspect", image]);
        let output = invocation.run()?;
        if !output.success() {
            // Both engines say it in these words, docker with a capital letter in some versions.
            let said = output.stderr.to_lowercase();
            if said.contains("no such image") || said.contains("not known") || said.contains("not found") {
                return Ok(None);
            }
            return Err(Diagnostic::new(Code::ProcessFailed, format!("{} could not look at `{image}`", self.name))
                .note(output.stderr.trim().to_owned())
                .note(format!("command: {}", invocation.command_line()))
                .into());
        }
        let unreadable = || {
            Diagnostic::new(Code::ProcessFailed, format!("{} describes `{image}` in no known form", self.name))
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
        let folder = tempfile::tempdir().expect("temporary folder");
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
    fn docker_is_asked_first_and_podman_where_it_does_not_answer() {
        let both = find(&[("docker", "echo 28.0"), ("podman", "echo 5.0")]).expect("docker");
        assert_eq!(both.describe(), "docker 28.0");
        let stopped = find(&[("docker", STOPPED), ("podman", "echo 5.0")]).expect("podman");
        assert_eq!(stopped.describe(), "podman 5.0");
    }

    #[test]
    fn a_missing_or_stopped_engine_is_told_with_the_way_out() {
        let error = find(&[]).expect_err("there is none");
        assert_eq!(error.0[0].code, Code::ToolUnavailable);
        assert_eq!(error.0[0].helps, ["install docker or podman"]);
        let error = find(&[("docker", STOPPED)]).expect_err("it is stopped");
        assert!(error.0[0].notes[0].contains("Cannot connect to the Docker daemon"), "{error:?}");
        assert!(error.0[0].helps[0].contains("systemctl start docker"), "{error:?}");
    }
}
