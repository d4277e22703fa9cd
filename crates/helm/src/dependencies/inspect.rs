//! Inspects the dependencies of a chart: where each one comes from, and whether it matches the locks.
//!
//! This runs even when every target is fresh, so it reads a few files and starts no process. Argo CD renders the contents
//! of charts/, so those are checked first, then the pins in charts.lock. download.rs and stage.rs supply what is missing.

mod source_chart;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Result};
use toolbox::links;

use super::differing::differing_entries;
use super::folder::{self, Contents, Subchart};
use super::inspection::{Inspected, Inspection, State};
use crate::chart::{Chart, Dependency, Origin, same_version};
use crate::charts_lock::{ChartsLock, Pin};

/// Inspects all dependencies of a chart. An error in one does not stop the inspection of the others.
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

/// The archives in charts/ whose version is not the locked one, as left by an update of Chart.lock.
pub(super) fn outdated(root: &Path, chart: &Chart) -> Result<Vec<PathBuf>> {
    if !chart.lock_matches() {
        return Ok(Vec::new());
    }
    let contents = folder::contents(root, &chart.directory.join("charts"), &mut Diagnostics::default())?;
    let outdated = contents.charts.into_iter().filter(|subchart| {
        let mut declared =
            chart.dependencies.iter().enumerate().filter(|(_, declared)| declared.name == subchart.name).peekable();
        subchart.archive
            && declared.peek().is_some()
            && declared.all(|(index, declared)| {
                matches!(declared.origin(), Origin::Remote(_))
                    && chart.settled_version(index).is_some_and(|version| !same_version(version, &subchart.version))
            })
    });
    Ok(outdated.map(|subchart| subchart.path).collect())
}

/// Whether all dependencies of a chart from repositories are directories in its charts/, of the versions that the locks
/// require, and none of them is pinned.
pub(super) fn is_vendored(root: &Path, chart: &Chart, lock: &ChartsLock) -> bool {
    let Ok(contents) = folder::contents(root, &chart.directory.join("charts"), &mut Diagnostics::default()) else {
        return false;
    };
    let mut remote = chart.dependencies.iter().enumerate().peekable();
    remote.peek().is_some()
        && remote.all(|(index, declared)| {
            let settled = chart.settled_version(index).filter(|_| chart.lock_matches());
            let fits = |copy: &Subchart| {
                let allowed = settled.is_none_or(|version| same_version(version, &copy.version));
                !copy.archive && copy.name == declared.name && allowed
            };
            let pinned = lock.pins.iter().any(|pin| pin.name == declared.name && pin.repository == declared.repository);
            match declared.origin() {
                Origin::Remote(_) => !pinned && contents.charts.iter().any(fits),
                Origin::InCharts => true,
                Origin::Folder(_) => false,
            }
        })
}

struct Inspector<'a> {
    root: &'a Path,
    chart: &'a Chart,
    lock: &'a ChartsLock,
    contents: Contents,
    diagnostics: Diagnostics,
}

