//! The commands, one per file. Each calls the stages in order and returns its outcome.

pub mod app_of_apps;
pub mod argocd;
pub mod bench;
pub mod checks;
pub mod ci;
pub mod completions;
pub mod consequences;
pub mod deps;
pub mod diff;
pub mod differences;
pub mod doctor;
pub mod end_to_end;
pub mod explain;
pub mod image;
pub mod impact;
pub mod init;
pub mod lint;
pub mod man;
pub mod memory;
pub mod new;
pub mod origin;
pub mod outdated;
pub mod pending;
pub mod placing;
pub mod render;
pub mod rendering;
pub mod review;
pub mod schemas;
pub mod seal;
pub mod test_gitops;
pub mod test_kind;
pub mod tools;
pub mod tracing;
pub mod validate;

use std::path::PathBuf;
use std::sync::Arc;

use diagnostics::{Diagnostics, Result};
use golden::recordings::Recordings;
use helm::dependencies::Context;
use toolbox::date::Date;
use toolbox::environment::Environment;
use toolbox::tools::Tools;
use workspace::Workspace;

use self::memory::Memory;
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
    /// What this run rendered.
    pub rendered: Arc<Memory>,
    /// The goldens, if a command read all of them.
    pub goldens: Arc<Recordings>,
    /// The name of the revision whose files the workspace consists of; `None` for the checkout.
    pub revision: Option<String>,
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
    /// Finds the workspace: at `root`, or at or above the current directory.
    pub fn new(
        root: Option<PathBuf>,
        offline: bool,
        jobs: Option<usize>,
        environment: &'a Environment,
        printer: &'a Printer,
    ) -> Result<Self> {
        let root = find_root(root)?;
        environment.check_cache()?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        environment.check_now()?;
        let today = environment.today();
        Ok(Self {
            root,
            environment,
            today,
            offline,
            jobs: jobs.unwrap_or(cores).max(1),
            printer,
            rendered: Arc::default(),
            goldens: Arc::default(),
            revision: None,
        })
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
