//! Helm as checks run it, with a cache of its results.
//!
//! Results are kept under the digest of all their inputs, so a second run only reads files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ::helm::batch::Runner;
use ::helm::command;
use diagnostics::{Diagnostic, Diagnostics, Limit, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toolbox::environment::Environment;
use toolbox::inputs::{self, Inputs};
use toolbox::parallel::Slots;
use toolbox::process::{Invocation, Output};
use toolbox::results::Results;
use toolbox::scratch;
use workspace::target::ChartTarget;

/// The part of the results.
const KIND: &str = "lint";

/// The Helm version that the Argo CD release ships, with a cache for results.
#[derive(Debug, Clone, Copy)]
pub struct Helm<'a> {
    /// The executable.
    pub program: &'a Path,
    /// The root of the workspace, absolute.
    pub root: &'a Path,
    /// How it is run.
    pub runner: Runner<'a>,
    /// The results of earlier runs.
    pub results: &'a Results,
    /// Whether a run for this chart failed, so what the checks find may not be all.
    pub fails: &'a AtomicBool,
    /// A file with the time zone of second renders.
    pub zone: &'a Path,
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
        self.run_in(target, directory, None, args)
    }

    /// Like [`Self::run`], in a time zone that a file defines.
    pub(super) fn run_in(
        &self,
        target: &ChartTarget<'_>,
        directory: &Path,
        zone: Option<&Path>,
        args: impl FnOnce(Option<&Path>) -> Vec<OsString>,
    ) -> Result<(Output, Invocation)> {
        let homes = scratch::directory()?;
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
        if let Some(zone) = zone {
            invocation = invocation.env("TZ", zone);
        }
        let invocation = invocation.args(args(inline.as_deref())).limit(Limit::ProgramTime);
        Ok((self.slots.with(|| self.runner.run(&invocation))?, invocation))
    }

    /// Returns a check's result for some targets: from the cache if none of their inputs changed, else from `compute`.
    pub(super) fn cached(
        &self,
        check: &str,
        targets: &[&ChartTarget<'_>],
        compute: impl FnOnce() -> Result<Vec<String>>,
    ) -> Result<Vec<String>> {
        let key = self.key(check, targets);
        if let Some(lines) = self.find(&key) {
            return Ok(lines);
        }
        let lines = compute().inspect_err(|_| self.fails.store(true, Ordering::Relaxed))?;
        self.keep(&key, &lines);
        Ok(lines)
    }

    /// The result in the cache with a key.
    #[must_use]
    pub fn find<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_slice(&self.results.find(KIND, key)?).ok()
    }

    /// Keeps a result in the cache.
    pub fn keep<T: Serialize>(&self, key: &str, result: &T) {
        if let Ok(bytes) = serde_json::to_vec(result) {
            self.results.keep(KIND, key, &bytes);
        }
    }

    /// The key of a check's result for some targets of a chart.
    #[must_use]
    pub fn key(&self, check: &str, targets: &[&ChartTarget<'_>]) -> String {
        let program = Environment::tool_facts("helm").unwrap_or_default();
        // An Application may render several charts, or one several times.
        let own: Vec<(String, String, Inputs)> = targets
            .iter()
            .map(|target| {
                let recipe = target.recipe.digest(|path| inputs::name(self.root, path));
                (target.id.to_string(), recipe, target.inputs.all())
            })
            .collect();
        let inputs = targets.iter().zip(&own).flat_map(|(target, (id, recipe, inputs))| {
            let inputs = inputs.iter().map(|(name, digest)| (&**name, &**digest));
            let own = [("target", id.as_str()), ("chart", target.chart.path.as_str()), ("recipe", recipe.as_str())];
            own.into_iter().chain(inputs)
        });
        self.results.key([("check", check), ("program", program.as_str())].into_iter().chain(inputs))
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
