//! Helm as checks run it, with a cache of its results.
//!
//! Results are cached under the digest of all their inputs, so a second run only reads files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::helm::command;
use diagnostics::{Diagnostic, Diagnostics, Result};
use toolbox::archive::sha256;
use toolbox::atomic_file;
use toolbox::parallel::Slots;
use toolbox::process::{Invocation, Output};
use workspace::target::ChartTarget;

/// No reasonable chart takes this long to render.
const DEADLINE: Duration = Duration::from_secs(120);

/// The version of cached results. Increase it when a check changes how it runs Helm or what it derives from the output.
const CACHE_VERSION: &str = "3";

/// The Helm version that the Argo CD release ships, with a cache for results.
#[derive(Debug, Clone, Copy)]
pub struct Helm<'a> {
    /// The executable.
    pub program: &'a Path,
    /// The root of the workspace, absolute.
    pub root: &'a Path,
    /// The tool's cache.
    pub cache: &'a Path,
    /// How many threads may wait for processes.
    pub jobs: usize,
    /// How many processes may run at once, for all charts.
    pub slots: &'a Slots,
}

impl Helm<'_> {
    /// Runs Helm for a target in a directory, with its own home directories. `args` gets the path of a file with the
    /// Application's inline values, if there are any.
    pub(super) fn run(
        &self,
        target: &ChartTarget<'_>,
        directory: &Path,
        args: impl FnOnce(Option<&Path>) -> Vec<OsString>,
    ) -> Result<(Output, Invocation)> {
        self.run_at(target, directory, None, args)
    }

    /// Like [`Self::run`], in a time zone `zone` seconds away from UTC.
    pub(super) fn run_at(
        &self,
        target: &ChartTarget<'_>,
        directory: &Path,
        zone: Option<i32>,
        args: impl FnOnce(Option<&Path>) -> Vec<OsString>,
    ) -> Result<(Output, Invocation)> {
        let homes = tempfile::tempdir().map_err(|error| Diagnostic::io("create", &std::env::temp_dir(), &error))?;
        let write = |name: &str, bytes: &[u8]| {
            let path = homes.path().join(name);
            std::fs::write(&path, bytes).map_err(|error| Diagnostic::io("write", &path, &error))?;
            Ok::<_, Diagnostics>(path)
        };
        let inline = match &target.recipe.inline_values {
            Some(text) => Some(write("values.yaml", text.as_bytes())?),
            None => None,
        };
        let mut invocation = command::invocation(self.program, directory, homes.path());
        if let Some(offset) = zone {
            invocation = invocation.env("TZ", write("zone", &command::time_zone(offset))?);
        }
        let invocation = invocation.args(args(inline.as_deref())).deadline(DEADLINE);
        Ok((self.slots.with(|| invocation.run())?, invocation))
    }

    /// Returns a check's result for some targets: from the cache if none of their inputs changed, else from `compute`,
    /// whose second value says whether to cache the result.
    pub(super) fn cached(
        &self,
        check: &str,
        targets: &[&ChartTarget<'_>],
        compute: impl FnOnce() -> Result<(Vec<String>, bool)>,
    ) -> Result<Vec<String>> {
        let mut text = format!("{CACHE_VERSION} {check}\n");
        for target in targets {
            text.push_str(&format!("{}\n", target.id));
            for (name, digest) in target.inputs {
                text.push_str(&format!("{name} {digest}\n"));
            }
        }
        let folder = self.cache.join("lint");
        let path = folder.join(format!("{}.json", sha256(text.as_bytes())));
        let cached = toolbox::regular_file::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        let lines = cached.as_ref().and_then(serde_json::Value::as_array).and_then(|lines| {
            lines.iter().map(|line| line.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        });
        if let Some(lines) = lines {
            return Ok(lines);
        }
        let (lines, keep) = compute()?;
        if keep {
            // Failing to write the cache only costs time in the next run.
            let _ = atomic_file::write(&path, serde_json::json!(lines).to_string().as_bytes());
        }
        Ok(lines)
    }
}

/// Copies a folder recursively, following links.
pub(super) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).map_err(|error| Diagnostic::io("create", to, &error))?;
    for entry in std::fs::read_dir(from).map_err(|error| Diagnostic::io("read", from, &error))? {
        let path: PathBuf = entry.map_err(|error| Diagnostic::io("read", from, &error))?.path();
        let copy = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            std::fs::copy(&path, &copy).map_err(|error| Diagnostic::io("copy", &path, &error))?;
        }
    }
    Ok(())
}
