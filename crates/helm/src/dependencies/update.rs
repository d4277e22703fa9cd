//! `deps --update`: the versions that Helm resolves today become the locks.
//!
//! Real `helm dependency update` runs in a staged chart, once for each chart with dependencies, pointed at the mirror
//! if there is one. Chart.lock is written with the repositories that Chart.yaml names and Helm's digest over them, so
//! nobody can tell from it whether a mirror was used. charts.lock gets a pin for each archive.
//!
//! Nothing is written before everything came and was verified. The archives go first and the locks last: a run that is
//! killed in between leaves locks that are old and whole.
//!
//! Deliberately absent: packing `file://` dependencies into charts/. Whether they are vendored is the owner's choice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::bring::{keep, mirror_files};
use super::folder::{self, Packed, is_archive};
use super::helm::{self, Repositories};
use super::inspect::{source_folder, tampered};
use super::loopback::{Loopback, repository};
use crate::chart::{Chart, ChartLock, Dependency, Origin, go_string, same_version};
use crate::charts_lock;
use crate::charts_lock::{ChartsLock, Pin};
use crate::dependencies::{Context, remove_outdated};
use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use document::{Node, Value, yaml};
use toolbox::environment::Mirror;
use toolbox::whole;

/// What an update changed.
#[derive(Debug, Default)]
pub struct Updated {
    /// The pins that are new, changed, or gone, in order of name.
    pub pins: Vec<PinChange>,
    /// The files that were written.
    pub written: Vec<PathBuf>,
    /// The archives of other versions that were deleted.
    pub removed: Vec<PathBuf>,
}

/// What became of a pin.
#[derive(Debug, Clone)]
pub enum PinChange {
    /// It is new.
    Added(Pin),
    /// Another version, or another repository, of the same chart.
    Changed {
        /// Before.
        from: Pin,
        /// Now.
        to: Pin,
    },
    /// Nothing needs it any more.
    Dropped(Pin),
}

/// What Helm settled for one chart.
struct Settled<'a> {
    chart: &'a Chart,
    /// The text of Chart.lock, where it changed.
    lock: Option<String>,
    archives: Vec<(Pin, Vec<u8>)>,
}

/// Resolves the dependencies of all charts anew and rewrites the locks. `charts` are all charts of the workspace: the
/// pins that none of them needs are dropped.
pub fn update(root: &Path, charts: &[&Chart], context: &Context<'_>) -> Result<Updated> {
    let old = ChartsLock::load(root)?;
    let served = serve(charts, context)?;
    let mut diagnostics = Diagnostics::default();
    let mut settled = Vec::new();
    for &chart in charts.iter().filter(|chart| !chart.dependencies.is_empty()) {
        settled.extend(diagnostics.take(settle(chart, &old, served.as_ref(), context)));
    }
    let mut pins: BTreeMap<(String, String, String), Pin> = BTreeMap::new();
    for (pin, _) in settled.iter().flat_map(|settled| &settled.archives) {
        let (repository, name, version) = pin.subject();
        let subject = (repository.to_owned(), name.to_owned(), version.to_owned());
        match pins.get(&subject) {
            Some(other) if other.digest != pin.digest => {
                diagnostics.push(tampered(
                    &format!("the archive that {repository} served a moment later"),
                    other,
                    &pin.digest,
                ));
            }
            _ => drop(pins.insert(subject, pin.clone())),
        }
    }
    diagnostics.into_result(())?;

    let mut updated = Updated::default();
    for settled in &settled {
        settled.write(root, context, &mut updated)?;
    }
    let lock = ChartsLock { pins: pins.into_values().collect() };
    let path = root.join(charts_lock::FILE);
    let text = lock.to_text();
    let unchanged = std::fs::read(&path).map_or(lock.pins.is_empty(), |bytes| bytes == text.as_bytes());
    if !unchanged {
        whole::write(&path, text.as_bytes())?;
        updated.written.push(path);
    }
    updated.pins = changes(&old.pins, &lock.pins);
    Ok(updated)
}

