//! Loads images into the node while the run does other work that does not need them yet.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use cluster::Cluster;
use cluster::observer::Stop;
use diagnostics::{Diagnostics, Result};
use toolbox::process;
use toolbox::progress::Progress;

use super::create::{self, Later};
use super::stage::PULSE;

/// Batches of images that are being loaded, in the order in which they are needed.
#[derive(Debug)]
pub(crate) struct Loading {
    later: Later,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How many batches are loaded.
    loaded: usize,
    /// Why the others are not.
    failed: Option<Diagnostics>,
    /// Whether the others are no longer needed.
    over: bool,
}

impl Loading {
    /// Does work while images are loaded. If loading them fails, and no [`Self::wait`] returned the reason, it is the second
    /// value.
    pub(crate) fn during<T>(
        later: Later,
        cluster: &Cluster,
        progress: &dyn Progress,
        work: impl FnOnce(&Self) -> T,
    ) -> (T, Result<()>) {
        let loading = Self { later, state: Mutex::default(), changed: Condvar::new() };
        let done = std::thread::scope(|scope| {
            scope.spawn(|| loading.load(cluster, progress));
            let done = work(&loading);
            loading.state().over = true;
            done
        });
        let failed = loading.state().failed.take().filter(|found| !found.is_empty());
        (done, failed.map_or(Ok(()), Err))
    }

    fn load(&self, cluster: &Cluster, progress: &dyn Progress) {
        for batch in &self.later {
            if self.state().over {
                return;
            }
            let loaded = if batch.is_empty() { Ok(()) } else { create::load(cluster, batch, progress) };
            let mut state = self.state();
            match loaded {
                Ok(()) => state.loaded += 1,
                Err(found) => state.failed = Some(found),
            }
            self.changed.notify_all();
            if state.failed.is_some() {
                return;
            }
        }
    }

    /// Waits until a batch is loaded; the first one is number 0.
    pub(crate) fn wait(&self, batch: usize) -> std::result::Result<(), Stop> {
        let needed = self.later.len().min(batch + 1);
        let mut state = self.state();
        while state.loaded < needed {
            if let Some(found) = &mut state.failed {
                return Err(Stop::Other(std::mem::take(found)));
            }
            process::check_interrupted()?;
            let waited = self.changed.wait_timeout(state, PULSE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Waits until all batches are loaded.
    pub(crate) fn wait_for_all(&self) -> std::result::Result<(), Stop> {
        self.later.len().checked_sub(1).map_or(Ok(()), |last| self.wait(last))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
