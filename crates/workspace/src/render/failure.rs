//! Turns Helm's errors into diagnostics with places in the author's files.
//!
//! Helm names templates by chart (`postfix/templates/x.yaml:12:3`) and values by JSON pointer (`at '/service/port'`).
//! Both are resolved to files of the workspace. `helm::errors` parses the messages; a message of unknown form is shown
//! as it is.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Source};
use document::lookalike::{self, Lookalike};
use document::{Node, block, yaml};
use helm::errors::{self, HelmError, Kind};
use helm::template::parse::parse;
use helm::template::unclosed::{Unclosed, unclosed};
use helm::{helmignore, values_schema};
use toolbox::source::read;

use super::dot;
use super::refused;
use super::types;
use super::unknown_name;
use super::unset;
use super::values::Values;
use super::violations;
use crate::provenance::invalid_output::Located;
use crate::target::ChartTarget;

/// Locates invalid YAML in the output of a template.
pub type Locate<'a> = dyn Fn(&str) -> Located + 'a;

/// Explains why Helm failed to render a target. `command` reproduces the error.
#[must_use]
pub fn explain(
    root: &Path,
    target: &ChartTarget<'_>,
    code: Option<i32>,
    stderr: &str,
    command: &str,
    locate: &Locate<'_>,
) -> Diagnostics {
    let context = Context { root, target, locate };
    let stderr = &shortened(stderr);
    let error = errors::parse(stderr).filter(|_| code.is_some());
    let mut found = match &error {
        Some(error) => context.explain(error),
        None => crashed(code, stderr).into(),
    };
    found.sort();
    for diagnostic in &mut found.0 {
        diagnostic.target = Some(target.id.to_string());
    }
    // An error that is explained in full needs no command.
    let explained = error.is_some_and(|error| match error.kind {
        Kind::Values(_)
        | Kind::DependencyValues(_)
        | Kind::ReleaseName
        | Kind::ChartField(_)
        | Kind::ChartMissing
        | Kind::Helmignore => true,
        Kind::Schema { .. } | Kind::Unreadable { .. } | Kind::Output { .. } | Kind::Template { .. } | Kind::Other => {
            found.0.iter().any(|diagnostic| !diagnostic.helps.is_empty())
        }
    });
    if let Some(last) = found.0.last_mut().filter(|_| !explained) {
        last.helps.push(format!("to reproduce it, run: {command}"));
    }
    found
}

