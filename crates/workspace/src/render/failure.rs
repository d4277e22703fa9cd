//! What Helm's error messages mean: which file, which line, and what is wrong there.
//!
//! Helm names templates by chart (`postfix/templates/x.yaml:12:3`), and values by JSON pointer
//! (`at '/service/port': got string, want integer`). Both lead to places in files of the workspace where these hold
//! the text; the words stay Helm's own.
//!
//! Deliberately absent: guesses. A message of no known form is shown as it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::plan::Target;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use document::{Node, yaml};
use helm::values_schema;
use toolbox::source::read;

/// What Helm says of values and of the schema alike.
const SCHEMA: &str = "meet the specifications of the schema(s)";

/// Explains why Helm refused a target. `command` repeats it by hand.
#[must_use]
pub fn explain(root: &Path, target: &Target<'_>, code: Option<i32>, stderr: &str, command: &str) -> Diagnostics {
    let message = errors(stderr);
    let context = Context { root, target };
    let by_hand = |diagnostic: Diagnostic| diagnostic.target(&target.id).help(format!("repeat it by hand: {command}"));
    let broken = message.as_deref().filter(|_| code.is_some()).map(|message| context.schema_broken(message));
    if let Some(found) = broken.filter(|found| !found.is_empty()) {
        return Diagnostics(found.0.into_iter().map(by_hand).collect());
    }
    let diagnostic = match (&message, code) {
        (Some(message), Some(_)) => context
            .schema(message)
            .or_else(|| context.values_syntax(message))
            .or_else(|| context.output_syntax(message))
            .or_else(|| context.template(message))
            .or_else(|| context.declared(message))
            .unwrap_or_else(|| with_rest(message)),
        _ => crashed(code, stderr),
    };
    by_hand(diagnostic).into()
}

/// Helm's error without the warnings before it and the advice after it.
fn errors(stderr: &str) -> Option<String> {
    let at = stderr.find("Error: ").map(|at| at + "Error: ".len())?;
    let text = stderr[at..].trim_end();
    Some(text.strip_suffix("Use --debug flag to render out invalid YAML").unwrap_or(text).trim_end().to_owned())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn with_rest(message: &str) -> Diagnostic {
    let found = Diagnostic::new(Code::HelmRefused, first_line(message));
    let rest = message.lines().skip(1).collect::<Vec<_>>().join("\n");
    if rest.trim().is_empty() { found } else { found.note(rest.trim()) }
}

struct Context<'a> {
    root: &'a Path,
    target: &'a Target<'a>,
}

