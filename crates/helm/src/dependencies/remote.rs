//! Charts straight from a Helm repository or an OCI registry, as an Application or a kustomization asks for them.
//!
//! They are pinned in charts.lock like dependencies. A pin also records the version ranges that were resolved to its
//! version, since there is no Chart.lock. A chart is rendered from its unpacked files in the cache, which are compared with
//! the pin on every use; nothing is written into the work tree.
//!
//! Versions are resolved by `helm pull`, as in Argo CD, and only by `deps --update`.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use diagnostics::{Code, Diagnostic, Place, Result};
use toolbox::archive::{Tree, tree_digest};
use toolbox::environment::Mirror;

use super::context::Context;
use super::download::{archive_lock, cache_folder, cache_path, obtain};
use super::folder::{self, Packed};
use super::helm::{self, Repositories};
use super::inspect::changed;
use super::loopback::Loopback;
use crate::chart::{Dependency, is_exact, same_version};
use crate::charts_lock::{ChartsLock, Pin, is_file_part};

/// A chart that a manifest asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The URL of its repository: `https://…`, or `oci://…` without the chart's name.
    pub repository: String,
    /// Its name.
    pub name: String,
    /// Its version, or a version range.
    pub version: String,
    /// The place of the version, or of the chart.
    pub place: Place,
}

impl Wanted {
    /// A chart in a repository. In a registry, a name with slashes is a path below the repository.
    #[must_use]
    pub fn new(repository: &str, name: &str, version: &str, place: Place) -> Self {
        let repository = repository.trim_end_matches('/');
        let (repository, name) = match name.trim_matches('/').rsplit_once('/') {
            Some((path, name)) if repository.starts_with("oci://") => (format!("{repository}/{path}"), name),
            _ => (repository.to_owned(), name),
        };
        Self { repository, name: name.to_owned(), version: version.to_owned(), place }
    }

    /// The repository, the name, and the version: several places may ask for the same.
    #[must_use]
    pub fn subject(&self) -> (&str, &str, &str) {
        (&self.repository, &self.name, &self.version)
    }
}

/// The pin of a chart.
pub fn inspect<'a>(wanted: &Wanted, lock: &'a ChartsLock) -> Result<&'a Pin> {
    let Wanted { repository, name, version, place } = wanted;
    lock.resolved(repository, name, version).ok_or_else(|| {
        let found =
            Diagnostic::new(Code::DependencyUnlocked, format!("`{name}` {version} is not pinned in charts.lock"))
                .at(place.clone(), format!("from {repository}"));
        let others = lock.pins.iter().filter(|pin| pin.name == *name);
        let found = others.fold(found, |found, pin| {
            found.at(pin.place.clone(), format!("pinned: {} {} from {}", pin.name, pin.version, pin.repository))
        });
        found.help("run `cargo xtask deps --update`").into()
    })
}

/// The directory in which [`prepare`] unpacks a chart.
#[must_use]
pub fn directory(pin: &Pin, cache: &Path) -> PathBuf {
    cache_folder(pin, cache).join(&pin.name)
}

/// Whether the archive of a pinned chart is in the cache, verified or not.
#[must_use]
pub fn is_cached(pin: &Pin, cache: &Path) -> bool {
    cache_path(pin, cache).is_file()
}

