//! The repository that Argo CD reads: the work tree, and the commits of scenarios on top of it.
//!
//! Several lines of scenarios may commit at the same time. Each sees only its own changes, which must be to other files than
//! those of the others; the branches contain the changes of all.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cluster::kubectl::checked;
use cluster::observer::Stop;
use cluster::scenario::expect::Finished;
use cluster::scenario::gitops::{Change, GitOps, NAMESPACE};
use cluster::verdict::Problem;
use diagnostics::{Code, Diagnostic, Result};
use toolbox::pack::{self, Entry};
use toolbox::process::{Invocation, Output};

use super::announced;
use super::clone::Cloned;
use super::server::Server;
use super::tree::{self, Files};
use crate::commands::Session;

/// The deadline for asking Argo CD to compare its Applications.
const REFRESH: Duration = Duration::from_secs(30);

/// How often Argo CD is asked: kubectl fails if an object is deleted between its list and its change, as when a scenario
/// of another line removes an Application.
const REFRESH_ATTEMPTS: usize = 3;

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
    /// The Applications of the repository.
    pub(super) apps: Vec<String>,
    /// The files that all lines have published.
    published: Arc<Mutex<Published>>,
    /// The clone in which commands of this tool run, one at a time.
    clone: Arc<Mutex<Option<Cloned>>>,
    /// The number of this line.
    line: usize,
    state: Mutex<State>,
}

/// The state of the Git server.
#[derive(Default)]
struct Published {
    /// The commits, the last one at the end.
    commits: Vec<String>,
    /// The files that lines have changed, each with the number of the line.
    changed: BTreeMap<String, usize>,
    /// How many lines there are besides the first one.
    lines: usize,
}

/// The files that the scenarios of a line change.
#[derive(Default)]
struct State {
    /// The files of the last commit.
    files: Files,
    /// The last commit.
    head: String,
    /// The files of the commit before it.
    before: Files,
    /// The Applications at that commit.
    applications: BTreeMap<String, announced::State>,
}

impl<'a> Repository<'a> {
    pub(super) fn new(
        session: &'a Session<'a>,
        server: &'a Server<'a>,
        path: String,
        branches: Vec<String>,
        original: Files,
        apps: Vec<String>,
    ) -> Self {
        let state = Mutex::new(State { files: original.clone(), ..State::default() });
        let (published, clone) = Default::default();
        Self { session, server, path, branches, original, apps, published, clone, line: 0, state }
    }

    /// Another line of scenarios, which begins with the work tree.
    pub(super) fn line(&self) -> Self {
        let mut published = self.published();
        published.lines += 1;
        let head = published.commits.last().cloned().unwrap_or_default();
        let state = State { files: self.original.clone(), head, ..State::default() };
        let (line, clone) = (published.lines, Arc::clone(&self.clone));
        Self { published: Arc::clone(&self.published), clone, line, ..self.with(self.server, state) }
    }

    /// The same repository on another Git server.
    pub(super) fn moved_to(&self, server: &'a Server<'a>) -> Self {
        self.with(server, State { files: self.state().files.clone(), ..State::default() })
    }

    fn with(&self, server: &'a Server<'a>, state: State) -> Self {
        let Self { session, path, branches, original, apps, .. } = self;
        Self {
            session,
            server,
            path: path.clone(),
            branches: branches.clone(),
            original: original.clone(),
            apps: apps.clone(),
            published: Arc::default(),
            clone: Arc::default(),
            line: 0,
            state: Mutex::new(state),
        }
    }

    /// Publishes the work tree with the commits of scenarios.
    pub(super) fn publish(&self) -> Result<()> {
        let files = self.state().files.clone();
        self.publish_files(&files)?;
        self.state().files = files;
        Ok(())
    }

    /// Publishes other files instead, until the next time.
    pub(super) fn publish_files(&self, files: &Files) -> Result<()> {
        let archive = packed(files)?;
        let mut published = self.published();
        let head = self.server.publish(&self.path, &self.branches, true, &[], archive)?;
        published.commits.push(head.clone());
        drop(published);
        self.state().head = head;
        Ok(())
    }

    /// Publishes some files of this line, and deletes others.
    fn publish_some(&self, files: &Files, deleted: &[String]) -> Result<String> {
        let archive = packed(files)?;
        let mut published = self.published();
        for path in files.keys().chain(deleted) {
            if published.changed.get(path).is_some_and(|line| *line != self.line) {
                let message =
                    format!("`commit` changes `{path}`, which a scenario that runs at the same time changes, too");
                return Err(Diagnostic::new(Code::ScenarioInvalid, message)
                    .help("let only one of the two scenarios have `beside: true`, or let them change different files")
                    .into());
            }
        }
        let head = self.server.publish(&self.path, &self.branches, false, deleted, archive)?;
        published.commits.push(head.clone());
        published.changed.extend(files.keys().chain(deleted).map(|path| (path.clone(), self.line)));
        Ok(head)
    }

