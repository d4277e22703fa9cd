//! `deps --update`: resolves versions with Helm and writes them to the locks.
//!
//! `helm dependency update` runs in a staged chart, once per chart with dependencies, against the mirror if one is set.
//! Chart.lock is written with the repositories from Chart.yaml and Helm's digest over them, so it does not depend on the
//! mirror. charts.lock gets a pin for each archive.
//!
//! Nothing is written until all archives have been downloaded and verified. Archives are written first and locks last,
//! so an interrupted run leaves the old locks intact.
//!
//! Does not pack `file://` dependencies into charts/: whether to vendor them is up to the chart's owner.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use document::{Node, Value, yaml};
use toolbox::environment::Mirror;
use toolbox::parallel::parallel;
use toolbox::{atomic_file, links};

use super::committed::Committed;
use super::context::Context;
use super::download::{mirror_files, store_in_cache};
use super::folder::{self, Packed, is_archive};
use super::helm::{self, Repositories};
use super::inspect::{changed, is_vendored, remove_outdated, tampered};
use super::local::source_folder;
use super::loopback::{Loopback, repository};
use super::remote::{self, Wanted};
use crate::chart::{Chart, ChartLock, Dependency, Origin, go_string, same_version};
use crate::charts_lock;
use crate::charts_lock::{ChartsLock, Pin};

/// The maximum number of concurrent downloads of charts.
const DOWNLOADS: usize = 4;

/// The changes made by an update.
#[derive(Debug, Default)]
pub struct Updated {
    /// The added, changed, and dropped pins, sorted by name.
    pub pins: Vec<PinChange>,
    /// The written files.
    pub written: Vec<PathBuf>,
    /// The deleted archives of other versions.
    pub removed: Vec<PathBuf>,
    /// The directories of the charts that could not be updated. Their locks and pins are unchanged.
    pub failed: Vec<PathBuf>,
    /// The charts of manifests that could not be resolved. Their pins are unchanged.
    pub failed_sources: Vec<Wanted>,
    /// Why they could not be updated.
    pub errors: Diagnostics,
}

/// A change of a pin.
#[derive(Debug, Clone)]
pub enum PinChange {
    /// A new pin.
    Added(Pin),
    /// Another version or repository of the same chart.
    Changed {
        /// The old pin.
        from: Pin,
        /// The new pin.
        to: Pin,
    },
    /// A pin that no chart needs.
    Dropped(Pin),
}

/// The resolved dependencies of one chart.
struct Resolved<'a> {
    chart: &'a Chart,
    /// The new text of Chart.lock, if it changed.
    lock: Option<String>,
    archives: Vec<(Pin, Vec<u8>)>,
}

/// The dependencies to update.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The charts whose dependencies are resolved.
    pub charts: &'a [&'a Chart],
    /// The charts that manifests ask for.
    pub wanted: &'a [Wanted],
    /// The names of the dependencies and charts to resolve again; the others keep their versions. All if empty.
    pub names: &'a [String],
    /// Whether this is all that the workspace needs, so other pins are dropped.
    pub complete: bool,
}

impl Request<'_> {
    fn selects(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|one| one == name)
    }
}

/// The pins by repository, name, and version.
type Pins = BTreeMap<(String, String, String), Pin>;

