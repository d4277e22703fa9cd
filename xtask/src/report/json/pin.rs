//! The results of `deps` and `outdated`, which are about pinned versions.

use schemars::JsonSchema;
use serde::Serialize;

use super::render::Render;

/// The result of `deps`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Deps {
    /// The chart archives that were installed.
    pub downloaded: Vec<Dependency>,
}

/// A dependency of a chart.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Dependency {
    /// The path of the chart that depends on it, or the repository of what an Application deploys.
    pub chart: String,
    /// The name of the dependency.
    pub name: String,
    /// The pinned version.
    pub version: String,
}

/// The result of `deps --update`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DepsUpdate {
    /// A line per changed pin.
    pub changes: Vec<String>,
    /// The files written.
    pub written: Vec<String>,
}

/// The result of `outdated`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Outdated {
    /// Every version that the repository deploys or pins.
    pub packages: Vec<Package>,
}

/// A pinned version.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    /// The kind: `chart`, `image`, `platform` (Argo CD or Kubernetes), or `tool`.
    pub kind: &'static str,
    /// The name; for an image, with its registry.
    pub name: String,
    /// The repository of a chart.
    pub repository: Option<String>,
    /// The version, as written.
    pub version: String,
    /// The newest known version.
    pub newest: Option<String>,
    /// Where the newest version is listed.
    pub newest_from: Option<&'static str>,
    /// Why the newest version could not be looked up.
    pub newest_unknown: Option<String>,
    /// Whether a newer version is known.
    pub outdated: bool,
    /// The advisories that affect the version.
    pub advisories: Vec<Advisory>,
    /// With `--diff`, what Argo CD would change with the newest version; null if that is not rendered.
    pub preview: Option<Preview>,
    /// The file that sets the version.
    pub file: String,
    /// The line in this file, from 1.
    pub line: Option<usize>,
    /// The targets that use it, or the charts that depend on it.
    pub used_by: Vec<String>,
}

/// What Argo CD would change with another version.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Preview {
    /// The render, compared with the goldens; null if it failed.
    pub render: Option<Render>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A security advisory.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Advisory {
    /// The publisher's identifier.
    pub id: String,
    /// The date of publication, `YYYY-MM-DD`.
    pub date: String,
    /// The version that fixes it.
    pub fixed: String,
    /// The URL of the advisory.
    pub source: String,
    /// A summary in one line.
    pub summary: String,
}
