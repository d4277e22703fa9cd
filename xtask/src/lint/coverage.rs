//! Template coverage: whether the cases of a chart reach every branch of its templates, and change every documented value.
//!
//! In a copy of the chart, each branch starts by recording its number in `.Release`, which all templates share, and a
//! template that renders last prints the numbers. This takes one run per case, and changes nothing that a template
//! compares, parses, measures, or hashes.
//!
//! A named template that is called with another context has no `.Release`, so branches without a recorded number get a
//! second pass: there, each branch starts with `{{ fail "…" }}` and its number. Helm reports the first one that a case
//! reaches; that one is removed, and so on until the case renders. This takes one run per branch. Reaching a branch
//! reaches all branches that contain it, so inner ones are tried first.
//!
//! The result is cached until the chart or a case changes.
//!
//! Branches that always fail are not counted, because no successful render can reach them. Neither are the charts that a
//! chart depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use document::{Node, yaml};
use helm::chart::Chart;
use toolbox::inputs;
use toolbox::parallel::parallel;
use toolbox::process::{Invocation, Output};
use workspace::provenance::invalid_output::Located;
use workspace::render::failure;
use workspace::target::ChartTarget;

use super::helm::{Helm, copy_folder};
use super::template::{self, Branch};
use super::unreachable;
use super::values_table::{self, Value};
use crate::lint::subject::ChartSubject;
use crate::lint::template_duplicate;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::BranchUncovered, Code::ValueUncovered];

/// The prefix of a marker's number; no chart contains it by chance.
const MARK: &str = "xtask-coverage-mark-";

/// The prefix of the line with the numbers of the branches that a case reached.
const NUMBERS: &str = "# xtask-coverage:";

/// The template that renders last: Helm renders templates in reverse order of their names, deeper ones first.
const LAST: &str = "templates/!xtask-coverage.yaml";

/// A branch in a chart.
#[derive(Debug)]
struct Mark {
    /// The index of its template.
    template: usize,
    /// The branch; its parent, other than its previous branch, is an index into the marks of all templates.
    branch: Branch,
    /// Whether it belongs to a named template that another definition overrides.
    overridden: bool,
}

/// The templates of a chart, with all their branches.
#[derive(Debug)]
struct Templates {
    /// Path in the chart, and text.
    files: Vec<(String, Arc<Source>)>,
    marks: Vec<Mark>,
}

/// Checks a chart if all of its cases render: it is unknown what a failing one would have reached or changed.
#[must_use]
pub fn check(subject: &ChartSubject<'_>) -> Diagnostics {
    let ChartSubject { helm, chart, directory, cases, .. } = subject;
    let mut diagnostics = Diagnostics::default();
    if subject.complete {
        diagnostics.extend(branches(helm, chart, cases, directory).unwrap_or_else(|found| found));
        diagnostics.extend(values(helm.root, chart, cases).unwrap_or_else(|found| found));
    }
    diagnostics
}