/// Downloads a pinned chart unless it is in the cache, and returns the directory of its unpacked, verified files.
pub fn prepare(pin: &Pin, context: &Context<'_>) -> Result<PathBuf> {
    let directory = directory(pin, context.cache);
    let key = archive_lock(&pin.digest);
    let _held = key.lock().unwrap_or_else(PoisonError::into_inner);
    let present = || if directory.is_symlink() { None } else { folder::read(&directory).ok() };
    let below = |files: &Tree| -> Tree {
        files.iter().map(|(path, bytes)| (format!("{}/{path}", pin.name), bytes.clone())).collect()
    };
    if present().is_some_and(|files| tree_digest(&below(&files)) == pin.digest) {
        return Ok(directory);
    }
    let packed = Packed::read(&pin.file_name(), &obtain(pin, context)?)?;
    // The folder in the archive may have another name, so that the digest above is another one.
    if present().is_some_and(|files| files == packed.files) {
        return Ok(directory);
    }
    let failed = |error: &std::io::Error| Diagnostic::io("unpack a chart into", &directory, error);
    let parent = cache_folder(pin, context.cache);
    std::fs::create_dir_all(&parent).map_err(|error| failed(&error))?;
    let staged = toolbox::scratch::directory_in(&parent, ".xtask-").map_err(|error| failed(&error))?;
    let unpacked = staged.path().join("chart");
    for (path, content) in &packed.files {
        let file = unpacked.join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(&unpacked))
            .and_then(|()| std::fs::write(&file, content))
            .map_err(|error| failed(&error))?;
    }
    let replaced = if directory.symlink_metadata().is_ok() {
        std::fs::rename(&directory, staged.path().join("replaced"))
    } else {
        Ok(())
    };
    match replaced.and_then(|()| std::fs::rename(&unpacked, &directory)) {
        // Another process unpacked it at the same time.
        Err(_) if present().is_some_and(|files| files == packed.files) => Ok(directory),
        Err(error) => Err(failed(&error).into()),
        Ok(()) => Ok(directory),
    }
}

/// Resolves and downloads a chart with Helm. Its old pin, if any, must have the same content.
pub(super) fn resolve(
    wanted: &Wanted,
    old: &ChartsLock,
    served: Option<&Loopback>,
    context: &Context<'_>,
) -> Result<(Pin, Vec<u8>)> {
    let Wanted { repository, name, version, place } = wanted;
    let (url, mirror) = match (context.mirror, served) {
        (Some(Mirror::Url(url)), _) => (url.clone(), Some(url.clone())),
        (Some(Mirror::Folder(folder)), Some(served)) => (served.url(), Some(folder.display().to_string())),
        _ => (repository.clone(), None),
    };
    if context.offline && served.is_none() {
        let message = format!("`{name}` cannot be updated from {url} with `--offline`");
        return Err(Diagnostic::new(Code::DependencyUnavailable, message)
            .at(place.clone(), "")
            .help("run without `--offline`, or set XTASK_CHART_MIRROR to a directory of archives")
            .into());
    }
    let staged = toolbox::scratch::directory()?;
    let chart = Dependency::exact(name, version, &url, place.clone());
    let repositories = mirror.as_deref().map_or(Repositories::Real, Repositories::Mirror);
    helm::pull(staged.path(), &chart, repositories, context)?;
    let files = folder::entries(&staged.path().join("charts"))?;
    let [file] = files.as_slice() else {
        let message = format!("helm downloaded no archive of `{name}` from {url}");
        return Err(Diagnostic::new(Code::DependencyUnavailable, message).at(place.clone(), "").into());
    };
    let bytes = toolbox::regular_file::read(file).map_err(|error| Diagnostic::io("read", file, &error))?;
    let label = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let packed = Packed::read(&label, &bytes)?;
    let without_build = |version: &str| version.split('+').next().unwrap_or_default().to_owned();
    let other = is_exact(version) && !same_version(&without_build(version), &without_build(&packed.version));
    if packed.name != *name || other || !is_file_part(&packed.name) || !is_file_part(&packed.version) {
        let message = format!("`{label}` contains the chart `{}` {}", packed.name, packed.version);
        return Err(Diagnostic::new(Code::ArchiveTampered, message)
            .at(place.clone(), format!("asks for `{name}` {version} from {repository}"))
            .help("report to the repository's owner that its index does not match its archives; nothing was written")
            .into());
    }
    let mut pin = Pin::new(name, &packed.version, repository, &packed.digest);
    if let Some(pinned) = old.find(repository, name, &pin.version).filter(|pinned| pinned.digest != pin.digest) {
        return Err(changed(repository, pinned, &pin.digest).into());
    }
    if !is_exact(version) || !same_version(version, &pin.version) {
        pin.requested.insert(version.clone());
    }
    Ok((pin, bytes))
}
