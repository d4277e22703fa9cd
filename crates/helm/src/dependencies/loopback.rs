//! A temporary Helm repository on the loopback address.
//!
//! `helm dependency update` cannot read a directory of archives, so `deps --update` serves a mirror directory to Helm:
//! the archives and a generated index. All files are held in memory and served by exact name; a request never reads
//! from disk. The server handles one request per connection and accepts only local connections.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Result};
use toolbox::archive::sha256;

use super::folder::Packed;
use crate::chart::go_string;

/// The read and write timeout of a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// The maximum size of a request, in bytes.
const MAX_REQUEST: u64 = 16 * 1024;

/// The media type of a manifest in an OCI registry.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A running server, stopped on drop.
#[derive(Debug)]
pub(super) struct Loopback {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    #[cfg(test)]
    pub(super) requests: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Loopback {
    /// Serves files by path, without a leading slash.
    pub(super) fn serve(files: BTreeMap<String, Vec<u8>>) -> Result<Self> {
        let failed = |error: &std::io::Error| {
            Diagnostic::new(Code::Io, format!("cannot serve the chart mirror on 127.0.0.1: {error}"))
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let ended = Arc::new(AtomicBool::new(false));
        let requests = Arc::<std::sync::Mutex<Vec<String>>>::default();
        let (files, flag, log) = (Arc::new(files), Arc::clone(&ended), Arc::clone(&requests));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if flag.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), files, log) = (stream, Arc::clone(&files), Arc::clone(&log)) else { continue };
                // Errors are ignored: a client that disconnects early reports its own failure.
                std::thread::spawn(move || answer(&stream, &files, &log));
            }
        });
        Ok(Self {
            address,
            ended,
            thread: Some(thread),
            #[cfg(test)]
            requests,
        })
    }

    /// The repository's URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // The thread blocks in `accept`, so a connection wakes it up.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

fn answer(
    mut stream: &TcpStream,
    files: &BTreeMap<String, Vec<u8>>,
    log: &std::sync::Mutex<Vec<String>>,
) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream.take(MAX_REQUEST));
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut header = String::new();
    while reader.read_line(&mut header).ok()? > 2 {
        header.clear();
    }
    let (method, target) = line.split_once(" /")?;
    let path = target.split([' ', '?']).next()?.to_owned();
    let (status, body) = match files.get(&path) {
        Some(body) => ("200 OK", body.as_slice()),
        None => ("404 Not Found", &b"not found\n"[..]),
    };
    if cfg!(test) {
        log.lock().ok()?.push(path.clone());
    }
    // The tests also serve a registry, whose clients require this type.
    let kind = if cfg!(test) && path.contains("/manifests/") { MANIFEST } else { "application/octet-stream" };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    if method == "GET" { stream.write_all(body).ok() } else { Some(()) }
}

/// The files of a Helm repository: the archives and a generated `index.yaml`. Files that are not charts are not indexed.
pub(super) fn repository(archives: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, bytes) in &archives {
        let Ok(packed) = Packed::read(path, bytes) else { continue };
        entries.entry(packed.name.clone()).or_default().push(format!(
            "{{\"apiVersion\":\"v2\",\"name\":{},\"version\":{},\"urls\":[{}],\"digest\":\"{}\"}}",
            go_string(&packed.name),
            go_string(&packed.version),
            go_string(path),
            sha256(bytes)
        ));
    }
    let entries: Vec<String> =
        entries.iter().map(|(name, versions)| format!("{}:[{}]", go_string(name), versions.join(","))).collect();
    let index = format!("{{\"apiVersion\":\"v1\",\"entries\":{{{}}}}}\n", entries.join(","));
    let mut files = archives;
    files.insert("index.yaml".to_owned(), index.into_bytes());
    files
}
