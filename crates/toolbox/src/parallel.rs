//! Parallel work on a list of items.

use std::num::NonZero;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

/// How many threads can run at the same time. Finding it out reads several files.
#[must_use]
pub fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}

/// Calls `work` for each item, at most `jobs` at a time, and returns the results in the order of the items.
pub fn parallel<T: Sync, R: Send>(jobs: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    announced(jobs, items, |_| {}, work)
}

/// The same. `announce` is called before the work on each item, in the order of the items.
pub fn announced<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    announce: impl Fn(&T) + Sync,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let begin = |item: &T| {
        announce(item);
        work(item)
    };
    // A thread costs more than little work.
    if jobs <= 1 || items.len() <= 1 {
        return items.iter().map(begin).collect();
    }
    let next = Mutex::new(0_usize);
    let take = || {
        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
        let index = *next;
        *next += 1;
        items.get(index).inspect(|item| announce(item)).map(|item| (index, item))
    };
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let Some((index, item)) = take() else { return };
                    let Some(slot) = results.get(index) else { return };
                    let result = work(item);
                    if let Ok(mut slot) = slot.lock() {
                        *slot = Some(result);
                    }
                }
            });
        }
    });
    results.into_iter().filter_map(|slot| slot.into_inner().ok().flatten()).collect()
}

/// How many programs may run at the same time, for all threads together.
#[derive(Debug)]
pub struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Slots {
    /// At least one.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { free: Mutex::new(count.max(1)), freed: Condvar::new() }
    }

    /// Does some work once there is a free slot.
    pub fn with<R>(&self, work: impl FnOnce() -> R) -> R {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        drop(free);
        let _slot = Slot(self);
        work()
    }
}

/// Frees a slot when the work in it ends, also by a panic.
struct Slot<'a>(&'a Slots);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

/// Does two pieces of work at the same time.
pub fn join<A: Send, B: Send>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B + Send) -> (A, B) {
    std::thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        match first.join() {
            Ok(first) => (first, second),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_the_order_of_the_items() {
        let items: Vec<usize> = (0..50).collect();
        assert_eq!(parallel(4, &items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert!(parallel(4, &[] as &[usize], |item| *item).is_empty());
    }

    #[test]
    fn items_are_announced_in_their_order() {
        let items: Vec<usize> = (0..50).collect();
        let announced_items = Mutex::new(Vec::new());
        announced(4, &items, |item| announced_items.lock().expect("sound").push(*item), |_| std::thread::yield_now());
        assert_eq!(announced_items.into_inner().expect("sound"), items);
    }

    #[test]
    fn slots_limit_nested_work() {
        let slots = Slots::new(2);
        let running = Mutex::new((0, 0));
        parallel(4, &[(); 4], |()| {
            parallel(4, &[(); 8], |()| {
                slots.with(|| {
                    let mut now = running.lock().expect("sound");
                    now.0 += 1;
                    now.1 = now.1.max(now.0);
                    drop(now);
                    std::thread::yield_now();
                    running.lock().expect("sound").0 -= 1;
                });
            });
        });
        let (left, most) = running.into_inner().expect("sound");
        assert!(left == 0 && (1..=2).contains(&most), "{most}");
    }
}
