//! Runs several independent entries at once, because a run of `ci` renders all charts that they change. If the findings
//! are not exactly the expected ones, the batch is divided, until each entry that is not right ran on its own, with all
//! cases of the charts.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use diagnostics::{Class, Code};

use crate::case::Tree;
use crate::edit;
use crate::entry::{Edit, Entry, Kind};
use crate::judge::{self, Verdict};
use crate::repository_copy::{Base, Size};
use crate::settings::{enabled, print};

/// The number of broken changes in a batch: with more of them, the chance that one hides another is too high.
const BROKEN: usize = 12;
/// The number of sound changes in a batch.
const SOUND: usize = 24;

/// What became of an entry, or why it could not run.
type Outcome = Result<Verdict, String>;

/// Entries that run at once.
pub(crate) struct Batch {
    entries: Vec<Arc<Entry>>,
    outcomes: OnceLock<Vec<Outcome>>,
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
                let edited = if alone { Tree::new() } else { apply(files, &Tree::new(), entry).unwrap_or_default() };
                batches.push(Open { entries: vec![Arc::clone(entry)], alone, edited });
            }
        }
        batches.into_iter().map(|open| Arc::new(Self { entries: open.entries, outcomes: OnceLock::new() })).collect()
    }

    pub(crate) fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The verdict about one of its entries; for a sound change, `Right` means no findings.
    pub(crate) fn verdict(&self, base: &Base, entry: &Entry) -> Outcome {
        let outcomes = self.outcomes.get_or_init(|| outcomes(base, &self.entries));
        let outcome = self.entries.iter().zip(outcomes).find(|(one, _)| one.name == entry.name);
        outcome.map_or_else(|| Err(format!("{} is not in this batch", entry.name)), |(_, outcome)| outcome.clone())
    }
}

/// The outcomes of entries, which run at once if possible.
fn outcomes(base: &Base, entries: &[Arc<Entry>]) -> Vec<Outcome> {
    if let [entry] = entries {
        return vec![alone_outcome(base, entry)];
    }
    let all: Vec<&Entry> = entries.iter().map(AsRef::as_ref).collect();
    let names = || all.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(" ");
    let separate = |half: &[Arc<Entry>], other: &[Arc<Entry>]| [outcomes(base, half), outcomes(base, other)].concat();
    let halves = entries.split_at(entries.len() / 2);
    let (findings, spots) = match base.run(&all, Size::Few) {
        Ok(run) => run,
        Err(problem) => {
            explain(&format!("not at once: {}\n{problem}", names()));
            return separate(halves.0, halves.1);
        }
    };
    let expected: Vec<_> = all.iter().zip(spots).filter_map(|(entry, spot)| Some((*entry, spot?))).collect();
    let (missing, others) = judge::compare(&findings, &expected);
    if !others.is_empty() || (missing.len() == entries.len()) {
        explain(&format!("not at once: {}\n{}", names(), judge::list(&others)));
        return separate(halves.0, halves.1);
    }
    // Nothing else is found, so only those whose finding is missing are in doubt.
    let doubtful: Vec<_> = missing.iter().map(|index| Arc::clone(&entries[*index])).collect();
    let mut all = vec![Ok(Verdict::Right); entries.len()];
    if !doubtful.is_empty() {
        let hidden: Vec<&str> = doubtful.iter().map(|entry| entry.name.as_str()).collect();
        explain(&format!("hidden in {}: {}", names(), hidden.join(" ")));
        for (index, outcome) in missing.into_iter().zip(outcomes(base, &doubtful)) {
            all[index] = outcome;
        }
    }
    all
}

/// Prints why a batch needs another run, which costs time in each run of the corpus.
fn explain(reason: &str) {
    if enabled("CORPUS_TIMES") {
        print(reason);
    }
}

/// The outcome of an entry on its own.
fn alone_outcome(base: &Base, entry: &Entry) -> Outcome {
    let run = |size: Size| {
        let (findings, spots) = base.run(&[entry], size)?;
        if let Some(spot) = spots.into_iter().flatten().next() {
            return Ok(judge::judge(&findings, entry, &spot));
        }
        let found = judge::relevant(&findings, None);
        Ok(if found.is_empty() { Verdict::Right } else { Verdict::Caught(judge::list(&found)) })
    };
    if !entry.whole && !enabled("CORPUS_ALONE") {
        let few = run(if configuration(entry) { Size::Least } else { Size::Few });
        // What is pending needs no second opinion.
        if few == Ok(Verdict::Right) || entry.pending {
            return few;
        }
    }
    run(Size::Whole)
}

/// Whether the configuration or a chart of the entry is invalid.
fn configuration(entry: &Entry) -> bool {
    let class = |expected: &str| Code::ALL.iter().find(|code| code.name() == expected).map(|code| code.class());
    let configuration = |code: &str| class(code).is_none_or(|class| class == Class::Configuration);
    entry.expected.as_ref().is_some_and(|expected| configuration(&expected.code))
}

/// Whether an entry cannot share a run: an invalid configuration and a missing file hide other findings.
fn alone(entry: &Entry) -> bool {
    let missing = |edit: &Edit| matches!(edit, Edit::Remove { .. } | Edit::Rename { .. });
    entry.pending || entry.whole || configuration(entry) || entry.edits.iter().any(missing)
}

/// What the edits change: a chart, so that a run renders as few charts again as possible, or anything else.
fn areas(entry: &Entry) -> BTreeSet<&str> {
    let chart = |path| Path::new(path).strip_prefix("charts").ok()?.iter().next()?.to_str();
    entry.edits.iter().map(|edit| chart(edit.path()).unwrap_or_default()).collect()
}

/// Whether two entries edit the same part of a file: both may add the same key there.
fn meet(one: &Entry, other: &Entry) -> bool {
    let context = |entry: &Entry| -> BTreeSet<(String, String)> {
        let lines = entry.edits.iter().flat_map(|edit| edit.lines().map(move |line| (edit.path(), line)));
        let context = lines.filter(|(_, line)| line.kind == Kind::Context && !line.text.trim().is_empty());
        context.map(|(path, line)| (path.to_owned(), line.text.clone())).collect()
    };
    !context(one).is_disjoint(&context(other))
}

/// A batch that may grow.
struct Open {
    entries: Vec<Arc<Entry>>,
    alone: bool,
    /// The files that its entries edit, as they are afterwards.
    edited: Tree,
}

impl Open {
    /// The files that are edited if an entry joins; `None` if it cannot.
    fn with(&self, files: &Tree, entry: &Entry) -> Option<Tree> {
        let broken = entry.expected.is_some();
        let code = |entry: &Entry| entry.expected.as_ref().map(|expected| expected.code.clone());
        let joins = |other: &Arc<Entry>| {
            !other.apart.contains(&entry.name)
                && !entry.apart.contains(&other.name)
                && !meet(other, entry)
                && other.base == entry.base
                && areas(other) == areas(entry)
                && (!broken || code(other) != code(entry))
        };
        let full = self.alone || self.entries.len() >= if broken { BROKEN } else { SOUND };
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
