//! The tool's environment variables, read once.
//!
//! They configure this machine; settings about the charts belong in charts.toml.

use std::path::PathBuf;

/// The replacement for all chart repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// A directory of chart archives.
    Folder(PathBuf),
    /// The URL of a Helm repository (`http://`, `https://`, or `oci://`).
    Url(String),
}

/// The values of the variables.
#[derive(Debug, Clone)]
pub struct Environment {
    /// `CI` is `true` or `1`: goldens are not accepted, and an outdated render.lock is a finding.
    pub ci: bool,
    /// `GITHUB_ACTIONS` is `true` or `1`: findings are also printed as workflow commands.
    pub github: bool,
    /// `TERM` is `dumb`, empty, or unset: a terminal cannot overwrite a line.
    pub dumb: bool,
    /// `XTASK_CHART_MIRROR`.
    pub mirror: Option<Mirror>,
    /// `XTASK_CACHE_DIR`, or the tool's directory in the user's cache.
    pub cache: PathBuf,
}

impl Environment {
    /// Reads the variables of this process. Relative paths are relative to the current directory.
    #[must_use]
    pub fn from_process() -> Self {
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let set =
            |name: &str| std::env::var(name).is_ok_and(|value| matches!(value.to_lowercase().as_str(), "true" | "1"));
        let mirror = std::env::var("XTASK_CHART_MIRROR").ok().filter(|value| !value.is_empty()).map(|value| {
            let url = ["http://", "https://", "oci://"].iter().any(|scheme| value.starts_with(scheme));
            if url { Mirror::Url(value) } else { Mirror::Folder(absolute(value.into())) }
        });
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let cache = path("XTASK_CACHE_DIR")
            .or_else(|| Some(path("XDG_CACHE_HOME")?.join("homelab-chart")))
            .or_else(|| Some(path("HOME")?.join(".cache").join("homelab-chart")))
            .unwrap_or_else(|| std::env::temp_dir().join("homelab-chart"));
        Self { ci: set("CI"), github: set("GITHUB_ACTIONS"), dumb, mirror, cache: absolute(cache) }
    }

    /// `XTASK_<TOOL>`: the path of a tool, used instead of searching for it.
    #[must_use]
    pub fn tool(name: &str) -> Option<PathBuf> {
        let variable = format!("XTASK_{}", name.to_uppercase().replace('-', "_"));
        std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
    }
}
