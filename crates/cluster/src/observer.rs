//! One look at the cluster for the whole run: a watch per kind keeps [`Seen`] as it is now, and every wait is told of
//! each change. Nothing polls but a heartbeat, which finds out that the API server is gone.
//!
//! A watch that breaks is made anew. Where the API server answers no more, all waits end with that.
//!
//! Deliberately absent: judging what is seen (verdict.rs).

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::kubectl::Kubectl;
use crate::lifecycle::last_lines;
use crate::seen::{Seen, WATCHED};
use crate::verdict::{self, Trouble, Verdict};
use diagnostics::Diagnostics;
use toolbox::process;
use toolbox::process::{Invocation, Output};
use toolbox::progress;

/// How often a wait looks at the interruption flag. A change in the cluster is noticed at once, whatever this says.
const PULSE: Duration = Duration::from_millis(100);

/// How often the API server is asked whether it is there: a paused node answers nothing and closes nothing.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// Questions without an answer, one after the other, that make an API server a lost one.
const MISSED: u32 = 3;

/// Longer than any run.
const WATCH: Duration = Duration::from_secs(6 * 3600);

/// Why something did not come to its end.
#[derive(Debug)]
pub enum Stop {
    /// The cluster shows why.
    Trouble(Trouble),
    /// Something else is wrong: a program, a signal.
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
    seen: Mutex<Seen>,
    changed: Condvar,
    over: AtomicBool,
    lost: Mutex<Option<String>>,
}

/// The look at a cluster.
#[derive(Debug)]
pub struct Observer {
    kubectl: Kubectl,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    watched: Mutex<BTreeSet<String>>,
}

impl Observer {
    /// Begins to watch what is always watched.
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

    /// Watches a further kind, by the path of all its objects in the API.
    pub fn watch(&self, kind: &str, path: &str) {
        let (kubectl, shared) = (self.kubectl.clone(), Arc::clone(&self.shared));
        let (kind, path) = (kind.to_owned(), path.to_owned());
        locked(&self.threads).push(thread::spawn(move || follow(&kubectl, &shared, &kind, &path)));
    }

    /// The same, unless it is watched already.
    pub fn watch_once(&self, kind: &str, path: &str) {
        if locked(&self.watched).insert(kind.to_owned()) {
            self.watch(kind, path);
        }
    }

    /// What is there now.
    #[must_use]
    pub fn seen(&self) -> Seen {
        locked(&self.shared.seen).clone()
    }

    /// Why the API server is lost, if it is.
    #[must_use]
    pub fn lost(&self) -> Option<String> {
        locked(&self.shared.lost).clone()
    }

    /// Waits, but not long, until each pod that cannot become ready has the event that tells why: it comes after the state.
    pub fn settle_events(&self, time: Duration, namespaces: &[String]) {
        let _ = self.wait(time, |seen| {
            let pods = namespaces.iter().flat_map(|namespace| seen.all("Pod", namespace));
            let untold = |pod: &&serde_json::Value| {
                matches!(verdict::pod(seen, pod), Verdict::Never(_))
                    && !seen.events_of(pod).iter().any(|event| event["type"] == "Warning")
            };
            match pods.into_iter().find(untold) {
                Some(_) => Verdict::Pending(Trouble::default()),
                None => Verdict::Ready,
            }
        });
    }

    /// What stopped a step, seen once more: a program that fails because the API server is gone says so in many ways.
    #[must_use]
    pub fn explained(&self, stop: Stop) -> Stop {
        if process::interrupted() || self.lost().is_some() {
            return self.lost().map_or(stop, gone);
        }
        match alive(&self.kubectl) {
            Ok(()) => stop,
            Err(why) => {
                *locked(&self.shared.lost) = Some(why.clone());
                self.shared.changed.notify_all();
                gone(why)
            }
        }
    }

