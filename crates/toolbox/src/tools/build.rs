//! The tool built from its source by `go install`, where Go is on this machine.
//!
//! What is built is what Go's checksum database knows under the pinned version. The build sees the settings that say
//! where modules come from and are kept, and none that change what is built.
//!
//! Deliberately absent: bringing Go itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::miss::Miss;
use crate::process::Invocation;
use crate::progress::Progress;
use crate::tools_lock::ToolPin;
use diagnostics::Code;

/// The longest that a build may take: Helm takes two minutes on two cores.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// How much of Go's messages a reason shows.
const TAIL: usize = 5;

/// Where modules come from, what proves them, and where they are kept.
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

/// Builds the program of a pin into a staging folder, and returns its path there.
pub(super) fn program(
    pin: &ToolPin,
    go: Option<&Path>,
    staging: &Path,
    offline: bool,
    progress: &dyn Progress,
) -> Result<PathBuf, Miss> {
    let Some(package) = &pin.go else { return Err(Miss::Next("tools.lock names no package for it".to_owned())) };
    let Some(go) = go else { return Err(Miss::Next("there is no `go` on PATH".to_owned())) };
    let takes = pin.go_takes.as_ref().map(|takes| format!(" ({takes})")).unwrap_or_default();
    let under_way = progress.under_way("Building", &format!("{} {} with go{takes}", pin.name, pin.version));

    let folder = staging.join("bin");
    fs::create_dir(&folder).map_err(|error| Miss::Stop(super::store::unwritable("create", &folder, &error)))?;
    let mut invocation = settled(Invocation::new(go, staging))
        .args(arguments(pin, package))
        .env("GOBIN", &folder)
        .env("CGO_ENABLED", "0")
        // An empty value would let the user's own file of Go settings speak.
        .env("GOFLAGS", "-trimpath")
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
    // The file is named after the package, which need not be the tool's name.
    let built: Vec<PathBuf> = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    match <[PathBuf; 1]>::try_from(built) {
        Ok([program]) => {
            under_way.done("Built");
            Ok(program)
        }
        Err(other) => Err(Miss::Next(format!("`go install {package}` left {} programs instead of one", other.len()))),
    }
}

/// The command for people to repeat by hand.
pub(super) fn command_line(pin: &ToolPin) -> Option<String> {
    let package = pin.go.as_ref()?;
    Some(format!(
        "CGO_ENABLED=0 {}",
        Invocation::new(Path::new("go"), Path::new("/")).args(arguments(pin, package)).command_line()
    ))
}

fn arguments(pin: &ToolPin, package: &str) -> Vec<String> {
    let mut args = vec!["install".to_owned(), "-trimpath".to_owned()];
    if let Some(flags) = &pin.go_ldflags {
        args.extend(["-ldflags".to_owned(), flags.clone()]);
    }
    args.push(package.to_owned());
    args
}

/// The modules that are on this machine, as a proxy. `GOPROXY=off` would be the plain way, but `go install` asks for
/// the list of versions even of a module that it has, and with `off` that alone makes it fail.
fn module_cache(go: &Path, staging: &Path) -> Result<String, Miss> {
    let asked = settled(Invocation::new(go, staging)).args(["env", "GOMODCACHE"]).run();
    let output = asked.map_err(next_unless_interrupted)?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.success() || path.is_empty() {
        return Err(Miss::Next("offline, and `go env GOMODCACHE` names no folder of modules".to_owned()));
    }
    Ok(format!("file://{path}/cache/download"))
}

fn settled(invocation: Invocation) -> Invocation {
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