impl Inspector<'_> {
    fn inspect(&mut self) -> Inspection {
        let is_declared =
            |subchart: &&Subchart| self.chart.dependencies.iter().any(|declared| declared.name == subchart.name);
        let file_name =
            |subchart: &Subchart| subchart.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut inspection = Inspection { undeclared: self.contents.others.clone(), ..Inspection::default() };
        let undeclared = self.contents.charts.iter().filter(|subchart| !is_declared(subchart));
        inspection.undeclared.extend(undeclared.map(|subchart| (file_name(subchart), subchart.digest.clone())));
        if !self.chart.lock_matches() {
            self.lock_outdated();
            return inspection;
        }
        let wrong = self.other_versions();
        for (index, declared) in self.chart.dependencies.iter().enumerate() {
            let version = self.chart.settled_version(index).map(str::to_owned);
            if let Some(state) = self.dependency(declared, version.as_deref(), &wrong) {
                inspection.dependencies.push(Inspected { name: declared.name.clone(), version, state });
            }
        }
        let is_built = |state: &State| !matches!(state, State::Vendored { .. });
        if inspection.dependencies.iter().any(|dependency| is_built(&dependency.state)) {
            self.stray_archives();
        }
        inspection.complete = inspection.dependencies.len() == self.chart.dependencies.len();
        inspection
    }

    fn lock_outdated(&mut self) {
        let Some(locked) = &self.chart.lock else { return };
        let mut differences = differing_entries(&self.chart.dependencies, &locked.dependencies).into_iter();
        let (first, places) = differences.next().unwrap_or_else(|| {
            // Only the digest covers the other fields.
            let what = "a field such as `version`, `alias`, `condition`, or `tags` changed";
            let mut places = Vec::new();
            if let [only] = self.chart.dependencies.as_slice() {
                places.push((only.other_place.clone(), "the dependency".to_owned()));
            }
            places.push((locked.digest_place.clone(), "digest of other dependencies".to_owned()));
            (what.to_owned(), places)
        });
        let (lock, file) = (self.chart.lock_file(), self.chart.dependencies_file());
        let message = format!("`{}/{lock}` does not match {file}: {first}", self.chart.path);
        let diagnostic = Diagnostic::new(Code::ChartLockOutdated, message);
        let diagnostic = places.into_iter().fold(diagnostic, |found, (place, label)| found.at(place, label));
        let diagnostic = differences.fold(diagnostic, |found, (what, _)| found.note(what));
        self.diagnostics.push(diagnostic.help("run `cargo xtask deps --update`"));
    }

    /// Resolves one dependency. `wrong` has the subcharts of a wrong version.
    fn dependency(&mut self, declared: &Dependency, version: Option<&str>, wrong: &BTreeSet<String>) -> Option<State> {
        // Chart.lock records no real version of a dependency without a repository; it is whatever is in charts/.
        let version = version.filter(|_| declared.origin() != Origin::InCharts);
        let matches = |subchart: &&Subchart| {
            subchart.name == declared.name && version.is_none_or(|version| same_version(version, &subchart.version))
        };
        let copies: Vec<&Subchart> = self.contents.charts.iter().filter(matches).collect();
        if let [first, second, ..] = copies.as_slice() {
            let diagnostic = Diagnostic::new(
                Code::VendoredVersion,
                format!("`{}` is in `{}/charts` more than once", declared.name, self.chart.path),
            )
            .at(declared.place.clone(), "this dependency")
            .note(copies.iter().map(|copy| format!("`{}`", copy.label)).collect::<Vec<_>>().join(", "))
            .note("Helm renders one of them, and not always the same one")
            .help(format!("keep one: `rm -r {}` or `rm -r {}`", first.label, second.label));
            self.diagnostics.push(diagnostic);
            return None;
        }
        let copy = copies.first().copied();
        if copy.is_none() && wrong.contains(&declared.name) {
            return None;
        }
        let result = match declared.origin() {
            Origin::InCharts => self.in_charts(declared, copy),
            Origin::Remote(repository) => self.remote(declared, repository, version, copy),
            Origin::Folder(path) => self.local(declared, path, version, copy),
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

    fn in_charts(&self, declared: &Dependency, copy: Option<&Subchart>) -> Result<(State, Option<Diagnostic>)> {
        copy.map(|copy| (vendored(copy), None)).ok_or_else(|| {
            Diagnostic::new(Code::ChartInvalid, format!("`{}` has no repository and is not in charts/", declared.name))
                .at(declared.place.clone(), "no `repository`")
                .help(format!("set its `repository`, or vendor it in `{}/charts/{}`", self.chart.path, declared.name))
                .into()
        })
    }

    fn remote(
        &self,
        declared: &Dependency,
        repository: &str,
        version: Option<&str>,
        copy: Option<&Subchart>,
    ) -> Result<(State, Option<Diagnostic>)> {
        let pin = version.and_then(|version| self.lock.find(repository, &declared.name, version));
        if let Some(copy) = copy.filter(|copy| !copy.archive) {
            let drift = pin.filter(|pin| pin.digest != copy.digest).map(|pin| {
                Diagnostic::new(
                    Code::VendoredDrift,
                    format!("`{}` differs from the `{}` {} pinned in charts.lock", copy.label, pin.name, pin.version),
                )
                .at(declared.place.clone(), "vendored as a directory, which Argo CD renders")
                .at(pin.place.clone(), "pinned here")
                .note(format!("pinned {}\nfound  {}", pin.digest, copy.digest))
                .help(format!(
                    "`rm -r {}` to use the pinned archive, or delete its entry in charts.lock to keep the directory",
                    copy.label
                ))
            });
            return Ok((vendored(copy), drift));
        }
        let Some(version) = version else {
            return Err(Diagnostic::new(
                Code::DependencyUnlocked,
                format!("the version range `{}` of `{}` is not locked", declared.version, declared.name),
            )
            .fact(Fact::Unlocked)
            .at(declared.version_place.clone(), format!("a range, and there is no {}", self.chart.lock_file()))
            .help(format!("run `cargo xtask deps --update`, which writes {} and charts.lock", self.chart.lock_file()))
            .into());
        };
        let Some(pin) = pin else {
            let mut diagnostic = Diagnostic::new(
                Code::DependencyUnlocked,
                format!("`{}` {version} is not pinned in charts.lock", declared.name),
            )
            .at(declared.place.clone(), format!("from {repository}"));
            for other in self.lock.pins.iter().filter(|pin| pin.name == declared.name) {
                let label = format!("pinned: {} {} from {}", other.name, other.version, other.repository);
                diagnostic = diagnostic.at(other.place.clone(), label);
            }
            return Err(diagnostic.help("run `cargo xtask deps --update`").into());
        };
        match copy {
            Some(copy) if copy.digest != pin.digest => Err(tampered(&copy.label, pin, &copy.digest)
                .help(format!("`rm {}`; the next run downloads the pinned archive", copy.label))
                .into()),
            copy => {
                let archive = copy.map(|copy| copy.path.clone());
                Ok((State::Pinned { pin: pin.clone(), archive }, self.unknown_repository(declared, repository)))
            }
        }
    }

    /// Reports a repository that Argo CD does not add before it runs `helm dependency build`: it reads only Chart.yaml. Without
    /// a lock, that command downloads the dependency nevertheless.
    fn unknown_repository(&self, declared: &Dependency, repository: &str) -> Option<Diagnostic> {
        let requirements = self.chart.dependencies_file();
        if requirements == "Chart.yaml" || self.chart.lock.is_none() || repository.starts_with("oci://") {
            return None;
        }
        let message = format!("Argo CD cannot download `{}`, which {requirements} requires", declared.name);
        Some(
            Diagnostic::new(Code::ChartInvalid, message)
                .at(declared.repository_place.clone(), "Argo CD adds only the repositories in Chart.yaml")
                .note("`helm dependency build` fails with \"no repository definition\"")
                .help(format!(
                    "set `apiVersion: v2` and move the dependencies to Chart.yaml, or vendor them in {}/charts",
                    self.chart.path
                )),
        )
    }

    /// Reports subcharts whose version is not the locked one, and returns their names.
    fn other_versions(&mut self) -> BTreeSet<String> {
        let mut wrong = BTreeSet::new();
        for subchart in &self.contents.charts {
            let declarations =
                self.chart.dependencies.iter().enumerate().filter(|(_, declared)| declared.name == subchart.name);
            let mut locked = Vec::new();
            let mut place = None;
            for (index, declared) in declarations {
                match self.chart.settled_version(index).filter(|_| declared.origin() != Origin::InCharts) {
                    Some(version) => locked.push(version),
                    None => locked.push(&subchart.version),
                }
                place.get_or_insert_with(|| declared.place.clone());
            }
            let Some(place) = place else { continue };
            if locked.iter().any(|version| same_version(version, &subchart.version)) {
                continue;
            }
            let file = if self.chart.lock.is_some() { self.chart.lock_file() } else { self.chart.dependencies_file() };
            let wanted = locked.join(" and ");
            let remove = if subchart.archive { "rm" } else { "rm -r" };
            let mut diagnostic = Diagnostic::new(
                Code::VendoredVersion,
                format!("`{}` is {} {}, but {file} requires {wanted}", subchart.label, subchart.name, subchart.version),
            )
            .at(place, format!("locked at {wanted}"))
            .help(format!("`{remove} {}`", subchart.label));
            if subchart.archive {
                diagnostic = diagnostic.help("or run `cargo xtask deps`, which replaces archives of other versions");
            }
            self.diagnostics.push(diagnostic);
            wrong.insert(subchart.name.clone());
        }
        wrong
    }

    /// Reports archives that no dependency requires, in a chart whose dependencies Argo CD builds: Argo CD deletes them,
    /// but Helm on its own renders them.
    fn stray_archives(&mut self) {
        for subchart in self.contents.charts.iter().filter(|subchart| subchart.archive) {
            if self.chart.dependencies.iter().any(|declared| declared.name == subchart.name) {
                continue;
            }
            self.diagnostics.push(
                Diagnostic::new(
                    Code::VendoredVersion,
                    format!(
                        "`{}` contains `{}` {}, which is not a declared dependency",
                        subchart.label, subchart.name, subchart.version
                    ),
                )
                .at(Place::file(self.chart.source.name.clone()), "")
                .note("Helm renders everything in charts/, but Argo CD runs `helm dependency build`, which deletes this archive")
                .help(format!("`rm {}`, or add `{}` to `dependencies`", subchart.label, subchart.name)),
            );
        }
    }
}

fn vendored(copy: &Subchart) -> State {
    State::Vendored { path: copy.path.clone(), digest: copy.digest.clone() }
}

/// The diagnostic for a published version whose archive differs from the pinned one.
pub(super) fn changed(repository: &str, pin: &Pin, found: &str) -> Diagnostic {
    tampered(&format!("the archive from {repository}"), pin, found)
        .help("find out why a published version changed; nothing was written")
        .help("if the new archive is right, delete its entry in charts.lock and run `cargo xtask deps --update`")
}

/// The diagnostic for an archive that does not match its pin. The caller adds the help.
pub(super) fn tampered(label: &str, pin: &Pin, found: &str) -> Diagnostic {
    Diagnostic::new(
        Code::ArchiveTampered,
        format!("`{label}` differs from the `{}` {} pinned in charts.lock", pin.name, pin.version),
    )
    .at(pin.place.clone(), "pinned here")
    .note(format!("pinned {}\nfound  {found}", pin.digest))
}
pub(super) fn remove_outdated(root: &Path, chart: &Chart, removed: &mut Vec<PathBuf>) -> Result<()> {
    for path in outdated(root, chart)? {
        links::refuse(&chart.directory, &path)?;
        match std::fs::remove_file(&path) {
            Ok(()) => removed.push(path),
            // Another process deleted it at the same time.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Diagnostic::io("delete", &path, &error).into()),
        }
    }
    Ok(())
}