/// Reports branches that no case renders. `targets` are all targets of the chart; Helm renders it in `directory`.
fn branches(helm: &Helm<'_>, chart: &Chart, targets: &[&ChartTarget<'_>], directory: &Path) -> Result<Diagnostics> {
    let templates = Templates::read(helm.root, chart)?;
    let mut diagnostics = Diagnostics::default();
    if templates.files.is_empty() {
        return Ok(diagnostics);
    }
    let failed = Mutex::new(Diagnostics::default());
    let missed = helm.cached("coverage", targets, || {
        let explorer = Explorer { helm, templates: &templates, reached: Mutex::default(), rendered: Mutex::default() };
        let watched =
            parallel(helm.jobs, targets, |target| explorer.watch(target, directory).is_ok_and(|watched| watched));
        let mut sound = true;
        // A case that cannot be watched is rendered branch by branch.
        if watched.contains(&false) || !templates.wanted(&locked(&explorer.reached), false).is_empty() {
            for result in parallel(helm.jobs, targets, |target| explorer.case(target, directory)) {
                if let Err(found) = result {
                    sound = false;
                    locked(&failed).extend(found);
                }
            }
        }
        Ok((explorer.missed(chart), sound))
    })?;
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !failed.is_empty() {
        // It is unknown what the failed cases would have reached.
        return Err(failed);
    }
    let cases = targets.len();
    let api_versions: Vec<&[String]> = targets.iter().map(|target| target.recipe.api_versions.as_slice()).collect();
    let kubernetes = targets.first().map(|target| target.recipe.kube_version.as_str()).unwrap_or_default();
    let context = unreachable::Context { files: &templates.files, api_versions: &api_versions, kubernetes };
    for line in missed {
        diagnostics.push(match line.parse::<usize>().ok().and_then(|number| templates.marks.get(number)) {
            Some(mark) => {
                let source = &templates.files[mark.template].1;
                let message = format!("no case renders this branch of `{}`", source.name);
                let found = Diagnostic::new(Code::BranchUncovered, message)
                    .at(Place::new(source, mark.branch.action.clone()), format!("never reached in {}", count(cases)));
                let advice = format!("add a case that reaches it ({}/ci/<case>-values.yaml), or remove it", chart.path);
                unreachable::explain(context, found, mark.template, &mark.branch, advice)
            }
            None => Diagnostic::new(Code::BranchUncovered, "no case renders an object from this template")
                .at(Place::file(format!("{}/{line}", chart.path)), format!("never rendered in {}", count(cases)))
                .help(format!("add a case that renders it ({}/ci/<case>-values.yaml), or remove it", chart.path)),
        });
    }
    Ok(diagnostics)
}

fn count(cases: usize) -> String {
    diagnostics::wording::plural(cases, "case")
}

