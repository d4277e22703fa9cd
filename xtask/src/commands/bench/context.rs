//! The context that the rows share: the tool, the other programs, and generated workspaces.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Result};
use helm::batch_sources::TOOL;
use tempfile::TempDir;
use toolbox::environment::Mirror;
use toolbox::process::{self, Invocation};
use toolbox::scratch;
use toolbox::tools::State;
use workspace::Workspace;

use super::generated::{self, Shape};
use super::measure::{self, finish, timed};
use crate::commands::Session;

/// The exit codes of a command that compares: nothing differs, or something does.
pub(super) const COMPARES: [i32; 2] = [0, 1];

/// The context of a run.
pub(super) struct Context<'s> {
    pub(super) session: &'s Session<'s>,
    pub(super) workspace: &'s Workspace,
    pub(super) rounds: usize,
    own: PathBuf,
    scratch: TempDir,
    generated: RefCell<BTreeMap<Shape, Rc<PathBuf>>>,
}

impl<'s> Context<'s> {
    /// For a workspace, with a number of rounds for each measurement.
    pub(super) fn new(session: &'s Session<'s>, workspace: &'s Workspace, rounds: usize) -> Result<Self> {
        let own = std::env::current_exe()
            .map_err(|error| Diagnostic::new(Code::Io, format!("cannot find the path of this executable: {error}")))?;
        let scratch = scratch::directory()?;
        Ok(Self { session, workspace, rounds: rounds.max(1), own, scratch, generated: RefCell::default() })
    }

    /// A pinned tool.
    pub(super) fn tool(&self, name: &str) -> Result<PathBuf> {
        let tools = self.session.tools(self.workspace);
        let version =
            if name == "helm" { self.workspace.config.argocd.helm } else { self.workspace.config.tool(name)? };
        Ok(tools.require(name, version)?.path)
    }

    /// The render engine, if it is installed.
    pub(super) fn engine(&self) -> Option<PathBuf> {
        let tools = self.session.tools(self.workspace);
        match tools.list(&[(TOOL, self.workspace.config.argocd.helm)]).pop()?.state {
            State::Found(tool) => Some(tool.path),
            State::Missing { .. } | State::Wrong(_) => None,
        }
    }

    /// A directory for the files of a row.
    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// A generated workspace with recorded goldens, which rows share. A row that changes it restores it.
    pub(super) fn generated(&self, shape: Shape) -> Result<Rc<PathBuf>> {
        if let Some(known) = self.generated.borrow().get(&shape) {
            return Ok(Rc::clone(known));
        }
        let root = self.scratch(&shape.name());
        generated::write(&root, self.workspace, &self.scratch("cache"), shape)?;
        let root = Rc::new(root);
        self.generated.borrow_mut().insert(shape, Rc::clone(&root));
        Ok(root)
    }

    /// This tool in a workspace. It has the pinned tools of this run, and a cache of its own.
    pub(super) fn command(&self, root: &Path, args: &[&str]) -> Invocation {
        let mut invocation = Invocation::new(&self.own, root)
            .args(args.iter().copied())
            .args(["--root".into(), root.as_os_str().to_owned()])
            .env("XTASK_CACHE_DIR", self.scratch("cache"))
            .env("CI", "true");
        if let Some(engine) = self.engine() {
            invocation = invocation.env("XTASK_HELM_ENGINE", engine);
        }
        if let Some(mirror) = &self.session.environment.mirror {
            let mirror = match mirror {
                Mirror::Folder(path) => path.clone().into_os_string(),
                Mirror::Url(url) => url.into(),
            };
            invocation = invocation.env("XTASK_CHART_MIRROR", mirror);
        }
        for name in ["helm", "kubeconform"] {
            if let Ok(path) = self.tool(name) {
                invocation = invocation.env(&format!("XTASK_{}", name.to_uppercase()), path);
            }
        }
        invocation
    }

    /// The median running time of this tool in a workspace.
    pub(super) fn time(&self, root: &Path, args: &[&str], codes: &[i32]) -> Result<Duration> {
        let invocation = self.command(root, args);
        self.median(|| finish(&invocation, codes))
    }

    /// The same, after a run that fills the caches.
    pub(super) fn warm(&self, root: &Path, args: &[&str], codes: &[i32]) -> Result<Duration> {
        finish(&self.command(root, args), codes)?;
        self.time(root, args, codes)
    }

    /// The median running time of some work.
    pub(super) fn median(&self, work: impl Fn() -> Result<()>) -> Result<Duration> {
        let times: Result<Vec<Duration>> = (0..self.rounds).map(|_| timed(&work)).collect();
        times.map(measure::median)
    }
}

/// A program on PATH.
pub(super) fn program(name: &str, directory: &Path) -> Option<Invocation> {
    process::on_path(name).map(|program| Invocation::new(&program, directory))
}
