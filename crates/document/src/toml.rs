//! TOML with places: charts.toml and the lock files.
//!
//! Dates are rejected, since no setting is a date.

use std::ops::Range;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::json;
use crate::mapping::Key;
use crate::tree::{Node, Value};
use crate::yaml::conflict;

/// Parses a TOML file. Reports all syntax errors, not only the first.
pub fn parse(source: &Arc<Source>) -> Result<Node> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let mut diagnostics = Diagnostics::default();
    if let Some(found) = conflict(source, Code::ConfigSyntax).filter(|_| !errors.is_empty()) {
        return Err(found.into());
    }
    for error in errors {
        let place = match error.span() {
            Some(span) => Place::new(source, span),
            None => Place::file(source.name.clone()),
        };
        let message = error.message().lines().next().unwrap_or("invalid syntax").to_owned();
        let deep = message == "cannot recurse further; max recursion depth met";
        let message = if deep { "it is nested more than 80 levels deep".to_owned() } else { message };
        let mut wrong = Diagnostic::new(Code::ConfigSyntax, format!("cannot parse TOML: {message}"));
        if deep {
            wrong = wrong.help("nest less; no setting raises this limit");
        }
        // A common mistake is a version without quotes, or with only one.
        if let Some((key, value)) = error.span().and_then(|span| bare(&source.text, span.start)) {
            wrong = wrong.help(format!("quote strings: `{key} = {}`", json::quoted(value)));
        }
        diagnostics.push(wrong.at(place, ""));
    }
    let reader = Reader { source };
    let node = reader.table(table.get_ref(), 0..source.text.len(), &mut diagnostics);
    diagnostics.into_result(node)
}

/// The key and the value in the line of an offset, if the value looks like a string without quotes, or with only one: it
/// begins with a digit or has a quote at one end. That quote is removed.
fn bare(text: &str, at: usize) -> Option<(&str, &str)> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let (key, value) = text.get(start..)?.lines().next()?.split_once('=')?;
    let value = value.split('#').next()?.trim();
    let text = value.trim_matches('"');
    let bare = value.starts_with(|c: char| c.is_ascii_digit()) || value.starts_with('"') != value.ends_with('"');
    (bare && !text.is_empty() && !text.contains(['"', '\''])).then(|| (key.trim(), text))
}

struct Reader<'a> {
    source: &'a Arc<Source>,
}

impl Reader<'_> {
    fn table(&self, table: &DeTable<'_>, span: Range<usize>, diagnostics: &mut Diagnostics) -> Node {
        let mut entries: Vec<(Key, Node)> = table
            .iter()
            .map(|(key, value)| {
                let name = Key { name: key.get_ref().to_string(), span: key.span() };
                (name, self.value(value, diagnostics))
            })
            .collect();
        entries.sort_by_key(|(key, _)| key.span.start);
        Node { value: Value::Mapping(entries.into()), span, source: Arc::clone(self.source) }
    }

    fn value(&self, value: &Spanned<DeValue<'_>>, diagnostics: &mut Diagnostics) -> Node {
        let span = value.span();
        let value = match value.get_ref() {
            DeValue::Table(table) => return self.table(table, span, diagnostics),
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Integer(_) | DeValue::Float(_) => Value::Number(self.source.text[span.clone()].replace('_', "")),
            DeValue::Array(items) => Value::Sequence(items.iter().map(|item| self.value(item, diagnostics)).collect()),
            DeValue::Datetime(_) => {
                diagnostics.push(
                    Diagnostic::new(Code::ConfigInvalid, "no setting is a date")
                        .at(Place::new(self.source, span.clone()), "")
                        .help("quote the value"),
                );
                Value::Null
            }
        };
        Node { value, span, source: Arc::clone(self.source) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_places() {
        let source = Source::new("charts.toml", "[a]\nb = \"c\"\nd = [1, true]\n");
        let root = parse(&source).expect("TOML");
        let b = root.get("a").and_then(|a| a.get("b")).expect("a.b");
        assert_eq!(b.place().to_string(), "charts.toml:2:5");
        assert_eq!(root.to_json(), r#"{"a":{"b":"c","d":[1,true]}}"#);
    }

    #[test]
    fn conflict_markers_are_named() {
        let source = Source::new("charts.lock", "version = 1\n<<<<<<< HEAD\na = 1\n=======\n>>>>>>> other\n");
        let error = parse(&source).expect_err("broken");
        assert_eq!(error.0.len(), 1);
        assert_eq!(
            format!("{} {}", error.0[0].places[0].0, error.0[0].message),
            "charts.lock:2:1 merge conflict marker"
        );
    }

    #[test]
    fn all_syntax_errors_are_reported() {
        let source = Source::new("charts.toml", "a = \nb = 1\nc = [\n");
        let errors = parse(&source).expect_err("broken");
        assert!(errors.0.len() >= 2, "{errors:?}");
    }
}
