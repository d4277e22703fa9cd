//! Waits until a file in some directories changes.
//!
//! Changes that follow one another closely, such as those of `git checkout`, are one. Linux reports them (inotify); elsewhere,
//! and where it does not, the times of all files are compared.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::process;

/// How often to look for changes, and for signals.
const PULSE: Duration = Duration::from_millis(5);

/// No change for this long ends a series of changes.
const QUIET: Duration = Duration::from_millis(15);

/// A series of changes that does not end is cut off after this time.
const LONGEST: Duration = Duration::from_millis(500);

/// Watched directories.
#[derive(Debug)]
pub struct Watch {
    source: Source,
}

/// How changes become known.
#[derive(Debug)]
enum Source {
    #[cfg(target_os = "linux")]
    Events(std::os::fd::OwnedFd),
    /// The directories, and the times of their files.
    Times(Vec<PathBuf>, Vec<Stamp>),
}

/// A file, its size, and when it was changed.
type Stamp = (PathBuf, u64, Option<SystemTime>);

impl Watch {
    /// Watches directories, but not those in them.
    #[must_use]
    pub fn new(folders: &[PathBuf]) -> Self {
        #[cfg(target_os = "linux")]
        if let Some(events) = linux::watch(folders) {
            return Self { source: Source::Events(events) };
        }
        Self { source: Source::Times(folders.to_vec(), stamps(folders)) }
    }

    /// Watches directories that were created, too.
    pub fn extend(&mut self, folders: &[PathBuf]) {
        match &mut self.source {
            #[cfg(target_os = "linux")]
            Source::Events(events) => {
                for folder in folders {
                    // One that was deleted at once is not watched.
                    let _ = linux::add(events, folder);
                }
            }
            Source::Times(known, _) => *known = folders.to_vec(),
        }
    }

    /// Waits for a change. Returns false if a signal ends the wait.
    pub fn wait(&mut self) -> bool {
        while !self.changed() {
            if process::interrupted() {
                return false;
            }
            thread::sleep(PULSE);
        }
        let (begun, mut last) = (Instant::now(), Instant::now());
        while last.elapsed() < QUIET && begun.elapsed() < LONGEST && !process::interrupted() {
            thread::sleep(PULSE);
            if self.changed() {
                last = Instant::now();
            }
        }
        !process::interrupted()
    }

    /// Whether something changed since the last call.
    fn changed(&mut self) -> bool {
        match &mut self.source {
            #[cfg(target_os = "linux")]
            Source::Events(events) => linux::any(events),
            Source::Times(folders, known) => {
                let begun = Instant::now();
                let now = stamps(folders);
                // At most a tenth of the time is spent on this.
                thread::sleep(begun.elapsed() * 10);
                let changed = now != *known;
                *known = now;
                changed
            }
        }
    }
}

fn stamps(folders: &[PathBuf]) -> Vec<Stamp> {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().collect::<Vec<_>>();
    let mut stamps: Vec<Stamp> = folders
        .iter()
        .flat_map(|folder| entries(folder))
        .filter_map(|entry| {
            let facts = std::fs::metadata(entry.path()).ok()?;
            Some((entry.path(), facts.len(), facts.modified().ok()))
        })
        .collect();
    stamps.sort();
    stamps
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::{Path, PathBuf};

    use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
    use rustix::io::Result;

    /// Fails where the limit of watches is too low, for example.
    pub(super) fn watch(folders: &[PathBuf]) -> Option<OwnedFd> {
        let events = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
        folders.iter().all(|folder| add(&events, folder).is_ok()).then_some(events)
    }

    pub(super) fn add(events: &OwnedFd, folder: &Path) -> Result<()> {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        add_watch(events, folder, flags).map(drop)
    }

    /// Reads all events, and returns whether there were any.
    pub(super) fn any(events: &OwnedFd) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(events, &mut buffer);
        let mut found = false;
        while reader.next().is_ok() {
            found = true;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Both ways to watch a folder; each starts when it is called.
    fn watches(folder: &Path) -> [Box<dyn Fn() -> Watch>; 2] {
        let folders = [folder.to_path_buf()];
        let same = folders.clone();
        let times = move || Watch { source: Source::Times(same.to_vec(), stamps(&same)) };
        [Box::new(move || Watch::new(&folders)), Box::new(times)]
    }

    #[test]
    fn every_change_is_noticed_once() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "old").expect("written");
        let changes: [&dyn Fn(); 4] = [
            &|| fs::write(path("a"), "newer").expect("written"),
            &|| fs::write(path("b"), "").expect("written"),
            &|| fs::rename(path("b"), path("c")).expect("renamed"),
            &|| fs::remove_file(path("c")).expect("removed"),
        ];
        for watch in watches(folder.path()) {
            let mut watch = watch();
            assert!(!watch.changed());
            for (number, change) in changes.iter().enumerate() {
                change();
                assert!(watch.wait(), "{number}");
                assert!(!watch.changed(), "{number}");
            }
        }
    }

    #[test]
    fn a_series_of_changes_is_one() {
        let folder = tempfile::tempdir().expect("temporary directory");
        for watch in watches(folder.path()) {
            let mut watch = watch();
            for number in 0..200 {
                fs::write(folder.path().join(format!("{number}")), "x").expect("written");
            }
            assert!(watch.wait());
            assert!(!watch.changed());
            for number in 0..200 {
                fs::remove_file(folder.path().join(format!("{number}"))).expect("removed");
            }
            assert!(watch.wait());
        }
    }
}
