//! The inspected dependencies of a chart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::charts_lock::Pin;

/// The inspected dependencies of a chart.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// The dependencies that were resolved, in the order of Chart.yaml.
    pub dependencies: Vec<Inspected>,
    /// Whether all dependencies were resolved. An incomplete chart cannot be prepared.
    pub complete: bool,
    /// Digests of the charts and files in charts/ that Chart.yaml does not declare, by file name. Helm loads them too.
    pub undeclared: BTreeMap<String, String>,
}

/// A dependency and where it comes from.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// Its name.
    pub name: String,
    /// Its locked version, if any.
    pub version: Option<String>,
    /// Where it comes from.
    pub state: State,
}

/// Where a dependency comes from.
#[derive(Debug, Clone)]
pub enum State {
    /// An archive that charts.lock pins.
    Pinned {
        /// The pin.
        pin: Pin,
        /// The verified archive in charts/, if present.
        archive: Option<PathBuf>,
    },
    /// A vendored chart in charts/, used as it is.
    Vendored {
        /// Its directory or archive.
        path: PathBuf,
        /// The digest of its files.
        digest: String,
    },
    /// A `file://` dependency that is not vendored. It is packed from its source, as `helm dependency build` does.
    Local {
        /// The chart directory to pack.
        source: PathBuf,
        /// The digest of its files.
        digest: String,
        /// Archives in the source's charts/ that this tool downloaded and that a clean checkout lacks.
        left_out: BTreeSet<String>,
    },
}

impl Inspection {
    /// The digest of each dependency by name, for the chart's fingerprint. It does not depend on whether a pinned archive
    /// is already in charts/, so the digest of the chart's own files must exclude charts/.
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

    /// The pinned archives that are not in charts/, without duplicates.
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
