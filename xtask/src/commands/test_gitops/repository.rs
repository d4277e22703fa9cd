//! The repository that Argo CD reads: the work tree, and the commits of scenarios on top of it.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cluster::kubectl::checked;
use cluster::observer::Stop;
use cluster::scenario::gitops::{Change, GitOps, NAMESPACE};
use diagnostics::{Diagnostic, Result};
use toolbox::pack::{self, Entry};
use toolbox::process::Invocation;

use super::server::Server;
use super::tree::{self, Files};
use crate::commands::Session;

/// The deadline for asking Argo CD to compare its Applications.
const REFRESH: Duration = Duration::from_secs(30);

/// The repository that Argo CD reads.
pub(super) struct Repository<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) server: &'a Server<'a>,
    /// Its path on the Git server.
    pub(super) path: String,
    /// Its branches, all of which point to the last commit.
    pub(super) branches: Vec<String>,
    /// The files of the work tree.
    pub(super) original: Files,
    pub(super) state: Mutex<State>,
}

/// What scenarios change.
pub(super) struct State {
    /// The files of the last commit.
    pub(super) files: Files,
    /// The last commit.
    pub(super) head: String,
}

impl<'a> Repository<'a> {
    pub(super) fn new(
        session: &'a Session<'a>,
        server: &'a Server<'a>,
        path: String,
        branches: Vec<String>,
        original: Files,
    ) -> Self {
        let state = Mutex::new(State { files: original.clone(), head: String::new() });
        Self { session, server, path, branches, original, state }
    }

    /// Publishes the work tree.
    pub(super) fn publish(&self) -> Result<()> {
        self.publish_files(&self.original)
    }

    /// Publishes other files instead of the work tree.
    pub(super) fn publish_files(&self, files: &Files) -> Result<()> {
        let head = self.server.publish(&self.path, &self.branches, true, &[], packed(files)?)?;
        *self.state() = State { files: files.clone(), head };
        Ok(())
    }

    /// Reverts all changes since the work tree was published. Returns whether there were any.
    pub(super) fn restore(&self) -> Result<bool> {
        let mut state = self.state();
        let original = &self.original;
        let differs = |(path, entry): &(&String, &Entry)| state.files.get(*path) != Some(*entry);
        let changed: Files =
            original.iter().filter(differs).map(|(path, entry)| (path.clone(), entry.clone())).collect();
        let added: Vec<String> = state.files.keys().filter(|path| !original.contains_key(*path)).cloned().collect();
        if changed.is_empty() && added.is_empty() {
            return Ok(false);
        }
        state.head = self.server.publish(&self.path, &self.branches, false, &added, packed(&changed)?)?;
        state.files.clone_from(original);
        drop(state);
        self.refresh()?;
        Ok(true)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn packed(files: &Files) -> Result<Vec<u8>> {
    Ok(pack::pack(files).map_err(|error| Diagnostic::io("pack", Path::new("the work tree"), &error))?)
}

impl GitOps for Repository<'_> {
    fn commit(&self, changes: &[Change], _: Duration) -> std::result::Result<String, Stop> {
        let mut state = self.state();
        let mut files = state.files.clone();
        let (written, deleted) = tree::change(&mut files, changes)?;
        let archive: Files =
            written.into_iter().filter_map(|path| files.get(&path).cloned().map(|entry| (path, entry))).collect();
        let head = self.server.publish(&self.path, &self.branches, false, &deleted, packed(&archive)?)?;
        *state = State { files, head: head.clone() };
        drop(state);
        self.refresh()?;
        Ok(head)
    }

    fn head(&self) -> String {
        self.state().head.clone()
    }

    /// As the webhook of a Git host does.
    fn refresh(&self) -> Result<()> {
        let kubectl = self.server.kubectl;
        let annotate = |kind: &str, annotation: &str| {
            let annotate = ["annotate", kind, "--all", "--overwrite", "--namespace", NAMESPACE, annotation];
            kubectl.invocation().args(annotate).deadline(REFRESH)
        };
        checked(&annotate("applications.argoproj.io", "argocd.argoproj.io/refresh=normal"))?;
        checked(&annotate("applicationsets.argoproj.io", "argocd.argoproj.io/application-set-refresh=true"))?;
        Ok(())
    }

    fn check(&self, args: &[String], deadline: Duration) -> std::result::Result<(Option<i32>, String), Stop> {
        let folder = tempfile::Builder::new().prefix("homelab-chart-").tempdir();
        let folder = folder.map_err(|error| Diagnostic::io("create a directory in", &std::env::temp_dir(), &error))?;
        for (path, entry) in &self.state().files {
            let target = folder.path().join(path);
            let written =
                std::fs::create_dir_all(target.parent().unwrap_or(folder.path())).and_then(|()| match entry {
                    Entry::File { content, .. } => std::fs::write(&target, content),
                    Entry::Link(to) => std::os::unix::fs::symlink(to, &target),
                });
            written.map_err(|error| Diagnostic::io("write", &target, &error))?;
        }
        let program = std::env::current_exe().map_err(|error| Diagnostic::io("find", Path::new("xtask"), &error))?;
        let mut invocation = Invocation::new(&program, folder.path()).args(args);
        // The same tools, caches, and mirrors as in this run.
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with("XTASK_")) else { continue };
            invocation = invocation.env(name, value);
        }
        invocation = invocation.env("XTASK_CACHE_DIR", &self.session.environment.cache).env("NO_COLOR", "1");
        let output = self.server.observer.run(&invocation.env("CI", "true").deadline(deadline))?;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), output.stderr);
        Ok((output.code, text))
    }
}
