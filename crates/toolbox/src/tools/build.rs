//! Builds of tools from source: with `go install`, or with `go build` if the source is part of this tool.
//!
//! Go's checksum database verifies the source of the pinned version. The build inherits the settings about where modules
//! come from and are stored, but none that affect the result.
//!
//! Does not install Go.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostics::Code;

use super::miss::Miss;
use crate::process::Invocation;
use crate::progress::Progress;
use crate::tools_lock::{Sources, ToolPin};

/// The time limit of a build; Helm takes two minutes on two cores.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// The number of lines of Go's output that an error shows.
const TAIL: usize = 5;

/// The settings about where modules come from, how they are verified, and where they are stored.
const SETTINGS: &[&str] = &[
    "GOPROXY",
    "GONOPROXY",
    "GOPRIVATE",
    "GOSUMDB",
    "GONOSUMDB",
    "GOAUTH",
    "GOVCS",
    "GOENV",
    "GOPATH",
    "GOMODCACHE",
    "GOCACHE",
    "GOTMPDIR",
    "GOTOOLCHAIN",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
];

/// Builds a tool in a staging directory and returns the path of the program.
pub(super) fn program(
    pin: &ToolPin,
    go: Option<&Path>,
    staging: &Path,
    offline: bool,
    progress: &dyn Progress,
) -> Result<PathBuf, Miss> {
    if !pin.builds() {
        return Err(Miss::Next("tools.lock has no `go` package for it".to_owned()));
    }
    let Some(go) = go else { return Err(Miss::Next("`go` is not on PATH".to_owned())) };
    let takes = pin.go_takes.as_ref().map(|takes| format!(" ({takes})")).unwrap_or_default();
    let under_way = progress.under_way("Building", &format!("{} {} with go{takes}", pin.name, pin.version));

    let folder = staging.join("bin");
    fs::create_dir(&folder).map_err(|error| Miss::Stop(super::store::unwritable("create", &folder, &error)))?;
    let directory = match &pin.sources {
        Some(sources) => unpack(sources, &staging.join("sources"))?,
        None => staging.to_owned(),
    };
    let mut invocation = with_settings(Invocation::new(go, &directory))
        .args(arguments(pin, &folder.join(&pin.name)))
        .env("GOBIN", &folder)
        .env("CGO_ENABLED", "0")
        // Not empty, because an empty value would be overridden by the user's `go env` file.
        .env("GOFLAGS", "-trimpath -mod=readonly -buildvcs=false")
        .env("GOWORK", "off")
        .deadline(DEADLINE);
    if offline {
        invocation = invocation.env("GOPROXY", module_cache(go, staging)?);
    }
    let output = invocation.run().map_err(next_unless_interrupted)?;
    if !output.success() {
        let lines: Vec<_> = output.stderr.trim().lines().filter(|line| !line.starts_with("go: downloading ")).collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        return Err(Miss::Next(format!("`{}` failed: {tail}", invocation.command_line())));
    }
    // The program has the name of the package, which may differ from that of the tool.
    let built: Vec<PathBuf> = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    match <[PathBuf; 1]>::try_from(built) {
        Ok([program]) => {
            under_way.done("Built");
            Ok(program)
        }
        Err(other) => Err(Miss::Next(format!("Go built {} programs instead of one", other.len()))),
    }
}

/// The command that builds a tool by hand.
pub(super) fn command_line(pin: &ToolPin) -> Option<String> {
    pin.go.as_ref()?;
    let go = Invocation::new(Path::new("go"), Path::new("/"));
    Some(format!("CGO_ENABLED=0 {}", go.args(arguments(pin, Path::new(""))).command_line()))
}

/// The arguments of Go for a package that it downloads, or for the one in its working directory.
fn arguments(pin: &ToolPin, program: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec![if pin.go.is_some() { "install" } else { "build" }.into(), "-trimpath".into()];
    if let Some(flags) = &pin.go_ldflags {
        args.extend(["-ldflags".into(), flags.into()]);
    }
    match &pin.go {
        Some(package) => args.push(package.into()),
        None => args.extend(["-o".into(), program.into(), ".".into()]),
    }
    args
}

/// Writes the source of a program, and returns the directory of its package.
fn unpack(sources: &Sources, directory: &Path) -> Result<PathBuf, Miss> {
    for (name, text) in sources.files {
        let path = directory.join(name);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| Miss::Stop(super::store::unwritable("write", &path, &error)))?;
    }
    Ok(directory.join(sources.package))
}

/// The module cache of this machine as a proxy. `GOPROXY=off` does not work, because `go install` requests the list of
/// versions even of a module in the cache.
fn module_cache(go: &Path, staging: &Path) -> Result<String, Miss> {
    let output = with_settings(Invocation::new(go, staging)).args(["env", "GOMODCACHE"]).run();
    let output = output.map_err(next_unless_interrupted)?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.success() || path.is_empty() {
        return Err(Miss::Next("skipped because of `--offline`: `go env GOMODCACHE` has no value".to_owned()));
    }
    Ok(format!("file://{path}/cache/download"))
}

fn with_settings(invocation: Invocation) -> Invocation {
    SETTINGS.iter().fold(invocation, |invocation, name| match std::env::var_os(name) {
        Some(value) => invocation.env(name, value),
        None => invocation,
    })
}

fn next_unless_interrupted(error: diagnostics::Diagnostics) -> Miss {
    if error.0.iter().any(|diagnostic| diagnostic.code == Code::Interrupted) {
        return Miss::Stop(error);
    }
    Miss::Next(error.0.into_iter().next().map(|diagnostic| diagnostic.message).unwrap_or_default())
}
