//! Whether the cases of a chart reach every branch of its templates, and change every documented value.
//!
//! A branch is reached when a render that gets there fails: in a copy of the chart, each branch that is not known to be
//! reached begins with `{{ fail "…" }}` and its number. Helm names the first one that a case comes to; that one is
//! taken out, and so on until the case renders. This costs a run for each branch, and is exact where marks in the
//! output are not: nothing that a template compares, parses, measures or hashes is ever changed, because a render that
//! succeeds has met no mark. What was found is remembered until the chart or a case changes.
//!
//! Reaching a branch reaches all that it is nested in, so inner ones are tried first.
//!
//! Deliberately absent: branches that only fail (no case that renders can reach them), the charts that a chart depends
//! on, and whether what a branch renders is right; the goldens show that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::template::{self, Branch};
use super::values_table::{self, Value};
use super::{Helm, copy_folder};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use crate::document::{Node, yaml};
use crate::inputs;
use crate::plan::Target;
use crate::render::failure;
use crate::side_by_side::side_by_side;
use crate::workspace::{self, chart::Chart};

/// What a mark says before its number; no chart says this by chance.
const MARK: &str = "xtask-coverage-mark-";

/// A branch somewhere in a chart.
#[derive(Debug)]
struct Mark {
    /// Which of the templates.
    template: usize,
    /// The branch; its parent counts among the marks.
    branch: Branch,
}

/// The templates of a chart with all their branches.
#[derive(Debug)]
struct Templates {
    /// Paths in the chart, and texts.
    files: Vec<(String, Arc<Source>)>,
    marks: Vec<Mark>,
}

/// Branches that no case renders. `targets` are all targets of the chart, `directory` is where Helm can render it.
pub fn branches(helm: &Helm<'_>, chart: &Chart, targets: &[&Target<'_>], directory: &Path) -> Result<Diagnostics> {
    let templates = Templates::read(helm.root, chart)?;
    let mut diagnostics = Diagnostics::default();
    if templates.files.is_empty() {
        return Ok(diagnostics);
    }
    let failed = Mutex::new(Diagnostics::default());
    let missed = helm.remembered("coverage", targets, || {
        let explorer = Explorer { helm, templates: &templates, reached: Mutex::default(), rendered: Mutex::default() };
        let results = side_by_side(helm.jobs, targets, |target| explorer.case(target, directory));
        let mut sound = true;
        for result in results {
            if let Err(found) = result {
                sound = false;
                locked(&failed).extend(found);
            }
        }
        Ok((explorer.missed(chart), sound))
    })?;
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !failed.is_empty() {
        // What a case would have reached is not known then.
        return Err(failed);
    }
    let cases = targets.len();
    for line in missed {
        diagnostics.push(match line.parse::<usize>().ok().and_then(|number| templates.marks.get(number)) {
            Some(mark) => {
                let source = &templates.files[mark.template].1;
                Diagnostic::new(Code::BranchUncovered, format!("no case renders this branch of `{}`", source.name))
                    .at(Place::new(source, mark.branch.action.clone()), format!("never reached in {}", count(cases)))
                    .help(format!("let a case reach it ({}/ci/<case>-values.yaml), or remove it", chart.path))
            }
            None => Diagnostic::new(Code::BranchUncovered, "no case renders an object from this template")
                .at(Place::file(format!("{}/{line}", chart.path)), format!("never rendered in {}", count(cases)))
                .help(format!("let a case render it ({}/ci/<case>-values.yaml), or remove it", chart.path)),
        });
    }
    Ok(diagnostics)
}

fn count(cases: usize) -> String {
    crate::wording::plural(cases, "case")
}

