//! Finds out which branches the cases of a chart reach, by rendering copies of the chart with markers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use diagnostics::{Diagnostic, Diagnostics, Result};
use helm::chart::Chart;
use serde::{Deserialize, Serialize};
use toolbox::parallel::parallel;
use toolbox::process::{Invocation, Output};
use toolbox::scratch;
use workspace::provenance::invalid_output::Located;
use workspace::render::failure;
use workspace::target::ChartTarget;

use super::templates::{LAST, MARK, NUMBERS, Templates, numbers, record, stop};
use crate::lint::helm::{Helm, copy_folder};

/// The name of the cached results.
const CHECK: &str = "coverage-case";

/// The branches that a case reaches. Other cases do not change it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Facts {
    /// The branches that it reaches.
    reached: BTreeSet<usize>,
    /// Branches that it does not reach.
    unreached: BTreeSet<usize>,
    /// The templates that render an object, once it has been rendered.
    rendered: Option<BTreeSet<String>>,
}

impl Facts {
    /// Notes that the case reaches a branch, and all branches that contain it.
    fn reach(&mut self, templates: &Templates, number: usize) {
        for containing in templates.containing(number) {
            // The branches around one that was reached before are reached, too.
            if !self.reached.insert(containing) {
                break;
            }
        }
    }
}

/// A case, with its key in the cache.
struct Case<'a> {
    target: &'a ChartTarget<'a>,
    key: String,
    facts: Option<Facts>,
}

/// Where a render stopped.
enum Stopped {
    /// At a branch.
    At(usize),
    /// Nowhere, with the templates that rendered an object.
    Nowhere(BTreeSet<String>),
}

/// A temporary copy of a chart.
struct Copy {
    directory: PathBuf,
    _stage: tempfile::TempDir,
}

impl Copy {
    fn new(directory: &Path) -> Result<Self> {
        let stage = scratch::directory()?;
        let copy = stage.path().join(directory.file_name().unwrap_or_else(|| "chart".as_ref()));
        copy_folder(directory, &copy)?;
        Ok(Self { directory: copy, _stage: stage })
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.directory.join(path);
        std::fs::write(&path, text).map_err(|error| Diagnostic::io("write", &path, &error).into())
    }
}

/// The branches that all cases together reach.
#[derive(Debug, Default)]
struct Covered {
    reached: BTreeSet<usize>,
    /// Templates that rendered an object.
    rendered: BTreeSet<String>,
}

/// Renders the cases of a chart until everything is reached, or nothing else can be.
pub(super) struct Explorer<'a> {
    helm: &'a Helm<'a>,
    templates: &'a Templates,
    chart: &'a Chart,
    covered: Mutex<Covered>,
    /// The last copy whose branches stop, and which ones do: most cases use the same one.
    stopping: Mutex<Option<(BTreeSet<usize>, Arc<Copy>)>>,
}

impl<'a> Explorer<'a> {
    pub(super) fn new(helm: &'a Helm<'a>, templates: &'a Templates, chart: &'a Chart) -> Self {
        Self { helm, templates, chart, covered: Mutex::default(), stopping: Mutex::default() }
    }

