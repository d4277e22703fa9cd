//! TOML with places: charts.toml and the lock files.
//!
//! Deliberately absent: dates, which none of our files has a use for.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::json;
use crate::tree::{Key, Node, Value};
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result, Source};

/// Reads a whole TOML file. All syntax errors are reported, not only the first.
pub fn parse(source: &Arc<Source>) -> Result<Node> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let mut diagnostics = Diagnostics::default();
    for error in errors {
        let place = match error.span() {
            Some(span) => Place::new(source, span),
            None => Place::file(source.name.clone()),
        };
        let message = error.message().lines().next().unwrap_or("it is not TOML").to_owned();
        let mut wrong = Diagnostic::new(Code::ConfigSyntax, format!("cannot read TOML: {message}"));
        // The usual slip is a version without quotes, or with one of them: it is no number.
        if let Some((key, value)) = error.span().and_then(|span| bare(&source.text, span.start)) {
            wrong = wrong.help(format!("if that is a text, put it in quotes: `{key} = {}`", json::quoted(value)));
        }
        diagnostics.push(wrong.at(place, ""));
    }
    let reader = Reader { source };
    let node = reader.table(table.get_ref(), 0..source.text.len(), &mut diagnostics);
    diagnostics.into_result(node)
}

/// Key and value of the line around an offset, where the value has no quotes around it: it begins with a digit, or has
/// a quote at one of its ends. Without that quote.
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
        Node { value: Value::Mapping(entries), span, source: Arc::clone(self.source) }
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
                    Diagnostic::new(Code::ConfigInvalid, "no setting here is a date")
                        .at(Place::new(self.source, span.clone()), "")
                        .help("put it in quotes"),
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
    fn every_value_has_its_place() {
        let source = Source::new("charts.toml", "[a]\nb = \"c\"\nd = [1, true]\n");
        let root = parse(&source).expect("TOML");
        let b = root.get("a").and_then(|a| a.get("b")).expect("a.b");
        assert_eq!(b.place().to_string(), "charts.toml:2:5");
        assert_eq!(root.to_json(), r#"{"a":{"b":"c","d":[1,true]}}"#);
    }

    #[test]
    fn all_syntax_errors_are_told() {
        let source = Source::new("charts.toml", "a = \nb = 1\nc = [\n");
        let errors = parse(&source).expect_err("broken");
        assert!(errors.0.len() >= 2, "{errors:?}");
    }
}
