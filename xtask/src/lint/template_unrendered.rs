//! Templates that Helm does not render: directly in a chart, in a folder with nearly the name `templates`, with a name that
//! begins with `_`, or excluded by a pattern in .helmignore.
//!
//! Other folders may contain templates that are not in use, or that a template reads with `.Files`.

use std::path::Path;
use std::sync::Arc;

use ::helm::chart::Chart;
use ::helm::helmignore;
use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Source, nearest_within};
use toolbox::{inputs, source};
use workspace::find;

use super::chart_sources::ChartFiles;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::TemplateUnrendered];

/// The folder that Helm renders.
const FOLDER: &str = "templates";

/// Actions that only templates of a chart contain.
const ACTIONS: [&str; 4] = [".Values.", ".Release.", ".Chart.", "include \""];

/// Checks the files of every chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        let files = subject.sources.of(chart);
        let misplaced = files.texts.iter().filter(|(path, source)| is_misplaced(path, source, files));
        diagnostics.0.extend(misplaced.map(|(path, source)| finding(&chart.path, path, source)));
        let hidden = files.templates().filter(|(path, source)| is_hidden(path, &source.text));
        diagnostics.0.extend(hidden.map(|(path, source)| underscored(&chart.path, path, source)));
        diagnostics.0.extend(excluded(&subject.workspace.root, chart));
    }
    diagnostics
}

fn is_misplaced(path: &str, source: &Source, files: &ChartFiles) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let known = name == "Chart.yaml" || name.starts_with("values");
    let manifest = Path::new(name).extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "tpl");
    let beside = match path.split_once('/') {
        None => true,
        Some((folder, _)) => folder != FOLDER && nearest_within(folder, 2, [FOLDER]).is_some(),
    };
    manifest && !known && beside && is_template(&source.text) && !is_read(name, files)
}

/// Whether a text is an object with actions of Helm, or defines named templates.
fn is_template(text: &str) -> bool {
    let actions = text.contains("{{") && ACTIONS.iter().any(|action| text.contains(action));
    actions && (is_object(text) || text.contains("define \""))
}

/// Whether a text is an object.
fn is_object(text: &str) -> bool {
    let begins = |key: &str| text.lines().any(|line| line.starts_with(key));
    begins("apiVersion:") && begins("kind:")
}

/// Whether a template may read a file.
fn is_read(name: &str, files: &ChartFiles) -> bool {
    files.templates().any(|(_, template)| {
        let text = &template.text;
        text.contains(".Files") && (text.contains(name) || text.contains("Glob") || text.contains('*'))
    })
}

/// Whether a template with an object has the name of a file that only defines named templates.
fn is_hidden(path: &str, text: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let manifest = Path::new(name).extension().is_some_and(|end| end == "yaml" || end == "yml");
    name.starts_with('_') && manifest && is_object(text) && !text.contains("define \"")
}

fn underscored(chart: &str, path: &str, source: &Arc<Source>) -> Diagnostic {
    let message = format!("Helm does not render `{}`: its name begins with `_`", source.name);
    let (folder, name) = path.rsplit_once('/').unwrap_or((FOLDER, path));
    Diagnostic::new(Code::TemplateUnrendered, message)
        .at(beginning(source), "")
        .fact(Fact::Chart(chart.to_owned()))
        .help(format!("rename it to `{chart}/{folder}/{}`", name.trim_start_matches('_')))
}

/// The first rule in .helmignore that excludes a template, if it was written for other files.
fn excluded(root: &Path, chart: &Chart) -> Option<Diagnostic> {
    let rules = source::read(root, &chart.directory.join(".helmignore")).ok()?;
    let files = find::all_files(&chart.directory.join(FOLDER));
    let names: Vec<String> = files.iter().map(|path| inputs::name(&chart.directory, path)).collect();
    let excluded = |name: &str| {
        let is_template = [".yaml", ".yml", ".tpl"].iter().any(|end| name.ends_with(end));
        let hidden = name.rsplit('/').next().is_some_and(|file| file.starts_with('.'));
        let line = helmignore::ignoring_line(&rules.text, name).filter(|_| is_template && !hidden)?;
        let rule = rules.text.lines().nth(line - 1)?.trim();
        // Without a pattern, the rule was written for this file.
        let meant = rule.trim_start_matches('/').starts_with(FOLDER);
        (!meant && !rule.starts_with('!')).then(|| (line, rule.to_owned()))
    };
    let (name, (line, rule)) = names.iter().find_map(|name| Some((name, excluded(name)?)))?;
    let others = names.iter().filter(|name| excluded(name).is_some_and(|(other, _)| other == line)).count() - 1;
    let message = format!("the rule `{rule}` in .helmignore excludes `{name}`");
    let found = Diagnostic::new(Code::TemplateUnrendered, message).at(Place::line(&rules, line), "");
    let found = if others > 0 { found.note(format!("and {}", plural(others, "other template"))) } else { found };
    let help = format!("make the pattern more specific; Helm would render `{}/{name}`", chart.path);
    Some(found.fact(Fact::Chart(chart.path.clone())).help(help))
}

fn finding(chart: &str, path: &str, source: &Arc<Source>) -> Diagnostic {
    let name = path.rsplit('/').next().unwrap_or(path);
    let message = format!("Helm does not render `{}`: it is not in the folder `{FOLDER}`", source.name);
    Diagnostic::new(Code::TemplateUnrendered, message)
        .at(beginning(source), "")
        .fact(Fact::Chart(chart.to_owned()))
        .help(format!("move it to `{chart}/{FOLDER}/{name}`"))
}

/// The line with the kind of a template's object, or else with its first action.
fn beginning(source: &Arc<Source>) -> Place {
    let begin = |key: &str| source.text.lines().position(|line| line.starts_with(key));
    Place::line(source, begin("kind:").or_else(|| begin("{{")).map_or(1, |index| index + 1))
}
