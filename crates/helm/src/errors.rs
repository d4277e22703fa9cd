//! Parses Helm's error messages.
//!
//! This is the only module that knows their wording. `tests/integration/helm_errors.rs` runs the pinned Helm on broken
//! charts and values, and fails when the wording changes. A message of unknown form is [`Kind::Other`].

mod violations;

use std::path::PathBuf;

use self::violations::violations;
pub use self::violations::{Rule, Violation};

/// The text of Helm's errors about values and about schemas alike.
const SCHEMA: &str = "meet the specifications of the schema(s)";

/// An error of `helm template`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmError {
    /// The message, without the warnings before it and the advice after it.
    pub message: String,
    /// The kind of the error.
    pub kind: Kind,
}

/// The kind of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Values that violate a values.schema.json.
    Values(Vec<Violation>),
    /// A values.schema.json that cannot be used.
    Schema {
        /// The chart that contains it; a dependency is named by its alias.
        chart: String,
        /// The reason.
        reason: String,
    },
    /// A values file or a file of the chart that is not valid YAML.
    Unreadable {
        /// The file: relative to the chart, or as given with `--values`.
        file: PathBuf,
        /// Whether the path is relative to the chart.
        in_chart: bool,
        /// The line, if Helm names one.
        line: Option<usize>,
        /// The reason.
        reason: String,
    },
    /// A template whose output is not valid YAML.
    Output {
        /// The template: `<chart>/templates/<file>`.
        template: String,
        /// The line of the output, if Helm names one.
        line: Option<usize>,
        /// The reason.
        reason: String,
    },
    /// A template that failed.
    Template {
        /// The innermost template: `<chart>/templates/<file>`.
        template: String,
        /// The line in it.
        line: usize,
        /// The column, counted from 0.
        column: Option<usize>,
        /// The reason.
        reason: String,
        /// Whether the message contains more than this.
        partial: bool,
    },
    /// Values of a dependency that are not a mapping.
    DependencyValues(String),
    /// An invalid release name.
    ReleaseName,
    /// An invalid field of Chart.yaml.
    ChartField(&'static str),
    /// No Chart.yaml among the files that Helm loads.
    ChartMissing,
    /// A rule in .helmignore that Helm does not support.
    Helmignore,
    /// Anything else.
    Other,
}

/// Parses what `helm template` wrote to standard error. Returns `None` if it contains no error message.
#[must_use]
pub fn parse(stderr: &str) -> Option<HelmError> {
    let message = message(stderr)?;
    let kind = kind(&message);
    Some(HelmError { message, kind })
}

/// Whether the output of `helm dependency update` or `helm pull` says that the repository does not have the chart or
/// version.
#[must_use]
pub fn version_not_found(output: &str) -> bool {
    let pulled = output.contains("Error: chart \"") && output.contains(" not found in ");
    let texts = [
        "can't get a valid version",
        "chart not found in repo",
        "no matching version",
        "entry not found",
        "could not locate a version matching",
    ];
    pulled || texts.iter().any(|text| output.contains(text))
}

/// Whether a message of `helm lint` says that a field of Chart.yaml is not a string. Returns the field.
#[must_use]
pub fn not_a_string(message: &str) -> Option<&str> {
    message.strip_prefix("Chart.yaml: ")?.split_once(" should be of type string but it's of type ").map(|(key, _)| key)
}

fn message(stderr: &str) -> Option<String> {
    let at = stderr.find("Error: ").map(|at| at + "Error: ".len())?;
    let text = stderr[at..].trim_end();
    Some(text.strip_suffix("Use --debug flag to render out invalid YAML").unwrap_or(text).trim_end().to_owned())
}

fn kind(message: &str) -> Kind {
    if message.contains(SCHEMA) {
        let violations = violations(message);
        if violations.is_empty() {
            let chart = message.lines().skip(1).find_map(|line| line.trim().strip_suffix(':')).unwrap_or_default();
            let reason = message.lines().next_back().unwrap_or_default();
            return Kind::Schema { chart: chart.to_owned(), reason: reason.to_owned() };
        }
        return Kind::Values(violations);
    }
    unreadable(message)
        .or_else(|| output(message))
        .or_else(|| template(message))
        .or_else(|| declared(message))
        .unwrap_or(Kind::Other)
}

fn unreadable(message: &str) -> Option<Kind> {
    let (file, in_chart, reason) = if let Some(rest) = message.strip_prefix("failed to parse ") {
        let (file, reason) = rest.split_once(": ")?;
        (file, false, reason)
    } else {
        let (file, reason) = message.split_once("cannot load ")?.1.split_once(": ")?;
        (file, true, reason)
    };
    let (line, reason) = yaml_error(reason);
    Some(Kind::Unreadable { file: PathBuf::from(file), in_chart, line, reason })
}

/// The line and the reason in an error of Helm's YAML library.
fn yaml_error(text: &str) -> (Option<usize>, String) {
    let first = text.lines().next().unwrap_or_default();
    match first.split_once("yaml: line ").and_then(|(_, rest)| rest.split_once(": ")) {
        Some((line, reason)) if line.parse::<usize>().is_ok() => (line.parse().ok(), reason.to_owned()),
        _ => {
            let reason = [
                "cannot unmarshal yaml document: ",
                "error converting YAML to JSON: ",
                "error unmarshaling JSON: ",
                "yaml: ",
            ]
            .iter()
            .fold(first, |reason, prefix| reason.strip_prefix(prefix).unwrap_or(reason));
            (None, reason.to_owned())
        }
    }
}

