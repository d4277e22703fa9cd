//! Downloads of tools: fetched over HTTP, verified against the checksum in tools.lock, and unpacked in memory.
//!
//! A download that fails is followed by an attempt to build the tool. A download with a different checksum than the pinned
//! one is an error, because it may be an attack that a build would hide.

use std::io::{self, Read};
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Diagnostics, Limit};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Timeout};

use super::miss::Miss;
use crate::archive;
use crate::process::check_interrupted;
use crate::progress::Progress;
use crate::tools_lock::{ToolPin, is_on_this_machine};

/// The time limits for a connection and for the start of a response.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);

/// The time limit of a download.
const DEADLINE: Duration = Duration::from_secs(600);

/// Downloads a tool and returns the bytes of the program.
pub(super) fn program(pin: &ToolPin, platform: &str, progress: &dyn Progress) -> Result<Vec<u8>, Miss> {
    let Some(url) = pin.url(platform) else {
        return Err(Miss::Next("tools.lock has no `url` for it".to_owned()));
    };
    let Some(expected) = pin.sum(platform) else {
        return Err(Miss::Next(format!("skipped because tools.lock has no `sha256` for {platform}")));
    };
    let under_way = progress.under_way("Downloading", &format!("{} {} from {url}", pin.name, pin.version));
    let bytes = fetch(&url)?;
    under_way.done("Downloaded");
    let found = archive::sha256(&bytes);
    if found != expected {
        let message = format!("the checksum of the download of {} {} does not match tools.lock", pin.name, pin.version);
        let mismatch = Diagnostic::new(Code::ArchiveTampered, message)
            .at(pin.place.clone(), "pinned here")
            .note(format!("url: {url}"))
            .note(format!("expected: sha256 {expected}"))
            .note(format!("found: sha256 {found}, {} bytes", bytes.len()))
            .help("check what the URL serves, such as the error page of a proxy; the download was discarded")
            .help(format!("or set `{}` to a copy that you trust", super::miss::variable(&pin.name)));
        return Err(Miss::Stop(mismatch.into()));
    }
    let Some(member) = pin.member(platform) else { return Ok(bytes) };
    let name = url.rsplit('/').next().unwrap_or(&url);
    let mut tree = archive::read(name, &bytes).map_err(|mut found| {
        for diagnostic in &mut found.0 {
            diagnostic.places = vec![(pin.place.clone(), "pinned here".to_owned())];
            let variable = super::miss::variable(&pin.name);
            diagnostic.helps =
                vec![format!("pin another download of this version, or set `{variable}` to a copy that you trust")];
        }
        Miss::Stop(found)
    })?;
    if let Some(program) = tree.remove(&member) {
        return Ok(program);
    }
    let inside: Vec<_> = tree.keys().take(10).map(|path| format!("`{path}`")).collect();
    let wrong = Diagnostic::new(Code::ConfigInvalid, format!("`{name}` does not contain `{member}`"))
        .at(pin.place.clone(), "`member` of this entry")
        .note(format!("it contains {}", inside.join(", ")))
        .help("correct `member` in tools.lock; the checksum of the download matches");
    Err(Miss::Stop(wrong.into()))
}

/// Downloads a file that is not a tool. The inner error is the reason for which it is unavailable.
pub fn file(url: &str) -> Result<Result<Vec<u8>, String>, Diagnostics> {
    match fetch(url) {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(Miss::Next(reason)) => Ok(Err(reason)),
        Err(Miss::Stop(found)) => Err(found),
    }
}

/// Fetches a URL, with one retry after an error that may be transient.
fn fetch(url: &str) -> Result<Vec<u8>, Miss> {
    let agent = agent(url).map_err(Miss::Next)?;
    let mut first = None;
    loop {
        check_interrupted().map_err(Miss::Stop)?;
        let error = match attempt(&agent, url) {
            Ok(bytes) => return Ok(bytes),
            Err(Failure::Interrupted) => {
                check_interrupted().map_err(Miss::Stop)?;
                continue;
            }
            Err(Failure::Http(error)) => error,
        };
        let reason = match error {
            ureq::Error::BodyExceedsLimit(_) => {
                let limit = Limit::DownloadSize;
                format!("{url}: it is larger than {} MiB; {}", limit.value(), limit.help())
            }
            _ => format!("{url}: {error}"),
        };
        match first {
            None if is_transient(&error) => first = Some(reason),
            None => return Err(Miss::Next(reason)),
            Some(_) => return Err(Miss::Next(format!("{reason} (tried twice)"))),
        }
    }
}

enum Failure {
    Http(ureq::Error),
    Interrupted,
}

fn attempt(agent: &Agent, url: &str) -> Result<Vec<u8>, Failure> {
    let response = agent.get(url).call().map_err(Failure::Http)?;
    let length = response.body().content_length();
    let mut reader = response.into_body().into_with_config().limit(Limit::DownloadSize.bytes() as u64).reader();
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) => return Err(Failure::Http(ureq::Error::from(error))),
        }
        if crate::process::interrupted() {
            return Err(Failure::Interrupted);
        }
    }
    match length {
        // Without this, a closed connection would be reported as a wrong checksum.
        Some(length) if length > bytes.len() as u64 => {
            Err(Failure::Http(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed early").into()))
        }
        _ => Ok(bytes),
    }
}

/// Whether the same request could succeed a moment later. An unknown host, a refused connection, and a missing page are
/// not transient.
fn is_transient(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::StatusCode(code) => *code == 429 || *code >= 500,
        ureq::Error::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::TimedOut
        ),
        ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve | Timeout::Global) => false,
        ureq::Error::Timeout(_) | ureq::Error::Protocol(_) => true,
        _ => false,
    }
}

/// The HTTP client. It uses the proxy of the environment, except for this machine, which a proxy cannot reach.
fn agent(url: &str) -> Result<Agent, String> {
    let mut tls = TlsConfig::builder();
    if let Some(roots) = roots()? {
        tls = tls.root_certs(roots);
    }
    let mut config = Agent::config_builder();
    if is_on_this_machine(url) {
        config = config.proxy(None);
    } else {
        // Also after a redirect.
        config = config.https_only(true);
    }
    Ok(config
        .timeout_global(Some(DEADLINE))
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .user_agent(concat!("homelab-chart-xtask/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.build())
        .build()
        .new_agent())
}

/// The certificates of `SSL_CERT_FILE`, which networks with TLS inspection need.
fn roots() -> Result<Option<RootCerts>, String> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) else { return Ok(None) };
    let failed =
        |error: &dyn std::fmt::Display| format!("cannot read `{}` of `SSL_CERT_FILE`: {error}", path.display());
    let pem = crate::regular_file::read(&path).map_err(|error| failed(&error))?;
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| failed(&error))? {
            certificates.push(certificate);
        }
    }
    Ok(Some(RootCerts::new_with_certs(&certificates)))
}
