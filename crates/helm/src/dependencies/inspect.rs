//! Each dependency of a chart: where it stands, and whether that may be.
//!
//! This is on the path of a render that has nothing to do, so it reads a few files and starts nothing. What lies in
//! charts/ is what Argo CD renders, so it is judged first; then come the pins of charts.lock.
//!
//! Deliberately absent: bringing what is missing (bring.rs, stage.rs).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::drift::differences;
use super::folder::{self, Contents, Lying};
use crate::chart::{Chart, Dependency, Origin, known_as, same_version};
use crate::charts_lock::{ChartsLock, Pin};
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use toolbox::archive::{Tree, tree_digest};

/// How many differing files a message names.
const NAMED_FILES: usize = 8;

/// What stands for the dependencies of a chart.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// The dependencies that something stands for, in the order of Chart.yaml.
    pub dependencies: Vec<Inspected>,
    /// Whether that is all of them. Without it, nothing can be prepared.
    pub complete: bool,
    /// Charts and files in charts/ that Chart.yaml does not name, by file name, with their digests. Helm loads them.
    pub undeclared: BTreeMap<String, String>,
}

/// A dependency and what stands for it.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// Its name.
    pub name: String,
    /// Its version, where that is settled.
    pub version: Option<String>,
    /// What stands for it.
    pub state: State,
}

/// What stands for a dependency.
#[derive(Debug, Clone)]
pub enum State {
    /// An archive that charts.lock pins.
    Pinned {
        /// The pin.
        pin: Pin,
        /// The archive in charts/, verified, if it is there already.
        archive: Option<PathBuf>,
    },
    /// A chart in charts/ that is used as it lies there.
    Vendored {
        /// Its folder or archive.
        path: PathBuf,
        /// The digest of its files.
        digest: String,
    },
    /// A `file://` dependency with nothing in charts/: it is packed from its source, as `helm dependency build` does.
    Local {
        /// The chart folder that it is packed from.
        source: PathBuf,
        /// The digest of its files.
        digest: String,
        /// Archives in the source's charts/ that this tool brought there, and that a clean checkout lacks.
        left_out: BTreeSet<String>,
    },
}

impl Inspection {
    /// The digest of each dependency, by name, for a fingerprint of the chart. It is the same whether a pinned archive
    /// lies in charts/ yet or not, so whoever digests the chart's files leaves its charts/ out.
    #[must_use]
    pub fn inputs(&self) -> BTreeMap<String, String> {
        let mut inputs: BTreeMap<String, String> =
            self.undeclared.iter().map(|(name, digest)| (format!("charts/{name}"), digest.clone())).collect();
        for dependency in &self.dependencies {
            let digest = match &dependency.state {
                State::Pinned { pin, .. } => &pin.digest,
                State::Vendored { digest, .. } | State::Local { digest, .. } => digest,
            };
            let alone = self.dependencies.iter().filter(|other| other.name == dependency.name).count() == 1;
            let version = dependency.version.as_deref().filter(|_| !alone);
            let name =
                version.map_or_else(|| dependency.name.clone(), |version| format!("{}@{version}", dependency.name));
            inputs.insert(name, digest.clone());
        }
        inputs
    }

    /// The pinned archives that are not in charts/ yet, each once.
    #[must_use]
    pub fn absent(&self) -> Vec<&Pin> {
        let mut absent: Vec<&Pin> = Vec::new();
        for dependency in &self.dependencies {
            if let State::Pinned { pin, archive: None } = &dependency.state
                && !absent.iter().any(|other| other.subject() == pin.subject())
            {
                absent.push(pin);
            }
        }
        absent
    }
}

/// Looks at each dependency of a chart. What is wrong is told, the rest is inspected all the same.
#[must_use]
pub fn inspect(root: &Path, chart: &Chart, lock: &ChartsLock) -> (Inspection, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let contents = match folder::contents(root, &chart.directory.join("charts"), &mut diagnostics) {
        Ok(contents) => contents,
        Err(error) => {
            diagnostics.extend(error);
            return (Inspection::default(), diagnostics);
        }
    };
    let mut inspector = Inspector { root, chart, lock, contents, diagnostics };
    let inspection = inspector.inspect();
    inspector.diagnostics.sort();
    (inspection, inspector.diagnostics)
}