/// Resolves versions again and rewrites the locks.
///
/// A chart that cannot be updated keeps its locks and pins. Fails only if nothing can be updated.
pub fn update(root: &Path, request: &Request<'_>, context: &Context<'_>) -> Result<Updated> {
    let old = ChartsLock::load(root)?;
    let served = serve(request, context)?;
    let mut updated = Updated::default();
    let mut resolved = Vec::new();
    let has_selected = |chart: &&&Chart| {
        let selected = chart.dependencies.iter().any(|one| request.selects(&one.name));
        // Argo CD renders what is vendored, whatever a repository has, so that only an update by name replaces it.
        selected && !(request.names.is_empty() && is_vendored(root, chart, &old))
    };
    let committed = Committed::new(root);
    for &chart in request.charts.iter().filter(has_selected) {
        // Those that are committed need no repository.
        if let Some(archives) = committed.archives(chart, &old).filter(|_| request.names.is_empty()) {
            resolved.push(Resolved { chart, lock: None, archives });
            continue;
        }
        match resolve(chart, request, &old, (served.as_ref(), &committed), context) {
            Ok(one) => resolved.push(one),
            Err(found) => {
                updated.failed.push(chart.directory.clone());
                updated.errors.extend(found);
            }
        }
    }
    let mut wanted: Vec<&Wanted> = Vec::new();
    for one in request.wanted.iter().filter(|one| request.selects(&one.name)) {
        if !wanted.iter().any(|other| other.subject() == one.subject()) {
            wanted.push(one);
        }
    }
    for one in &wanted {
        context.progress.status("Updating", &format!("{} {} from {}", one.name, one.version, one.repository));
    }
    let mut pulled = Vec::new();
    let pull = |one: &&Wanted| remote::resolve(one, &old, served.as_ref(), context);
    for (&one, result) in wanted.iter().zip(parallel(DOWNLOADS, &wanted, pull)) {
        match result {
            Ok(archive) => pulled.push(archive),
            Err(found) => {
                updated.failed_sources.push(one.clone());
                updated.errors.extend(found);
            }
        }
    }
    if resolved.is_empty() && pulled.is_empty() && !updated.errors.is_empty() {
        return Err(updated.errors);
    }
    let archives = resolved.iter().flat_map(|resolved| &resolved.archives).chain(&pulled);
    let mut pins = unambiguous(archives.map(|(pin, _)| pin))?;
    keep(&old, request, &updated, &mut pins);

    for resolved in &resolved {
        resolved.write(root, context, &mut updated)?;
    }
    for (pin, bytes) in &pulled {
        store_in_cache(pin, bytes, context);
    }
    let lock = ChartsLock { pins: pins.into_values().collect(), ..old.clone() };
    let path = root.join(charts_lock::FILE);
    let text = lock.to_text();
    let unchanged = toolbox::regular_file::read(&path).map_or(lock.is_empty(), |bytes| bytes == text.as_bytes());
    if !unchanged {
        links::refuse_outside(root, &path)?;
        atomic_file::write(&path, text.as_bytes())?;
        updated.written.push(path);
    }
    updated.pins = differences(&old.pins, &lock.pins);
    Ok(updated)
}

fn key(pin: &Pin) -> (String, String, String) {
    let (repository, name, version) = pin.subject();
    (repository.to_owned(), name.to_owned(), version.to_owned())
}

/// The resolved pins. Fails if one version was downloaded twice with different contents.
fn unambiguous<'a>(resolved: impl Iterator<Item = &'a Pin>) -> Result<Pins> {
    let mut diagnostics = Diagnostics::default();
    let mut pins = Pins::new();
    for pin in resolved {
        match pins.get_mut(&key(pin)) {
            Some(other) if other.digest != pin.digest => {
                let label = format!("a second download from {}", pin.repository);
                diagnostics.push(tampered(&label, other, &pin.digest));
            }
            Some(other) => other.requested.extend(pin.requested.iter().cloned()),
            None => drop(pins.insert(key(pin), pin.clone())),
        }
    }
    diagnostics.into_result(pins)
}

/// Adds the old pins that are still needed, or of which it is not known.
fn keep(old: &ChartsLock, request: &Request<'_>, updated: &Updated, pins: &mut Pins) {
    let failed = request.charts.iter().filter(|chart| updated.failed.contains(&chart.directory));
    let needed: Vec<&Dependency> = failed.flat_map(|chart| &chart.dependencies).collect();
    let is_needed = |pin: &Pin| {
        needed.iter().any(|one| one.name == pin.name && one.repository == pin.repository)
            || updated.failed_sources.iter().any(|one| one.name == pin.name && one.repository == pin.repository)
    };
    for pin in &old.pins {
        let mut pin = pin.clone();
        // A range has one version.
        for new in pins.values().filter(|new| new.name == pin.name && new.repository == pin.repository) {
            pin.requested.retain(|range| !new.requested.contains(range));
        }
        if request.complete && request.selects(&pin.name) && !is_needed(&pin) {
            continue;
        }
        if request.complete {
            let asked = |range: &String| {
                let subject = (pin.repository.as_str(), pin.name.as_str(), range.as_str());
                request.wanted.iter().any(|one| one.subject() == subject)
            };
            pin.requested = pin.requested.iter().filter(|range| asked(range)).cloned().collect();
        }
        match pins.get_mut(&key(&pin)) {
            Some(new) => new.requested.extend(pin.requested),
            None => drop(pins.insert(key(&pin), pin)),
        }
    }
}

