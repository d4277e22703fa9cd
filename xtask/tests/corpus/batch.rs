//! Runs several independent entries at once, because a run of `ci` renders the whole repository. If the findings are not
//! exactly the expected ones, each entry runs on its own, and only that counts.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use diagnostics::{Class, Code};

use crate::entry::{Edit, Entry};
use crate::judge::{self, Verdict};
use crate::repository_copy::Base;

/// The number of broken changes in a batch: with more of them, the chance that one hides another is too high.
const BROKEN: usize = 4;
/// The number of sound changes in a batch.
const SOUND: usize = 12;

/// Entries that run at once.
pub(crate) struct Batch {
    entries: Vec<Arc<Entry>>,
    all: OnceLock<bool>,
}

impl Batch {
    /// Divides entries into batches, in which no two entries edit the same file or expect the same code.
    pub(crate) fn divide(entries: &[Arc<Entry>], together: bool) -> Vec<Arc<Self>> {
        let mut batches: Vec<Vec<Arc<Entry>>> = Vec::new();
        for entry in entries {
            let alone = !together || alone(entry);
            let open = batches.iter_mut().find(|batch| !alone && fits(batch, entry));
            match open {
                Some(batch) => batch.push(Arc::clone(entry)),
                None => batches.push(vec![Arc::clone(entry)]),
            }
        }
        batches.into_iter().map(|entries| Arc::new(Self { entries, all: OnceLock::new() })).collect()
    }

    pub(crate) fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The verdict about one of its entries; for a sound change, `Right` means no findings.
    pub(crate) fn verdict(&self, base: &Base, entry: &Entry) -> Result<Verdict, String> {
        if self.entries.len() > 1 && *self.all.get_or_init(|| self.run_all(base)) {
            return Ok(Verdict::Right);
        }
        let (findings, spots) = base.run(&[entry])?;
        if let Some(spot) = spots.into_iter().flatten().next() {
            return Ok(judge::judge(&findings, entry, &spot));
        }
        let found = judge::relevant(&findings, None);
        Ok(if found.is_empty() { Verdict::Right } else { Verdict::Caught(judge::list(&found)) })
    }

    fn run_all(&self, base: &Base) -> bool {
        let entries: Vec<&Entry> = self.entries.iter().map(AsRef::as_ref).collect();
        base.run(&entries).is_ok_and(|(findings, spots)| {
            let expected: Vec<_> =
                entries.iter().zip(spots).filter_map(|(entry, spot)| Some((*entry, spot?))).collect();
            judge::all_right(&findings, &expected)
        })
    }
}

/// Whether an entry cannot share a run: an invalid configuration hides other findings.
fn alone(entry: &Entry) -> bool {
    let class = |expected: &str| Code::ALL.iter().find(|code| code.name() == expected).map(|code| code.class());
    let configuration = |code: &str| class(code).is_none_or(|class| class == Class::Configuration);
    entry.pending || entry.expected.as_ref().is_some_and(|expected| configuration(&expected.code))
}

fn fits(batch: &[Arc<Entry>], entry: &Entry) -> bool {
    let broken = entry.expected.is_some();
    let paths: BTreeSet<&str> = batch.iter().flat_map(|other| &other.edits).map(Edit::path).collect();
    batch.len() < if broken { BROKEN } else { SOUND }
        && batch.iter().all(|other| {
            let code = |entry: &Entry| entry.expected.as_ref().map(|expected| expected.code.clone());
            !alone(other) && other.base == entry.base && (!broken || code(other) != code(entry))
        })
        && !entry.edits.iter().any(|edit| paths.contains(edit.path()))
}
