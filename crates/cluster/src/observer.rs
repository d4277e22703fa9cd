//! The watches of a run: one per kind keeps a [`Snapshot`] up to date and wakes every wait after each change. Only a
//! heartbeat polls, to detect that the API server is unreachable.
//!
//! A watch that breaks is started again. When the API server becomes unreachable, all waits end.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diagnostics::Diagnostics;
use diagnostics::excerpt::last_lines;
use serde_json::Value;
use toolbox::process::{Invocation, Output};
use toolbox::{process, progress};

use crate::api::{Event, List, WatchEvent};
use crate::kubectl::Kubectl;
use crate::snapshot::{Snapshot, WATCHED};
use crate::verdict::{self, Problem, Verdict};

/// How often a wait checks the interruption flag. A change in the cluster wakes it at once.
const PULSE: Duration = Duration::from_millis(100);

/// The interval of health checks while no watch receives anything. A paused node closes no connection, so a watch does not
/// notice it.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// After this many failed health checks in a row, the API server counts as unreachable.
const MISSED: u32 = 3;

/// The state of an API server that does not answer.
pub(super) const UNREACHABLE: &str = "is unreachable";

/// The deadline of a watch: longer than any run.
const WATCH: Duration = Duration::from_secs(6 * 3600);

/// Why a step or a wait failed.
#[derive(Debug)]
pub enum Stop {
    /// A problem in the cluster.
    Problem(Problem),
    /// Anything else, such as a program that cannot be started, or a signal.
    Other(Diagnostics),
}

impl From<Diagnostics> for Stop {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Other(diagnostics)
    }
}

impl From<diagnostics::Diagnostic> for Stop {
    fn from(diagnostic: diagnostics::Diagnostic) -> Self {
        Self::Other(diagnostic.into())
    }
}

#[derive(Debug, Default)]
struct Shared {
    snapshot: Mutex<Snapshot>,
    changed: Condvar,
    stopped: AtomicBool,
    lost: Mutex<Option<Problem>>,
    /// When the API server sent something last.
    heard: Mutex<Option<Instant>>,
}

impl Shared {
    /// Records that the API server can no longer be watched, and ends all waits.
    fn lose(&self, problem: Problem) {
        locked(&self.lost).get_or_insert(problem);
        self.changed.notify_all();
    }

    /// Whether a watch has received something within the interval of health checks.
    fn is_alive(&self) -> bool {
        locked(&self.heard).is_some_and(|last| last.elapsed() < HEARTBEAT)
    }

    fn is_active(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed) && !process::interrupted() && locked(&self.lost).is_none()
    }
}

/// The watches of a cluster. They end when this is dropped.
#[derive(Debug)]
pub struct Observer {
    kubectl: Kubectl,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    watched: Mutex<BTreeSet<String>>,
}

impl Observer {
    /// Starts the watches that every run needs.
    #[must_use]
    pub fn start(kubectl: &Kubectl) -> Self {
        let observer = Self {
            kubectl: kubectl.clone(),
            shared: Arc::default(),
            threads: Mutex::default(),
            watched: Mutex::default(),
        };
        for (kind, path) in WATCHED {
            observer.watch(kind, path);
        }
        let (kubectl, shared) = (kubectl.clone(), Arc::clone(&observer.shared));
        locked(&observer.threads).push(thread::spawn(move || heartbeat(&kubectl, &shared)));
        observer
    }

    /// Watches a further kind, given the API path of its objects in all namespaces.
    pub fn watch(&self, kind: &str, path: &str) {
        let (kubectl, shared) = (self.kubectl.clone(), Arc::clone(&self.shared));
        let (kind, path) = (kind.to_owned(), path.to_owned());
        locked(&self.threads).push(thread::spawn(move || follow(&kubectl, &shared, &kind, &path)));
    }

    /// Watches a further kind, unless it is watched already.
    pub fn watch_once(&self, kind: &str, path: &str) {
        if locked(&self.watched).insert(kind.to_owned()) {
            self.watch(kind, path);
        }
    }

