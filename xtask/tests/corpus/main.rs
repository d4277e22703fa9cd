//! One test per entry of tests/corpus, which the README there documents: changes to this repository that `ci` must
//! report with one finding at one place, sound changes, and sound workspaces.
//!
//! `CORPUS_ALONE=1` runs each entry on its own; a filter does the same. `CORPUS_PENDING=1` shows what is reported for
//! entries that the tool does not pass yet.

mod batch;
#[path = "../fixtures/case.rs"]
mod case;
mod edit;
mod entry;
mod judge;
mod repository_copy;
#[path = "../integration/support.rs"]
#[expect(dead_code, reason = "the integration tests use the rest")]
mod support;

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use batch::Batch;
use entry::Entry;
use judge::Verdict;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use repository_copy::Base;
use support::repository;

/// What the runs share.
struct Corpus {
    base: OnceLock<Result<Base, String>>,
    /// How many broken changes ran, were reported, and were reported at the right place; how many sound ones ran, and
    /// were silent.
    counts: [AtomicUsize; 5],
}

fn main() -> ExitCode {
    run().unwrap_or_else(|problem| {
        print(&format!("error: {problem}"));
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode, String> {
    let arguments = Arguments::from_args();
    let together = arguments.filter.is_none() && std::env::var_os("CORPUS_ALONE").is_none();
    let corpus = Arc::new(Corpus { base: OnceLock::new(), counts: Default::default() });
    let mut batches = Vec::new();
    let mut all = Vec::new();
    for (folder, broken) in [("broken", true), ("sound", false)] {
        let entries = entry::read(&repository().join("tests/corpus").join(folder), broken)?;
        let entries: Vec<Arc<Entry>> = entries.into_iter().map(Arc::new).collect();
        batches.extend(Batch::divide(&entries, together));
        all.extend(entries);
    }
    // The first entries of all batches come first, so that no thread waits for the batch of another.
    let longest = batches.iter().map(|batch| batch.entries().len()).max().unwrap_or_default();
    let order = (0..longest).flat_map(|index| batches.iter().filter_map(move |batch| Some((batch, batch.entries().get(index)?))));
    let mut trials: Vec<Trial> = order.map(|(batch, entry)| trial(&corpus, batch, entry)).collect();
    trials.insert(0, Trial::test("edits", move || applicable(&all)));
    let conclusion = libtest_mimic::run(&arguments, trials);
    let counts = corpus.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
    let [broken, caught, right, sound, silent] = counts;
    print(&format!(
        "broken changes: {caught} of {broken} caught, {right} at the right place and with nothing else; \
         sound changes: {silent} of {sound} silent"
    ));
    Ok(conclusion.exit_code())
}

fn trial(corpus: &Arc<Corpus>, batch: &Arc<Batch>, entry: &Arc<Entry>) -> Trial {
    let (corpus, batch, entry) = (Arc::clone(corpus), Arc::clone(batch), Arc::clone(entry));
    let folder = if entry.expected.is_some() { "broken" } else { "sound" };
    Trial::ignorable_test(format!("{folder}::{}", entry.name), move || corpus.check(&batch, &entry))
}

/// Checks that the edits of all entries fit the repository, which needs no tools.
fn applicable(entries: &[Arc<Entry>]) -> Result<(), Failed> {
    let files = repository_copy::files();
    let problems: Vec<String> = entries
        .iter()
        .filter_map(|entry| Some(format!("{}: {}", entry.name, edit::apply(&mut files.clone(), entry).err()?)))
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

impl Corpus {
    fn check(&self, batch: &Batch, entry: &Entry) -> Result<Completion, Failed> {
        let base = match self.base.get_or_init(Base::new) {
            Ok(base) => base,
            Err(unavailable) => return Ok(Completion::ignored_with(unavailable.clone())),
        };
        let verdict = batch.verdict(base, entry)?;
        let (caught, right) = (!matches!(verdict, Verdict::Missed(_)), verdict == Verdict::Right);
        let broken = entry.expected.is_some();
        let counted = if broken { [true, caught, right, false, false] } else { [false, false, false, true, right] };
        for (count, _) in self.counts.iter().zip(counted).filter(|(_, counted)| *counted) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        match (verdict, entry.pending) {
            (Verdict::Right, false) => Ok(Completion::Completed),
            (Verdict::Right, true) => Err("it passes: remove `pending: yes`".into()),
            (Verdict::Caught(_) | Verdict::Missed(_), true) if std::env::var_os("CORPUS_PENDING").is_none() => {
                Ok(Completion::ignored_with("pending"))
            }
            (Verdict::Caught(problem) | Verdict::Missed(problem), _) => Err(problem.into()),
        }
    }
}

fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