/// A folder as mirror is served to Helm, with the archives that may be wanted.
fn serve(charts: &[&Chart], context: &Context<'_>) -> Result<Option<Loopback>> {
    let Some(Mirror::Folder(folder)) = context.mirror else { return Ok(None) };
    let remote = |asked: &&Dependency| matches!(asked.origin(), Origin::Remote(_));
    let wanted: Vec<String> = charts
        .iter()
        .flat_map(|chart| &chart.dependencies)
        .filter(remote)
        .map(|asked| format!("{}-", asked.name))
        .collect();
    if wanted.is_empty() {
        return Ok(None);
    }
    let accept = |name: &str| is_archive(name) && wanted.iter().any(|start| name.starts_with(start));
    let mut archives = BTreeMap::new();
    for (index, path) in mirror_files(folder, &accept)?.into_iter().enumerate() {
        let bytes = std::fs::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Two folders of a mirror may hold files of one name; Helm takes the first of equal versions.
        let name = if archives.contains_key(&name) { format!("{index}/{name}") } else { name };
        archives.insert(name, bytes);
    }
    Loopback::serve(repository(archives)).map(Some)
}

/// Has Helm settle the dependencies of one chart, and verifies what came.
fn settle<'a>(
    chart: &'a Chart,
    old: &ChartsLock,
    served: Option<&Loopback>,
    context: &Context<'_>,
) -> Result<Settled<'a>> {
    context.progress.status("Updating", &chart.path);
    let url = match context.mirror {
        Some(Mirror::Url(url)) => Some((url.clone(), url.clone())),
        Some(Mirror::Folder(folder)) => served.map(|served| (served.url(), folder.display().to_string())),
        None => None,
    };
    online(chart, context)?;
    let staged = super::temporary()?;
    let mut asked = chart.dependencies.clone();
    let mut redirected = false;
    for dependency in &mut asked {
        let repository = match (dependency.origin(), &url) {
            (Origin::Folder(path), _) => format!("file://{}", source_folder(chart, path).display()),
            (Origin::Remote(_), Some((url, _))) => url.clone(),
            (Origin::Remote(_), None) => continue,
            (Origin::InCharts, _) => {
                let below = Path::new("charts").join(&dependency.name);
                for (path, content) in folder::read(&chart.directory.join(&below))? {
                    whole::write(&staged.path().join(&below).join(path), &content)?;
                }
                continue;
            }
        };
        redirected = redirected || repository != dependency.repository;
        dependency.repository = repository;
    }
    let repositories = match &url {
        Some((_, known)) => Repositories::Mirror(known),
        None => Repositories::Real,
    };
    helm::update(staged.path(), &chart.name, &asked, repositories, context)?;

    let (helms, generated) = staged_lock(&staged.path().join("Chart.lock"))?;
    let mut locked = Vec::new();
    for (asked, settled) in chart.dependencies.iter().zip(helms.dependencies) {
        locked.push(Dependency { repository: asked.repository.clone(), ..settled });
    }
    let digest = if redirected { chart.lock_digest(&locked) } else { helms.digest };
    let lock = lock_text(&locked, &digest, &generated);
    let archives = verified(chart, &locked, &staged.path().join("charts"), old)?;
    let unchanged =
        chart.lock.as_ref().is_some_and(|lock| lock.digest == digest && same_entries(&lock.dependencies, &locked));
    Ok(Settled { chart, lock: (!unchanged).then_some(lock), archives })
}

fn online(chart: &Chart, context: &Context<'_>) -> Result<()> {
    let local = matches!(context.mirror, Some(Mirror::Folder(_)));
    let remote = chart.dependencies.iter().find(|asked| matches!(asked.origin(), Origin::Remote(_)));
    match remote.filter(|_| context.offline && !local) {
        None => Ok(()),
        Some(asked) => Err(Diagnostic::new(
            Code::DependencyUnavailable,
            format!("`{}` cannot be updated: `--offline` forbids to ask {}", asked.name, asked.repository),
        )
        .at(asked.place.clone(), "")
        .help("run without `--offline`, or set XTASK_CHART_MIRROR to a folder of archives")
        .into()),
    }
}

/// Helm's own Chart.lock of the staged chart, and its `generated`.
fn staged_lock(path: &Path) -> Result<(ChartLock, String)> {
    let text = std::fs::read_to_string(path).map_err(|error| Diagnostic::io("read", path, &error))?;
    let source = Source::new("Chart.lock", text);
    let root = yaml::parse_one(&source)?.root;
    let generated = root.get("generated").and_then(Node::as_str).unwrap_or_default().to_owned();
    Ok((ChartLock::parse(&source)?, generated))
}

