//! Checks before a cluster is created: whether this machine has the memory, the disk space, and the port for it.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use serde::Deserialize;
use toolbox::engine::Engine;

use crate::kubectl::checked;

const MIB: u64 = 1024 * 1024;

/// A node with both applications uses 690 MiB (`docker stats`); about twice that is required.
const MEMORY: u64 = 1536 * MIB;

/// A node image takes 1.8 GiB (`docker image inspect`) if it has to be pulled, and a node's /var takes 1.6 GiB (`du`).
const DISK: u64 = 3584 * MIB;

/// The resources that an engine has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of memory: available ones where that is known, else all.
    pub memory: Option<u64>,
    /// Free bytes in the engine's data directory, and that directory; unknown for a remote engine.
    pub disk: Option<(u64, PathBuf)>,
}

/// What `docker info` and `podman info` print, under different names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    #[serde(rename = "MemTotal")]
    memory: u64,
    #[serde(rename = "DockerRootDir")]
    root: Option<PathBuf>,
    host: Host,
    store: Store,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Host {
    mem_total: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Store {
    graph_root: Option<PathBuf>,
}

/// Asks the engine and the operating system.
pub fn ask(engine: &Engine) -> Result<Facts> {
    let output = checked(&engine.invocation(Path::new("/")).args(["info", "--format", "{{json .}}"]))?;
    let info: Info = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let local = std::env::var("DOCKER_HOST").map_or(true, |host| host.starts_with("unix:"));
    let meminfo = toolbox::regular_file::read_to_string("/proc/meminfo").ok().filter(|_| local);
    let memory = memory(info.memory.max(info.host.mem_total), meminfo.as_deref());
    // The directory of an engine in a virtual machine does not exist here.
    let folder = info.root.or(info.store.graph_root).filter(|folder| local && folder.is_dir());
    let disk = folder.and_then(|folder| {
        let facts = rustix::fs::statvfs(&folder).ok()?;
        Some((facts.f_bavail.saturating_mul(facts.f_frsize), folder))
    });
    Ok(Facts { memory, disk })
}

/// The memory that a cluster can use: the engine's, but not more than what is available.
fn memory(all: u64, meminfo: Option<&str>) -> Option<u64> {
    let all = Some(all).filter(|bytes| *bytes > 0);
    let free = meminfo.and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    });
    match (all, free) {
        (Some(all), Some(free)) => Some(all.min(free)),
        (all, free) => all.or(free),
    }
}

/// Reports each resource of which there is not enough.
#[must_use]
pub fn check(facts: &Facts) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    if let Some(memory) = facts.memory.filter(|memory| *memory < MEMORY) {
        let (has, needs) = (memory / MIB, MEMORY / MIB);
        diagnostics.push(
            Diagnostic::new(
                Code::ClusterRefused,
                format!("not enough memory: {has} MiB available, {needs} MiB required"),
            )
            .help("stop other programs and clusters; `docker ps` and `kind get clusters` list clusters")
            .help("if the engine runs in a virtual machine, give that machine more memory"),
        );
    }
    if let Some((free, folder)) = facts.disk.as_ref().filter(|(free, _)| *free < DISK) {
        let (has, needs) = (free / MIB, DISK / MIB);
        let folder = folder.display();
        let message = format!("not enough disk space in `{folder}`: {has} MiB free, {needs} MiB required");
        diagnostics.push(Diagnostic::new(Code::ClusterRefused, message).help(
            "run `docker system df` to see what uses the space, and `docker system prune` to free what is unused",
        ));
    }
    diagnostics
}

/// Reports a port of this machine that the API server cannot use.
#[must_use]
pub fn port(port: u16) -> Diagnostics {
    let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) else { return Diagnostics::default() };
    Diagnostic::new(Code::ClusterRefused, format!("port {port} is unavailable for the API server: {error}"))
        .help("set another port with `--api-port`, or omit the option to use any free port")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_the_smaller_of_total_and_available() {
        let meminfo = "MemTotal: 8000 kB\nMemAvailable:    3000 kB\n";
        assert_eq!(memory(8_192_000, Some(meminfo)), Some(3000 * 1024));
        assert_eq!(memory(1_000_000, Some(meminfo)), Some(1_000_000));
        assert_eq!(memory(0, None), None);
    }

    #[test]
    fn both_engines_report_memory_and_directory() {
        let docker: Info = serde_json::from_str(r#"{"MemTotal": 5, "DockerRootDir": "/a"}"#).expect("docker's");
        assert_eq!((docker.memory, docker.root), (5, Some("/a".into())));
        let podman = r#"{"host": {"memTotal": 5}, "store": {"graphRoot": "/a"}}"#;
        let podman: Info = serde_json::from_str(podman).expect("podman's");
        assert_eq!((podman.host.mem_total, podman.store.graph_root), (5, Some("/a".into())));
    }

    #[test]
    fn all_shortages_are_reported_together() {
        let facts = Facts { memory: Some(MEMORY - 1), disk: Some((DISK - 1, "/var/lib/docker".into())) };
        let found = check(&facts);
        let messages: Vec<&str> = found.0.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(messages[0], "not enough memory: 1535 MiB available, 1536 MiB required");
        assert_eq!(messages[1], "not enough disk space in `/var/lib/docker`: 3583 MiB free, 3584 MiB required");
        assert!(found.0.iter().all(|one| !one.helps.is_empty()));
        assert!(check(&Facts { memory: Some(MEMORY), disk: Some((DISK, "/".into())) }).is_empty());
        assert!(check(&Facts::default()).is_empty());
    }

    #[test]
    fn a_port_in_use_is_unavailable() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let number = taken.local_addr().expect("an address").port();
        let found = port(number);
        assert!(found.0[0].message.starts_with(&format!("port {number} is unavailable")), "{found:?}");
        drop(taken);
        assert!(port(number).is_empty());
    }
}
