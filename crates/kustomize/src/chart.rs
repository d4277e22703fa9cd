//! The charts of kustomizations: where kustomize looks for them, and which it would download.

use std::path::{Path, PathBuf};

use diagnostics::Place;

use crate::kustomization::Inflated;

/// A chart that a build inflates with Helm.
#[derive(Debug, Clone)]
pub struct HelmChart {
    /// Its name.
    pub name: String,
    /// The repository; empty for a chart in the repository of the kustomization.
    pub repository: String,
    /// The version; empty if unset, which means the newest one.
    pub version: String,
    /// Where kustomize expects its files, below the root.
    pub directory: PathBuf,
    /// Whether the files are there. If not, kustomize would download the chart.
    pub present: bool,
    /// The place of its entry.
    pub place: Place,
    /// The place of the version, or else of the entry.
    pub version_place: Place,
}

impl HelmChart {
    /// The chart of an entry of a kustomization in a directory.
    #[must_use]
    pub fn new(folder: &Path, inflated: Inflated, present: &dyn Fn(&Path) -> bool) -> Self {
        let home = folder.join(&inflated.home);
        // kustomize keeps the versions of a downloaded chart apart.
        let home = if inflated.repository.is_empty() || inflated.version.is_empty() {
            home
        } else {
            home.join(format!("{}-{}", inflated.name, inflated.version))
        };
        let directory = home.join(&inflated.name);
        Self {
            present: present(&directory),
            directory,
            name: inflated.name,
            repository: inflated.repository,
            version: inflated.version,
            place: inflated.place,
            version_place: inflated.version_place,
        }
    }

    /// Whether kustomize would download it.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        !self.present && !self.repository.is_empty()
    }
}