/// Serves the possibly needed archives of a mirror directory to Helm.
fn serve(request: &Request<'_>, context: &Context<'_>) -> Result<Option<Loopback>> {
    let Some(Mirror::Folder(folder)) = context.mirror else { return Ok(None) };
    let is_remote = |declared: &&Dependency| matches!(declared.origin(), Origin::Remote(_));
    let declared = request.charts.iter().flat_map(|chart| &chart.dependencies).filter(is_remote);
    let names = declared.map(|declared| &declared.name).chain(request.wanted.iter().map(|wanted| &wanted.name));
    let wanted: Vec<String> = names.map(|name| format!("{name}-")).collect();
    if wanted.is_empty() {
        return Ok(None);
    }
    let accept = |name: &str| is_archive(name) && wanted.iter().any(|start| name.starts_with(start));
    let mut archives = BTreeMap::new();
    for (index, path) in mirror_files(folder, &accept)?.into_iter().enumerate() {
        let bytes = toolbox::regular_file::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Two directories of a mirror may contain files of the same name; Helm uses the first of equal versions.
        let name = if archives.contains_key(&name) { format!("{index}/{name}") } else { name };
        archives.insert(name, bytes);
    }
    Loopback::serve(repository(archives)).map(Some)
}

/// Resolves and downloads the dependencies of one chart with Helm, and verifies the archives.
fn resolve<'a>(
    chart: &'a Chart,
    request: &Request<'_>,
    old: &ChartsLock,
    (served, committed): (Option<&Loopback>, &Committed<'_>),
    context: &Context<'_>,
) -> Result<Resolved<'a>> {
    context.progress.status("Updating", &chart.path);
    let url = match context.mirror {
        Some(Mirror::Url(url)) => Some((url.clone(), url.clone())),
        Some(Mirror::Folder(folder)) => served.map(|served| (served.url(), folder.display().to_string())),
        None => None,
    };
    online(chart, context)?;
    let staged = toolbox::scratch::directory()?;
    let mut wanted = chart.dependencies.clone();
    let mut redirected = false;
    for (index, dependency) in wanted.iter_mut().enumerate() {
        if let Some(version) = chart.settled_version(index).filter(|_| !request.selects(&dependency.name)) {
            redirected = redirected || version != dependency.version;
            version.clone_into(&mut dependency.version);
        }
        let repository = match (dependency.origin(), &url) {
            (Origin::Folder(path), _) => format!("file://{}", source_folder(chart, path).display()),
            (Origin::Remote(_), Some((url, _))) => url.clone(),
            (Origin::Remote(_), None) => continue,
            (Origin::InCharts, _) => {
                let below = Path::new("charts").join(&dependency.name);
                for (path, content) in folder::read(&chart.directory.join(&below))? {
                    atomic_file::write(&staged.path().join(&below).join(path), &content)?;
                }
                continue;
            }
        };
        redirected = redirected || repository != dependency.repository;
        dependency.repository = repository;
    }
    let repositories = match &url {
        Some((_, mirror)) => Repositories::Mirror(mirror),
        None => Repositories::Real,
    };
    helm::update(staged.path(), &chart.name, &wanted, repositories, context)?;

    let (helm_lock, generated) = staged_lock(&staged.path().join("Chart.lock"))?;
    let mut locked = Vec::new();
    for (declared, entry) in chart.dependencies.iter().zip(helm_lock.dependencies) {
        locked.push(Dependency { repository: declared.repository.clone(), ..entry });
    }
    let digest = if redirected { chart.lock_digest(&locked) } else { helm_lock.digest };
    let lock = lock_text(&locked, &digest, &generated);
    let archives = verified(chart, &locked, &staged.path().join("charts"), (old, committed), context)?;
    let unchanged =
        chart.lock.as_ref().is_some_and(|lock| lock.digest == digest && same_entries(&lock.dependencies, &locked));
    Ok(Resolved { chart, lock: (!unchanged).then_some(lock), archives })
}

