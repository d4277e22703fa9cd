//! Uses of Helm's built-in objects in templates: fields of `.Release`, `.Chart`, and `.Template`, and files.
//!
//! Helm 4 renders nothing for a field that does not exist, and any Helm an empty text for a file that does not exist. A field
//! is reported only if its name is similar to one that exists. A file is reported only where its text is printed: a template
//! may ask whether there is one.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source, did_you_mean, edit_distance, nearest};
use helm::helmignore;
use helm::template::parse::parse;
use helm::template::tree::{Command, Node, Operand, Pipeline, Root};

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::TemplateFileMissing, Code::ValueUndefined];

/// The fields of Helm's objects.
const FIELDS: [(&str, &[&str]); 3] = [
    (
        "Chart",
        &[
            "APIVersion",
            "Annotations",
            "AppVersion",
            "Condition",
            "Dependencies",
            "Deprecated",
            "Description",
            "Home",
            "Icon",
            "IsRoot",
            "Keywords",
            "KubeVersion",
            "Maintainers",
            "Name",
            "Sources",
            "Tags",
            "Type",
            "Version",
        ],
    ),
    ("Release", &["IsInstall", "IsUpgrade", "Name", "Namespace", "Revision", "Service"]),
    ("Template", &["BasePath", "Name"]),
];

/// The methods of `.Files` with the name of one file.
const METHODS: [&str; 3] = ["Get", "GetBytes", "Lines"];

/// Checks the templates of every chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        let files = subject.sources.of(chart);
        let names: BTreeSet<&str> = files.paths.iter().map(String::as_str).collect();
        for (_, source) in files.templates() {
            // Most templates read no file.
            let mut reader = Reader::default();
            reader.nodes(&parse(&source.text).nodes);
            diagnostics.0.extend(reader.fields.iter().filter_map(|operand| field(source, operand)));
            for (path, operand) in &reader.printed {
                if !reader.tested.contains(path) && !names.contains(path.as_str()) {
                    diagnostics.push(missing(source, path, operand, &names, &chart.directory));
                }
            }
        }
    }
    diagnostics
}

/// Collects what a template reads.
#[derive(Default)]
struct Reader {
    /// Operands with a field of an object.
    fields: Vec<Operand>,
    /// Files whose text is printed, with the operand that names the file.
    printed: Vec<(String, Operand)>,
    /// Files in conditions and variables.
    tested: BTreeSet<String>,
}

impl Reader {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Output(output) => {
                    let printed = output.pipeline.variables.is_empty();
                    self.pipeline(&output.pipeline, printed);
                }
                Node::Control(control) => {
                    for arm in &control.arms {
                        // The lines of a file are printed one by one.
                        let lines = control.keyword == helm::template::tree::Keyword::Range;
                        arm.pipeline.iter().for_each(|pipeline| self.pipeline(pipeline, lines));
                        self.nodes(&arm.body);
                    }
                }
                Node::Define(define) => {
                    define.block.iter().for_each(|pipeline| self.pipeline(pipeline, false));
                    self.nodes(&define.body);
                }
                Node::Call(call) => call.context.iter().for_each(|pipeline| self.pipeline(pipeline, false)),
                Node::Text(_) | Node::Comment(_) | Node::Break(_) | Node::Continue(_) => {}
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, printed: bool) {
        // `default` and the like replace the text of a file that is missing.
        let replaced = pipeline.commands.iter().filter_map(Command::function);
        let printed = printed && !replaced.into_iter().any(|name| matches!(name, "default" | "empty" | "coalesce"));
        for command in &pipeline.commands {
            if let [called, file, ..] = command.operands.as_slice()
                && is_file(called)
                && let Root::String(path) = &file.root
            {
                if printed {
                    self.printed.push((path.clone(), file.clone()));
                } else {
                    self.tested.insert(path.clone());
                }
            }
            let asks = command.function().is_some_and(|name| !printed || name == "ternary" || name == "if");
            for operand in &command.operands {
                if let Root::Parentheses(inner) = &operand.root {
                    self.pipeline(inner, printed && !asks);
                }
                if of_root(operand) && operand.fields.len() > 1 {
                    self.fields.push(operand.clone());
                }
            }
        }
    }
}

/// Whether an operand begins at the root, as far as its text shows.
fn of_root(operand: &Operand) -> bool {
    match &operand.root {
        Root::Dot => true,
        Root::Variable(name) => name == "$",
        _ => false,
    }
}

