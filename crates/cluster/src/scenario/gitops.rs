//! The interface to Argo CD for the steps of `test-gitops`: the repository that it reads, and its Applications.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use argocd::application::split_instance;
use document::{Fields, Value};
use kubernetes::manifest::ObjectKey;

use crate::observer::{Observer, Stop};
use crate::scenario::expect::Finished;
use crate::snapshot::{Object, Snapshot};
use crate::verdict::{self, Problem, Verdict};

/// The namespace of Argo CD and of its Applications.
pub const NAMESPACE: &str = "argocd";

/// The kind of Applications.
pub const KIND: &str = "Application";

/// How often Argo CD is asked to compare its Applications.
const REFRESH: Duration = Duration::from_secs(5);

/// How soon the end of the work is noticed.
const PULSE: Duration = Duration::from_millis(100);

/// A change to a file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Replaces a text in it.
    Replace {
        /// The file.
        file: String,
        /// The text, which must occur exactly once.
        text: String,
        /// What replaces it.
        with: String,
    },
    /// Writes it.
    Write {
        /// The file.
        file: String,
        /// The content.
        text: String,
    },
    /// Deletes it, or the directory.
    Delete {
        /// The file or the directory.
        file: String,
    },
}

/// The repository that Argo CD reads.
pub trait GitOps: Sync {
    /// Commits changes, and asks Argo CD to compare its Applications with the commit, as a webhook of a Git host does.
    fn commit(&self, changes: &[Change], deadline: Duration) -> Result<String, Stop>;

    /// The last commit of the scenario, and those that scenarios beside it have made since: each contains the former.
    fn commits(&self) -> Vec<String>;

    /// Asks Argo CD to compare its Applications with the last commit.
    fn refresh(&self) -> diagnostics::Result<()>;

    /// Runs a command of this tool in a clone with the last commit, on top of a main branch with the commit before it.
    /// `input` is its standard input.
    fn check(&self, args: &[String], input: Option<String>, deadline: Duration) -> Result<Finished, Stop>;

    /// How what changed in Applications since the last commit differs from what `diff` announces; nothing if it agrees.
    /// The second value is what was announced, in one line.
    fn unannounced(&self, apps: &[String], deadline: Duration) -> Result<(Vec<String>, String), Stop>;
}

/// Does work while Argo CD is asked now and then to compare its Applications with the repository. It starts no sync while
/// another one runs, and would look at the repository only minutes later.
pub fn refreshing<T>(git: &dyn GitOps, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = Instant::now();
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(PULSE);
                if last.elapsed() >= REFRESH {
                    // An error shows in the work: the Applications stay as they are.
                    let _ = git.refresh();
                    last = Instant::now();
                }
            }
        });
        let _done = Done(&done);
        work()
    })
}

/// Ends the requests when it is dropped, also after a panic.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The names of Applications in a step: one, or a list.
pub(super) fn names(fields: &mut Fields<'_>, key: &'static str) -> Option<Vec<String>> {
    if matches!(fields.node(key)?.value, Value::Sequence(_)) {
        return Some(fields.strings(key).into_iter().map(|(text, _)| text).collect());
    }
    Some(vec![fields.required_string(key)?])
}

/// Waits until Applications are Synced and Healthy at the last commit.
pub fn wait_synced(observer: &Observer, git: &dyn GitOps, apps: &[String], deadline: Duration) -> Result<(), Stop> {
    observer.wait(deadline, |snapshot| {
        let commits = git.commits();
        let verdicts =
            apps.iter().map(|app| of_application(snapshot, app, |found| verdict::application(found, Some(&commits))));
        verdict::worst(verdicts)
    })
}

/// Waits until Argo CD has compared Applications once more, and they are Synced and Healthy at the last commit.
pub fn wait_compared(observer: &Observer, git: &dyn GitOps, apps: &[String], deadline: Duration) -> Result<(), Stop> {
    let started = Instant::now();
    let snapshot = observer.snapshot();
    let mut waiting = BTreeSet::new();
    for app in apps {
        let (name, _) = split_instance(app);
        if let Some(Object::Application(found)) = snapshot.get(KIND, NAMESPACE, name) {
            waiting.insert((name.to_owned(), found.status.reconciled_at.clone()));
        }
    }
    git.refresh()?;
    observer.wait(deadline, |snapshot| {
        verdict::worst(apps.iter().map(|app| {
            of_application(snapshot, app, |found| {
                let name = found.metadata.name.clone();
                if !waiting.contains(&(name.clone(), found.status.reconciled_at.clone())) {
                    return Verdict::Ready;
                }
                let why = "Argo CD was asked to compare it with Git";
                Verdict::Pending(Problem::new(format!("Application {name}"), "was not compared again", why))
            })
        }))
    })?;
    wait_synced(observer, git, apps, deadline.saturating_sub(started.elapsed()))
}

/// The verdict on an Application, which may be missing.
pub fn of_application(
    snapshot: &Snapshot,
    name: &str,
    judge: impl FnOnce(&crate::api::Application) -> Verdict,
) -> Verdict {
    // The cluster has one instance of Argo CD.
    let (name, _) = split_instance(name);
    if let Some(Object::Application(found)) = snapshot.get(KIND, NAMESPACE, name) {
        return judge(found);
    }
    let (group, kind) = ("argoproj.io".to_owned(), KIND.to_owned());
    let key = ObjectKey { group, kind, namespace: NAMESPACE.to_owned(), name: name.to_owned() };
    Verdict::Pending(Problem::new(key.to_string(), "is missing", "Argo CD has not created it"))
}
