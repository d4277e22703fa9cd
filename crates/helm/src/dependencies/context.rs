//! The context for downloading dependencies: Helm, the mirror, the cache, and whether the network may be used.

use std::path::{Path, PathBuf};

use diagnostics::Result;
use toolbox::environment::Mirror;
use toolbox::progress::Progress;

/// The parts of the environment that downloading needs.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// This tool's cache directory.
    pub cache: &'a Path,
    /// The mirror that replaces the chart repositories, if one is set.
    pub mirror: Option<&'a Mirror>,
    /// Whether `--offline` was given.
    pub offline: bool,
    /// Finds or installs Helm. Called only when Helm has to run.
    pub helm: &'a (dyn Fn() -> Result<PathBuf> + Sync),
    /// Receives progress messages.
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