fn is_file(called: &Operand) -> bool {
    let names: Vec<&str> = called.fields.iter().map(|field| field.name.as_str()).collect();
    of_root(called) && matches!(names[..], ["Files", method] if METHODS.contains(&method))
}

/// A field of an object that does not exist, if its name is similar to one that does.
fn field(source: &Arc<Source>, operand: &Operand) -> Option<Diagnostic> {
    let [object, field, ..] = operand.fields.as_slice() else { return None };
    let (object, known) = FIELDS.iter().find(|(name, _)| *name == object.name)?;
    if known.contains(&field.name.as_str()) {
        return None;
    }
    let lower = field.name.to_lowercase();
    let same = known.iter().find(|known| known.to_lowercase() == lower);
    let close = |known: &&&str| known.len() > 4 && edit_distance(&known.to_lowercase(), &lower) == 1;
    let meant = same.or_else(|| known.iter().find(close))?;
    let message = format!("`.{object}.{}` is not defined", field.name);
    let label = format!("`.{object}` has no such field");
    Some(
        Diagnostic::new(Code::ValueUndefined, message)
            .at(Place::new(source, field.span.clone()), label)
            .help(did_you_mean(format!(".{object}.{meant}"))),
    )
}

/// A file that is not in the chart.
fn missing(source: &Arc<Source>, path: &str, operand: &Operand, names: &BTreeSet<&str>, chart: &Path) -> Diagnostic {
    let place = Place::new(source, operand.span.clone());
    let found = Diagnostic::new(Code::TemplateFileMissing, format!("the chart has no file `{path}`"));
    if chart.join(path).is_file() {
        let rule = excluding_rule(chart, source, path);
        let found = rule.into_iter().fold(found, |found, rule| found.at(rule, "excludes the file"));
        let found = found.at(place, "renders an empty text");
        return found.help(format!("delete the rule in .helmignore that excludes `{path}`"));
    }
    let found = found.at(place, "renders an empty text");
    let others = names.iter().copied().filter(|name| !name.starts_with("templates/"));
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let beside: Vec<&str> =
        others.clone().filter(|name| name.rsplit_once('/').is_some_and(|(other, _)| other == folder)).collect();
    match (nearest(path, others), beside.as_slice()) {
        (Some(near), _) => found.help(did_you_mean(near)),
        (None, [only]) => found.help(format!("add the file, or use `{only}`")),
        (None, _) => found.help("add the file; its path is relative to Chart.yaml"),
    }
}

/// The rule in .helmignore that excludes a file of the chart with a template.
fn excluding_rule(chart: &Path, template: &Source, path: &str) -> Option<Place> {
    let text = toolbox::regular_file::read_to_string(chart.join(".helmignore")).ok()?;
    let line = helmignore::ignoring_line(&text, path)?;
    let (folder, _) = template.name.split_once("/templates/")?;
    Some(Place::line(&Source::new(format!("{folder}/.helmignore"), text), line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let source = Source::new("templates/a.yaml", text);
        let mut reader = Reader::default();
        reader.nodes(&parse(&source.text).nodes);
        let fields = reader.fields.iter().filter_map(|operand| field(&source, operand)).map(|found| found.message);
        let files = reader.printed.iter().map(|(path, _)| path).filter(|path| !reader.tested.contains(*path));
        (fields.collect(), files.cloned().collect())
    }

    #[test]
    fn misspelled_fields_are_found() {
        let text = "{{ .Chart.appVersion }}{{ $.Release.namespace | quote }}{{ printf \"%s\" (.Release.Nmae) }}";
        let (fields, _) = read(text);
        assert_eq!(fields.len(), 2, "{fields:?}");
        let (fields, _) = read("{{ .Chart.AppVersion }}{{ .Release.Time }}{{ .Values.Chart.version }}");
        assert!(fields.is_empty(), "{fields:?}");
    }

    #[test]
    fn files_that_are_only_tested_are_left_out() {
        let (_, files) = read("{{ .Files.Get \"a\" | nindent 2 }}{{ range $.Files.Lines \"b\" }}{{ . }}{{ end }}");
        assert_eq!(files, ["a", "b"]);
        let text = "{{ with .Files.Get \"a\" }}{{ . }}{{ end }}{{ $b := .Files.Get \"b\" }}\
                    {{ if .Files.Get \"c\" }}{{ .Files.Get \"c\" }}{{ end }}{{ .Files.Get \"d\" | default \"x\" }}\
                    {{ default \"x\" (.Files.Get \"e\") }}";
        let (_, files) = read(text);
        assert!(files.is_empty(), "{files:?}");
    }
}
