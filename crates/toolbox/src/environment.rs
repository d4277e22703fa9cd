//! The environment variables that the tool listens to, read once.
//!
//! Deliberately absent: everything that charts.toml says. Variables tell about this machine, never about the charts.

use std::path::PathBuf;

/// Where chart archives come from instead of their repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// A folder of archives, read directly.
    Folder(PathBuf),
    /// A Helm repository (`http://`, `https://`, or `oci://`), given to Helm.
    Url(String),
}

/// What the variables say.
#[derive(Debug, Clone)]
pub struct Environment {
    /// `CI` is `true` or `1`: nothing is accepted, and an outdated lock is a finding.
    pub ci: bool,
    /// `GITHUB_ACTIONS` is `true`: what is found is told to GitHub's runner as well.
    pub github: bool,
    /// `TERM` is `dumb` or nothing: the terminal, if there is one, cannot write over a line.
    pub dumb: bool,
    /// `XTASK_CHART_MIRROR`.
    pub mirror: Option<Mirror>,
    /// `XTASK_CACHE_DIR`, or the platform's cache folder for this tool.
    pub cache: PathBuf,
}

impl Environment {
    /// Reads the variables of this process. Relative paths count from the current directory.
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

    /// `XTASK_<TOOL>`: the path of a tool that replaces the search for it.
    #[must_use]
    pub fn tool(name: &str) -> Option<PathBuf> {
        let variable = format!("XTASK_{}", name.to_uppercase().replace('-', "_"));
        std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
    }
}
