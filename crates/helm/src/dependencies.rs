//! Chart dependencies: where each one comes from, and downloading the missing ones.
//!
//! Argo CD renders what is in a chart's charts/ directory. Only if Helm reports a missing dependency does Argo CD run
//! `helm dependency build` and render again. This module produces the same result without that command:
//!
//! * [`inspect`] reads charts/ and the lock files. It starts no process and uses no network. Its digests are part of
//!   the fingerprint, and it reports tampered archives, outdated locks, and vendored copies that have drifted.
//! * [`prepare`] downloads missing pinned archives (from the cache, the mirror, or the repository) and packs `file://`
//!   dependencies into a staged copy. It returns the directory to run Helm in.
//! * [`remote`] provides charts straight from a repository, which are pinned by the same means.
//! * [`update`] and [`ensure_all`] implement `cargo xtask deps`.
//!
//! Helm does not verify archive contents, so every download is compared with charts.lock before it is written.
//!
//! Version ranges are resolved by Helm, and only in [`update`].

mod committed;
mod context;
mod differing;
mod download;
mod drift;
mod folder;
mod helm;
mod inspect;
mod inspection;
mod local;
mod loopback;
pub mod remote;
mod stage;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod update;

use std::path::{Path, PathBuf};

pub use context::Context;
use diagnostics::{Class, Code, Diagnostic, Diagnostics, Result};
pub use download::{download, listed};
pub use folder::{Nested, nested};
pub use inspect::inspect;
pub use inspection::{Inspected, Inspection, State};
pub use local::local_source;
pub use stage::{Stage, stage};
pub use tree::{ChartTree, Member};
pub use update::{PinChange, Request, Updated, update};

use self::inspect::remove_outdated;
use self::remote::Wanted;
use crate::chart::Chart;
use crate::charts_lock::{ChartsLock, Pin};

/// A chart that is ready to be rendered.
#[derive(Debug)]
pub struct Prepared {
    /// The directory to run Helm in: the chart's own, or a staged copy that lives as long as this value.
    pub directory: PathBuf,
    _guard: Option<Stage>,
}

/// Downloads and packs everything that rendering a chart needs.
///
/// Fails if the inspection is incomplete. Other findings, such as drift, do not block the render.
pub fn prepare(chart: &Chart, inspection: &Inspection, context: &Context<'_>) -> Result<Prepared> {
    require_complete(chart, inspection)?;
    download(&chart.directory, &inspection.absent(), context)?;
    if is_local(inspection) {
        let stage = stage(chart, inspection, context)?;
        return Ok(Prepared { directory: stage.directory().to_owned(), _guard: Some(stage) });
    }
    Ok(Prepared { directory: chart.directory.clone(), _guard: None })
}

/// The same for a chart whose files must not change: the archives are written into a copy of it.
pub fn prepare_copy(chart: &Chart, inspection: &Inspection, context: &Context<'_>) -> Result<Prepared> {
    require_complete(chart, inspection)?;
    let absent = inspection.absent();
    if absent.is_empty() && !is_local(inspection) {
        return Ok(Prepared { directory: chart.directory.clone(), _guard: None });
    }
    let stage = stage(chart, inspection, context)?;
    download(stage.directory(), &absent, context)?;
    Ok(Prepared { directory: stage.directory().to_owned(), _guard: Some(stage) })
}

fn is_local(inspection: &Inspection) -> bool {
    inspection.dependencies.iter().any(|dependency| matches!(dependency.state, State::Local { .. }))
}

fn require_complete(chart: &Chart, inspection: &Inspection) -> Result<()> {
    if !inspection.complete {
        return Err(Diagnostic::new(
            Code::DependencyUnavailable,
            format!("the dependencies of `{}` are incomplete", chart.path),
        )
        .help("run `cargo xtask deps` to see what is missing")
        .into());
    }
    Ok(())
}

/// The result of [`ensure_all`].
#[derive(Debug, Default)]
pub struct Ensured {
    /// The downloaded archives, each with the chart that depends on it.
    pub downloaded: Vec<(String, Pin)>,
    /// The downloaded charts of manifests.
    pub charts: Vec<Pin>,
    /// The deleted archives of other versions.
    pub removed: Vec<PathBuf>,
    /// Findings and warnings that did not block the download.
    pub findings: Diagnostics,
}

/// Downloads every pinned archive. Like Helm, it deletes archives of other versions that an update of the locks left in
/// charts/. A failure does not stop the other charts; all failures are returned together.
pub fn ensure_all(
    root: &Path,
    charts: &[&Chart],
    wanted: &[Wanted],
    lock: &ChartsLock,
    context: &Context<'_>,
) -> Result<Ensured> {
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
        if failed.take(download(&chart.directory, &absent, context)).is_some() {
            ensured.downloaded.extend(absent.into_iter().map(|pin| (chart.path.clone(), pin.clone())));
        }
    }
    let mut pins: Vec<&Pin> = Vec::new();
    for one in wanted {
        let Some(pin) = failed.take(remote::inspect(one, lock)) else { continue };
        if !pins.iter().any(|other| other.subject() == pin.subject()) {
            pins.push(pin);
        }
    }
    for pin in pins {
        let present = remote::is_cached(pin, context.cache);
        if failed.take(remote::prepare(pin, context)).is_some() && !present {
            ensured.charts.push(pin.clone());
        }
    }
    if failed.is_empty() {
        return Ok(ensured);
    }
    failed.extend(ensured.findings);
    failed.sort();
    Err(failed)
}
