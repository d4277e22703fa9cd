//! The commands, one per file. Each calls the stages in order and returns its outcome.

pub mod app_of_apps;
pub mod argocd;
pub mod bench;
pub mod cache;
pub mod cache_sample;
pub mod changed;
pub mod checks;
pub mod ci;
pub mod completions;
pub mod consequences;
pub mod deps;
pub mod diff;
pub mod differences;
pub mod doctor;
pub mod end_to_end;
pub mod engines;
pub mod explain;
pub mod explain_object;
mod forbidden_kinds;
pub mod image;
pub mod impact;
pub mod init;
pub mod lint;
pub mod man;
pub mod new;
pub mod outdated;
pub mod pending;
pub mod placing;
pub mod render;
pub mod rendering;
pub mod review;
pub mod run_renders;
mod scenario_validation;
pub mod schemas;
pub mod seal;
pub mod test_gitops;
pub mod test_kind;
pub mod tools;
pub mod tracing;
pub mod unsealing;
pub mod validate;
pub mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::{Diagnostics, Result};
use golden::recordings::Recordings;
use helm::dependencies::Context;
use toolbox::date::Date;
use toolbox::environment::Environment;
use toolbox::progress::Progress;
use toolbox::results::Results;
use toolbox::tools::Tools;
use workspace::Workspace;

use self::engines::Engines;
use self::run_renders::RunRenders;
use crate::report::{Printer, json};

/// The environment and the common options of a command.
#[derive(Debug)]
pub struct Session<'a> {
    /// The root of the workspace, as an absolute path.
    pub root: PathBuf,
    /// The environment variables.
    pub environment: &'a Environment,
    /// The current day.
    pub today: Date,
    /// `--offline`.
    pub offline: bool,
    /// The number of programs that may run concurrently.
    pub jobs: usize,
    /// Prints results and progress.
    pub printer: &'a Printer,
    /// The engines that render in the place of Helm.
    pub engines: &'a Engines,
    /// What this run rendered.
    pub rendered: Arc<RunRenders>,
    /// What runs rendered and computed before.
    pub results: Arc<Results>,
    /// The goldens, if a command read all of them.
    pub goldens: Arc<Recordings>,
    /// The name of the revision whose files the workspace consists of; `None` for the checkout.
    pub revision: Option<String>,
    /// The root whose charts.toml and lock files configure the workspace, if it has none of its own.
    pub configuration: Option<PathBuf>,
}

/// The root of the workspace at a directory, by default the current one, or above it.
pub fn find_root(root: Option<PathBuf>) -> Result<PathBuf> {
    let root = root.unwrap_or_else(|| PathBuf::from("."));
    workspace::find_root(&::argocd::value_files::clean(&std::path::absolute(&root).unwrap_or(root)))
}

/// The outcome of a command.
#[derive(Debug)]
pub struct Outcome {
    /// Everything that it found.
    pub diagnostics: Diagnostics,
    /// Its result, for `--format json`.
    pub output: json::Output,
}

impl<'a> Session<'a> {
    /// The root whose charts.toml and lock files configure the workspace.
    #[must_use]
    pub fn configured(&self) -> &Path {
        self.configuration.as_deref().unwrap_or(&self.root)
    }

    /// Finds the workspace: at `root`, or at or above the current directory.
    pub fn new(
        root: Option<PathBuf>,
        offline: bool,
        jobs: Option<usize>,
        environment: &'a Environment,
        printer: &'a Printer,
        engines: &'a Engines,
    ) -> Result<Self> {
        let root = find_root(root)?;
        environment.check_cache()?;
        let cores = toolbox::parallel::cores();
        environment.check_now()?;
        let today = environment.today();
        Ok(Self {
            root,
            environment,
            today,
            offline,
            jobs: jobs.unwrap_or(cores).max(1),
            printer,
            engines,
            rendered: Arc::default(),
            results: Arc::new(Results::new(&environment.cache, env!("XTASK_BUILD"))),
            goldens: Arc::default(),
            revision: None,
            configuration: None,
        })
    }

    /// Limits the size of the cache, and says if it could not be written.
    pub fn close(&self) {
        toolbox::cache::wrote(&self.environment.cache, self.results.written());
        if let Some(why) = self.results.failure() {
            self.printer
                .status("Uncached", &format!("results cannot be kept in {}: {why}", self.environment.cache.display()));
        }
    }

    /// The pinned tools of the workspace.
    #[must_use]
    pub fn tools<'s>(&'s self, workspace: &'s Workspace) -> Tools<'s> {
        Tools::new(&workspace.tools_lock, &self.environment.cache, self.offline, self.printer)
    }

    /// The context for downloading dependencies. `helm` finds or installs Helm, and is called only if it is needed.
    pub fn context<'s>(&'s self, helm: &'s (dyn Fn() -> Result<PathBuf> + Sync)) -> Context<'s> {
        Context {
            cache: &self.environment.cache,
            mirror: self.environment.mirror.as_ref(),
            offline: self.offline,
            helm,
            progress: self.printer,
        }
    }
}