/// Documented values that no case sets to anything but their default.
pub fn values(root: &Path, chart: &Chart, targets: &[&Target<'_>]) -> Result<Diagnostics> {
    let path = chart.directory.join("values.yaml");
    if !path.is_file() {
        return Ok(Diagnostics::default());
    }
    let (documented, _) = values_table::read(&workspace::read(root, &path)?)?;
    let mut settings: Vec<Node> = Vec::new();
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    let mut given_files: BTreeSet<String> = BTreeSet::new();
    for target in targets {
        let recipe = &target.recipe;
        for file in recipe.value_files.iter().chain(&recipe.case_file) {
            settings.push(yaml::parse_one(&workspace::read(root, file)?)?.root);
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
                Diagnostic::new(Code::ValueUncovered, format!("no case sets `{name}` to anything but its default"))
                    .at(value.place.clone(), format!("always {}", value.default))
                    .help(format!(
                        "set it in a {}/ci/<case>-values.yaml, so that a golden shows what it does",
                        chart.path
                    )),
            );
        }
    }
    diagnostics
}

impl Templates {
    /// The chart's own templates, as Helm loads them.
    fn read(root: &Path, chart: &Chart) -> Result<Self> {
        let prefix = format!("{}/", inputs::name(root, &chart.directory));
        let mut templates = Self { files: Vec::new(), marks: Vec::new() };
        for name in inputs::chart_files(root, &chart.directory)?.keys() {
            let Some(path) = name.strip_prefix(&prefix).filter(|path| path.starts_with("templates/")) else { continue };
            templates.add(path, &workspace::read(root, &root.join(name))?);
        }
        Ok(templates)
    }

    fn add(&mut self, path: &str, source: &Arc<Source>) {
        let (template, before) = (self.files.len(), self.marks.len());
        self.files.push((path.to_owned(), Arc::clone(source)));
        for mut branch in template::branches(source) {
            branch.parent = branch.parent.map(|parent| parent + before);
            self.marks.push(Mark { template, branch });
        }
    }

    /// A template with a mark at the beginning of each of the given branches.
    fn marked(&self, template: usize, active: &BTreeSet<usize>) -> String {
        let text = &self.files[template].1.text;
        let mut out = String::new();
        let mut position = 0;
        for &number in active.iter().filter(|&&number| self.marks[number].template == template) {
            let at = self.marks[number].branch.action.end;
            out.push_str(&text[position..at]);
            out.push_str(&format!("{{{{ fail \"{MARK}{number}-\" }}}}"));
            position = at;
        }
        out.push_str(&text[position..]);
        out
    }