/// The archives in charts/ of another version than the one that is settled, as an update of Chart.lock leaves them.
pub(super) fn outdated(root: &Path, chart: &Chart) -> Result<Vec<PathBuf>> {
    if !chart.lock_matches() {
        return Ok(Vec::new());
    }
    let contents = folder::contents(root, &chart.directory.join("charts"), &mut Diagnostics::default())?;
    let outdated = contents.charts.into_iter().filter(|lying| {
        let mut asked = chart.dependencies.iter().enumerate().filter(|(_, asked)| asked.name == lying.name).peekable();
        lying.archive
            && asked.peek().is_some()
            && asked.all(|(index, asked)| {
                matches!(asked.origin(), Origin::Remote(_))
                    && chart.settled_version(index).is_some_and(|version| !same_version(version, &lying.version))
            })
    });
    Ok(outdated.map(|lying| lying.path).collect())
}

/// Where the source of a `file://` dependency is.
pub(super) fn source_folder(chart: &Chart, path: &str) -> PathBuf {
    let mut folder = PathBuf::new();
    for part in chart.directory.join(path).components() {
        // `..` is taken off by name, as Helm does: the chart's folder may be a link.
        if part == Component::ParentDir {
            folder.pop();
        } else {
            folder.push(part);
        }
    }
    folder
}

/// The files of a `file://` source, without those that this tool brought there.
pub(super) fn source_files(source: &Path, left_out: &BTreeSet<String>) -> Result<Tree> {
    let mut files = folder::read(source)?;
    files.retain(|path, _| !left_out.contains(path));
    Ok(files)
}

struct Inspector<'a> {
    root: &'a Path,
    chart: &'a Chart,
    lock: &'a ChartsLock,
    contents: Contents,
    diagnostics: Diagnostics,
}

/// A `file://` source that could be read.
struct SourceChart {
    chart: Chart,
    left_out: BTreeSet<String>,
    files: Tree,
}