impl Context<'_> {
    /// A values.schema.json that Helm cannot use, where our own reader sees why: Helm tells no line.
    fn schema_broken(&self, message: &str) -> Diagnostics {
        if !message.contains(SCHEMA) {
            return Diagnostics::default();
        }
        let mut found = values_schema::refused(self.root, &self.target.deployment.chart);
        if found.is_empty() {
            found = values_schema::patterns(self.root, &self.target.deployment.chart, message);
        }
        for diagnostic in &mut found.0 {
            diagnostic.code = Code::HelmRefused;
        }
        found
    }

    /// Values that values.schema.json refuses.
    fn schema(&self, message: &str) -> Option<Diagnostic> {
        if !message.contains(SCHEMA) {
            return None;
        }
        let mut chart = String::new();
        let mut violations = Vec::new();
        for line in message.lines().skip(1) {
            if let Some(violation) = line.trim_start().strip_prefix("- ") {
                violations.push((chart.clone(), violation.to_owned()));
            } else if let Some(name) = line.trim().strip_suffix(':') {
                name.clone_into(&mut chart);
            }
        }
        // Helm lists them in the random order of a Go map.
        violations.sort();
        let mut diagnostic = match &violations[..] {
            [] => {
                let why = message.lines().next_back().unwrap_or_default();
                let schema = self.target.deployment.chart.directory.join("values.schema.json");
                return Some(
                    Diagnostic::new(Code::HelmRefused, format!("helm cannot read a values.schema.json: {why}"))
                        .at(Place::file(toolbox::inputs::name(self.root, &schema)), ""),
                );
            }
            [(_, only)] => {
                let only = only.strip_prefix("at '': ").unwrap_or(only);
                Diagnostic::new(Code::HelmRefused, format!("values.schema.json refuses the values: {only}"))
            }
            _ => Diagnostic::new(Code::HelmRefused, format!("values.schema.json refuses {} values", violations.len())),
        };
        let own = self.target.deployment.chart.name.as_str();
        for (chart, violation) in &violations {
            let mut pointer: Vec<String> =
                if chart == own || chart.is_empty() { Vec::new() } else { vec![chart.clone()] };
            let (at, what) = pointer_and_rest(violation);
            pointer.extend(at);
            // The misspelt key itself is of more use than the mapping around it.
            if let Some(key) = what.strip_prefix("additional properties '").and_then(|rest| rest.split('\'').next()) {
                pointer.push(key.to_owned());
            }
            diagnostic = match self.value(&pointer, what.starts_with("additional properties")) {
                Some(place) => diagnostic.at(place, what),
                None if violations.len() == 1 => diagnostic,
                None => diagnostic.note(format!("{}: {what}", pointer.join("."))),
            };
        }
        Some(diagnostic)
    }

    /// Values that cannot be read at all.
    fn values_syntax(&self, message: &str) -> Option<Diagnostic> {
        let (file, what) = if let Some(rest) = message.strip_prefix("failed to parse ") {
            let (file, what) = rest.split_once(": ")?;
            (PathBuf::from(file), what)
        } else {
            let (_, rest) = message.split_once("cannot load ")?;
            let (file, what) = rest.split_once(": ")?;
            (self.target.deployment.chart.directory.join(file), what)
        };
        let source = read(self.root, &file).ok();
        let (what, line) = match what.split_once("yaml: line ").and_then(|(_, rest)| rest.split_once(": ")) {
            Some((line, what)) => (what, line.parse::<usize>().ok()),
            None => (what, None),
        };
        // Our own reader knows the column, and counts lines as editors do.
        let own = source.as_ref().and_then(|source| yaml::parse(source).err());
        let place = own.and_then(|found| found.0.into_iter().next()?.places.into_iter().next()).map(|(place, _)| place);
        let place = place.unwrap_or_else(|| match (&source, line) {
            (Some(source), Some(line)) => Place::line(source, line),
            _ => Place::file(toolbox::inputs::name(self.root, &file)),
        });
        let place = self.in_application(&file, &place).unwrap_or(place);
        Some(
            Diagnostic::new(Code::HelmRefused, format!("helm cannot read these values: {}", first_line(what)))
                .at(place, ""),
        )
    }

    /// Values of the Application itself, which helm got in a file of the cache: the line of the Application.
    fn in_application(&self, file: &Path, place: &Place) -> Option<Place> {
        let (_, values) = self.target.deployment.options.values.as_ref().filter(|_| !file.starts_with(self.root))?;
        let text = values.source.text.get(values.span.clone()?.start..)?;
        let first = values.position()?.0 + usize::from(text.starts_with(['|', '>']));
        Some(place.position().map_or_else(|| values.clone(), |(line, _)| Place::line(&values.source, first + line - 1)))
    }

    /// A template whose output is no YAML. Helm names a line of the output, which is not the template's.
    fn output_syntax(&self, message: &str) -> Option<Diagnostic> {
        let (path, what) = message.strip_prefix("YAML parse error on ")?.split_once(": ")?;
        let what = ["error converting YAML to JSON: ", "error unmarshaling JSON: ", "yaml: "]
            .iter()
            .fold(what, |what, prefix| what.strip_prefix(prefix).unwrap_or(what));
        // Also of one that is no text.
        let place = self.target.template_file(path).unwrap_or_else(|| path.to_owned());
        let message = format!("template `{path}` wrote what helm cannot read: {}", unquoted(&first_line(what)));
        let diagnostic = Diagnostic::new(Code::HelmRefused, message).at(Place::file(place), "");
        let help = "the line is one of the output, which the command below shows with `--debug`";
        Some(if what.starts_with("line ") { diagnostic.help(help) } else { diagnostic })
    }

    /// A template that failed.
    fn template(&self, message: &str) -> Option<Diagnostic> {
        let (path, line, column) = location(message)?;
        // Helm repeats the place in front of each wrapped message; the last part is what went wrong.
        let what = message
            .rsplit_once(&format!("{path}:{line}"))
            .map_or(message, |(_, rest)| rest)
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == ':' || c == ')')
            .trim();
        // Of an action that is never closed, the line is the last that is said.
        let unclosed = message.split_once("): ").and_then(|(_, what)| what.split(" started at ").next());
        let what = if what.is_empty() { unclosed.unwrap_or(message) } else { what };
        // Helm 4 writes over several lines what Helm 3 writes in one.
        let action = what.rsplit_once(">:").map(|(_, what)| what.split_whitespace().collect::<Vec<_>>().join(" "));
        let plain = action.is_none();
        let what = action.unwrap_or_else(|| first_line(what));
        let diagnostic = Diagnostic::new(Code::HelmRefused, format!("template `{path}` failed: {what}"));
        let place = self.template_file(&path).map_or_else(
            || Place::file(format!("{path}:{line}")),
            |source| match column {
                Some(column) => at_column(&source, line, column),
                None => Place::line(&source, line),
            },
        );
        // One template is named twice; a third name is that of a template which includes it.
        let full = message.matches("/templates/").count() > 2 || plain && message.lines().count() > 1;
        let diagnostic = diagnostic.at(place, "");
        Some(if full { diagnostic.note(format!("helm said: {message}")) } else { diagnostic })
    }

    /// What Helm says of the release's name or of Chart.yaml, at the field that it means.
    fn declared(&self, message: &str) -> Option<Diagnostic> {
        let application = &self.target.deployment.application;
        if message.starts_with("release name check failed") {
            let named = application.source.get("helm").and_then(|helm| helm.get("releaseName"));
            let place = named.map_or_else(|| application.place.clone(), Node::place);
            let message = format!("helm takes no release name `{}`", self.target.recipe.release);
            let expected =
                "expected at most 53 of `a-z`, `0-9`, `-`, `.`, with a letter or digit at either end of each part";
            return Some(Diagnostic::new(Code::HelmRefused, message).at(place, expected));
        }
        let fields = [
            ("library charts are not installable", "type", ""),
            ("chart requires kubeVersion", "kubeVersion", ""),
            ("invalid chart apiVersion", "apiVersion", "expected `v2`, or the `v1` of old charts"),
            ("validation: chart.metadata.version ", "version", "expected a version such as 0.1.0"),
            ("validation: chart.metadata.type ", "type", "expected `application` or `library`"),
            ("validation: chart.metadata.name ", "name", "expected the name of the chart's folder"),
        ];
        let (_, field, expected) = fields.into_iter().find(|(begin, ..)| message.starts_with(begin))?;
        let path = self.target.deployment.chart.directory.join("Chart.yaml");
        let root = yaml::parse_one(&read(self.root, &path).ok()?).ok()?.root;
        Some(Diagnostic::new(Code::HelmRefused, first_line(message)).at(root.get(field)?.place(), expected))
    }

    /// A template's file, if it belongs to the chart itself.
    fn template_file(&self, path: &str) -> Option<Arc<Source>> {
        let chart = &self.target.deployment.chart;
        let inside = path.strip_prefix(&chart.name)?.strip_prefix('/')?;
        read(self.root, &chart.directory.join(inside)).ok()
    }

    /// Where a value is set, by the source that wins; or its key, where that is what is wrong.
    fn value(&self, pointer: &[String], key: bool) -> Option<Place> {
        let recipe = &self.target.recipe;
        let options = &self.target.deployment.options;
        let name = pointer.join(".");
        if let Some(parameter) = options.parameters.iter().rev().find(|parameter| parameter.name == name) {
            return Some(parameter.place.clone());
        }
        let find = |root: &Node| {
            let (last, outer) = pointer.split_last()?;
            let mapping = outer.iter().try_fold(root.clone(), |node, key| step(&node, key))?;
            let value = step(&mapping, last)?;
            let name = mapping.entries().iter().map(|(name, _)| name).find(|name| name.name == *last);
            Some(
                name.filter(|_| key).map_or_else(|| value.place(), |name| Place::new(&value.source, name.span.clone())),
            )
        };
        let in_file = |path: &Path| {
            let source = read(self.root, path).ok()?;
            find(&yaml::parse_one(&source).ok()?.root)
        };
        recipe
            .case_file
            .as_deref()
            .and_then(in_file)
            .or_else(|| options.values_object.as_ref().and_then(find))
            .or_else(|| recipe.value_files.iter().rev().find_map(|path| in_file(path)))
            .or_else(|| in_file(&self.target.deployment.chart.directory.join("values.yaml")))
    }
}

