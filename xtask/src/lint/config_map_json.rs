//! JSON files in ConfigMaps that no program can read: cut off, or with a missing comma or colon.
//!
//! A key that ends in `.json` may contain a template, JSON with comments, or several documents, so only an error that every
//! dialect has is reported. The dashboards of Grafana must be plain JSON.

use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source};
use document::{Node, block, json};
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::JsonInvalid];

/// The placeholders of programs that replace parts of a file.
const TEMPLATE: &[&str] = &["{{", "{%", "${", "$(", "%(", "<%", "<<", "@@", "__"];

/// Errors that JSON5, JSON with comments, and JSON with trailing commas have, too.
const CERTAIN: &[&str] =
    &["EOF while parsing", "expected `,` or `}`", "expected `,` or `]`", "expected `:`", "control character"];

/// The limits of the reader, which are not errors of the text.
const LIMITS: &[&str] = &["recursion limit", "number out of range"];

/// The label by which the sidecar of Grafana finds dashboards.
const DASHBOARD: &str = "grafana_dashboard";

/// Reads the JSON files of all ConfigMaps.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let maps = subject.objects.iter().filter(|object| (&*object.key.group, &*object.key.kind) == ("", "ConfigMap"));
    let mut diagnostics = Diagnostics::default();
    for object in maps {
        let dashboard = object.find(&["metadata", "labels", DASHBOARD]).is_some();
        for (key, value) in object.find(&["data"]).map(Node::entries).unwrap_or_default() {
            let Some(text) = value.as_str().filter(|_| is_json(&key.name)) else { continue };
            if let Some(error) = error(text, dashboard) {
                diagnostics.push(finding(subject, object, &key.name, value, text, &error));
            }
        }
    }
    diagnostics
}

pub(super) fn is_json(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "json")
}

/// Why a text is not JSON; `None` if it is, or may be meant as something else.
fn error(text: &str, dashboard: bool) -> Option<serde_json::Error> {
    let start = text.trim_start();
    if !start.starts_with(['{', '[']) {
        return None;
    }
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
    let message = error.to_string();
    let is = |known: &&&str| message.contains(**known);
    let certain = if dashboard {
        LIMITS.iter().find(is).is_none()
    } else {
        let plain = !TEMPLATE.iter().any(|mark| text.contains(mark)) && !start.starts_with("{ {");
        let comment = text.lines().any(|line| line.trim_start().starts_with(['#', '/', '*']));
        plain && !comment && CERTAIN.iter().find(is).is_some()
    };
    certain.then_some(error)
}

fn finding(
    subject: &Subject<'_>,
    object: &Object,
    key: &str,
    value: &Node,
    text: &str,
    error: &serde_json::Error,
) -> Diagnostic {
    let message = format!("`{key}` of {} is not valid JSON", object.title());
    let reason = error.to_string();
    let reason = match reason.split(" at line ").next().unwrap_or_default() {
        "key must be a string" | "trailing comma" => "a name must follow the last comma, in double quotes".to_owned(),
        other => other.to_owned(),
    };
    let inner = Source::new(key, text);
    let number = json::line_of_error(text, error.line(), error.column());
    let line = Place::line(&inner, number);
    // A file of the chart that the template prints.
    if let Some(source) = file(subject, object, text) {
        let skipped = source.text.len() - source.text.trim_start().len();
        let before = source.text[..skipped].matches('\n').count();
        let leading = text[..text.len() - text.trim_start().len()].matches('\n').count();
        let place = Place::line(&source, number + before - leading.min(number + before - 1));
        let place_of_value = block::in_file(&value.place(), &line).unwrap_or_else(|| value.place());
        let mut found = object.finding(Code::JsonInvalid, message, place_of_value, "printed here");
        found.places.insert(0, (place, reason));
        return found;
    }
    let place = block::in_file(&value.place(), &line).unwrap_or_else(|| value.place());
    object.finding(Code::JsonInvalid, message, place, reason)
}

/// The file of the object's chart with a text, not counting white space around it and indentation.
pub(super) fn file(subject: &Subject<'_>, object: &Object, text: &str) -> Option<Arc<Source>> {
    let template = object.template_file.as_ref()?;
    let chart = subject
        .charts
        .iter()
        .find(|chart| template.strip_prefix(chart.path.as_str()).is_some_and(|rest| rest.starts_with('/')))?;
    let files = subject.sources.of(chart);
    let mut texts = files.texts.iter().filter(|(path, _)| is_json(path));
    texts.find(|(_, source)| source.text.trim() == text.trim()).map(|(_, source)| Arc::clone(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_dialect_allows_is_reported() {
        for text in ["{\"a\": 1", "{\"a\": 1 \"b\": 2}", "[1 2]", "{\"a\" 1}"] {
            assert!(error(text, false).is_some(), "{text}");
        }
        for text in [
            "",
            "null",
            "{\"a\": 1,}",
            "{a: 1}",
            "{\"a\": {{ .port }}",
            "{\"a\": ${PORT}",
            "{\n// a comment\n\"a\": 1 \"b\": 2}",
            "{\"a\": 1}\n{\"a\": 2}",
            "{'a': 1}",
        ] {
            assert!(error(text, false).is_none(), "{text}");
        }
    }

    #[test]
    fn a_dashboard_is_plain_json() {
        assert!(error("{\"a\": 1,}", true).is_some());
        assert!(error("{\"legendFormat\": \"{{instance}}\"}", true).is_none());
    }
}