/// The lines of a text without the middle of very long ones: a template can fail with any text, and what templates that
/// include each other fail with comes last.
fn shortened(text: &str) -> String {
    const BEGINNING: usize = 2000;
    const END: usize = 20_000;
    let line = |line: &str| {
        if line.len() <= 4 * (BEGINNING + END) {
            return line.to_owned();
        }
        let beginning: String = line.chars().take(BEGINNING).collect();
        let start = line.char_indices().rev().nth(END).map_or(0, |(at, _)| at);
        format!("{beginning}…{}", &line[start..])
    };
    text.split_inclusive('\n').map(line).collect()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn rest(text: &str) -> String {
    text.lines().skip(1).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Adds a note unless it is empty.
fn with_note(found: Diagnostic, note: String) -> Diagnostic {
    if note.is_empty() { found } else { found.note(note) }
}

struct Context<'a> {
    root: &'a Path,
    target: &'a ChartTarget<'a>,
    locate: &'a Locate<'a>,
}

impl Context<'_> {
    fn explain(&self, error: &HelmError) -> Diagnostics {
        let message = &error.message;
        let other = || with_note(Diagnostic::new(Code::HelmRefused, first_line(message)), rest(message));
        let found = match &error.kind {
            Kind::Values(found) => {
                let broken = self.schema_broken(message);
                return if broken.is_empty() { violations::explain(self.root, self.target, found) } else { broken };
            }
            Kind::Schema { chart, reason } => {
                let own = &self.target.chart;
                let found =
                    Diagnostic::new(Code::HelmRefused, format!("helm cannot read values.schema.json: {reason}"));
                if !chart.is_empty() && *chart != own.name {
                    return found.note(format!("the file is in the dependency `{chart}`")).into();
                }
                let broken = self.schema_broken(message);
                if !broken.is_empty() {
                    return broken;
                }
                let path = own.directory.join(values_schema::FILE);
                found.at(Place::file(toolbox::inputs::name(self.root, &path)), "")
            }
            Kind::Unreadable { file, in_chart, line, reason } => self.unreadable(file, *in_chart, *line, reason),
            Kind::Output { template, line, reason } => self.output(template, *line, reason),
            Kind::Template { template, line, column, reason, partial } => {
                let found = self.template(template, *line, *column, reason);
                let found = self.at_include(found, message);
                let full = *partial && found.helps.is_empty();
                if full { found.note(format!("helm's error: {message}")) } else { found }
            }
            Kind::DependencyValues(name) => {
                let place = Values::read(self.root, self.target).find(std::slice::from_ref(name));
                let found = Diagnostic::new(Code::HelmRefused, format!("`{name}` must be a mapping"))
                    .fact(Fact::Value(name.clone()))
                    .note(format!("it contains the values of the dependency `{name}`"));
                place.map_or(found.clone(), |setting| found.at(setting.place, ""))
            }
            Kind::ReleaseName => self.release_name(),
            Kind::ChartField(field) => self.chart_field(field, message).unwrap_or_else(other),
            Kind::ChartMissing => self.chart_missing().unwrap_or_else(other),
            Kind::Helmignore => self.helmignore(message).unwrap_or_else(other),
            Kind::Other => self.archive_excluded(message).unwrap_or_else(other),
        };
        found.into()
    }

    /// Errors in a values.schema.json that Helm cannot use. Helm prints no line, so our own reader finds them.
    fn schema_broken(&self, message: &str) -> Diagnostics {
        let mut found = values_schema::refused(self.root, self.target.chart);
        if found.is_empty() {
            found = values_schema::patterns(self.root, self.target.chart, message);
        }
        for diagnostic in &mut found.0 {
            diagnostic.code = Code::HelmRefused;
        }
        found
    }

    /// A values file or a file of the chart that is not valid YAML.
    fn unreadable(&self, file: &Path, in_chart: bool, line: Option<usize>, reason: &str) -> Diagnostic {
        let file: PathBuf = if in_chart { self.target.chart.directory.join(file) } else { file.to_owned() };
        let name = toolbox::inputs::name(self.root, &file);
        let source = read(self.root, &file).ok();
        // Our own reader knows the column, and counts lines as editors do.
        let own = source.as_ref().and_then(|source| Some(yaml::parse(source).err()?.0.remove(0)));
        let place = own.as_ref().and_then(|found| Some(found.places.first()?.0.clone()));
        let place = place.unwrap_or_else(|| match (&source, line) {
            (Some(source), Some(line)) => Place::line(source, line),
            _ => Place::file(name.clone()),
        });
        let place = self.in_application(&file, &place).unwrap_or(place);
        // A merge conflict marker or a tab.
        if let Some(found) = own.filter(|found| !found.helps.is_empty()) {
            return Diagnostic { code: Code::HelmRefused, places: vec![(place, String::new())], ..found };
        }
        // A text that is valid YAML, but only because of a character that looks like another one.
        if let Some((source, one)) = source.as_ref().and_then(|source| Some((source, misleading(source)?))) {
            let place = Place::new(source, one.span.clone());
            let place = self.in_application(&file, &place).unwrap_or(place);
            return Diagnostic::new(Code::HelmRefused, one.message).at(place, one.label).help(one.help);
        }
        let what = if in_chart { format!("`{name}`") } else { "these values".to_owned() };
        Diagnostic::new(Code::HelmRefused, format!("helm cannot read {what}: {reason}")).at(place, "")
    }

    /// The place in the Application of its inline values, which helm reads from a file in the cache.
    fn in_application(&self, file: &Path, place: &Place) -> Option<Place> {
        let (_, values) = self.target.options.values.as_ref().filter(|_| !file.starts_with(self.root))?;
        Some(block::in_file(values, place).unwrap_or_else(|| values.clone()))
    }

    /// A template whose output is not valid YAML.
    fn output(&self, template: &str, line: Option<usize>, reason: &str) -> Diagnostic {
        // The cause may be in a template that this one includes.
        let own = self.template_file(template);
        let conflict =
            own.iter().cloned().chain(self.templates()).find_map(|source| yaml::conflict(&source, Code::HelmRefused));
        let tab = || {
            own.as_ref()
                .filter(|_| reason.contains("cannot start any token"))
                .and_then(|source| yaml::misread(source, None))
        };
        if let Some(found) = conflict.or_else(tab) {
            return Diagnostic { code: Code::HelmRefused, ..found };
        }
        let message = format!("template `{template}` renders invalid YAML: {}", unquoted(reason));
        let found = Diagnostic::new(Code::HelmRefused, message).fact(Fact::InvalidOutput(template.to_owned()));
        let Located { places, help } = (self.locate)(template);
        if !places.is_empty() {
            return help.into_iter().fold(Diagnostic { places, ..found }, Diagnostic::help);
        }
        // Without a file, the name that helm prints is the best place.
        let place = self.target.template_file(template).unwrap_or_else(|| template.to_owned());
        let found = found.at(Place::file(place), "");
        match line {
            Some(line) => {
                found.note(format!("near line {line} of the output, which the command below prints with `--debug`"))
            }
            None => found,
        }
    }

    /// Moves what a named template cannot read to the action that includes it with a context other than the root.
    fn at_include(&self, mut found: Diagnostic, message: &str) -> Diagnostic {
        if !found.is(&Fact::NoRoot) {
            return found;
        }
        let Some((template, line, column)) = helm::errors::changed_context(message) else { return found };
        if let Some(source) = self.template_file(&template) {
            let place = column.map_or_else(|| Place::line(&source, line), |column| at_column(&source, line, column));
            found.places.insert(0, (place, "passes this context".to_owned()));
        }
        found
    }

    /// A template that failed.
    fn template(&self, template: &str, line: usize, column: Option<usize>, reason: &str) -> Diagnostic {
        let source = self.template_file(template);
        if let Some(found) = source.as_ref().and_then(|source| yaml::conflict(source, Code::HelmRefused)) {
            return found;
        }
        let files: Vec<Arc<Source>> = source.iter().cloned().chain(self.templates()).collect();
        let chart = &self.target.chart;
        if let Some(found) = unknown_name::explain(self.root, chart, &files, line, reason) {
            return found;
        }
        // Go names no column for what its parser rejects.
        if let Some(found) = source.as_ref().filter(|_| column.is_none()).and_then(syntax) {
            return found;
        }
        let place = source.as_ref().map_or_else(
            || Place::file(format!("{template}:{line}")),
            |source| match column {
                Some(column) => at_column(source, line, column),
                None => Place::line(source, line),
            },
        );
        // In a template of a dependency, the values are those of the dependency.
        let own = template.split('/').nth(1) == Some("templates");
        let unset = |source| unset::explain(self.root, self.target, source, &place, reason);
        if let Some(found) = source.as_ref().filter(|_| own).and_then(unset) {
            return found;
        }
        if let Some(found) = source.as_ref().filter(|_| own).and_then(|source| dot::explain(source, &place, reason)) {
            return found;
        }
        let failed = || Diagnostic::new(Code::HelmRefused, format!("template `{template}` failed: {reason}"));
        let found = types::explain(template, reason).unwrap_or_else(failed);
        // Alerts and dashboards have templates of their own, in the same braces.
        let found = match reason.strip_prefix("undefined variable \"$").and_then(|rest| rest.strip_suffix('"')) {
            Some(name @ ("labels" | "value" | "externalLabels")) => {
                found.help(format!("if Prometheus is to read it, print the braces: `{{{{ \"{{{{ ${name} }}}}\" }}}}`"))
            }
            _ => found,
        };
        let settings = if own { refused::settings(&Values::read(self.root, self.target), reason) } else { Vec::new() };
        let found = settings.into_iter().fold(found, |found, (place, label)| found.at(place, label));
        found.at(place, "")
    }

    /// A release name that Helm rejects.
    fn release_name(&self) -> Diagnostic {
        let application = &self.target.application;
        let named = self.target.source.node.get("helm").and_then(|helm| helm.get("releaseName"));
        let place = named.map_or_else(|| application.place.clone(), Node::place);
        let message = format!("invalid release name `{}`", self.target.recipe.release);
        let rule = "it must have at most 53 characters of `a-z`, `0-9`, `-`, and `.`, and each part must start and end with a letter or digit";
        Diagnostic::new(Code::HelmRefused, message).at(place, "").note(rule)
    }

    /// A field of Chart.yaml that Helm rejects.
    fn chart_field(&self, field: &str, message: &str) -> Option<Diagnostic> {
        let expected = match field {
            "apiVersion" => "must be `v2`, or `v1` for old charts",
            "version" => "must be a version such as 0.1.0",
            "type" if message.starts_with("validation") => "must be `application` or `library`",
            "name" => "must be the name of the chart's directory",
            _ => "",
        };
        let path = self.target.chart.directory.join("Chart.yaml");
        let root = yaml::parse_one(&read(self.root, &path).ok()?).ok()?.root;
        Some(Diagnostic::new(Code::HelmRefused, first_line(message)).at(root.get(field)?.place(), expected))
    }

    /// A Chart.yaml that .helmignore excludes.
    fn chart_missing(&self) -> Option<Diagnostic> {
        let source = read(self.root, &self.target.chart.directory.join(".helmignore")).ok()?;
        let line = helmignore::ignoring_line(&source.text, "Chart.yaml")?;
        let place = Place::line(&source, line);
        let rule = place.span.clone().and_then(|span| source.text.get(span)).unwrap_or_default().to_owned();
        let found = Diagnostic::new(Code::HelmRefused, format!("the rule `{rule}` in .helmignore excludes Chart.yaml"))
            .at(place, "");
        Some(if rule.starts_with('!') {
            found
                .note("unlike in .gitignore, `!PATTERN` excludes every file that does not match the pattern")
                .help("delete the rule, and list only files to exclude")
        } else {
            found.help("delete the rule, or make its pattern more specific")
        })
    }

    /// A rule in .helmignore that excludes the archive of a dependency.
    fn archive_excluded(&self, message: &str) -> Option<Diagnostic> {
        let (_, missing) = message.split_once("missing in charts/ directory: ")?;
        let source = read(self.root, &self.target.chart.directory.join(".helmignore")).ok()?;
        let name = missing.split(',').next()?.trim();
        let archive = |path: &str| helmignore::ignoring_line(&source.text, path);
        let line = archive(&format!("charts/{name}-0.0.0.tgz")).or_else(|| archive("charts"))?;
        let rule = source.text.lines().nth(line - 1)?.trim();
        let message = format!("the rule `{rule}` in .helmignore excludes the dependency `{name}`");
        let found = Diagnostic::new(Code::HelmRefused, message).at(Place::line(&source, line), "");
        Some(
            found
                .note("Helm applies the rules to charts/, too")
                .help("delete the rule, or make its pattern more specific"),
        )
    }

    /// A rule in .helmignore that Helm does not support.
    fn helmignore(&self, message: &str) -> Option<Diagnostic> {
        let source = read(self.root, &self.target.chart.directory.join(".helmignore")).ok()?;
        let unsupported = |line: &str| {
            let rule = line.trim();
            !rule.starts_with('#') && (rule.contains("**") || message.contains("pattern") && rule.contains(['[', '\\']))
        };
        let line = source.text.lines().position(unsupported)? + 1;
        let (message, help) = if message.contains("**") {
            ("helm does not support `**` in .helmignore", "a pattern without `/` matches in every directory")
        } else {
            ("invalid pattern in .helmignore", "close the `[`, or escape it as `\\[`")
        };
        Some(Diagnostic::new(Code::HelmRefused, message).at(Place::line(&source, line), "").help(help))
    }

    /// A template's file, if it belongs to the chart itself.
    fn template_file(&self, path: &str) -> Option<Arc<Source>> {
        let chart = &self.target.chart;
        let inside = path.strip_prefix(&chart.name)?.strip_prefix('/')?;
        read(self.root, &chart.directory.join(inside)).ok()
    }

    /// The templates of the chart itself.
    fn templates(&self) -> Vec<Arc<Source>> {
        let chart = &self.target.chart.directory;
        let files = helm::chart_files::chart_files(self.root, chart).unwrap_or_default();
        files
            .names()
            .map(|name| self.root.join(name))
            .filter(|path| path.starts_with(chart.join("templates")))
            .filter_map(|path| read(self.root, &path).ok())
            .collect()
    }
}

