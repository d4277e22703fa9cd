//! Downloads pinned archives into a chart's charts/ directory.
//!
//! Archives come from the cache, then the mirror, then the repository. Each one is unpacked in memory and compared with
//! its pin before it is written anywhere; an archive that does not match is never written. The cache is
//! content-addressed and verified on every use.
//!
//! A mirror replaces the repositories, as in Cargo: with a mirror set, the repositories are never contacted, because a
//! silent fallback would make the build depend on the network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use document::{Node, yaml};
use toolbox::environment::Mirror;
use toolbox::{atomic_file, links};

use super::context::Context;
use super::folder::Packed;
use super::helm::{self, Repositories};
use super::inspect::tampered;
use crate::chart::{Dependency, same_version};
use crate::charts_lock::Pin;

/// The maximum directory depth searched in a mirror.
const MIRROR_DEPTH: usize = 4;

/// Downloads pinned archives into `<chart>/charts/`. Safe to call from several threads and processes at once.
pub fn download(chart: &Path, pins: &[&Pin], context: &Context<'_>) -> Result<()> {
    let mut diagnostics = Diagnostics::default();
    for pin in pins {
        let key = archive_lock(&pin.digest);
        let _held = key.lock().unwrap_or_else(PoisonError::into_inner);
        diagnostics.take(download_one(chart, pin, context));
    }
    diagnostics.into_result(())
}

/// Serializes downloads of one archive: when several targets of a chart are prepared at once, only the first downloads.
pub(super) fn archive_lock(digest: &str) -> Arc<Mutex<()>> {
    static KEYS: LazyLock<Mutex<BTreeMap<String, Arc<Mutex<()>>>>> = LazyLock::new(Mutex::default);
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(keys.entry(digest.to_owned()).or_default())
}

fn download_one(chart: &Path, pin: &Pin, context: &Context<'_>) -> Result<()> {
    let target = chart.join("charts").join(pin.file_name());
    links::refuse(chart, &target)?;
    if toolbox::regular_file::read(&target).is_ok_and(|bytes| verify(&target, &bytes, pin).is_ok()) {
        return Ok(());
    }
    atomic_file::write(&target, &obtain(pin, context)?)
}

/// The verified archive of a pin, from the cache if possible.
pub(super) fn obtain(pin: &Pin, context: &Context<'_>) -> Result<Vec<u8>> {
    let cached = cache_path(pin, context.cache);
    if let Some(bytes) = toolbox::regular_file::read(&cached).ok().filter(|bytes| verify(&cached, bytes, pin).is_ok()) {
        return Ok(bytes);
    }
    let bytes = fetch(pin, context)?;
    store_in_cache(pin, &bytes, context);
    Ok(bytes)
}

/// The directory of a pinned chart in the cache.
pub(super) fn cache_folder(pin: &Pin, cache: &Path) -> PathBuf {
    let hex = pin.digest.strip_prefix("tree-sha256:").unwrap_or(&pin.digest);
    cache.join("charts").join(hex)
}

/// The path of an archive in the cache.
pub(super) fn cache_path(pin: &Pin, cache: &Path) -> PathBuf {
    cache_folder(pin, cache).join(pin.file_name())
}

/// Stores a verified archive in the cache. A failure only makes later runs slower, so it is not an error.
pub(super) fn store_in_cache(pin: &Pin, bytes: &[u8], context: &Context<'_>) {
    if let Err(error) = atomic_file::write(&cache_path(pin, context.cache), bytes) {
        let why = error.0.first().map(|first| first.message.clone()).unwrap_or_default();
        context.progress.status("Skipping", &format!("the cache: {why}"));
    }
}

/// Compares an archive with its pin.
pub(super) fn verify(path: &Path, bytes: &[u8], pin: &Pin) -> Result<()> {
    let label = path.display().to_string();
    let packed = Packed::read(&label, bytes)?;
    if packed.name != pin.name || !same_version(&packed.version, &pin.version) {
        return Err(tampered(&label, pin, &packed.digest)
            .note(format!("its Chart.yaml declares `{}` {}", packed.name, packed.version))
            .into());
    }
    if packed.digest != pin.digest {
        return Err(tampered(&label, pin, &packed.digest).into());
    }
    Ok(())
}

fn fetch(pin: &Pin, context: &Context<'_>) -> Result<Vec<u8>> {
    match context.mirror {
        Some(Mirror::Folder(folder)) => from_folder(pin, folder, context),
        Some(Mirror::Url(url)) => {
            online(pin, url, context)?;
            from_repository(pin, url, Repositories::Mirror(url), context)
        }
        None => {
            online(pin, &pin.repository, context)?;
            from_repository(pin, &pin.repository, Repositories::Real, context)
        }
    }
}

fn online(pin: &Pin, url: &str, context: &Context<'_>) -> Result<()> {
    if !context.offline {
        return Ok(());
    }
    Err(Diagnostic::new(
        Code::DependencyUnavailable,
        format!(
            "`{}` {} is not in charts/ or the cache and cannot be downloaded from {url} with `--offline`",
            pin.name, pin.version
        ),
    )
    .at(pin.place.clone(), "")
    .help("run `cargo xtask deps` without `--offline`, or set XTASK_CHART_MIRROR to a directory that contains the archive")
    .into())
}