/// A message without the values that it quotes: they may be those of a Secret.
fn unquoted(message: &str) -> String {
    message.split('`').enumerate().map(|(index, part)| if index % 2 == 1 { "`…`" } else { part }).collect()
}

fn step(node: &Node, key: &str) -> Option<Node> {
    node.get(key).or_else(|| node.items().get(key.parse::<usize>().ok()?)).cloned()
}

/// `at '/a/b': what` as its steps and the rest.
fn pointer_and_rest(violation: &str) -> (Vec<String>, String) {
    let split = violation.strip_prefix("at '").and_then(|rest| rest.split_once("': "));
    let Some((pointer, what)) = split else { return (Vec::new(), violation.to_owned()) };
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    (steps, what.to_owned())
}

/// The innermost template that a message names, with line and column.
fn location(message: &str) -> Option<(String, usize, Option<usize>)> {
    let mut found = None;
    for word in message.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '<' | '>')) {
        let mut parts = word.trim_end_matches(':').split(':');
        let (Some(path), Some(line)) = (parts.next(), parts.next()) else { continue };
        let (Ok(line), true) = (line.parse::<usize>(), path.contains("/templates/")) else { continue };
        found = Some((path.to_owned(), line, parts.next().and_then(|column| column.parse().ok())));
    }
    found.or_else(|| {
        // A template whose output is no YAML is named without a line; the line is that of the output.
        let (_, rest) = message.split_once("parse error on ")?;
        let path = rest.split(':').next()?;
        path.contains("/templates/").then(|| (path.to_owned(), 1, None))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_template_is_named() {
        let table = [
            (
                r#"template: web/templates/a.yaml:3:4: executing "web/templates/a.yaml" at <include "x" .>: error calling include: template: web/templates/_h.tpl:7:9: executing "x" at <.Values.a.b>: nil pointer evaluating interface {}.b"#,
                Some(("web/templates/_h.tpl", 7, Some(9))),
            ),
            (
                "execution error at (web/templates/a.yaml:12:3): name is required",
                Some(("web/templates/a.yaml", 12, Some(3))),
            ),
            ("parse error at (web/templates/a.yaml:5): unclosed action", Some(("web/templates/a.yaml", 5, None))),
            (
                "YAML parse error on web/templates/a.yaml: error converting YAML to JSON: yaml: line 4: x",
                Some(("web/templates/a.yaml", 1, None)),
            ),
            ("something else", None),
        ];
        for (message, expected) in table {
            let found = location(message);
            assert_eq!(
                found.as_ref().map(|(path, line, column)| (path.as_str(), *line, *column)),
                expected,
                "{message}"
            );
        }
    }

    #[test]
    fn pointers_are_taken_apart() {
        let (steps, what) = pointer_and_rest("at '/a~1b/0/c': got string, want integer");
        assert_eq!((steps.join(" "), what.as_str()), ("a/b 0 c".to_owned(), "got string, want integer"));
    }
}