fn same_entries(left: &[Dependency], right: &[Dependency]) -> bool {
    let entry = |one: &Dependency| (one.name.clone(), one.version.clone(), one.repository.clone());
    left.iter().map(entry).eq(right.iter().map(entry))
}

/// The archives that came, each compared with what it was asked for as and with its pin, if it has one.
fn verified(chart: &Chart, locked: &[Dependency], charts: &Path, old: &ChartsLock) -> Result<Vec<(Pin, Vec<u8>)>> {
    let mut came = Vec::new();
    for path in folder::entries(charts)?.into_iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        let known = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let packed = Packed::read(&known, &bytes)?;
        came.push((known, packed, bytes));
    }
    let mut diagnostics = Diagnostics::default();
    let mut archives: Vec<(Pin, Vec<u8>)> = Vec::new();
    for (asked, locked) in chart.dependencies.iter().zip(locked) {
        let Origin::Remote(repository) = locked.origin() else { continue };
        let fits = |packed: &Packed| packed.name == locked.name && same_version(&packed.version, &locked.version);
        let Some((_, packed, bytes)) = came.iter().find(|(_, packed, _)| fits(packed)) else {
            let names: Vec<String> = came
                .iter()
                .map(|(known, packed, _)| format!("`{known}` holds `{}` {}", packed.name, packed.version))
                .collect();
            diagnostics.push(
                Diagnostic::new(
                    Code::ArchiveTampered,
                    format!("no archive that came is the `{}` {} that was asked for", locked.name, locked.version),
                )
                .at(asked.place.clone(), format!("from {repository}"))
                .note(names.join("\n"))
                .help("the repository's index and its archives contradict each other; nothing was written"),
            );
            continue;
        };
        let pin = Pin::new(&locked.name, &locked.version, repository, &packed.digest);
        if let Some(pinned) = old.find(repository, &pin.name, &pin.version).filter(|pinned| pinned.digest != pin.digest)
        {
            diagnostics.push(
                tampered(&format!("the archive that came from {repository}"), pinned, &pin.digest)
                    .help("a published version should never change; look at what did, nothing was written")
                    .help(
                        "if the new one is right, delete its entry in charts.lock and run `cargo xtask deps --update`",
                    ),
            );
            continue;
        }
        if !archives.iter().any(|(other, _)| other.subject() == pin.subject()) {
            archives.push((pin, bytes.clone()));
        }
    }
    diagnostics.into_result(archives)
}

impl Settled<'_> {
    /// Writes the archives, the chart's lock, and deletes archives of other versions.
    fn write(&self, root: &Path, context: &Context<'_>, updated: &mut Updated) -> Result<()> {
        let charts = self.chart.directory.join("charts");
        let lying = folder::contents(root, &charts, &mut Diagnostics::default())?;
        for (pin, bytes) in &self.archives {
            keep(pin, bytes, context);
            // A folder of the same chart is a vendored copy, which stays what is rendered; an equal archive stays too.
            let there =
                |lying: &folder::Lying| lying.name == pin.name && (!lying.archive || lying.digest == pin.digest);
            if !lying.charts.iter().any(there) {
                let path = charts.join(pin.file_name());
                whole::write(&path, bytes)?;
                updated.written.push(path);
            }
        }
        if let Some(text) = &self.lock {
            let path = self.chart.directory.join("Chart.lock");
            whole::write(&path, text.as_bytes())?;
            updated.written.push(path);
        }
        remove_outdated(root, &Chart::load(root, &self.chart.directory)?, &mut updated.removed)
    }
}

/// Chart.lock as Helm writes it.
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

/// A text as a YAML scalar, without quotes where it is a string without them too.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !text.ends_with(':')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:+~@".contains(c))
        && matches!(yaml::resolve(text), Ok(Value::String(_)));
    if plain { text.to_owned() } else { go_string(text) }
}

/// What became of the pins. A chart that had one pin and has another one now was changed.
fn changes(old: &[Pin], new: &[Pin]) -> Vec<PinChange> {
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
