//! What can be known before a cluster is made: whether this machine can carry it.
//!
//! Deliberately absent: the engine itself and the tools, whose own search tells what is missing.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::kubectl::checked;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::engine::Engine;

const MIB: u64 = 1024 * 1024;

/// A node with both applications takes 690 MiB (`docker stats`); twice that leaves some for the rest.
const MEMORY: u64 = 1536 * MIB;

/// A node image takes 1.8 GiB (`docker image inspect`) where it is not there yet, what a node keeps in /var 1.6 (`du`).
const DISK: u64 = 3584 * MIB;

/// What an engine has to give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of memory: free ones where that is known, else all.
    pub memory: Option<u64>,
    /// Free bytes where the engine keeps its containers, with that folder; not known of an engine elsewhere.
    pub disk: Option<(u64, PathBuf)>,
}

/// Asks the engine and the system.
pub fn ask(engine: &Engine) -> Result<Facts> {
    let output = checked(&engine.invocation(Path::new("/")).args(["info", "--format", "{{json .}}"]))?;
    let info: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let here = std::env::var("DOCKER_HOST").map_or(true, |host| host.starts_with("unix:"));
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok().filter(|_| here);
    let folder = info["DockerRootDir"].as_str().or(info["store"]["graphRoot"].as_str()).map(PathBuf::from);
    // Of an engine in a virtual machine, or elsewhere, the folder is not here.
    let folder = folder.filter(|folder| here && folder.is_dir());
    let disk = folder.and_then(|folder| {
        let facts = rustix::fs::statvfs(&folder).ok()?;
        Some((facts.f_bavail.saturating_mul(facts.f_frsize), folder))
    });
    Ok(Facts { memory: memory(&info, meminfo.as_deref()), disk })
}

/// The memory that a cluster may have: what the engine has, and no more than what is free.
fn memory(info: &Value, meminfo: Option<&str>) -> Option<u64> {
    let all = info["MemTotal"].as_u64().or(info["host"]["memTotal"].as_u64()).filter(|bytes| *bytes > 0);
    let free = meminfo.and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    });
    match (all, free) {
        (Some(all), Some(free)) => Some(all.min(free)),
        (all, free) => all.or(free),
    }
}

/// What is too little, each with its way out.
#[must_use]
pub fn judge(facts: &Facts) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    if let Some(memory) = facts.memory.filter(|memory| *memory < MEMORY) {
        let (has, needs) = (memory / MIB, MEMORY / MIB);
        diagnostics.push(
            Diagnostic::new(Code::ClusterRefused, format!("{has} MiB of memory are free, a cluster needs {needs}"))
                .help("end what else takes memory; `docker ps` and `kind get clusters` show other clusters")
                .help("give a virtual machine more, where the engine runs in one"),
        );
    }
    if let Some((free, folder)) = facts.disk.as_ref().filter(|(free, _)| *free < DISK) {
        let (has, needs) = (free / MIB, DISK / MIB);
        let message = format!("{has} MiB are free in `{}`, a cluster needs {needs}", folder.display());
        diagnostics.push(
            Diagnostic::new(Code::ClusterRefused, message)
                .help("`docker system df` shows what takes the space, `docker system prune` frees what nothing uses"),
        );
    }
    diagnostics
}

/// Whether the API server can have a port of this machine.
#[must_use]
pub fn port(port: u16) -> Diagnostics {
    let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) else { return Diagnostics::default() };
    Diagnostic::new(Code::ClusterRefused, format!("port {port} cannot be had for the API server: {error}"))
        .help("name another with `--api-port`, or leave it out: then a free one is taken")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_smaller_of_what_is_there_and_what_is_free_counts() {
        let meminfo = "MemTotal: 8000 kB\nMemAvailable:    3000 kB\n";
        assert_eq!(memory(&json!({ "MemTotal": 8_192_000 }), Some(meminfo)), Some(3000 * 1024));
        assert_eq!(memory(&json!({ "host": { "memTotal": 1_000_000 } }), Some(meminfo)), Some(1_000_000));
        assert_eq!(memory(&json!({}), None), None);
    }

    #[test]
    fn too_little_is_told_all_at_once_and_each_with_a_way_out() {
        let facts = Facts { memory: Some(MEMORY - 1), disk: Some((DISK - 1, "/var/lib/docker".into())) };
        let found = judge(&facts);
        let messages: Vec<&str> = found.0.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(messages[0], "1535 MiB of memory are free, a cluster needs 1536");
        assert_eq!(messages[1], "3583 MiB are free in `/var/lib/docker`, a cluster needs 3584");
        assert!(found.0.iter().all(|one| !one.helps.is_empty()));
        assert!(judge(&Facts { memory: Some(MEMORY), disk: Some((DISK, "/".into())) }).is_empty());
        assert!(judge(&Facts::default()).is_empty());
    }

    #[test]
    fn a_port_that_is_taken_is_told_and_a_free_one_is_not() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let number = taken.local_addr().expect("an address").port();
        let found = port(number);
        assert!(found.0[0].message.starts_with(&format!("port {number} cannot be had")), "{found:?}");
        drop(taken);
        assert!(port(number).is_empty());
    }
}
