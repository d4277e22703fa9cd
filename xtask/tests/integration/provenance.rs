//! Traces of this repository's own goldens: how many lines are traced, and whether they are traced to the right place.
//!
//! Values and template lines are edited, one at a time, and the chart is rendered again. Every line that changes must name
//! the edited place, and every line that the edited text wrote must change. A render takes too long to edit all of them, so
//! the larger files are sampled.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use document::{Node, Value, yaml};
use helm::batch::Runner;
use helm::dependencies::ChartTree;
use helm::template::flow::value::affects;
use kubernetes::applied;
use similar::{DiffTag, TextDiff};
use toolbox::parallel::parallel;
use toolbox::results::Results;
use workspace::provenance::settings::Settings;
use workspace::provenance::trail::Trail;
use workspace::provenance::{Dependence, Provenance};
use workspace::render::Renderer;
use workspace::target::Target;
use workspace::{Workspace, plan};

use crate::support::{self, HELM_4};

/// A rendered line, and what it is traced to.
struct Line {
    text: String,
    trail: Trail,
    dependence: Dependence,
    /// Whether Helm wrote it.
    header: bool,
}

/// The lines of a target's manifests, by template, kind, and number.
type Lines = BTreeMap<String, Vec<Line>>;

/// A copy of this repository without the schemas of values, which would refuse most edits.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    for name in ["argocd", "charts"] {
        support::copy(&support::repository().join(name), &folder.path().join(name));
    }
    for name in ["charts.toml", "charts.lock", "tools.lock"] {
        fs::copy(support::repository().join(name), folder.path().join(name)).expect("copied");
    }
    for chart in ["postfix", "sealed-secrets"] {
        fs::remove_file(folder.path().join("charts").join(chart).join("values.schema.json")).expect("removed");
    }
    folder
}

/// Renders and traces a target. Nothing if Helm fails.
fn lines(root: &Path, cache: &Path, helm: &Path, name: &str) -> Option<Lines> {
    let (workspace, _) = Workspace::load(root, &std::env::temp_dir()).expect("a workspace");
    let (targets, _) = plan::plan(&workspace, workspace.config.argocd, &[name.to_owned()]);
    traced(root, cache, helm, targets.first()?)
}

fn traced(root: &Path, cache: &Path, helm: &Path, target: &Target<'_>) -> Option<Lines> {
    let chart = &target.charts().next()?;
    let directory = &chart.chart.directory;
    let results = Results::new(cache, "test");
    let renderer = Renderer { root, cache, results: &results, helm, runner: Runner::default() };
    let manifests = applied::recorded(renderer.render(chart, directory).ok()?);
    let tree = ChartTree::read(root, directory, directory).expect("a chart");
    let provenance = Provenance::trace(&renderer, chart, &tree, &manifests).expect("traced");
    let settings = Settings::read(root, chart, &tree);
    let mut all = Lines::new();
    for recorded in &manifests {
        let numbered = recorded.manifest.text.lines().enumerate().map(|(index, text)| Line {
            text: text.to_owned(),
            trail: Trail::new(&provenance, &settings, &recorded.file, index + 1, None),
            dependence: provenance.dependence(&settings, &recorded.file, index + 1, None),
            header: index == 0,
        });
        // Not by its name, which an edit may change.
        let kind = format!("{} {}", recorded.manifest.template, recorded.manifest.key.kind);
        let number = all.keys().filter(|key| key.starts_with(&kind)).count();
        all.insert(format!("{kind} {number}"), numbered.collect());
    }
    Some(all)
}

/// The lines that only one of two renders has, without those that equal a neighbor of their hunk: of equal lines at the edge
/// of a hunk, the comparison may name a different one than the one that changed.
fn changed<'l>(before: &'l Lines, after: &'l Lines) -> Vec<&'l Line> {
    let mut changed: Vec<&Line> = Vec::new();
    for file in before.keys().chain(after.keys().filter(|file| !before.contains_key(*file))) {
        let side = |lines: &'l Lines| lines.get(file).map(Vec::as_slice).unwrap_or_default();
        let (old, new) = (side(before), side(after));
        let texts = |lines: &'l [Line]| -> Vec<&'l str> { lines.iter().map(|line| line.text.as_str()).collect() };
        let (left, right) = (texts(old), texts(new));
        let diff = TextDiff::from_slices(&left, &right);
        for operation in diff.ops() {
            let (removed, added) = (operation.old_range(), operation.new_range());
            if operation.tag() != DiffTag::Equal {
                changed.extend(inner(old, removed));
                changed.extend(inner(new, added));
            }
        }
    }
    changed.retain(|line| !line.header && !line.text.trim().is_empty());
    changed
}