/// The error of Go's parser in a template.
fn syntax(source: &Arc<Source>) -> Option<Diagnostic> {
    let text = source.text.as_str();
    let template = parse(text);
    let place = |span: &Range<usize>| Place::new(source, span.clone());
    if let Some(open) = open_comment(text) {
        let found = Diagnostic::new(Code::HelmRefused, "comment is not closed").at(place(&open), "");
        return Some(found.help("end it with `*/}}`, or with `*/ -}}`"));
    }
    if let Some(Unclosed { open, closed_by }) = unclosed(text, &template) {
        let message = format!("`{}` has no `end`", &text[open.clone()]);
        let found = Diagnostic::new(Code::HelmRefused, message).at(place(&open), "");
        let found = closed_by
            .iter()
            .fold(found, |found, end| found.at(place(end), "closes it, but is indented like a block around it"));
        return Some(found.help("add `{{- end }}` where the block ends"));
    }
    let problem = template.problems.first()?;
    let message = format!("template `{}` is invalid: {}", source.name, problem.message);
    Some(Diagnostic::new(Code::HelmRefused, message).at(place(&problem.span), ""))
}

/// The line of a comment that does not end where an action ends.
fn open_comment(text: &str) -> Option<Range<usize>> {
    let mut from = 0;
    while let Some(at) = text[from..].find("{{").map(|at| from + at) {
        let inside = text[at + 2..].strip_prefix("- ").unwrap_or(&text[at + 2..]);
        if !inside.starts_with("/*") {
            from = at + 2;
            continue;
        }
        let start = text.len() - inside.len();
        let line = at..text[at..].find('\n').map_or(text.len(), |end| at + end);
        let Some(end) = text[start..].find("*/").map(|end| start + end + 2) else { return Some(line) };
        if !text[end..].starts_with("}}") && !text[end..].starts_with(" -}}") {
            return Some(line);
        }
        from = end;
    }
    None
}

