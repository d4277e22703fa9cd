//! Bringing pinned archives into a chart's charts/.
//!
//! Sources in order: the cache, the mirror, the repository itself. Wherever an archive comes from, it is opened and
//! compared with its pin before it is put anywhere; what does not match is never written. The cache is addressed by
//! content and verified on every use, so nobody has to trust it either.
//!
//! Deliberately absent: choosing versions (update.rs), and asking the repositories when a mirror is set. A mirror is a
//! replacement, as Cargo has it: a build that quietly went past it would work only where the network does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::Context;
use super::folder::Packed;
use super::helm::{self, Repositories};
use super::inspect::tampered;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Result, Source};
use crate::document::{Node, yaml};
use crate::environment::Mirror;
use crate::whole;
use crate::workspace::chart::{Dependency, is_exact, same_version};
use crate::workspace::charts_lock::Pin;

/// How deep a mirror's folders are searched.
const MIRROR_DEPTH: usize = 4;

/// Brings pinned archives into `<chart>/charts/`. Several threads and processes may do this at once.
pub fn bring(chart: &Path, pins: &[&Pin], context: &Context<'_>) -> Result<()> {
    let mut diagnostics = Diagnostics::default();
    for pin in pins {
        let key = one_at_a_time(&pin.digest);
        let _held = key.lock().unwrap_or_else(PoisonError::into_inner);
        diagnostics.take(bring_one(chart, pin, context));
    }
    diagnostics.into_result(())
}

/// Several targets of one chart are prepared at once; the second finds what the first brought.
fn one_at_a_time(digest: &str) -> Arc<Mutex<()>> {
    static KEYS: LazyLock<Mutex<BTreeMap<String, Arc<Mutex<()>>>>> = LazyLock::new(Mutex::default);
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(keys.entry(digest.to_owned()).or_default())
}

fn bring_one(chart: &Path, pin: &Pin, context: &Context<'_>) -> Result<()> {
    let place = chart.join("charts").join(pin.file_name());
    if std::fs::read(&place).is_ok_and(|bytes| verify(&place, &bytes, pin).is_ok()) {
        return Ok(());
    }
    let cached = cached(pin, context.cache);
    if let Some(bytes) = std::fs::read(&cached).ok().filter(|bytes| verify(&cached, bytes, pin).is_ok()) {
        return whole::write(&place, &bytes);
    }
    let bytes = fetch(pin, context)?;
    keep(pin, &bytes, context);
    whole::write(&place, &bytes)
}

/// Where the cache keeps an archive.
fn cached(pin: &Pin, cache: &Path) -> PathBuf {
    let hex = pin.digest.strip_prefix("tree-sha256:").unwrap_or(&pin.digest);
    cache.join("charts").join(hex).join(pin.file_name())
}

/// Puts a verified archive into the cache. A cache that cannot be written costs later runs their speed, no more.
pub(super) fn keep(pin: &Pin, bytes: &[u8], context: &Context<'_>) {
    if let Err(error) = whole::write(&cached(pin, context.cache), bytes) {
        let why = error.0.first().map(|first| first.message.clone()).unwrap_or_default();
        context.progress.status("Skipping", &format!("the cache: {why}"));
    }
}

/// Compares an archive with its pin.
pub(super) fn verify(path: &Path, bytes: &[u8], pin: &Pin) -> Result<()> {
    let known = path.display().to_string();
    let packed = Packed::read(&known, bytes)?;
    if packed.name != pin.name || !same_version(&packed.version, &pin.version) {
        return Err(tampered(&known, pin, &packed.digest)
            .note(format!("its Chart.yaml says `{}` {}", packed.name, packed.version))
            .into());
    }
    if packed.digest != pin.digest {
        return Err(tampered(&known, pin, &packed.digest).into());
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
            "`{}` {} is neither in charts/ nor in the cache, and `--offline` forbids to ask {url}",
            pin.name, pin.version
        ),
    )
    .at(pin.place.clone(), "")
    .help("run `cargo xtask deps` once with the network, or set XTASK_CHART_MIRROR to a folder with the archive")
    .into())
}

/// The files of a mirror folder and the folders in it that a test accepts, in order of path.
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
            format!("the chart mirror `{}` is no folder", folder.display()),
        )
        .help("set XTASK_CHART_MIRROR to a folder of chart archives or to the URL of a Helm repository, or unset it")
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
    let archives = mirror_files(folder, &|file| version(file).is_some_and(|version| is_exact(&version)))?;
    let names = archives.iter().filter_map(|path| path.file_name()?.to_str());
    let mut versions: Vec<String> = names.filter_map(version).collect();
    if let Ok(text) = std::fs::read_to_string(folder.join("index.yaml")) {
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
        let bytes = std::fs::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
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
                "look at where the mirror got this archive; nothing was written".to_owned(),
                "if it is the right one and the pin is not, delete its entry in charts.lock and run `cargo xtask deps --update`".to_owned(),
            ];
        }
        return Err(wrong);
    }
    Err(Diagnostic::new(
        Code::DependencyUnavailable,
        format!("the chart mirror `{}` does not have `{wanted}`", folder.display()),
    )
    .at(pin.place.clone(), "needed for this pin")
    .note("a mirror stands in for every chart repository, so the repository itself was not asked")
    .help(format!("put `{wanted}` into it, or unset XTASK_CHART_MIRROR to ask {}", pin.repository))
    .into())
}

/// Has Helm download the archive from one repository.
fn from_repository(pin: &Pin, url: &str, repositories: Repositories<'_>, context: &Context<'_>) -> Result<Vec<u8>> {
    let under_way = context.progress.under_way("Downloading", &format!("{} {} from {url}", pin.name, pin.version));
    let staged = super::temporary()?;
    let dependency = Dependency::exact(&pin.name, &pin.version, url, pin.place.clone());
    helm::update(staged.path(), "xtask-staged", &[dependency], repositories, context)?;
    under_way.done("Downloaded");
    let mut wrong = Diagnostics::default();
    for path in super::folder::entries(&staged.path().join("charts"))? {
        let bytes = std::fs::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        // People know the archive by its repository, not by the folder that is about to be removed.
        let known = Path::new(url).join(path.file_name().unwrap_or_default());
        match verify(&known, &bytes, pin) {
            Ok(()) => return Ok(bytes),
            Err(why) => wrong.extend(why),
        }
    }
    if wrong.is_empty() {
        wrong.push(Diagnostic::new(
            Code::DependencyUnavailable,
            format!("helm brought no archive of `{}` from {url}", pin.name),
        ));
    }
    for diagnostic in &mut wrong.0 {
        if diagnostic.places.is_empty() {
            diagnostic.places.push((pin.place.clone(), String::new()));
        }
        diagnostic.helps = vec![
            "the archive was replaced since it was pinned, or never was what the pin says; nothing was written"
                .to_owned(),
            "if the new one is right, delete its entry in charts.lock and run `cargo xtask deps --update`".to_owned(),
        ];
    }
    Err(wrong)
}