fn online(chart: &Chart, context: &Context<'_>) -> Result<()> {
    let local = matches!(context.mirror, Some(Mirror::Folder(_)));
    let remote = chart.dependencies.iter().find(|declared| matches!(declared.origin(), Origin::Remote(_)));
    match remote.filter(|_| context.offline && !local) {
        None => Ok(()),
        Some(declared) => Err(Diagnostic::new(
            Code::DependencyUnavailable,
            format!("`{}` cannot be updated from {} with `--offline`", declared.name, declared.repository),
        )
        .at(declared.place.clone(), "")
        .help("run without `--offline`, or set XTASK_CHART_MIRROR to a directory of archives")
        .into()),
    }
}

/// The Chart.lock that Helm wrote for the staged chart, and its `generated` field.
fn staged_lock(path: &Path) -> Result<(ChartLock, String)> {
    let text = toolbox::regular_file::read_to_string(path).map_err(|error| Diagnostic::io("read", path, &error))?;
    let source = Source::new("Chart.lock", text);
    let root = yaml::parse_one(&source)?.root;
    let generated = root.get("generated").and_then(Node::as_str).unwrap_or_default().to_owned();
    Ok((ChartLock::parse(&source)?, generated))
}

fn same_entries(left: &[Dependency], right: &[Dependency]) -> bool {
    let entry = |one: &Dependency| (one.name.clone(), one.version.clone(), one.repository.clone());
    left.iter().map(entry).eq(right.iter().map(entry))
}

/// The downloaded archives, each checked against its lock entry and its old pin, if any.
fn verified(
    chart: &Chart,
    locked: &[Dependency],
    charts: &Path,
    (old, committed): (&ChartsLock, &Committed<'_>),
    context: &Context<'_>,
) -> Result<Vec<(Pin, Vec<u8>)>> {
    let mut downloaded = Vec::new();
    for path in folder::entries(charts)?.into_iter().filter(|path| path.is_file()) {
        let bytes = toolbox::regular_file::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        let label = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let packed = Packed::read(&label, &bytes)?;
        downloaded.push((label, packed, bytes));
    }
    let mut diagnostics = Diagnostics::default();
    let mut archives: Vec<(Pin, Vec<u8>)> = Vec::new();
    for (declared, locked) in chart.dependencies.iter().zip(locked) {
        let Origin::Remote(repository) = locked.origin() else { continue };
        let matches = |packed: &Packed| packed.name == locked.name && same_version(&packed.version, &locked.version);
        let Some((_, packed, bytes)) = downloaded.iter().find(|(_, packed, _)| matches(packed)) else {
            let names: Vec<String> = downloaded
                .iter()
                .map(|(label, packed, _)| format!("`{label}` contains `{}` {}", packed.name, packed.version))
                .collect();
            diagnostics.push(
                Diagnostic::new(
                    Code::ArchiveTampered,
                    format!("no downloaded archive is `{}` {}", locked.name, locked.version),
                )
                .at(declared.place.clone(), format!("from {repository}"))
                .note(names.join("\n"))
                .help(
                    "report to the repository's owner that its index does not match its archives; nothing was written",
                ),
            );
            continue;
        };
        let pin = Pin::new(&locked.name, &locked.version, repository, &packed.digest);
        if let Some((own, bytes)) = committed.archive(chart, locked, &locked.version, old) {
            if own.digest != pin.digest {
                let what = format!(
                    "{} {} in {}/charts: {repository} has a different archive",
                    own.name, own.version, chart.path
                );
                context.progress.status("Kept", &what);
            }
            if !archives.iter().any(|(other, _)| other.subject() == own.subject()) {
                archives.push((own, bytes));
            }
            continue;
        }
        if let Some(pinned) = old.find(repository, &pin.name, &pin.version).filter(|pinned| pinned.digest != pin.digest)
        {
            diagnostics.push(changed(repository, pinned, &pin.digest));
            continue;
        }
        if !archives.iter().any(|(other, _)| other.subject() == pin.subject()) {
            archives.push((pin, bytes.clone()));
        }
    }
    diagnostics.into_result(archives)
}

impl Resolved<'_> {
    /// Writes the archives and Chart.lock, and deletes archives of other versions.
    fn write(&self, root: &Path, context: &Context<'_>, updated: &mut Updated) -> Result<()> {
        let charts = self.chart.directory.join("charts");
        let contents = folder::contents(root, &charts, &mut Diagnostics::default())?;
        for (pin, bytes) in &self.archives {
            store_in_cache(pin, bytes, context);
            // A directory of the same chart is a vendored copy and is kept, as is an equal archive.
            let present = |subchart: &folder::Subchart| {
                subchart.name == pin.name && (!subchart.archive || subchart.digest == pin.digest)
            };
            if !contents.charts.iter().any(present) {
                let path = charts.join(pin.file_name());
                links::refuse_outside(root, &path)?;
                atomic_file::write(&path, bytes)?;
                updated.written.push(path);
            }
        }
        if let Some(text) = &self.lock {
            let path = self.chart.directory.join(self.chart.lock_file());
            links::refuse_outside(root, &path)?;
            atomic_file::write(&path, text.as_bytes())?;
            updated.written.push(path);
        }
        remove_outdated(root, &Chart::load(root, &self.chart.directory)?, &mut updated.removed)
    }
}

