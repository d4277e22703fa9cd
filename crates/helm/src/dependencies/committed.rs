//! Archives in charts/ that are committed: the owner of the chart vendored them, and Argo CD renders them, whatever a
//! repository has.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use diagnostics::Diagnostics;
use toolbox::git::Repository;

use super::folder;
use crate::chart::{Chart, Dependency, Origin, same_version};
use crate::charts_lock::{ChartsLock, Pin};

/// The committed files of a repository, read once they are needed.
pub(super) struct Committed<'a> {
    root: &'a Path,
    files: LazyLock<BTreeSet<PathBuf>, Box<dyn FnOnce() -> BTreeSet<PathBuf> + 'a>>,
}

impl<'a> Committed<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        let read = move || {
            let Some(git) = Repository::around(root) else { return BTreeSet::new() };
            let names = git.tracked().unwrap_or_default();
            names.iter().map(|name| root.join(OsStr::from_bytes(name))).collect()
        };
        Self { root, files: LazyLock::new(Box::new(read)) }
    }

    /// The committed archive of a dependency in a version, with its pin, unless it differs from the pinned archive.
    pub(super) fn archive(
        &self,
        chart: &Chart,
        declared: &Dependency,
        version: &str,
        lock: &ChartsLock,
    ) -> Option<(Pin, Vec<u8>)> {
        let Origin::Remote(repository) = declared.origin() else { return None };
        let folder = chart.directory.join("charts");
        let contents = folder::contents(self.root, &folder, &mut Diagnostics::default()).ok()?;
        let copy = contents.charts.into_iter().find(|copy| {
            copy.archive
                && copy.name == declared.name
                && same_version(&copy.version, version)
                && self.files.contains(&copy.path)
        })?;
        let pin = Pin::new(&declared.name, version, repository, &copy.digest);
        let other = lock.find(repository, &pin.name, &pin.version).is_some_and(|pinned| pinned.digest != pin.digest);
        let bytes = toolbox::regular_file::read(&copy.path).ok()?;
        (!other).then_some((pin, bytes))
    }

    /// The committed archives of a chart, if all of its dependencies from repositories are, in the versions of its lock.
    pub(super) fn archives(&self, chart: &Chart, lock: &ChartsLock) -> Option<Vec<(Pin, Vec<u8>)>> {
        if chart.lock.is_some() && !chart.lock_matches() {
            return None;
        }
        let mut archives: Vec<(Pin, Vec<u8>)> = Vec::new();
        for (index, declared) in chart.dependencies.iter().enumerate() {
            match declared.origin() {
                Origin::Remote(_) => {
                    let archive = self.archive(chart, declared, chart.settled_version(index)?, lock)?;
                    if !archives.iter().any(|(pin, _)| pin.subject() == archive.0.subject()) {
                        archives.push(archive);
                    }
                }
                Origin::Folder(_) | Origin::InCharts => {}
            }
        }
        (!archives.is_empty()).then_some(archives)
    }
}
