//! The dependencies of charts: what stands for them, and bringing what is missing.
//!
//! Argo CD renders what lies in a chart's charts/. Only where Helm finds a dependency missing there does it run
//! `helm dependency build` and render again. This module comes to the same, without that command's needs:
//!
//! * [`inspect`] looks at charts/ and the locks: no process, no network. Its digests go into the fingerprint, and it
//!   tells what must not be: a tampered archive, an outdated lock, a vendored copy that drifted.
//! * [`prepare`] brings the pinned archives that are missing (cache, mirror, repository) and packs `file://`
//!   dependencies in a staged copy. It returns the folder to run helm in.
//! * [`update`] and [`ensure_all`] are `cargo xtask deps`.
//!
//! Helm verifies no content, so everything that is brought is compared with charts.lock before it is written.
//!
//! Deliberately absent: version ranges. Helm resolves them, in [`update`] alone.

mod bring;
mod drift;
mod folder;
mod helm;
mod inspect;
mod loopback;
pub mod moved;
mod stage;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod update;

use std::path::{Path, PathBuf};

use crate::diagnostic::{Class, Code, Diagnostic, Diagnostics, Result};
use crate::environment::Mirror;
use crate::progress::Progress;
use crate::workspace::chart::Chart;
use crate::workspace::charts_lock::{ChartsLock, Pin};

pub use bring::{bring, listed};
pub use inspect::{Inspected, Inspection, State, inspect};
pub use stage::{Stage, stage};
pub use update::{PinChange, Updated, update};

/// What bringing needs to know of this machine.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The cache folder of this tool.
    pub cache: &'a Path,
    /// What stands in for the chart repositories.
    pub mirror: Option<&'a Mirror>,
    /// Whether the network is off limits.
    pub offline: bool,
    /// Finds or brings helm. Asked only when helm is really needed.
    pub helm: &'a (dyn Fn() -> Result<PathBuf> + Sync),
    /// Hears what is under way.
    pub progress: &'a dyn Progress,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("cache", &self.cache)
            .field("mirror", &self.mirror)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

/// A chart with everything in place.
#[derive(Debug)]
pub struct Prepared {
    /// The folder to run helm in: the chart's own, or a staged copy that lives as long as this value.
    pub directory: PathBuf,
    _guard: Option<Stage>,
}

/// Puts everything in place that rendering a chart needs.
///
/// Findings of the inspection, such as drift, do not stand in the way; an incomplete one does.
pub fn prepare(chart: &Chart, inspection: &Inspection, context: &Context<'_>) -> Result<Prepared> {
    if !inspection.complete {
        return Err(Diagnostic::new(
            Code::DependencyUnavailable,
            format!("the dependencies of `{}` are not in order", chart.path),
        )
        .help("`cargo xtask deps` tells what is wrong with them")
        .into());
    }
    bring(&chart.directory, &inspection.absent(), context)?;
    if inspection.dependencies.iter().any(|dependency| matches!(dependency.state, State::Local { .. })) {
        let stage = stage(chart, inspection, context)?;
        return Ok(Prepared { directory: stage.directory().to_owned(), _guard: Some(stage) });
    }
    Ok(Prepared { directory: chart.directory.clone(), _guard: None })
}

/// What [`ensure_all`] did and found.
#[derive(Debug, Default)]
pub struct Ensured {
    /// The archives that were brought, with the chart that they were brought for.
    pub brought: Vec<(String, Pin)>,
    /// Archives of other versions that were deleted.
    pub removed: Vec<PathBuf>,
    /// Findings and warnings that did not stand in the way.
    pub findings: Diagnostics,
}

/// Brings every archive that the locks name, and deletes the archives of other versions that an update of the locks
/// left in charts/, as Helm does. All charts are tried; what failed is told together.
pub fn ensure_all(root: &Path, charts: &[&Chart], lock: &ChartsLock, context: &Context<'_>) -> Result<Ensured> {
    let mut ensured = Ensured::default();
    let mut failed = Diagnostics::default();
    for &chart in charts {
        failed.take(remove_outdated(root, chart, &mut ensured.removed));
        let (inspection, diagnostics) = inspect(root, chart, lock);
        let (errors, findings) =
            diagnostics.0.into_iter().partition(|found| found.code.class() >= Class::Configuration);
        ensured.findings.extend(Diagnostics(findings));
        failed.extend(Diagnostics(errors));
        let absent = inspection.absent();
        if failed.take(bring(&chart.directory, &absent, context)).is_some() {
            ensured.brought.extend(absent.into_iter().map(|pin| (chart.path.clone(), pin.clone())));
        }
    }
    if failed.is_empty() {
        return Ok(ensured);
    }
    failed.extend(ensured.findings);
    failed.sort();
    Err(failed)
}

fn remove_outdated(root: &Path, chart: &Chart, removed: &mut Vec<PathBuf>) -> Result<()> {
    for path in inspect::outdated(root, chart)? {
        match std::fs::remove_file(&path) {
            Ok(()) => removed.push(path),
            // Another process tidied up at the same time.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Diagnostic::io("delete", &path, &error).into()),
        }
    }
    Ok(())
}

/// A temporary folder that removes itself.
fn temporary() -> Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix("xtask-")
        .tempdir()
        .map_err(|error| Diagnostic::io("create a folder in", &std::env::temp_dir(), &error).into())
}