/// The files below a mirror directory whose names match a predicate, sorted by path.
pub(super) fn mirror_files(folder: &Path, accept: &dyn Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    fn walk(folder: &Path, depth: usize, accept: &dyn Fn(&str) -> bool, found: &mut Vec<PathBuf>) -> Result<()> {
        for path in super::folder::entries(folder)? {
            if path.is_dir() {
                if depth < MIRROR_DEPTH {
                    walk(&path, depth + 1, accept, found)?;
                }
            } else if path.file_name().and_then(|name| name.to_str()).is_some_and(accept) {
                found.push(path);
            }
        }
        Ok(())
    }
    if !folder.is_dir() {
        return Err(Diagnostic::new(
            Code::DependencyUnavailable,
            format!("the chart mirror `{}` is not a directory", folder.display()),
        )
        .help("set XTASK_CHART_MIRROR to a directory of chart archives or to the URL of a Helm repository, or unset it")
        .into());
    }
    let mut found = Vec::new();
    walk(folder, 0, accept, &mut found)?;
    Ok(found)
}

/// The versions of a chart in a mirror folder: those in its index.yaml, if it has one, and those of its archives.
pub fn listed(folder: &Path, name: &str) -> Result<Vec<String>> {
    let prefix = format!("{name}-");
    let version = |file: &str| Some(file.strip_prefix(&prefix)?.strip_suffix(".tgz")?.to_owned());
    let archives = mirror_files(folder, &|file| version(file).is_some_and(|version| crate::chart::is_exact(&version)))?;
    let names = archives.iter().filter_map(|path| path.file_name()?.to_str());
    let mut versions: Vec<String> = names.filter_map(version).collect();
    if let Ok(text) = toolbox::regular_file::read_to_string(folder.join("index.yaml")) {
        let root = yaml::parse_one(&Source::new("index.yaml", text))?.root;
        let entries = root.find(&["entries", name]).map(Node::items).unwrap_or_default();
        versions.extend(entries.iter().filter_map(|entry| entry.get("version")?.as_str()).map(str::to_owned));
    }
    Ok(versions)
}

fn from_folder(pin: &Pin, folder: &Path, context: &Context<'_>) -> Result<Vec<u8>> {
    let wanted = pin.file_name();
    let mut wrong = Diagnostics::default();
    for path in mirror_files(folder, &|name| name == wanted)? {
        let bytes = toolbox::regular_file::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        match verify(&path, &bytes, pin) {
            Ok(()) => {
                context.progress.status("Copying", &format!("{} {} from {}", pin.name, pin.version, folder.display()));
                return Ok(bytes);
            }
            Err(why) => wrong.extend(why),
        }
    }
    if !wrong.is_empty() {
        for diagnostic in &mut wrong.0 {
            diagnostic.helps = vec![
                "check where the mirror got this archive; nothing was written".to_owned(),
                "if the archive is right and the pin is wrong, delete its entry in charts.lock and run `cargo xtask deps --update`".to_owned(),
            ];
        }
        return Err(wrong);
    }
    Err(Diagnostic::new(
        Code::DependencyUnavailable,
        format!("the chart mirror `{}` does not contain `{wanted}`", folder.display()),
    )
    .at(pin.place.clone(), "required by this pin")
    .note("a mirror replaces every chart repository, so the repository was not contacted")
    .help(format!("add `{wanted}` to the mirror, or unset XTASK_CHART_MIRROR to download from {}", pin.repository))
    .into())
}

/// Downloads the archive from one repository with Helm.
fn from_repository(pin: &Pin, url: &str, repositories: Repositories<'_>, context: &Context<'_>) -> Result<Vec<u8>> {
    let under_way = context.progress.under_way("Downloading", &format!("{} {} from {url}", pin.name, pin.version));
    let staged = toolbox::scratch::directory()?;
    let dependency = Dependency::exact(&pin.name, &pin.version, url, pin.place.clone());
    helm::update(staged.path(), "xtask-staged", &[dependency], repositories, context)?;
    under_way.done("Downloaded");
    let mut wrong = Diagnostics::default();
    for path in super::folder::entries(&staged.path().join("charts"))? {
        let bytes = toolbox::regular_file::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        // The staged directory is temporary, so messages name the archive by its repository.
        let label = Path::new(url).join(path.file_name().unwrap_or_default());
        match verify(&label, &bytes, pin) {
            Ok(()) => return Ok(bytes),
            Err(why) => wrong.extend(why),
        }
    }
    if wrong.is_empty() {
        wrong.push(Diagnostic::new(
            Code::DependencyUnavailable,
            format!("helm downloaded no archive of `{}` from {url}", pin.name),
        ));
    }
    for diagnostic in &mut wrong.0 {
        if diagnostic.places.is_empty() {
            diagnostic.places.push((pin.place.clone(), String::new()));
        }
        diagnostic.helps = vec![
            "the archive was replaced after it was pinned, or the pin was always wrong; nothing was written".to_owned(),
            "if the new archive is right, delete its entry in charts.lock and run `cargo xtask deps --update`"
                .to_owned(),
        ];
    }
    Err(wrong)
}