/// Reports documented values that no case changes from their default.
fn values(root: &Path, chart: &Chart, targets: &[&ChartTarget<'_>]) -> Result<Diagnostics> {
    let path = chart.directory.join("values.yaml");
    if !path.is_file() {
        return Ok(Diagnostics::default());
    }
    let (documented, _) = values_table::read(&toolbox::source::read(root, &path)?)?;
    let mut settings: Vec<Node> = Vec::new();
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    let mut given_files: BTreeSet<String> = BTreeSet::new();
    for target in targets {
        let recipe = &target.recipe;
        for file in recipe.value_files.iter().chain(&recipe.case_file) {
            settings.push(yaml::parse_one(&toolbox::source::read(root, file)?)?.root);
        }
        if let Some(text) = &recipe.inline_values {
            settings.push(yaml::parse_one(&Source::new("values of the Application", text.clone()))?.root);
        }
        parameters.extend(recipe.set.clone());
        parameters.extend(recipe.set_string.clone());
        given_files.extend(recipe.set_file.keys().cloned());
    }
    Ok(unset(&documented, &settings, &parameters, &given_files, chart))
}

fn unset(
    documented: &[Value],
    settings: &[Node],
    parameters: &BTreeMap<String, String>,
    given_files: &BTreeSet<String>,
    chart: &Chart,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for value in documented {
        let name = value.name();
        let set = settings.iter().any(|root| {
            let node = value.path.iter().try_fold(root, |node, key| node.get(key));
            node.is_some_and(|node| node.to_json() != value.default)
        });
        let within =
            |key: &str| key == name || key.starts_with(&format!("{name}.")) || key.starts_with(&format!("{name}["));
        let set = set
            || given_files.iter().any(|key| within(key))
            || parameters.iter().any(|(key, text)| within(key) && *text != value.default.trim_matches('"'));
        if !set {
            diagnostics.push(
                Diagnostic::new(Code::ValueUncovered, format!("no case changes `{name}` from its default"))
                    .at(value.place.clone(), format!("always {}", value.default))
                    .help(format!(
                        "set it to another value in {}/ci/<case>-values.yaml, so that a golden shows its effect",
                        chart.path
                    )),
            );
        }
    }
    diagnostics
}

impl Templates {
    /// Reads the chart's own templates, as Helm loads them.
    fn read(root: &Path, chart: &Chart) -> Result<Self> {
        let prefix = format!("{}/", inputs::name(root, &chart.directory));
        let mut templates = Self { files: Vec::new(), marks: Vec::new() };
        for name in helm::chart_files::chart_files(root, &chart.directory)?.keys() {
            let Some(path) = name.strip_prefix(&prefix).filter(|path| path.starts_with("templates/")) else { continue };
            templates.add(path, &toolbox::source::read(root, &root.join(name))?);
        }
        templates.mark_overridden();
        Ok(templates)
    }

    fn add(&mut self, path: &str, source: &Arc<Source>) {
        let (template, before) = (self.files.len(), self.marks.len());
        self.files.push((path.to_owned(), Arc::clone(source)));
        for mut branch in template::branches(source) {
            branch.parent = branch.parent.map(|parent| parent + before);
            self.marks.push(Mark { template, branch, overridden: false });
        }
    }

    /// Marks the branches that Helm does not use, because another definition of their named template overrides them.
    fn mark_overridden(&mut self) {
        let overridden: Vec<_> = template_duplicate::duplicates(&self.files)
            .into_iter()
            .flat_map(|duplicate| duplicate.overridden)
            .collect();
        for index in 0..self.marks.len() {
            let Mark { template, branch, .. } = &self.marks[index];
            let own = overridden.iter().any(|(file, action)| (file, action) == (template, &branch.action));
            self.marks[index].overridden = own || branch.parent.is_some_and(|parent| self.marks[parent].overridden);
        }
    }

    /// Returns a template with a marker at the start of each active branch.
    fn marked(&self, template: usize, active: &BTreeSet<usize>, mark: impl Fn(usize, &str) -> String) -> String {
        let text = &self.files[template].1.text;
        let mut out = String::new();
        let mut position = 0;
        for &number in active.iter().filter(|&&number| self.marks[number].template == template) {
            let action = &self.marks[number].branch.action;
            out.push_str(&text[position..action.end]);
            out.push_str(&mark(number, &text[action.clone()]));
            position = action.end;
        }
        out.push_str(&text[position..]);
        out
    }

    /// Returns the branches not reached yet; with `innermost`, only those that contain no such branch.
    fn wanted(&self, reached: &BTreeSet<usize>, innermost: bool) -> BTreeSet<usize> {
        let open = |number: &usize| {
            let Mark { branch, overridden, .. } = &self.marks[*number];
            !branch.fails && !overridden && !reached.contains(number)
        };
        let mut wanted: BTreeSet<usize> = (0..self.marks.len()).filter(open).collect();
        if innermost {
            let parents: Vec<usize> = wanted.iter().filter_map(|&number| self.marks[number].branch.parent).collect();
            for parent in parents {
                wanted.remove(&parent);
            }
        }
        wanted
    }
}

/// The marker that records a branch's number for [`LAST`]. Whitespace trimming of the action is preserved.
fn record(number: usize, action: &str) -> String {
    let end = if action.ends_with("-}}") { "-}}" } else { "}}" };
    format!(
        "{{{{ if kindIs \"map\" $ }}}}{{{{ if kindIs \"map\" $.Release }}}}\
         {{{{ $_ := set $.Release \"{MARK}{number}\" true }}}}{{{{ end }}}}{{{{ end {end}"
    )
}

/// The content of [`LAST`]: a comment with all recorded numbers.
fn numbers() -> String {
    format!(
        "{NUMBERS}{{{{ range $name, $_ := .Release }}}}{{{{ if hasPrefix \"{MARK}\" $name }}}} \
         {{{{ trimPrefix \"{MARK}\" $name }}}}{{{{ end }}}}{{{{ end }}}}\n"
    )
}

/// The marker that aborts the render with a branch's number.
fn stop(number: usize, _: &str) -> String {
    format!("{{{{ fail \"{MARK}{number}-\" }}}}")
}

/// A temporary copy of a chart.
struct Copy {
    directory: PathBuf,
    _stage: tempfile::TempDir,
}

impl Copy {
    fn new(directory: &Path) -> Result<Self> {
        let stage = tempfile::Builder::new()
            .prefix("xtask-coverage-")
            .tempdir()
            .map_err(|error| Diagnostic::io("create a directory in", &std::env::temp_dir(), &error))?;
        let copy = stage.path().join(directory.file_name().unwrap_or_else(|| "chart".as_ref()));
        copy_folder(directory, &copy)?;
        Ok(Self { directory: copy, _stage: stage })
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.directory.join(path);
        std::fs::write(&path, text).map_err(|error| Diagnostic::io("write", &path, &error).into())
    }
}

/// What has been reached so far, shared by all cases.
struct Explorer<'a> {
    helm: &'a Helm<'a>,
    templates: &'a Templates,
    reached: Mutex<BTreeSet<usize>>,
    /// Templates that rendered an object.
    rendered: Mutex<BTreeSet<String>>,
}

