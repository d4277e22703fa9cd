//! A machine for tests: scripts as tools, and a server on the loopback address.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use diagnostics::Source;

use crate::tools::*;

/// Writes a shell script.
pub(in crate::tools) fn write_script(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    fs::write(path, shell(script)).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode");
}

pub(in crate::tools) fn shell(script: &str) -> String {
    format!("#!/bin/sh\n{script}\n")
}

/// A gzipped tar archive, which may contain unsafe paths.
pub(in crate::tools) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).expect("in memory");
    }
    builder.into_inner().expect("in memory").finish().expect("in memory")
}

/// A server that sends some responses in order, then repeats the last one, and counts the requests.
pub(in crate::tools) struct Server {
    pub(in crate::tools) url: String,
    pub(in crate::tools) requests: Arc<AtomicUsize>,
}

impl Server {
    pub(in crate::tools) fn new(answers: Vec<(&'static str, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let url = format!("http://{}/demo-v{{version}}-{{platform}}", listener.local_addr().expect("address"));
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut reader = BufReader::new(stream.try_clone().expect("socket"));
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
                    line.clear();
                }
                let (status, body) = &answers[count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)];
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            }
        });
        Self { url, requests }
    }

    pub(in crate::tools) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(vec![("200 OK", body.into())])
    }

    pub(in crate::tools) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Records progress reports.
#[derive(Default)]
pub(in crate::tools) struct Recorder(pub(in crate::tools) Mutex<Vec<String>>);

impl Progress for Recorder {
    fn status(&self, verb: &str, what: &str) {
        locked(&self.0).push(format!("{verb} {what}"));
    }
}

impl Recorder {
    pub(in crate::tools) fn verbs(&self) -> Vec<String> {
        locked(&self.0).iter().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
    }
}

/// A machine with an empty PATH, no variables, and an empty cache.
pub(in crate::tools) struct Bench {
    pub(in crate::tools) directory: tempfile::TempDir,
    pub(in crate::tools) machine: Machine,
    pub(in crate::tools) progress: Recorder,
}

pub(in crate::tools) const DEMO: &str = "echo v1.2.3";

impl Bench {
    pub(in crate::tools) fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let machine = Machine {
            platform: "linux-amd64".to_owned(),
            search_path: vec![directory.path().join("bin")],
            variables: BTreeMap::new(),
        };
        Self { directory, machine, progress: Recorder::default() }
    }

    pub(in crate::tools) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(in crate::tools) fn script(&self, name: &str, script: &str) -> PathBuf {
        write_script(&self.path(name), script);
        self.path(name)
    }

    pub(in crate::tools) fn tools<'a>(&'a self, lock: &'a ToolsLock) -> Tools<'a> {
        Tools::on(self.machine.clone(), lock, &self.path("cache"), false, &self.progress)
    }

    pub(in crate::tools) fn program(&self) -> PathBuf {
        self.path("cache/tools/demo/1.2.3/demo")
    }

    /// The files in the cache of tools, without the locks.
    pub(in crate::tools) fn cached(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("cache/tools")).into_iter().flatten().flatten();
        let mut names: Vec<_> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| !name.starts_with(".lock-") && name != "probed");
        names.sort();
        names
    }
}

/// A lock file with one tool, `demo` 1.2.3.
pub(in crate::tools) fn demo(more: &str) -> ToolsLock {
    let text = format!("version = 1\n[[tool]]\nname = \"demo\"\nversion = \"1.2.3\"\nversion-args = []\n{more}\n");
    ToolsLock::parse(&Source::new("tools.lock", text)).expect("sound")
}

pub(in crate::tools) fn served(server: &Server, sum: &str, member: &str) -> ToolsLock {
    let member = if member.is_empty() { String::new() } else { format!("member = \"{member}\"\n") };
    demo(&format!("url = \"{}\"\n{member}[tool.sha256]\nlinux-amd64 = \"{sum}\"", server.url))
}

pub(in crate::tools) fn first(error: Diagnostics) -> Diagnostic {
    error.0.into_iter().next().expect("a diagnostic")
}
