//! One test per entry of tests/corpus, which the README there documents: changes to this repository that `ci` must
//! report with one finding at one place, sound changes, and sound workspaces.
//!
//! Without a filter, only a sample of the batches runs outside of CI; `CORPUS_ALL=1` runs all.
//!
//! `CORPUS_ALONE=1` runs each entry on its own; a filter does the same, unless `CORPUS_TOGETHER=1`. `CORPUS_TIMES=1` prints
//! how long each run takes. Pending entries, which the tool does not pass yet, run with `CORPUS_PENDING=1`, which shows what
//! is reported for them, and with `UPDATE_CORPUS=1`, which removes the mark of those that pass; then, no others run.

mod batch;
#[path = "../fixtures/case.rs"]
mod case;
mod edit;
mod entry;
mod judge;
mod repository_copy;
mod settings;
#[path = "../integration/support.rs"]
#[expect(dead_code, reason = "the integration tests use the rest")]
mod support;
mod workspace;

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use batch::Batch;
use entry::Entry;
use judge::Verdict;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use repository_copy::Base;
use settings::{enabled, print};
use support::repository;

/// Skeletons of `new`, which must be silent, and codes that follow from the only dependency that is at hand: this repository
/// deploys it, too, and sets a different image than its default.
const SKELETONS: [(&str, &str, &[&str]); 3] = [
    ("default", "new demo", &[]),
    ("namespace", "new demo --namespace demo-system", &[]),
    (
        "dependency",
        "new demo --dependency sealed-secrets@2.19.1 --repository https://bitnami.github.io/sealed-secrets",
        &["object-shared", "version-vulnerable"],
    ),
];

/// Of how many batches one runs outside of CI.
const SAMPLE: usize = 6;

/// What the runs share.
struct Corpus {
    base: OnceLock<Result<Base, String>>,
    /// How many broken changes ran, were reported, and were reported at the right place; how many sound ones ran, and
    /// were silent; how many workspaces ran, and were silent; and how many entries were left out as pending.
    counts: [AtomicUsize; 8],
}