impl Explorer<'_> {
    /// First pass: records the branches that a case reaches. Returns whether the render succeeded.
    fn watch(&self, target: &ChartTarget<'_>, directory: &Path) -> Result<bool> {
        let copy = Copy::new(directory)?;
        let all = self.templates.wanted(&BTreeSet::new(), false);
        for (number, (path, _)) in self.templates.files.iter().enumerate() {
            copy.write(path, &self.templates.marked(number, &all, record))?;
        }
        copy.write(LAST, &numbers())?;
        let (output, _) = self.helm(target, &copy.directory)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(numbers) = text.lines().find_map(|line| line.strip_prefix(NUMBERS)) else {
            return Ok(false);
        };
        for number in numbers.split_whitespace().filter_map(|number| number.parse().ok()) {
            self.reach(number);
        }
        self.note_rendered(&text);
        Ok(output.success())
    }

    /// Second pass: finds further branches that a case reaches.
    fn case(&self, target: &ChartTarget<'_>, directory: &Path) -> Result<()> {
        let copy = Copy::new(directory)?;
        let mut written: BTreeMap<usize, String> = BTreeMap::new();
        for innermost in [true, false] {
            loop {
                let wanted = self.templates.wanted(&locked(&self.reached), innermost);
                for (number, (path, source)) in self.templates.files.iter().enumerate() {
                    let text = self.templates.marked(number, &wanted, stop);
                    if written.get(&number).map_or(source.text.as_str(), String::as_str) != text {
                        copy.write(path, &text)?;
                        written.insert(number, text);
                    }
                }
                if !self.run(target, &copy.directory)? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn helm(&self, target: &ChartTarget<'_>, directory: &Path) -> Result<(Output, Invocation)> {
        let mut recipe = target.recipe.clone();
        // Argo CD skips test hooks, but their templates count here.
        recipe.skip_tests = false;
        self.helm.run(target, directory, |inline| recipe.args(inline))
    }

    /// Records which templates rendered something.
    fn note_rendered(&self, text: &str) {
        let sources = text.lines().filter_map(|line| line.strip_prefix("# Source: "));
        locked(&self.rendered).extend(sources.map(|source| source.trim_end().to_owned()));
    }

    /// Records that a branch is reached, and with it all branches that contain it.
    fn reach(&self, number: usize) {
        let mut reached = locked(&self.reached);
        let mut next = self.templates.marks.get(number).map(|_| number);
        while let Some(number) = next {
            reached.insert(number);
            next = self.templates.marks[number].branch.parent;
        }
    }

    /// Renders once. Returns whether a marker was reached.
    fn run(&self, target: &ChartTarget<'_>, directory: &Path) -> Result<bool> {
        let (output, invocation) = self.helm(target, directory)?;
        if output.success() {
            self.note_rendered(&String::from_utf8_lossy(&output.stdout));
            return Ok(false);
        }
        let number = output.stderr.split(MARK).nth(1).and_then(|rest| rest.split('-').next()?.parse::<usize>().ok());
        let Some(number) = number.filter(|number| *number < self.templates.marks.len()) else {
            let command = invocation.command_line();
            return Err(failure::explain(self.helm.root, target, output.code, &output.stderr, &command, &|_| {
                Located::default()
            }));
        };
        self.reach(number);
        Ok(true)
    }

    /// Returns the numbers of branches and the paths of templates that no case reached. Only outermost branches are
    /// included, and a template only if it has no such branch.
    fn missed(&self, chart: &Chart) -> Vec<String> {
        let wanted = self.templates.wanted(&locked(&self.reached), false);
        let outermost = wanted.iter().filter(|&&number| {
            self.templates.marks[number].branch.parent.is_none_or(|parent| !wanted.contains(&parent))
        });
        let mut missed: Vec<String> = outermost.map(ToString::to_string).collect();
        let rendered = locked(&self.rendered);
        for (number, (path, _)) in self.templates.files.iter().enumerate() {
            let name = path.rsplit('/').next().unwrap_or(path);
            // Partials and NOTES.txt render no objects by design.
            let silent = name.starts_with('_') || name == "NOTES.txt";
            let reported = wanted.iter().any(|&mark| self.templates.marks[mark].template == number);
            if !silent && !reported && !rendered.contains(&format!("{}/{path}", chart.name)) {
                missed.push(path.clone());
            }
        }
        missed
    }
}

/// Locks a mutex. A panic in another thread leaves these sets intact, so poisoning is ignored.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(text: &str) -> Templates {
        let mut templates = Templates { files: Vec::new(), marks: Vec::new() };
        templates.add("templates/x.yaml", &Source::new("x.yaml", text));
        templates
    }

    #[test]
    fn markers_follow_the_actions_that_open_a_branch() {
        let templates = templates("{{- if .a -}}\n1{{ else }}2{{ end }}");
        assert_eq!(
            templates.marked(0, &[0, 1].into(), stop),
            "{{- if .a -}}{{ fail \"xtask-coverage-mark-0-\" }}\n1{{ else }}{{ fail \"xtask-coverage-mark-1-\" }}2{{ end }}"
        );
        assert_eq!(templates.marked(0, &BTreeSet::new(), stop), templates.files[0].1.text);
    }

    #[test]
    fn inner_branches_come_first_and_failing_ones_are_skipped() {
        let templates = templates("{{ if .a }}{{ if .b }}{{ fail \"x\" }}{{ end }}{{ if .c }}{{ end }}{{ end }}");
        assert_eq!(templates.wanted(&BTreeSet::new(), true), [2].into());
        assert_eq!(templates.wanted(&BTreeSet::new(), false), [0, 2].into());
        assert_eq!(templates.wanted(&[2].into(), true), [0].into());
    }

    fn uncovered(values: &str, cases: &[&str], parameters: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().expect("temporary directory");
        std::fs::write(root.path().join("Chart.yaml"), "apiVersion: v2\nname: x\nversion: 0.1.0\n").expect("written");
        let chart = Chart::load(root.path(), Path::new("")).expect("a chart");
        let (documented, _) = values_table::read(&Source::new("values.yaml", values)).expect("values");
        let settings: Vec<Node> =
            cases.iter().map(|case| yaml::parse_one(&Source::new("case", *case)).expect("YAML").root).collect();
        let parameters = parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let found = unset(&documented, &settings, &parameters, &BTreeSet::new(), &chart);
        found.0.iter().map(|found| format!("{} {}", found.code.name(), found.places[0].0)).collect()
    }

    const VALUES: &str = "a:\n  # -- One.\n  b: 1\n# -- Two.\nc: {}\n";

    #[test]
    fn values_that_no_case_changes_are_reported() {
        let line = "value-uncovered values.yaml:3:6";
        assert_eq!(uncovered(VALUES, &["c: {x: 1}"], &[]), [line]);
        assert_eq!(
            uncovered(VALUES, &["c: {x: 1}", "a: {b: 1}"], &[("a.b", "1")]),
            [line],
            "the default is not a change"
        );
    }

    #[test]
    fn values_that_a_case_changes_are_not_reported() {
        assert!(uncovered(VALUES, &["c: {x: 1}", "a: {b: 2}"], &[]).is_empty());
        assert!(uncovered(VALUES, &["c: {x: 1}"], &[("a.b", "2")]).is_empty());
    }
}