/// The text of Chart.lock, as Helm writes it.
fn lock_text(locked: &[Dependency], digest: &str, generated: &str) -> String {
    let entry = |dependency: &Dependency| {
        let [name, repository, version] =
            [&dependency.name, &dependency.repository, &dependency.version].map(|text| scalar(text));
        format!(
            "- name: {name}
  repository: {repository}
  version: {version}
"
        )
    };
    let entries: Vec<String> = locked.iter().map(entry).collect();
    format!(
        "dependencies:
{}digest: {digest}
generated: {}
",
        entries.concat(),
        go_string(generated)
    )
}

/// A string as a YAML scalar, quoted only if necessary.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !text.ends_with(':')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:+~@".contains(c))
        && matches!(yaml::resolve(text), Ok(Value::String(_)));
    if plain { text.to_owned() } else { go_string(text) }
}

/// The difference between two lists of pins. A chart with exactly one old and one new pin counts as changed.
fn differences(old: &[Pin], new: &[Pin]) -> Vec<PinChange> {
    let missing = |from: &[Pin], pin: &Pin| {
        !from.iter().any(|other| other.subject() == pin.subject() && other.digest == pin.digest)
    };
    let dropped: Vec<&Pin> = old.iter().filter(|pin| missing(new, pin)).collect();
    let added: Vec<&Pin> = new.iter().filter(|pin| missing(old, pin)).collect();
    let only = |pins: &[&Pin], name: &str| match pins.iter().filter(|pin| pin.name == name).collect::<Vec<_>>()[..] {
        [pin] => Some((*pin).clone()),
        _ => None,
    };
    let mut changes: Vec<(String, PinChange)> = Vec::new();
    for pin in &added {
        let change = match (only(&dropped, &pin.name), only(&added, &pin.name)) {
            (Some(from), Some(to)) => PinChange::Changed { from, to },
            _ => PinChange::Added((*pin).clone()),
        };
        changes.push((pin.name.clone(), change));
    }
    for pin in &dropped {
        if only(&dropped, &pin.name).is_none() || only(&added, &pin.name).is_none() {
            changes.push((pin.name.clone(), PinChange::Dropped((*pin).clone())));
        }
    }
    changes.sort_by(|left, right| left.0.cmp(&right.0));
    changes.into_iter().map(|(_, change)| change).collect()
}