fn main() -> ExitCode {
    run().unwrap_or_else(|problem| {
        print(&format!("error: {problem}"));
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode, String> {
    let arguments = Arguments::from_args();
    let together = (arguments.filter.is_none() || enabled("CORPUS_TOGETHER")) && !enabled("CORPUS_ALONE");
    let corpus = Arc::new(Corpus { base: OnceLock::new(), counts: Default::default() });
    let mut batches = Vec::new();
    let mut all = Vec::new();
    let files = repository_copy::files();
    for (folder, broken) in [("broken", true), ("sound", false)] {
        let entries = entry::read(&repository().join("tests/corpus").join(folder), broken)?;
        let entries: Vec<Arc<Entry>> = entries.into_iter().map(Arc::new).collect();
        batches.extend(Batch::divide(&files, &entries, together));
        all.extend(entries);
    }
    // All of them take longer than the other tests together.
    let whole = support::ci() || enabled("CORPUS_ALL") || arguments.filter.is_some() || !together || only_pending();
    let sampled = |index: usize| whole || index.is_multiple_of(SAMPLE);
    let mut index = 0..;
    batches.retain(|_| index.next().is_some_and(sampled));
    // The first entries of all batches come first, so that no thread waits for the batch of another.
    let longest = batches.iter().map(|batch| batch.entries().len()).max().unwrap_or_default();
    let order = (0..longest)
        .flat_map(|index| batches.iter().filter_map(move |batch| Some((batch, batch.entries().get(index)?))));
    let mut trials: Vec<Trial> = order.map(|(batch, entry)| trial(&corpus, batch, entry)).collect();
    let workspaces = workspace::read(&repository().join("tests/corpus/workspaces"))?;
    let divided = workspace::Batch::divide(&workspaces, together).into_iter().enumerate();
    for (_, batch) in divided.filter(|(index, _)| sampled(*index)) {
        trials.extend(batch.workspaces().iter().map(|workspace| corpus.workspace(&batch, workspace)));
    }
    trials.extend(SKELETONS.iter().map(|(name, command, known)| corpus.skeleton(name, command, known)));
    if only_pending() {
        trials.retain(|trial| trial.name().starts_with("broken::") || trial.name().starts_with("sound::"));
    }
    trials.insert(0, Trial::test("edits", move || applicable(&all)));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !whole {
        print("a sample; all entries run with CI=true and with CORPUS_ALL=1");
    }
    let counts = corpus.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
    let [broken, caught, right, sound, silent, workspaces, clean, pending] = counts;
    print(&format!(
        "broken changes: {caught} of {broken} caught, {right} at the right place and with nothing else; \
         sound changes: {silent} of {sound} silent; sound workspaces: {clean} of {workspaces} silent; \
         not counted: {pending} pending"
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
        .filter_map(|entry| Some(format!("{}: {}", entry.name, edit::apply_all(&mut files.clone(), &[entry]).err()?)))
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

impl Corpus {
    /// The unedited repository, or why there is none.
    fn base(&self) -> Result<&Base, Completion> {
        let base = self.base.get_or_init(Base::new);
        base.as_ref().map_err(|unavailable| Completion::ignored_with(unavailable.clone()))
    }

    fn check(&self, batch: &Batch, entry: &Entry) -> Result<Completion, Failed> {
        if entry.pending != only_pending() {
            self.count(7, &[entry.pending]);
            return Ok(Completion::ignored_with(if entry.pending { "pending" } else { "not pending" }));
        }
        let base = match self.base() {
            Ok(base) => base,
            Err(unavailable) => return Ok(unavailable),
        };
        let verdict = batch.verdict(base, entry)?;
        if let (Verdict::Caught(problem) | Verdict::Missed(problem), true) = (&verdict, enabled("CORPUS_PENDING")) {
            print(&format!("## {}\n{problem}", entry.name));
        }
        let (caught, right) = (!matches!(verdict, Verdict::Missed(_)), verdict == Verdict::Right);
        let broken = entry.expected.is_some();
        self.count(0, &if broken { [true, caught, right, false, false] } else { [false, false, false, true, right] });
        match (verdict, entry.pending) {
            (Verdict::Right, false) => Ok(Completion::Completed),
            (Verdict::Right, true) if enabled("UPDATE_CORPUS") => {
                entry::settle(entry).map_err(Failed::from)?;
                Ok(Completion::Completed)
            }
            (Verdict::Right, true) => Err("it passes: remove `pending: yes`, or run it with UPDATE_CORPUS=1".into()),
            (Verdict::Caught(_) | Verdict::Missed(_), true) => Ok(Completion::ignored_with("pending")),
            (Verdict::Caught(problem) | Verdict::Missed(problem), false) => Err(problem.into()),
        }
    }
}

/// Whether only pending entries run.
fn only_pending() -> bool {
    enabled("CORPUS_PENDING") || enabled("UPDATE_CORPUS")
}

impl Corpus {
    fn workspace(self: &Arc<Self>, batch: &Arc<workspace::Batch>, workspace: &Arc<workspace::Workspace>) -> Trial {
        let (corpus, batch, workspace) = (Arc::clone(self), Arc::clone(batch), Arc::clone(workspace));
        Trial::ignorable_test(format!("workspaces::{}", workspace.name), move || {
            let base = match corpus.base() {
                Ok(base) => base,
                Err(unavailable) => return Ok(unavailable),
            };
            let found = batch.findings(base, &workspace)?;
            corpus.count(5, &[true, found.is_empty()]);
            if found.is_empty() { Ok(Completion::Completed) } else { Err(found.into()) }
        })
    }

    fn skeleton(self: &Arc<Self>, name: &str, command: &'static str, known: &'static [&'static str]) -> Trial {
        let corpus = Arc::clone(self);
        Trial::ignorable_test(format!("new::{name}"), move || {
            let base = match corpus.base() {
                Ok(base) => base,
                Err(unavailable) => return Ok(unavailable),
            };
            let findings = base.ci(command, base.files.clone(), true, &[command])?;
            let found: Vec<_> = findings.iter().filter(|found| !known.contains(&found.code.as_str())).collect();
            if found.is_empty() { Ok(Completion::Completed) } else { Err(judge::list(&found).into()) }
        })
    }

    /// Counts what happened, from this counter on.
    fn count(&self, first: usize, happened: &[bool]) {
        for (count, _) in self.counts[first..].iter().zip(happened).filter(|(_, happened)| **happened) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
