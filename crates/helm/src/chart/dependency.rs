//! A dependency of a chart.

use diagnostics::Place;
use document::Node;

/// A dependency in Chart.yaml or Chart.lock.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// The name of the chart.
    pub name: String,
    /// A version or, in Chart.yaml, a version constraint.
    pub version: String,
    /// Its repository; empty if the chart is in charts/.
    pub repository: String,
    /// The path of the value that enables it.
    pub condition: String,
    /// The tags that enable it.
    pub tags: Vec<String>,
    /// A legacy field that is still part of Helm's digest.
    pub enabled: bool,
    /// The values imported from it.
    pub import_values: Vec<Node>,
    /// Its alias in this chart.
    pub alias: String,
    /// The place of the entry.
    pub place: Place,
    /// The place of `version`, or of the entry.
    pub version_place: Place,
    /// The place of `repository`, or of the entry.
    pub repository_place: Place,
    /// The place of a field that only the digest in Chart.lock covers, or of `version`.
    pub other_place: Place,
}

/// The origin of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// It has no repository, and is in charts/.
    InCharts,
    /// `file://`: a chart directory, whose path may be relative to the dependent chart.
    Folder(&'a str),
    /// A Helm repository or an OCI registry.
    Remote(&'a str),
}

impl Dependency {
    /// A dependency with only a name, version, and repository.
    #[must_use]
    pub fn exact(name: &str, version: &str, repository: &str, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            repository: repository.to_owned(),
            condition: String::new(),
            tags: Vec::new(),
            enabled: false,
            import_values: Vec::new(),
            alias: String::new(),
            version_place: place.clone(),
            repository_place: place.clone(),
            other_place: place.clone(),
            place,
        }
    }

    /// Whether its repository is an alias, such as `@example`.
    #[must_use]
    pub(crate) fn has_repository_alias(&self) -> bool {
        self.repository.starts_with('@') || self.repository.starts_with("alias:")
    }

    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> Origin<'_> {
        match self.repository.strip_prefix("file://") {
            Some(path) => Origin::Folder(path),
            None if self.repository.is_empty() => Origin::InCharts,
            None => Origin::Remote(&self.repository),
        }
    }
}