    /// The branches still to be reached; with `innermost`, only those without any such within.
    fn wanted(&self, reached: &BTreeSet<usize>, innermost: bool) -> BTreeSet<usize> {
        let open = |number: &usize| !self.marks[*number].branch.fails && !reached.contains(number);
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

/// What is known so far, shared by all cases.
struct Explorer<'a> {
    helm: &'a Helm<'a>,
    templates: &'a Templates,
    reached: Mutex<BTreeSet<usize>>,
    /// Templates that rendered an object.
    rendered: Mutex<BTreeSet<String>>,
}

impl Explorer<'_> {
    /// Finds out what a case reaches.
    fn case(&self, target: &Target<'_>, directory: &Path) -> Result<()> {
        let stage = tempfile::Builder::new()
            .prefix("xtask-coverage-")
            .tempdir()
            .map_err(|error| Diagnostic::io("create a folder in", &std::env::temp_dir(), &error))?;
        let copy = stage.path().join(directory.file_name().unwrap_or_else(|| "chart".as_ref()));
        copy_folder(directory, &copy)?;
        let mut written: BTreeMap<usize, String> = BTreeMap::new();
        for innermost in [true, false] {
            loop {
                let wanted = self.templates.wanted(&locked(&self.reached), innermost);
                for (number, (path, source)) in self.templates.files.iter().enumerate() {
                    let text = self.templates.marked(number, &wanted);
                    if written.get(&number).map_or(source.text.as_str(), String::as_str) != text {
                        let path = copy.join(path);
                        std::fs::write(&path, &text).map_err(|error| Diagnostic::io("write", &path, &error))?;
                        written.insert(number, text);
                    }
                }
                if !self.run(target, &copy)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Renders once. Whether a mark was met.
    fn run(&self, target: &Target<'_>, directory: &Path) -> Result<bool> {
        let mut recipe = target.recipe.clone();
        // Argo CD leaves test hooks out; they are templates all the same.
        recipe.skip_tests = false;
        let (output, invocation) = self.helm.run(target, directory, |inline| recipe.args(inline))?;
        if output.success() {
            let text = String::from_utf8_lossy(&output.stdout);
            let sources = text.lines().filter_map(|line| line.strip_prefix("# Source: "));
            locked(&self.rendered).extend(sources.map(|source| source.trim_end().to_owned()));
            return Ok(false);
        }
        let number = output.stderr.split(MARK).nth(1).and_then(|rest| rest.split('-').next()?.parse::<usize>().ok());
        let Some(number) = number.filter(|number| *number < self.templates.marks.len()) else {
            let command = invocation.command_line();
            return Err(failure::explain(self.helm.root, target, output.code, &output.stderr, &command));
        };
        let mut reached = locked(&self.reached);
        let mut next = Some(number);
        while let Some(number) = next {
            reached.insert(number);
            next = self.templates.marks[number].branch.parent;
        }
        Ok(true)
    }

    /// Numbers of branches and paths of templates that no case reached. A template with such a branch is not named
    /// again, and neither is a branch within one.
    fn missed(&self, chart: &Chart) -> Vec<String> {
        let wanted = self.templates.wanted(&locked(&self.reached), false);
        let outermost = wanted.iter().filter(|&&number| {
            self.templates.marks[number].branch.parent.is_none_or(|parent| !wanted.contains(&parent))
        });
        let mut missed: Vec<String> = outermost.map(ToString::to_string).collect();
        let rendered = locked(&self.rendered);
        for (number, (path, _)) in self.templates.files.iter().enumerate() {
            let name = path.rsplit('/').next().unwrap_or(path);
            // Files with an underscore and the notes render nothing by design.
            let silent = name.starts_with('_') || name == "NOTES.txt";
            let told = wanted.iter().any(|&mark| self.templates.marks[mark].template == number);
            if !silent && !told && !rendered.contains(&format!("{}/{path}", chart.name)) {
                missed.push(path.clone());
            }
        }
        missed
    }
}

/// A panic of another thread leaves these sets whole, so its poison is of no interest.
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
    fn marks_stand_behind_the_actions_that_open_a_branch() {
        let templates = templates("{{- if .a -}}\n1{{ else }}2{{ end }}");
        assert_eq!(
            templates.marked(0, &[0, 1].into()),
            "{{- if .a -}}{{ fail \"xtask-coverage-mark-0-\" }}\n1{{ else }}{{ fail \"xtask-coverage-mark-1-\" }}2{{ end }}"
        );
        assert_eq!(templates.marked(0, &BTreeSet::new()), templates.files[0].1.text);
    }

    #[test]
    fn inner_branches_come_first_and_those_that_fail_never() {
        let templates = templates("{{ if .a }}{{ if .b }}{{ fail \"x\" }}{{ end }}{{ if .c }}{{ end }}{{ end }}");
        assert_eq!(templates.wanted(&BTreeSet::new(), true), [2].into());
        assert_eq!(templates.wanted(&BTreeSet::new(), false), [0, 2].into());
        assert_eq!(templates.wanted(&[2].into(), true), [0].into());
    }

    fn told(values: &str, cases: &[&str], parameters: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().expect("temporary folder");
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
    fn a_value_that_no_case_changes_is_told() {
        let line = "value-uncovered values.yaml:3:6";
        assert_eq!(told(VALUES, &["c: {x: 1}"], &[]), [line]);
        assert_eq!(told(VALUES, &["c: {x: 1}", "a: {b: 1}"], &[("a.b", "1")]), [line], "the default is no change");
    }

    #[test]
    fn values_that_some_case_changes_are_not() {
        assert!(told(VALUES, &["c: {x: 1}", "a: {b: 2}"], &[]).is_empty());
        assert!(told(VALUES, &["c: {x: 1}"], &[("a.b", "2")]).is_empty());
    }
}
