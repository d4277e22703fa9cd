//! Runs several independent entries at once, because a run of `ci` renders the whole repository. If the findings are not
//! exactly the expected ones, each entry runs on its own, and only that counts.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use diagnostics::{Class, Code};

use crate::case::Tree;
use crate::edit;
use crate::entry::{Edit, Entry};
use crate::judge::{self, Verdict};
use crate::repository_copy::Base;

/// The number of broken changes in a batch: with more of them, the chance that one hides another is too high.
const BROKEN: usize = 6;
/// The number of sound changes in a batch.
const SOUND: usize = 12;

/// Entries that run at once.
pub(crate) struct Batch {
    entries: Vec<Arc<Entry>>,
    all: OnceLock<bool>,
}

impl Batch {
    /// Divides entries into batches, in which no two entries edit the same lines or expect the same code.
    pub(crate) fn divide(files: &Tree, entries: &[Arc<Entry>], together: bool) -> Vec<Arc<Self>> {
        let mut batches: Vec<Open> = Vec::new();
        for entry in entries {
            let alone = !together || alone(entry);
            let open = batches.iter_mut().find_map(|batch| {
                let edited = if alone { None } else { batch.with(files, entry) };
                Some((batch, edited?))
            });
            if let Some((batch, edited)) = open {
                batch.entries.push(Arc::clone(entry));
                batch.edited = edited;
            } else {
                let first = Open { entries: vec![Arc::clone(entry)], edited: Tree::new() };
                let edited = if alone { Tree::new() } else { apply(files, &first.edited, entry).unwrap_or_default() };
                batches.push(Open { edited, ..first });
            }
        }
        batches.into_iter().map(|open| Arc::new(Self { entries: open.entries, all: OnceLock::new() })).collect()
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

/// Whether an entry cannot share a run: an invalid configuration and a missing file hide other findings.
fn alone(entry: &Entry) -> bool {
    let class = |expected: &str| Code::ALL.iter().find(|code| code.name() == expected).map(|code| code.class());
    let configuration = |code: &str| class(code).is_none_or(|class| class == Class::Configuration);
    let missing = |edit: &Edit| matches!(edit, Edit::Remove { .. } | Edit::Rename { .. });
    entry.pending
        || entry.edits.iter().any(missing)
        || entry.expected.as_ref().is_some_and(|expected| configuration(&expected.code))
}

/// A batch that may grow.
struct Open {
    entries: Vec<Arc<Entry>>,
    /// The files that its entries edit, as they are afterwards.
    edited: Tree,
}

impl Open {
    /// The files that are edited if an entry joins; `None` if it cannot.
    fn with(&self, files: &Tree, entry: &Entry) -> Option<Tree> {
        let broken = entry.expected.is_some();
        let code = |entry: &Entry| entry.expected.as_ref().map(|expected| expected.code.clone());
        let joins =
            |other: &Arc<Entry>| !alone(other) && other.base == entry.base && (!broken || code(other) != code(entry));
        let full = self.entries.len() >= if broken { BROKEN } else { SOUND };
        if full || !self.entries.iter().all(joins) { None } else { apply(files, &self.edited, entry) }
    }
}

/// The edited files after the edits of one more entry; `None` if they do not fit.
fn apply(files: &Tree, edited: &Tree, entry: &Entry) -> Option<Tree> {
    let own = entry.expected.iter().filter_map(|expected| Some(expected.at.as_ref()?.0.as_str()));
    let paths: Vec<&str> = entry.edits.iter().map(Edit::path).chain(own).collect();
    let touched = files.iter().filter(|(path, _)| paths.iter().any(|start| path.as_path() == Path::new(start)));
    let mut all: Tree = touched.map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
    all.extend(edited.iter().map(|(path, bytes)| (path.clone(), bytes.clone())));
    edit::apply_all(&mut all, &[entry]).ok().map(|_| all)
}