    /// The current state of the watched objects.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        locked(&self.shared.snapshot).clone()
    }

    /// Why the API server can no longer be watched; `None` while it can.
    #[must_use]
    pub fn lost(&self) -> Option<Problem> {
        locked(&self.shared.lost).clone()
    }

    /// Waits briefly until each failed pod has a warning event, which follows the change of its status.
    pub(crate) fn settle_events(&self, time: Duration, namespaces: &[String]) {
        let _ = self.wait(time, |snapshot| {
            let mut pods = namespaces.iter().flat_map(|namespace| snapshot.pods(namespace));
            let lacks_event = pods.any(|pod| {
                matches!(verdict::pod(snapshot, pod), Verdict::Failed(..))
                    && !snapshot.events_of(&pod.metadata).into_iter().any(Event::is_warning)
            });
            if lacks_event { Verdict::Pending(Problem::default()) } else { Verdict::Ready }
        });
    }

    /// The reason of a failure after one more health check: programs report an unreachable API server in many ways.
    #[must_use]
    pub fn explained(&self, stop: Stop) -> Stop {
        if process::interrupted() || self.lost().is_some() {
            return self.lost().map_or(stop, Stop::Problem);
        }
        match check_health(&self.kubectl) {
            Ok(()) => stop,
            Err(why) => {
                let problem = unreachable(why);
                self.shared.lose(problem.clone());
                Stop::Problem(problem)
            }
        }
    }

    /// Runs a program that uses the cluster, and ends it when the API server becomes unreachable: it might wait until its
    /// deadline otherwise.
    pub fn run(&self, invocation: &Invocation) -> Result<Output, Stop> {
        invocation.run_unless(|| self.lost())?.map_err(Stop::Problem)
    }

    /// Waits until the verdict is ready, or failed for as long as it requires. At the deadline, the last verdict is the
    /// error.
    pub fn wait(&self, deadline: Duration, mut judge: impl FnMut(&Snapshot) -> Verdict) -> Result<(), Stop> {
        let started = Instant::now();
        let mut failed_since = None;
        let mut snapshot = locked(&self.shared.snapshot);
        loop {
            let problem = match judge(&snapshot) {
                Verdict::Ready => {
                    progress::waits_for("");
                    return Ok(());
                }
                Verdict::Failed(problem, time) => {
                    if failed_since.get_or_insert_with(Instant::now).elapsed() >= time {
                        return Err(Stop::Problem(problem));
                    }
                    problem
                }
                Verdict::Pending(problem) => {
                    failed_since = None;
                    problem
                }
            };
            progress::waits_for(&problem.to_string());
            if let Some(problem) = locked(&self.shared.lost).clone() {
                return Err(Stop::Problem(problem));
            }
            if started.elapsed() >= deadline {
                return Err(Stop::Problem(problem));
            }
            let left = deadline.saturating_sub(started.elapsed());
            snapshot = match self.shared.changed.wait_timeout(snapshot, PULSE.min(left)) {
                Ok((snapshot, _)) => snapshot,
                Err(poisoned) => poisoned.into_inner().0,
            };
            process::check_interrupted()?;
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for thread in std::mem::take(&mut *locked(&self.threads)) {
            let _ = thread.join();
        }
    }
}

fn unreachable(why: String) -> Problem {
    Problem::new("the API server", UNREACHABLE, why)
}

/// Keeps the objects of a kind up to date until the observer is dropped.
fn follow(kubectl: &Kubectl, shared: &Shared, kind: &str, path: &str) {
    while shared.is_active() {
        if let Ok(list) = kubectl.get::<List<Value>>(path) {
            let replaced = locked(&shared.snapshot).replace(kind, &list);
            apply(shared, kind, replaced);
            let url = format!("{path}?watch=true&resourceVersion={}", list.metadata.resource_version);
            let _ = kubectl.invocation().args(["get", "--raw", &url]).deadline(WATCH).follow(|line| {
                if let Some(event) = line.and_then(|line| serde_json::from_str::<WatchEvent>(line).ok()) {
                    if event.kind == "ERROR" {
                        return ControlFlow::Break(());
                    }
                    let applied = locked(&shared.snapshot).apply(kind, &event);
                    apply(shared, kind, applied);
                }
                if shared.is_active() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
        }
        pause(shared, Duration::from_millis(500));
    }
}

/// Wakes all waits after a change. An object that cannot be read would be waited for in vain, so it ends them.
fn apply(shared: &Shared, kind: &str, change: serde_json::Result<()>) {
    *locked(&shared.heard) = Some(Instant::now());
    match change {
        Ok(()) => shared.changed.notify_all(),
        Err(error) => {
            let cause = format!("the API server sent a {kind} that cannot be read: {error}");
            shared.lose(Problem::new("the cluster", "cannot be observed", cause));
        }
    }
}

fn heartbeat(kubectl: &Kubectl, shared: &Shared) {
    let mut missed = 0;
    while shared.is_active() {
        let health = if shared.is_alive() { Ok(()) } else { check_health(kubectl) };
        match health {
            Ok(()) => missed = 0,
            Err(why) => {
                missed += 1;
                if missed >= MISSED {
                    return shared.lose(unreachable(why));
                }
            }
        }
        pause(shared, if missed == 0 { HEARTBEAT } else { Duration::from_millis(500) });
    }
}

/// Checks the health of the API server; the error is the reason that it cannot be reached.
fn check_health(kubectl: &Kubectl) -> Result<(), String> {
    let invocation = kubectl.invocation().args(["get", "--raw", "/livez", "--request-timeout=3s"]);
    match invocation.deadline(Duration::from_secs(5)).run() {
        Ok(output) if output.success() => Ok(()),
        Ok(output) => Err(last_lines(&output.stderr, 1)),
        Err(found) => Err(found.0.first().map(|one| one.message.clone()).unwrap_or_default()),
    }
}

/// Sleeps, unless the observer is dropped meanwhile.
fn pause(shared: &Shared, time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time && shared.is_active() {
        thread::sleep(PULSE.min(time));
    }
}

/// Locks a mutex. A panic in another thread leaves the data valid, so a poisoned lock is not an error.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
