//! The environment of a render, and the command that it runs.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use diagnostics::{Limit, Result};
use helm::batch::Runner;
use helm::command;
use toolbox::archive::sha256;
use toolbox::atomic_file;
use toolbox::cache;
use toolbox::process::Invocation;
use toolbox::results::Results;

use crate::target::ChartTarget;

/// The environment of a render.
#[derive(Debug, Clone, Copy)]
pub struct Renderer<'a> {
    /// The absolute root of the workspace.
    pub root: &'a Path,
    /// The tool's cache directory.
    pub cache: &'a Path,
    /// The results of earlier runs.
    pub results: &'a Results,
    /// The Helm executable.
    pub helm: &'a Path,
    /// How it is run.
    pub runner: Runner<'a>,
}

impl Renderer<'_> {
    /// The command that renders a target in a directory, with Helm's home directories below `homes`.
    pub fn invocation(&self, target: &ChartTarget<'_>, directory: &Path, homes: &Path) -> Result<Invocation> {
        let inline = self.inline_values(target)?;
        let invocation = command::invocation(self.helm, directory, homes).args(target.recipe.args(inline.as_deref()));
        Ok(invocation.limit(Limit::ProgramTime))
    }

    /// The file with the Application's inline values, written to the cache if necessary.
    fn inline_values(&self, target: &ChartTarget<'_>) -> Result<Option<PathBuf>> {
        let Some(text) = &target.recipe.inline_values else { return Ok(None) };
        let path = self.cache.join(cache::VALUES).join(format!("{}.yaml", sha256(text.as_bytes())));
        // The content is not trusted because of the name, and the values may be confidential.
        let private = |facts: std::fs::Metadata| facts.is_file() && facts.permissions().mode() & 0o777 == 0o600;
        let sound = std::fs::symlink_metadata(&path).is_ok_and(private)
            && toolbox::regular_file::read(&path).is_ok_and(|bytes| bytes == text.as_bytes());
        if !sound {
            atomic_file::write_private(&path, text.as_bytes())?;
        } else if let Ok(file) = File::options().append(true).open(&path) {
            // Those that are not used are deleted.
            let _ = file.set_modified(SystemTime::now());
        }
        Ok(Some(path))
    }
}