fn output(message: &str) -> Option<Kind> {
    let (template, reason) = message.strip_prefix("YAML parse error on ")?.split_once(": ")?;
    let (line, reason) = yaml_error(reason);
    Some(Kind::Output { template: template.to_owned(), line, reason })
}

fn template(message: &str) -> Option<Kind> {
    let (template, line, column) = location(message)?;
    // Helm repeats the location in front of each wrapped message; the last part is the reason.
    let reason = message
        .rsplit_once(&format!("{template}:{line}"))
        .map_or(message, |(_, rest)| rest)
        .trim_start_matches(|c: char| c.is_ascii_digit() || c == ':' || c == ')')
        .trim();
    // For an action that is never closed, the line comes last.
    let unclosed = message.split_once("): ").and_then(|(_, reason)| reason.split(" started at ").next());
    let reason = if reason.is_empty() { unclosed.unwrap_or(message) } else { reason };
    // Helm 4 spreads over several lines what Helm 3 prints in one.
    let action = reason.rsplit_once(">:").map(|(_, what)| what.split_whitespace().collect::<Vec<_>>().join(" "));
    let plain = action.is_none();
    let reason = action.unwrap_or_else(|| reason.lines().next().unwrap_or_default().to_owned());
    // A single template is named twice; a third name is that of a template that includes it.
    let partial = message.matches("/templates/").count() > 2 || plain && message.lines().count() > 1;
    Some(Kind::Template { template, line, column, reason, partial })
}

/// An action that includes a named template with a context other than `.` or `$`: its template, with line and column.
///
/// Of several around each other, the outermost one.
#[must_use]
pub fn changed_context(message: &str) -> Option<(String, usize, Option<usize>)> {
    let calls = message.match_indices("at <include \"");
    calls.into_iter().find_map(|(at, start)| {
        let call = message[at + start.len()..].split_once(">:")?.0;
        let context = call.split_once("\" ")?.1.trim();
        if matches!(context, "." | "$") {
            return None;
        }
        location(message[..at].rsplit_once("executing")?.0)
    })
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
    found
}

fn declared(message: &str) -> Option<Kind> {
    if let Some((_, name)) = message.split_once("type mismatch on ") {
        return Some(Kind::DependencyValues(name.split(':').next().unwrap_or_default().to_owned()));
    }
    let fields = [
        ("library charts are not installable", "type"),
        ("chart requires kubeVersion", "kubeVersion"),
        ("invalid chart apiVersion", "apiVersion"),
        ("unsupported chart version", "apiVersion"),
        ("validation: chart.metadata.version ", "version"),
        ("validation: chart.metadata.type ", "type"),
        ("validation: chart.metadata.name ", "name"),
    ];
    if let Some((_, field)) = fields.into_iter().find(|(start, _)| message.starts_with(start)) {
        return Some(Kind::ChartField(field));
    }
    if message.starts_with("release name check failed") {
        return Some(Kind::ReleaseName);
    }
    match message {
        "Chart.yaml file is missing" => Some(Kind::ChartMissing),
        "double-star (**) syntax is not supported" | "syntax error in pattern" => Some(Kind::Helmignore),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_include_with_another_context_is_found() {
        let message = "web/templates/a.yaml:8:8\n  executing \"web/templates/a.yaml\" at <include \"web.labels\" .Values>:\n    \
                       error calling include:\nweb/templates/_helpers.tpl:4:3\n  executing \"web.labels\" at <include \
                       \"web.name\" .>:\n    error calling include:\nweb/templates/_helpers.tpl:5:18\n  executing \
                       \"web.name\" at <.Chart.Name>:\n    nil pointer";
        assert_eq!(changed_context(message), Some(("web/templates/a.yaml".to_owned(), 8, Some(8))));
        assert_eq!(changed_context(&message.replace(".Values>", ".>")), None);
    }

    #[test]
    fn the_innermost_template_is_found() {
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
    fn violations_form_a_tree() {
        let error = parse(
            "level=INFO\nError: values don't meet the specifications of the schema(s) in the following chart(s):\nweb:\n\
             - at '/a~1b/0': 'anyOf' failed\n  - at '/a~1b/0': 'it\\'s' does not match pattern '^\\\\d$'\n  - at '/a~1b/0': got string, want null or integer\n\
             dep:\n- at '': additional properties 'x', 'y' not allowed\n\n",
        );
        let Some(HelmError { kind: Kind::Values(violations), .. }) = error else { panic!("{error:?}") };
        let leaf = |pointer: &[&str], rule| Violation {
            chart: "web".to_owned(),
            pointer: pointer.iter().map(|step| (*step).to_owned()).collect(),
            rule,
            causes: Vec::new(),
        };
        let integer = Rule::Type { got: "string".to_owned(), want: vec!["null".to_owned(), "integer".to_owned()] };
        let any = Violation {
            causes: vec![leaf(&["a/b", "0"], integer), leaf(&["a/b", "0"], Rule::Pattern("^\\d$".to_owned()))],
            ..leaf(&["a/b", "0"], Rule::Any)
        };
        let unknown =
            Violation { chart: "dep".to_owned(), ..leaf(&[], Rule::Unknown(vec!["x".to_owned(), "y".to_owned()])) };
        assert_eq!(violations, [unknown, any]);
    }
}