    /// Runs a program that talks to the cluster, and ends it where the API server answers no more: it would wait for that
    /// as long as it may.
    pub fn run(&self, invocation: &Invocation) -> Result<Output, Stop> {
        invocation.run_unless(|| self.lost())?.map_err(gone)
    }

    /// Waits until a judge says that all is well, or that it never will be. A wait that is over without a word from
    /// either tells what it waited for.
    pub fn wait(&self, deadline: Duration, mut judge: impl FnMut(&Seen) -> Verdict) -> Result<(), Stop> {
        let started = Instant::now();
        let mut seen = locked(&self.shared.seen);
        loop {
            let pending = match judge(&seen) {
                Verdict::Ready => {
                    progress::waits_for("");
                    return Ok(());
                }
                Verdict::Never(trouble) => return Err(Stop::Trouble(trouble)),
                Verdict::Pending(trouble) => trouble,
            };
            progress::waits_for(&pending.to_string());
            if let Some(why) = locked(&self.shared.lost).clone() {
                return Err(gone(why));
            }
            if started.elapsed() >= deadline {
                return Err(Stop::Trouble(pending));
            }
            let left = deadline.saturating_sub(started.elapsed());
            seen = match self.shared.changed.wait_timeout(seen, PULSE.min(left)) {
                Ok((seen, _)) => seen,
                Err(poisoned) => poisoned.into_inner().0,
            };
            process::check_interrupted()?;
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for thread in std::mem::take(&mut *locked(&self.threads)) {
            let _ = thread.join();
        }
    }
}

/// How a step ends whose API server is lost.
#[must_use]
pub fn gone(why: String) -> Stop {
    Stop::Trouble(Trouble::new("the API server", "gone", why))
}

/// Keeps the objects of a kind as they are, until the observer goes.
fn follow(kubectl: &Kubectl, shared: &Shared, kind: &str, path: &str) {
    while !shared.over.load(Ordering::Relaxed) && !process::interrupted() {
        if let Ok(list) = kubectl.get(path) {
            let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
            locked(&shared.seen).replace(kind, &list);
            shared.changed.notify_all();
            let url = format!("{path}?watch=true&resourceVersion={version}");
            let _ = kubectl.invocation().args(["get", "--raw", &url]).deadline(WATCH).follow(|line| {
                if let Some(event) = line.and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok()) {
                    if event["type"] == "ERROR" {
                        return ControlFlow::Break(());
                    }
                    locked(&shared.seen).event(kind, &event);
                    shared.changed.notify_all();
                }
                if shared.over.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
        pause(shared, Duration::from_millis(500));
    }
}

fn heartbeat(kubectl: &Kubectl, shared: &Shared) {
    let mut missed = 0;
    while !shared.over.load(Ordering::Relaxed) && !process::interrupted() {
        match alive(kubectl) {
            Ok(()) => missed = 0,
            Err(why) => {
                missed += 1;
                if missed >= MISSED {
                    *locked(&shared.lost) = Some(why);
                    shared.changed.notify_all();
                    return;
                }
            }
        }
        pause(shared, if missed == 0 { HEARTBEAT } else { Duration::from_millis(500) });
    }
}

/// Asks the API server whether it is there; why not, if it is not.
fn alive(kubectl: &Kubectl) -> Result<(), String> {
    let invocation = kubectl.invocation().args(["get", "--raw", "/livez", "--request-timeout=3s"]);
    match invocation.deadline(Duration::from_secs(5)).run() {
        Ok(output) if output.success() => Ok(()),
        Ok(output) => Err(last_lines(&output.stderr, 1)),
        Err(found) => Err(found.0.first().map(|one| one.message.clone()).unwrap_or_default()),
    }
}

/// Lets time pass, but not when the observer goes.
fn pause(shared: &Shared, time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time && !shared.over.load(Ordering::Relaxed) && !process::interrupted() {
        thread::sleep(PULSE.min(time));
    }
}

/// A panic of another thread leaves what is seen whole, so its poison is of no interest.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