    /// The numbers of the branches and the paths of the templates that no case reaches. Fails if it is unknown what a case
    /// reaches, because it fails.
    pub(super) fn missed(&self, cases: &[&ChartTarget<'_>], directory: &Path) -> Result<Vec<String>> {
        let mut cases: Vec<Case<'_>> = parallel(self.helm.jobs, cases, |target| {
            let key = self.helm.key(CHECK, &[target]);
            let facts: Option<Facts> = self.helm.find(&key);
            if let Some(facts) = &facts {
                self.note(facts);
            }
            Case { target, key, facts }
        });
        if cases.iter().any(|case| case.facts.is_none()) {
            let marked = self.marked(directory)?;
            let watched = parallel(self.helm.jobs, &cases, |case| {
                if case.facts.is_some() || self.open().is_empty() {
                    return case.facts.clone();
                }
                // A case that cannot be watched is rendered branch by branch.
                let facts = self.watch(case.target, &marked).unwrap_or_default();
                self.note(&facts);
                self.helm.keep(&case.key, &facts);
                Some(facts)
            });
            cases.iter_mut().zip(watched).for_each(|(case, facts)| case.facts = facts);
        }
        let stopped = parallel(self.helm.jobs, &cases, |case| {
            let mut facts = case.facts.clone().unwrap_or_default();
            let result = self.stop(case.target, directory, &mut facts);
            if case.facts.as_ref().is_some_and(|before| *before != facts) {
                self.helm.keep(&case.key, &facts);
            }
            result
        });
        let open = self.open();
        let failed: Vec<Diagnostic> =
            stopped.into_iter().filter_map(std::result::Result::err).flat_map(|found| found.0).collect();
        self.helm.fails.fetch_or(!failed.is_empty(), Ordering::Relaxed);
        if open.is_empty() || failed.is_empty() { Ok(open) } else { Err(Diagnostics(failed)) }
    }

    /// A copy of the chart in which each branch records that it is reached.
    fn marked(&self, directory: &Path) -> Result<Copy> {
        let copy = Copy::new(directory)?;
        let all = self.templates.wanted(&BTreeSet::new());
        for (number, (path, _)) in self.templates.files.iter().enumerate() {
            copy.write(path, &self.templates.marked(number, &all, record))?;
        }
        copy.write(LAST, &numbers())?;
        Ok(copy)
    }

    /// First pass: the branches that a case reaches, as far as they are recorded.
    fn watch(&self, target: &ChartTarget<'_>, marked: &Copy) -> Result<Facts> {
        let (output, _) = self.helm(target, &marked.directory)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut facts = Facts::default();
        if let Some(numbers) = text.lines().find_map(|line| line.strip_prefix(NUMBERS)) {
            for number in numbers.split_whitespace().filter_map(|number| number.parse().ok()) {
                facts.reach(self.templates, number);
            }
            facts.rendered = output.success().then(|| rendered(&text));
        }
        Ok(facts)
    }

    /// Second pass: which of the branches that nothing has reached yet a case reaches.
    fn stop(&self, target: &ChartTarget<'_>, directory: &Path, facts: &mut Facts) -> Result<()> {
        let mut innermost = true;
        while !self.open().is_empty() {
            let mut active = self.templates.wanted(&locked(&self.covered).reached);
            active.retain(|number| !facts.unreached.contains(number));
            if active.is_empty() && facts.rendered.is_some() {
                break;
            }
            if innermost {
                active = self.templates.innermost(&active);
            }
            match self.run(target, directory, &active)? {
                Stopped::At(number) => facts.reach(self.templates, number),
                Stopped::Nowhere(rendered) => {
                    facts.unreached.extend(active);
                    facts.rendered = Some(rendered);
                    innermost = false;
                }
            }
            self.note(facts);
        }
        Ok(())
    }

    /// Renders a case once, with branches that stop.
    fn run(&self, target: &ChartTarget<'_>, directory: &Path, active: &BTreeSet<usize>) -> Result<Stopped> {
        let copy = self.stopping(directory, active)?;
        let (output, invocation) = self.helm(target, &copy.directory)?;
        if output.success() {
            return Ok(Stopped::Nowhere(rendered(&String::from_utf8_lossy(&output.stdout))));
        }
        let number = output.stderr.split(MARK).nth(1).and_then(|rest| rest.split('-').next()?.parse::<usize>().ok());
        if let Some(number) = number.filter(|number| active.contains(number)) {
            return Ok(Stopped::At(number));
        }
        let command = invocation.command_line();
        Err(failure::explain(self.helm.root, target, output.code, &output.stderr, &command, &|_| Located::default()))
    }

    /// A copy of the chart in which some branches stop. It is the last one, if that stops at the same branches.
    fn stopping(&self, directory: &Path, active: &BTreeSet<usize>) -> Result<Arc<Copy>> {
        let mut last = locked(&self.stopping);
        if let Some((_, copy)) = last.as_ref().filter(|(stops, _)| stops == active) {
            return Ok(Arc::clone(copy));
        }
        let copy = Copy::new(directory)?;
        for (number, (path, source)) in self.templates.files.iter().enumerate() {
            let text = self.templates.marked(number, active, stop);
            if text != source.text {
                copy.write(path, &text)?;
            }
        }
        let copy = Arc::new(copy);
        *last = Some((active.clone(), Arc::clone(&copy)));
        Ok(copy)
    }

    fn helm(&self, target: &ChartTarget<'_>, directory: &Path) -> Result<(Output, Invocation)> {
        let mut recipe = target.recipe.clone();
        // Argo CD skips test hooks, but their templates count here.
        recipe.skip_tests = false;
        self.helm.run(target, directory, |inline| recipe.args(inline))
    }

    /// Adds what a case reaches to what all cases reach.
    fn note(&self, facts: &Facts) {
        let mut covered = locked(&self.covered);
        covered.reached.extend(&facts.reached);
        covered.rendered.extend(facts.rendered.iter().flatten().cloned());
    }

    /// The numbers of branches and the paths of templates that nothing has reached yet. Only outermost branches are included,
    /// and a template only if it has no such branch.
    fn open(&self) -> Vec<String> {
        let covered = locked(&self.covered);
        let wanted = self.templates.wanted(&covered.reached);
        let outermost = wanted.iter().filter(|&&number| {
            self.templates.marks[number].branch.parent.is_none_or(|parent| !wanted.contains(&parent))
        });
        let mut open: Vec<String> = outermost.map(ToString::to_string).collect();
        for (number, (path, _)) in self.templates.files.iter().enumerate() {
            let name = path.rsplit('/').next().unwrap_or(path);
            // Partials and NOTES.txt render no objects by design.
            let silent = name.starts_with('_') || name == "NOTES.txt";
            let reported = wanted.iter().any(|&mark| self.templates.marks[mark].template == number);
            if !silent && !reported && !covered.rendered.contains(&format!("{}/{path}", self.chart.name)) {
                open.push(path.clone());
            }
        }
        open
    }
}

/// The templates that rendered an object.
fn rendered(text: &str) -> BTreeSet<String> {
    let sources = text.lines().filter_map(|line| line.strip_prefix("# Source: "));
    sources.map(|source| source.trim_end().to_owned()).collect()
}

/// Locks a mutex. A panic in another thread leaves these sets intact, so poisoning is ignored.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
