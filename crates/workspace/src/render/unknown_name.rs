//! Names in templates that are not defined: of named templates and of functions.

use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Place, Source, did_you_mean, nearest};
use helm::chart::Chart;
use helm::dependencies::ChartTree;
use helm::helmignore;
use helm::template::{names, parse};
use toolbox::{inputs, regular_file, source};

use crate::find;

/// The keywords of templates, which Go takes for functions if they are misspelled.
const KEYWORDS: [&str; 8] = ["if", "else", "end", "range", "with", "define", "template", "block"];

/// Explains Helm's message about an unknown name. `files` are the chart's own templates, the one that Helm names first, and
/// `line` is the line in that one.
pub(super) fn explain(
    root: &Path,
    chart: &Chart,
    files: &[Arc<Source>],
    line: usize,
    reason: &str,
) -> Option<Diagnostic> {
    if let Some(name) = between(reason, "no template \"", "\" associated with template") {
        if let Some(path) = name.strip_prefix(&format!("{}/", chart.name)).filter(|path| path.starts_with("templates/"))
        {
            return Some(file(chart, files.first()?, line, path));
        }
        let quoted = format!("\"{name}\"");
        let place = files.iter().find_map(|source| {
            let at = source.text.find(&quoted)?;
            Some(Place::new(source, at..at + quoted.len()))
        })?;
        if let Some(rule) = excluded(root, chart, name) {
            let message = format!("the rule `{}` in .helmignore excludes {}", rule.rule, rule.file);
            let label = format!("excludes the definition of `{name}`");
            let found = Diagnostic::new(Code::HelmRefused, message).at(rule.place, label);
            return Some(found.at(place, "included here").help("delete the rule, or make its pattern more specific"));
        }
        let found = Diagnostic::new(Code::HelmRefused, format!("named template `{name}` is not defined")).at(place, "");
        let defined = defined(root, chart);
        let help = match nearest(name, defined.iter().map(String::as_str)) {
            Some(near) => did_you_mean(near),
            None => format!("define it in a file of {}/templates", chart.path).into(),
        };
        return Some(found.help(help));
    }
    let name = between(reason, "function \"", "\" not defined")?;
    let source = files.first()?;
    let span = Place::line(source, line).span?;
    let at = word(&source.text[span.clone()], name).map(|at| span.start + at)?;
    let found = Diagnostic::new(Code::HelmRefused, format!("function `{name}` is not defined"))
        .at(Place::new(source, at..at + name.len()), "");
    Some(match nearest(name, names::FUNCTIONS.split_whitespace().chain(KEYWORDS)) {
        Some(near) => found.help(did_you_mean(near)),
        None => found.help("use a function that Helm has: https://helm.sh/docs/chart_template_guide/function_list"),
    })
}

/// A file of templates, as in `include (print $.Template.BasePath "/config.yaml") .`, that the chart does not have.
fn file(chart: &Chart, source: &Arc<Source>, line: usize, path: &str) -> Diagnostic {
    let found = Diagnostic::new(Code::HelmRefused, format!("the chart has no template `{path}`"));
    let found = found.at(Place::line(source, line), "");
    let names: Vec<String> = find::all_files(&chart.directory.join("templates"))
        .iter()
        .map(|one| inputs::name(&chart.directory, one))
        .collect();
    match nearest(path, names.iter().map(String::as_str)) {
        Some(near) => found.help(did_you_mean(near)),
        None => found.help(format!("add {path} to {}, or correct the name", chart.path)),
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}

/// Where a name is a word of its own in a line.
fn word(line: &str, name: &str) -> Option<usize> {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '"');
    line.match_indices(name)
        .map(|(at, _)| at)
        .find(|at| !line[..*at].ends_with(part) && !line[at + name.len()..].starts_with(part))
}

/// A rule in .helmignore that excludes a file of the chart's templates.
struct Exclusion {
    rule: String,
    place: Place,
    file: String,
}

/// The rule that excludes the definition of a named template.
fn excluded(root: &Path, chart: &Chart, name: &str) -> Option<Exclusion> {
    let rules = source::read(root, &chart.directory.join(".helmignore")).ok()?;
    find::all_files(&chart.directory.join("templates")).iter().find_map(|path| {
        let file = inputs::name(&chart.directory, path);
        let line = helmignore::ignoring_line(&rules.text, &file)?;
        let text = regular_file::read_to_string(path).ok()?;
        names::defined(&parse::parse(&text)).iter().find(|defined| *defined == name)?;
        let rule = rules.text.lines().nth(line - 1)?.trim().to_owned();
        Some(Exclusion { rule, place: Place::line(&rules, line), file })
    })
}

/// All named templates of a chart and its dependencies.
fn defined(root: &Path, chart: &Chart) -> Vec<String> {
    let Ok(tree) = ChartTree::read(root, &chart.directory, &chart.directory) else { return Vec::new() };
    let templates = tree.files().filter(|(path, _)| path.contains("templates/"));
    let texts = templates.filter_map(|(_, bytes)| std::str::from_utf8(bytes).ok());
    texts.flat_map(|text| names::defined(&parse::parse(text))).collect()
}