impl Inspector<'_> {
    fn inspect(&mut self) -> Inspection {
        let declared = |lying: &&Lying| self.chart.dependencies.iter().any(|asked| asked.name == lying.name);
        let file_name = |lying: &Lying| lying.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut inspection = Inspection { undeclared: self.contents.others.clone(), ..Inspection::default() };
        let strays = self.contents.charts.iter().filter(|lying| !declared(lying));
        inspection.undeclared.extend(strays.map(|lying| (file_name(lying), lying.digest.clone())));
        if !self.chart.lock_matches() {
            self.lock_outdated();
            return inspection;
        }
        let wrong = self.other_versions();
        for (index, asked) in self.chart.dependencies.iter().enumerate() {
            let version = self.chart.settled_version(index).map(str::to_owned);
            if let Some(state) = self.dependency(asked, version.as_deref(), &wrong) {
                inspection.dependencies.push(Inspected { name: asked.name.clone(), version, state });
            }
        }
        let built = |state: &State| !matches!(state, State::Vendored { .. });
        if inspection.dependencies.iter().any(|dependency| built(&dependency.state)) {
            self.stray_archives();
        }
        inspection.complete = inspection.dependencies.len() == self.chart.dependencies.len();
        inspection
    }

    fn lock_outdated(&mut self) {
        let Some(lock) = &self.chart.lock else { return };
        let listed = |dependencies: &[Dependency]| match dependencies {
            [] => "none".to_owned(),
            some => some.iter().map(|one| format!("{} {}", one.name, one.version)).collect::<Vec<_>>().join(", "),
        };
        self.diagnostics.push(
            Diagnostic::new(
                Code::ChartLockOutdated,
                format!("`{}/Chart.lock` does not match the dependencies in Chart.yaml", self.chart.path),
            )
            .at(lock.digest_place.clone(), "this digest is of other dependencies")
            .note(format!("Chart.yaml asks for: {}", listed(&self.chart.dependencies)))
            .note(format!("Chart.lock settles: {}", listed(&lock.dependencies)))
            .help("run `cargo xtask deps --update`"),
        );
    }

    /// What stands for one dependency; `wrong` are the names of which other versions lie in charts/, which is told.
    fn dependency(&mut self, asked: &Dependency, version: Option<&str>, wrong: &BTreeSet<String>) -> Option<State> {
        // A chart without a repository carries no version of its own in Chart.lock: it is what lies in charts/.
        let version = version.filter(|_| asked.origin() != Origin::InCharts);
        let fits = |lying: &&Lying| {
            lying.name == asked.name && version.is_none_or(|version| same_version(version, &lying.version))
        };
        let copies: Vec<&Lying> = self.contents.charts.iter().filter(fits).collect();
        if let [first, second, ..] = copies.as_slice() {
            let diagnostic = Diagnostic::new(
                Code::VendoredVersion,
                format!("`{}` lies in `{}/charts` more than once", asked.name, self.chart.path),
            )
            .at(asked.place.clone(), "this dependency")
            .note(copies.iter().map(|copy| format!("`{}`", copy.known)).collect::<Vec<_>>().join(", "))
            .note("Helm renders one of them, and not always the same")
            .help(format!("keep one: `rm -r {}` or `rm -r {}`", first.known, second.known));
            self.diagnostics.push(diagnostic);
            return None;
        }
        let copy = copies.first().copied();
        if copy.is_none() && wrong.contains(&asked.name) {
            return None;
        }
        let result = match asked.origin() {
            Origin::InCharts => self.in_charts(asked, copy),
            Origin::Remote(repository) => self.remote(asked, repository, version, copy),
            Origin::Folder(path) => self.local(asked, path, version, copy),
        };
        match result {
            Ok((state, finding)) => {
                self.diagnostics.0.extend(finding);
                Some(state)
            }
            Err(diagnostics) => {
                self.diagnostics.extend(diagnostics);
                None
            }
        }
    }

    fn in_charts(&self, asked: &Dependency, copy: Option<&Lying>) -> Result<(State, Option<Diagnostic>)> {
        copy.map(|copy| (vendored(copy), None)).ok_or_else(|| {
            Diagnostic::new(Code::ChartInvalid, format!("`{}` names no repository and is not in charts/", asked.name))
                .at(asked.place.clone(), "without a `repository`, the chart has to lie in charts/")
                .help(format!("put it into `{}/charts/{}`, or add its `repository`", self.chart.path, asked.name))
                .into()
        })
    }

    fn remote(
        &self,
        asked: &Dependency,
        repository: &str,
        version: Option<&str>,
        copy: Option<&Lying>,
    ) -> Result<(State, Option<Diagnostic>)> {
        let pin = version.and_then(|version| self.lock.find(repository, &asked.name, version));
        if let Some(copy) = copy.filter(|copy| !copy.archive) {
            let drift = pin.filter(|pin| pin.digest != copy.digest).map(|pin| {
                Diagnostic::new(
                    Code::VendoredDrift,
                    format!("`{}` is not the `{}` {} that charts.lock pins", copy.known, pin.name, pin.version),
                )
                .at(asked.place.clone(), "vendored as a folder, which is what Argo CD renders")
                .at(pin.place.clone(), "pinned here")
                .note(format!("pinned {}\nfound  {}", pin.digest, copy.digest))
                .help(format!(
                    "`rm -r {}` to use the pinned archive, or delete its entry in charts.lock to keep the folder",
                    copy.known
                ))
            });
            return Ok((vendored(copy), drift));
        }
        let Some(version) = version else {
            return Err(Diagnostic::new(
                Code::DependencyUnlocked,
                format!("nothing settles which version of `{}` is meant by `{}`", asked.name, asked.version),
            )
            .at(asked.version_place.clone(), "not one exact version, and there is no Chart.lock")
            .help("run `cargo xtask deps --update`, which writes Chart.lock and charts.lock")
            .into());
        };
        let Some(pin) = pin else {
            let mut diagnostic = Diagnostic::new(
                Code::DependencyUnlocked,
                format!("`{}` {version} has no pin in charts.lock", asked.name),
            )
            .at(asked.place.clone(), format!("from {repository}"));
            for other in self.lock.pins.iter().filter(|pin| pin.name == asked.name) {
                let note = format!("pinned is {} {} from {}", other.name, other.version, other.repository);
                diagnostic = diagnostic.at(other.place.clone(), note);
            }
            return Err(diagnostic.help("run `cargo xtask deps --update`").into());
        };
        match copy {
            Some(copy) if copy.digest != pin.digest => Err(tampered(&copy.known, pin, &copy.digest)
                .help(format!("`rm {}`; the next run brings the pinned one", copy.known))
                .into()),
            copy => Ok((State::Pinned { pin: pin.clone(), archive: copy.map(|copy| copy.path.clone()) }, None)),
        }
    }

    fn local(
        &self,
        asked: &Dependency,
        path: &str,
        version: Option<&str>,
        copy: Option<&Lying>,
    ) -> Result<(State, Option<Diagnostic>)> {
        let folder = source_folder(self.chart, path);
        let known = known_as(self.root, &folder);
        if let Some(copy) = copy {
            return Ok((vendored(copy), self.local_drift(asked, &folder, &known, copy)));
        }
        if !folder.starts_with(self.root) {
            return Err(Diagnostic::new(
                Code::ChartInvalid,
                format!("`{}` comes from `{known}`, outside this repository", asked.name),
            )
            .at(asked.repository_place.clone(), "Argo CD sees only what is in the repository")
            .help(format!("vendor it into `{}/charts/{}`, or move it into the repository", self.chart.path, asked.name))
            .into());
        }
        if !folder.is_dir() {
            return Err(Diagnostic::new(
                Code::ChartInvalid,
                format!("`{}` comes from `{known}`, which is not there", asked.name),
            )
            .at(asked.repository_place.clone(), "counted from the chart's own folder")
            .help("correct the path after `file://`")
            .into());
        }
        let source = self.source_chart(&folder)?;
        if source.chart.name != asked.name {
            return Err(Diagnostic::new(
                Code::ChartInvalid,
                format!("`{known}` holds the chart `{}`, not `{}`", source.chart.name, asked.name),
            )
            .at(asked.place.clone(), "a dependency has the name in its own Chart.yaml")
            .help("correct `name`, and use `alias` for another name")
            .into());
        }
        if let (Some(lock), Some(version)) = (&self.chart.lock, version)
            && !same_version(version, &source.chart.version)
        {
            return Err(Diagnostic::new(
                Code::ChartLockOutdated,
                format!("Chart.lock settles `{}` on {version}, and `{known}` is {}", asked.name, source.chart.version),
            )
            .at(Place::file(lock.source.name.clone()), "")
            .note("`helm dependency build`, and so Argo CD, refuses this")
            .help("run `cargo xtask deps --update`")
            .into());
        }
        let digest = tree_digest(&source.files);
        Ok((State::Local { source: folder, digest, left_out: source.left_out }, None))
    }

    fn source_chart(&self, folder: &Path) -> Result<SourceChart> {
        let chart = Chart::load(self.root, folder)?;
        let remote = |lying: &Lying| {
            lying.archive
                && chart.dependencies.iter().any(|asked| {
                    matches!(asked.origin(), Origin::Remote(_))
                        && self
                            .lock
                            .find(&asked.repository, &lying.name, &lying.version)
                            .is_some_and(|pin| asked.name == lying.name && pin.digest == lying.digest)
                })
        };
        let lying = folder::contents(self.root, &folder.join("charts"), &mut Diagnostics::default())?;
        let names = lying.charts.iter().filter(|lying| remote(lying)).filter_map(|lying| lying.path.file_name());
        let left_out: BTreeSet<String> = names.map(|name| format!("charts/{}", name.to_string_lossy())).collect();
        let files = source_files(folder, &left_out)?;
        Ok(SourceChart { chart, left_out, files })
    }

    /// A vendored copy is what Argo CD renders, so nothing that is wrong with its source stops the render.
    fn local_drift(&self, asked: &Dependency, folder: &Path, known: &str, copy: &Lying) -> Option<Diagnostic> {
        let ways_out =
            format!("`helm dependency update {}` to take the source, or delete `{}`", self.chart.path, copy.known);
        let told = |message: String| {
            Diagnostic::new(Code::VendoredDrift, message)
                .at(asked.repository_place.clone(), "vendored, which is what Argo CD renders")
        };
        if !folder.is_dir() {
            return Some(
                told(format!("`{}` was vendored from `{known}`, which is not there", copy.known))
                    .help("correct the path after `file://`, or drop `repository`: then the copy is the source"),
            );
        }
        let source = match self.source_chart(folder) {
            Ok(source) => source,
            Err(why) => {
                let why = why.0.first().map(|first| first.message.clone()).unwrap_or_default();
                return Some(told(format!("`{}` cannot be compared with `{known}`: {why}", copy.known)).help(ways_out));
            }
        };
        // Whether these lie in the source depends on who brought them there, so they say nothing about drift.
        let remote = source.chart.dependencies.iter().filter(|asked| matches!(asked.origin(), Origin::Remote(_)));
        let apart: Vec<&str> = remote
            .map(|asked| asked.name.as_str())
            .filter(|name| self.lock.pins.iter().any(|pin| pin.name == *name))
            .collect();
        let files = differences(&source.files, &copy.files, &apart);
        if files.is_empty() {
            return None;
        }
        let mut listed: Vec<String> = files.iter().take(NAMED_FILES).cloned().collect();
        if files.len() > NAMED_FILES {
            listed.push(format!("and {} more", files.len() - NAMED_FILES));
        }
        Some(told(format!("`{}` no longer equals `{known}`", copy.known)).note(listed.join("\n")).help(ways_out))
    }

    /// Tells the charts in charts/ that have the name of a dependency and a version that nothing settled on.
    fn other_versions(&mut self) -> BTreeSet<String> {
        let mut wrong = BTreeSet::new();
        for lying in &self.contents.charts {
            let named = self.chart.dependencies.iter().enumerate().filter(|(_, asked)| asked.name == lying.name);
            let mut settled = Vec::new();
            let mut place = None;
            for (index, asked) in named {
                match self.chart.settled_version(index).filter(|_| asked.origin() != Origin::InCharts) {
                    Some(version) => settled.push(version),
                    None => settled.push(&lying.version),
                }
                place.get_or_insert_with(|| asked.place.clone());
            }
            let Some(place) = place else { continue };
            if settled.iter().any(|version| same_version(version, &lying.version)) {
                continue;
            }
            let file = if self.chart.lock.is_some() { "Chart.lock" } else { "Chart.yaml" };
            let wanted = settled.join(" and ");
            let remove = if lying.archive { "rm" } else { "rm -r" };
            let mut diagnostic = Diagnostic::new(
                Code::VendoredVersion,
                format!("`{}` is {} {}, and {file} names {wanted}", lying.known, lying.name, lying.version),
            )
            .at(place, format!("settled on {wanted}"))
            .help(format!("`{remove} {}`", lying.known));
            if lying.archive {
                diagnostic = diagnostic.help("or run `cargo xtask deps`, which replaces archives of other versions");
            }
            self.diagnostics.push(diagnostic);
            wrong.insert(lying.name.clone());
        }
        wrong
    }

    /// Archives that no dependency asks for, in a chart whose dependencies Argo CD builds: it deletes them, and Helm on
    /// its own renders them.
    fn stray_archives(&mut self) {
        for lying in self.contents.charts.iter().filter(|lying| lying.archive) {
            if self.chart.dependencies.iter().any(|asked| asked.name == lying.name) {
                continue;
            }
            self.diagnostics.push(
                Diagnostic::new(
                    Code::VendoredVersion,
                    format!("`{}` holds `{}` {}, which no dependency asks for", lying.known, lying.name, lying.version),
                )
                .at(Place::file(self.chart.source.name.clone()), "")
                .note("Helm renders what lies in charts/, while `helm dependency build`, and so Argo CD, deletes this archive")
                .help(format!("`rm {}`, or list `{}` under `dependencies`", lying.known, lying.name)),
            );
        }
    }
}

fn vendored(copy: &Lying) -> State {
    State::Vendored { path: copy.path.clone(), digest: copy.digest.clone() }
}

/// An archive that is not what its pin says; the way out depends on where it was found.
pub(super) fn tampered(known: &str, pin: &Pin, found: &str) -> Diagnostic {
    Diagnostic::new(
        Code::ArchiveTampered,
        format!("`{known}` is not the `{}` {} that charts.lock pins", pin.name, pin.version),
    )
    .at(pin.place.clone(), "pinned here")
    .note(format!("pinned {}\nfound  {found}", pin.digest))
}