    /// Reverts all changes of this line since the work tree was published. Returns whether there were any.
    pub(super) fn restore(&self) -> Result<bool> {
        let mut state = self.state();
        let original = &self.original;
        let differs = |(path, entry): &(&String, &Entry)| state.files.get(*path) != Some(*entry);
        let changed: Files =
            original.iter().filter(differs).map(|(path, entry)| (path.clone(), entry.clone())).collect();
        let added: Vec<String> = state.files.keys().filter(|path| !original.contains_key(*path)).cloned().collect();
        let unchanged = changed.is_empty() && added.is_empty();
        if !unchanged {
            state.head = self.publish_some(&changed, &added)?;
            state.files.clone_from(original);
        }
        drop(state);
        self.published().changed.retain(|_, line| *line != self.line);
        if !unchanged {
            self.refresh()?;
        }
        Ok(!unchanged)
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does something until it succeeds, at most this often. Returns the last result.
fn attempted<T>(most: usize, work: impl Fn() -> Result<T>) -> Result<T> {
    (1..most).fold(work(), |result, _| result.or_else(|_| work()))
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
        let snapshot = self.server.observer.snapshot();
        let applications = announced::capture(self.server.kubectl, &snapshot, &self.apps)?;
        let head = self.publish_some(&archive, &deleted)?;
        let before = std::mem::replace(&mut state.files, files);
        *state = State { files: std::mem::take(&mut state.files), head: head.clone(), before, applications };
        drop(state);
        self.refresh()?;
        Ok(head)
    }

    fn commits(&self) -> Vec<String> {
        let head = self.state().head.clone();
        let published = self.published();
        let own = published.commits.iter().rposition(|commit| *commit == head);
        own.map_or_else(|| vec![head], |own| published.commits[own..].to_vec())
    }

    /// As the webhook of a Git host does.
    fn refresh(&self) -> Result<()> {
        let kubectl = self.server.kubectl;
        let annotate = |kind: &str, annotation: &str| {
            let annotate = ["annotate", kind, "--all", "--overwrite", "--namespace", NAMESPACE, annotation];
            let annotate = kubectl.invocation().args(annotate).deadline(REFRESH);
            attempted(REFRESH_ATTEMPTS, || checked(&annotate))
        };
        annotate("applications.argoproj.io", "argocd.argoproj.io/refresh=normal")?;
        annotate("applicationsets.argoproj.io", "argocd.argoproj.io/application-set-refresh=true")?;
        Ok(())
    }

    fn check(&self, args: &[String], input: Option<String>, deadline: Duration) -> std::result::Result<Finished, Stop> {
        let output = self.run(args, input, deadline)?;
        Ok(Finished { exit: output.code, stdout: output.stdout, stderr: output.stderr })
    }

    fn unannounced(&self, apps: &[String], deadline: Duration) -> std::result::Result<(Vec<String>, String), Stop> {
        self.unannounced_with(&["--offline"], apps, deadline)
    }
}

impl Repository<'_> {
    /// Takes the state of all Applications as that at the last commit.
    pub(super) fn remember(&self) -> Result<()> {
        let snapshot = self.server.observer.snapshot();
        self.state().applications = announced::capture(self.server.kubectl, &snapshot, &self.apps)?;
        Ok(())
    }

    /// Publishes the work tree as a commit on top of the files that are published.
    pub(super) fn upgrade(&self, before: Files) -> Result<()> {
        self.remember()?;
        self.state().before = before;
        self.publish()?;
        self.refresh()
    }

    /// As [`GitOps::unannounced`], with options of `diff`.
    pub(super) fn unannounced_with(
        &self,
        options: &[&str],
        apps: &[String],
        deadline: Duration,
    ) -> std::result::Result<(Vec<String>, String), Stop> {
        let diff: Vec<String> =
            ["diff", "--format", "json"].iter().chain(options).map(|&argument| argument.to_owned()).collect();
        let output = self.run(&diff, None, deadline)?;
        let mut announced = announced::read(&String::from_utf8_lossy(&output.stdout)).map_err(|error| {
            let command = format!("cargo xtask {}", diff.join(" "));
            Stop::Problem(Problem::new(format!("`{command}`"), "failed", format!("{error}: {}", output.stderr)))
        })?;
        let snapshot = self.server.observer.snapshot();
        let now = announced::capture(self.server.kubectl, &snapshot, apps)?;
        let state = self.state();
        let none = announced::State::default();
        let mut differences = Vec::new();
        let summaries = apps.iter().map(|app| format!("{app}: {}", announced::summary(announced.get(app))));
        let summary = summaries.collect::<Vec<_>>().join("; ");
        for (app, after) in &now {
            let before = state.applications.get(app).unwrap_or(&none);
            differences.extend(announced::differences(before, after, &announced.remove(app).unwrap_or_default()));
        }
        Ok((differences, summary))
    }

    /// Runs this tool in a clone.
    fn run(&self, args: &[String], input: Option<String>, deadline: Duration) -> std::result::Result<Output, Stop> {
        let mut clone = self.clone.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        let folder = Cloned::write(&mut clone, &state.before, &state.files)?;
        drop(state);
        let program = std::env::current_exe().map_err(|error| Diagnostic::io("find", Path::new("xtask"), &error))?;
        let mut invocation = Invocation::new(&program, folder).args(args);
        if let Some(input) = input {
            invocation = invocation.input(input);
        }
        // The same tools, caches, and mirrors as in this run.
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with("XTASK_")) else { continue };
            invocation = invocation.env(name, value);
        }
        invocation = invocation.env("XTASK_CACHE_DIR", &self.session.environment.cache).env("NO_COLOR", "1");
        self.server.observer.run(&invocation.env("CI", "true").deadline(deadline))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_failure_is_final_only_if_it_returns() {
        let calls = Cell::new(0);
        let fails_until = |success: usize| {
            calls.set(0);
            attempted(3, || {
                calls.set(calls.get() + 1);
                if calls.get() < success { Err(Diagnostic::new(Code::ClusterFailed, "gone").into()) } else { Ok(()) }
            })
        };
        assert!(fails_until(1).is_ok() && calls.get() == 1);
        assert!(fails_until(3).is_ok() && calls.get() == 3);
        assert!(fails_until(4).is_err() && calls.get() == 3);
    }
}