/// The lines of a hunk that equal neither the line before it nor the one after it.
fn inner(lines: &[Line], hunk: Range<usize>) -> impl Iterator<Item = &Line> {
    let before = hunk.start.checked_sub(1).and_then(|index| lines.get(index));
    let after = lines.get(hunk.end);
    let neighbors: Vec<&str> = [before, after].into_iter().flatten().map(|line| line.text.as_str()).collect();
    lines[hunk].iter().filter(move |line| !neighbors.contains(&line.text.as_str()))
}

/// An edit of a file: a name for messages, the path of the value, and the new text of the file.
type Edit = (String, Vec<String>, String);

/// Edits of every scalar in a file of values.
fn value_edits(text: &str) -> Vec<Edit> {
    fn walk(node: &Node, path: &mut Vec<String>, text: &str, edits: &mut Vec<Edit>) {
        let new = match &node.value {
            Value::Bool(value) => (!value).to_string(),
            Value::Number(number) => format!("{number}1"),
            Value::String(value) if value.contains('\n') => String::new(),
            Value::String(value) => format!("\"{}x\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
            _ => String::new(),
        };
        if !new.is_empty() && !node.span.is_empty() {
            let edited = format!("{}{new}{}", &text[..node.span.start], &text[node.span.end..]);
            edits.push((path.join("."), path.clone(), edited));
        }
        for (key, value) in node.entries() {
            path.push(key.name.clone());
            walk(value, path, text, edits);
            path.pop();
        }
        for (index, item) in node.items().iter().enumerate() {
            path.push(index.to_string());
            walk(item, path, text, edits);
            path.pop();
        }
    }
    let mut edits = Vec::new();
    let root = yaml::parse_one(&diagnostics::Source::new("values.yaml", text)).expect("YAML").root;
    walk(&root, &mut Vec::new(), text, &mut edits);
    edits
}

/// Renders a target of a repository with each edit of a file.
fn with_edits(
    original: &Path,
    target: &str,
    file: &str,
    helm: &Path,
    edits: &[Edit],
    check: &(dyn Fn(&Edit, &Lines, &Lines) + Sync),
) {
    let cache = tempfile::tempdir().expect("temporary folder");
    let before = lines(original, cache.path(), helm, target).expect("it renders");
    let workers: Vec<usize> = vec![0, 1];
    let rendered = parallel(workers.len(), &workers, |worker| {
        let folder = tempfile::tempdir().expect("temporary folder");
        support::copy(original, folder.path());
        let path: PathBuf = folder.path().join(file);
        let mut rendered = 0;
        for edit in edits.iter().skip(*worker).step_by(workers.len()) {
            fs::write(&path, &edit.2).expect("written");
            if let Some(after) = lines(folder.path(), cache.path(), helm, target) {
                rendered += 1;
                check(edit, &before, &after);
            }
        }
        rendered
    });
    let rendered: usize = rendered.into_iter().sum();
    assert!(3 * rendered >= edits.len(), "{rendered} of {} edits of {file} render", edits.len());
}

/// One of how many edits of values is tried: all of them in CI.
fn sample() -> usize {
    if support::ci() { 1 } else { 3 }
}

/// Edits every such value in a file.
fn check_values(original: &Path, target: &str, file: &str, every: usize) {
    let Some(helm) = support::helm(HELM_4) else { return };
    let text = fs::read_to_string(original.join(file)).expect("values");
    let edits: Vec<Edit> = value_edits(&text).into_iter().step_by(every * sample()).collect();
    with_edits(original, target, file, &helm, &edits, &|(name, path, _), before, after| {
        for line in changed(before, after) {
            let Dependence { value, control } = &line.dependence;
            assert!(
                value.iter().chain(control).any(|read| affects(path, read)),
                "{target}: `{name}` changes `{}`, which depends on {value:?} and {control:?}",
                line.text
            );
        }
    });
}

#[test]
fn lines_that_a_value_changes_name_the_value() {
    let original = copy();
    check_values(original.path(), "postfix/default", "charts/postfix/values.yaml", 3);
    check_values(original.path(), "postfix/everything", "charts/postfix/ci/everything-values.yaml", 3);
}

#[test]
fn lines_that_a_value_of_a_dependency_changes_name_the_value() {
    let original = copy();
    match support::dependencies(original.path()) {
        Ok(()) => {
            check_values(original.path(), "sealed-secrets/network-policy", "charts/sealed-secrets/values.yaml", 1);
        }
        // Printed even if test output is captured, so that a skipped test is noticed.
        Err(why) => drop(writeln!(std::io::stderr(), "skipped: {why}")),
    }
}

#[test]
fn lines_that_a_template_line_changes_name_the_line() {
    let Some(helm) = support::helm(HELM_4) else { return };
    let original = copy();
    for file in ["deployment.yaml", "service.yaml", "_helpers.tpl", "_tables.tpl", "_master-cf.tpl", "_main-cf.tpl"] {
        let name = format!("charts/postfix/templates/{file}");
        let text = fs::read_to_string(support::repository().join(&name)).expect("a template");
        let lines: Vec<&str> = text.lines().collect();
        let edited = (0..lines.len()).filter(|index| !lines[*index].trim().is_empty()).step_by(11).map(|index| {
            let mut edited: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            edited[index].push('x');
            (format!("{}", index + 1), Vec::new(), edited.join("\n") + "\n")
        });
        let edits: Vec<Edit> = edited.collect();
        with_edits(original.path(), "postfix/everything", &name, &helm, &edits, &|(number, _, _), before, after| {
            let number: usize = number.parse().expect("a number");
            let changed = changed(before, after);
            let old = |line: &Line| before.values().flatten().any(|old| std::ptr::eq(old, line));
            for line in &changed {
                // Text after an action is new, and may end a line that nothing in the edited line wrote before.
                if lines[number - 1].ends_with("}}") && old(line) {
                    continue;
                }
                let writers = &line.trail.writers;
                let places = writers.iter().flat_map(|writer| std::iter::once(&writer.place).chain(&writer.callers));
                let named = places.into_iter().any(|place| {
                    let span = place.span.clone().unwrap_or_default();
                    let (first, bounds) = place.source.lines_of(&span);
                    let count = place.source.text[bounds].trim_end().lines().count().max(1);
                    place.source.name == name && (first..first + count).contains(&number)
                });
                // An action that uses the output of a named template, or a variable, for something else. Its dot may be an
                // item of what a named template writes.
                let opaque = writers.iter().any(|writer| {
                    let span = writer.place.span.clone().unwrap_or_default();
                    let (before, text) = (&writer.place.source.text[..span.start], &writer.place.source.text[span]);
                    let range = before.rsplit_once("{{- range ").and_then(|(_, rest)| rest.lines().next());
                    let is_item = range.is_some_and(|list| list.contains("include")) && text.contains(" .");
                    writer.action && (text.contains("include") || text.contains('$') || is_item)
                });
                assert!(named || opaque, "line {number} of {name} changes `{}`: {:?}", line.text, line.trail.summary());
            }
            // The text at the end of the line is written to a line that changes.
            for line in before.values().flatten() {
                let ends = line.trail.writers.iter().any(|writer| {
                    let span = writer.place.span.clone().unwrap_or_default();
                    let (first, bounds) = writer.place.source.lines_of(&span);
                    let last = writer.place.source.text[..bounds.end].trim_end().len() == span.end;
                    !writer.action && writer.place.source.name == name && first == number && last
                });
                assert!(
                    !ends || changed.iter().any(|changed| std::ptr::eq(*changed, line)),
                    "line {number} of {name} does not change `{}`",
                    line.text
                );
            }
        });
    }
}

#[test]
fn nearly_all_lines_are_traced() {
    let Some(helm) = support::helm(HELM_4) else { return };
    let cache = tempfile::tempdir().expect("temporary folder");
    let folder = copy();
    let (workspace, _) = Workspace::load(folder.path(), &std::env::temp_dir()).expect("a workspace");
    let (targets, _) = plan::plan(&workspace, workspace.config.argocd, &["postfix".to_owned()]);
    assert!(targets.len() >= 8);
    for target in &targets {
        let lines = traced(folder.path(), cache.path(), &helm, target).expect("it renders");
        let lines: Vec<&Line> =
            lines.values().flatten().filter(|line| !line.header && !line.text.trim().is_empty()).collect();
        let traced = lines.iter().filter(|line| !line.trail.writers.is_empty()).count();
        assert!(100 * traced >= 99 * lines.len(), "{}: {traced} of {} lines", target.id, lines.len());
    }
}