/// The first character in a YAML text that looks like another one.
fn misleading(source: &Arc<Source>) -> Option<Lookalike> {
    let document = yaml::parse_one(source).ok()?;
    lookalike::line_breaks(&source.text).into_iter().chain(lookalike::in_tree(&document.root)).next()
}

/// A message without the values that it quotes: they may be those of a Secret.
fn unquoted(message: &str) -> String {
    message.split('`').enumerate().map(|(index, part)| if index % 2 == 1 { "`…`" } else { part }).collect()
}

fn at_column(source: &Arc<Source>, line: usize, column: usize) -> Place {
    let place = Place::line(source, line);
    let Some(span) = place.span.clone() else { return place };
    let start = source.text[..span.end].rfind('\n').map_or(0, |at| at + 1) + column;
    let start = if source.text.is_char_boundary(start) { start.min(span.end) } else { span.start };
    let word = source.text[start..span.end].find([' ', '}', ')']).unwrap_or(span.end - start);
    Place::new(source, start..start + word)
}

/// The diagnostic for a Helm process that failed without an error message.
pub(super) fn crashed(code: Option<i32>, stderr: &str) -> Diagnostic {
    let how = code.map_or_else(|| "was killed by a signal".to_owned(), |code| format!("failed with exit code {code}"));
    Diagnostic::new(Code::HelmFailed, format!("helm {how}")).note(stderr.trim().to_owned())
}
