//! YAML with places, read the way Kubernetes, Argo CD, and Helm read it.
//!
//! They all use one Go library with the scalar rules of YAML 1.1: `yes` is true, `0644` is 420, `1_000` is 1000, a
//! date is a string. No Rust library has exactly these rules, so the events come from a library and [`resolve`] says
//! what a scalar means. Evidence: the table in the tests, each line seen from that library.
//!
//! This is the only file that names the YAML crate. Deliberately absent: writing YAML; what people get is Helm's text.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::{Key, Node, Value};
use crate::diagnostic::{Code, Diagnostic, Place, Result, Source};

/// Nesting beyond this is refused; nothing that Kubernetes accepts comes near.
const MAX_DEPTH: usize = 500;

/// Nodes that aliases may add to one document: a few bytes of YAML can ask for billions.
const MAX_ALIASED: usize = 1_000_000;

/// One YAML document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its content; null when it is empty.
    pub root: Node,
    /// Keys that stand twice in one mapping, the later of each two. The later value wins, as it does in Kubernetes.
    pub duplicates: Vec<Key>,
    /// Whether anchors or aliases are used, so that a value may stand elsewhere than its key.
    pub aliases: bool,
}

/// Reads all documents of a text. A text of comments and white space has none.
pub fn parse(source: &Arc<Source>) -> Result<Vec<Document>> {
    let offsets = Offsets::new(&source.text);
    let mut builder = Builder::new(source);
    let mut documents = Vec::new();
    for event in Parser::new_from_str(&source.text) {
        let (event, span) = event.map_err(|error| {
            let at = offsets.byte(error.marker().index());
            // A place at the very end would point behind the text; people look at the last line instead.
            let at = at.min(source.text.trim_end().len());
            syntax_error(source, at..at, error.info())
        })?;
        let span = offsets.byte(span.start.index())..offsets.byte(span.end.index());
        match event {
            Event::DocumentStart(_) => builder = Builder::new(source),
            Event::DocumentEnd => {
                let finished = std::mem::replace(&mut builder, Builder::new(source));
                documents.push(finished.document());
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
            event => builder.event(event, span)?,
        }
    }
    Ok(documents)
}

/// Reads a text that should hold one document; an empty text is null.
pub fn parse_one(source: &Arc<Source>) -> Result<Document> {
    let mut documents = parse(source)?;
    match documents.len() {
        0 => Ok(Builder::new(source).document()),
        1 => Ok(documents.remove(0)),
        _ => {
            Err(syntax_error(source, documents[1].root.span.clone(), "a second document begins here; one is expected"))
        }
    }
}

/// The scalar values of a key in any mapping of a text, up to the first syntax error.
///
/// For text that is only similar to YAML, such as a template: unlike [`parse`], this keeps every value of a duplicate key.
#[must_use]
pub fn values_of(source: &Arc<Source>, key: &str) -> Vec<Node> {
    /// What the next node of an open collection is.
    enum Next {
        Key,
        Value { wanted: bool },
        Item,
    }
    let offsets = Offsets::new(&source.text);
    let mut open: Vec<Next> = Vec::new();
    let mut found = Vec::new();
    for (event, span) in Parser::new_from_str(&source.text).map_while(std::result::Result::ok) {
        let scalar = match &event {
            Event::Scalar(text, ..) => Some(text.to_string()),
            Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..) => None,
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
                continue;
            }
            _ => continue,
        };
        if let Some(next) = open.last_mut() {
            *next = match next {
                Next::Key => Next::Value { wanted: scalar.as_deref() == Some(key) },
                Next::Value { wanted } => {
                    if let (true, Some(text)) = (*wanted, scalar) {
                        let span = offsets.byte(span.start.index())..offsets.byte(span.end.index());
                        found.push(Node { value: Value::String(text), span, source: Arc::clone(source) });
                    }
                    Next::Key
                }
                Next::Item => Next::Item,
            };
        }
        match event {
            Event::SequenceStart(..) => open.push(Next::Item),
            Event::MappingStart(..) => open.push(Next::Key),
            _ => {}
        }
    }
    found
}

fn syntax_error(source: &Arc<Source>, span: Range<usize>, what: &str) -> crate::diagnostic::Diagnostics {
    Diagnostic::new(Code::YamlSyntax, format!("cannot read YAML: {what}")).at(Place::new(source, span), "").into()
}

/// Byte offsets of characters: the parser counts characters, everyone else bytes.
struct Offsets(Option<Vec<usize>>);

impl Offsets {
    fn new(text: &str) -> Self {
        Self((!text.is_ascii()).then(|| text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect()))
    }

    fn byte(&self, index: usize) -> usize {
        match &self.0 {
            None => index,
            Some(offsets) => offsets.get(index).or(offsets.last()).copied().unwrap_or_default(),
        }
    }
}

/// A collection that is not finished yet.
struct Frame {
    anchor: usize,
    start: usize,
    items: Vec<Node>,
    entries: Vec<(Key, Node)>,
    /// The key whose value comes next; `None` in a sequence and between entries.
    key: Option<PendingKey>,
    /// The keys that are written here, not merged in.
    own: BTreeSet<String>,
    mapping: bool,
}

struct PendingKey {
    key: Key,
    merge: bool,
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Node>,
    aliased: usize,
    duplicates: Vec<Key>,
    aliases: bool,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<Source>) -> Self {
        Self {
            source,
            stack: Vec::new(),
            root: None,
            anchors: BTreeMap::new(),
            aliased: 0,
            duplicates: Vec::new(),
            aliases: false,
        }
    }

    fn document(self) -> Document {
        let root =
            self.root.unwrap_or_else(|| Node { value: Value::Null, span: 0..0, source: Arc::clone(self.source) });
        Document { root, duplicates: self.duplicates, aliases: self.aliases }
    }

    fn event(&mut self, event: Event<'_>, span: Range<usize>) -> Result<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let merge = style == ScalarStyle::Plain && tag.is_none() && text == "<<";
                let value = scalar(&text, style, tag.as_deref())
                    .map_err(|what| syntax_error(self.source, span.clone(), &what))?;
                let node = Node { value, span, source: Arc::clone(self.source) };
                self.place(node, anchor, merge)
            }
            Event::Alias(anchor) => {
                self.aliases = true;
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(syntax_error(self.source, span, "an alias without its anchor"));
                };
                self.aliased += size(&node);
                if self.aliased > MAX_ALIASED {
                    return Err(syntax_error(self.source, span, "aliases make this document too large"));
                }
                self.place(Node { span, ..node }, 0, false)
            }
            Event::SequenceStart(anchor, _) => self.open(anchor, span, false),
            Event::MappingStart(anchor, _) => self.open(anchor, span, true),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(frame) = self.stack.pop() else { return Ok(()) };
                let end = span.end.max(frame.start);
                let value = if frame.mapping { Value::Mapping(frame.entries) } else { Value::Sequence(frame.items) };
                let node = Node { value, span: frame.start..end, source: Arc::clone(self.source) };
                self.place(node, frame.anchor, false)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn open(&mut self, anchor: usize, span: Range<usize>, mapping: bool) -> Result<()> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(syntax_error(self.source, span, "nested too deeply"));
        }
        self.stack.push(Frame {
            anchor,
            start: span.start,
            items: Vec::new(),
            entries: Vec::new(),
            key: None,
            own: BTreeSet::new(),
            mapping,
        });
        Ok(())
    }

    /// Puts a finished node where it belongs: under its key, into its list, or at the root.
    fn place(&mut self, node: Node, anchor: usize, merge: bool) -> Result<()> {
        if anchor > 0 {
            self.aliases = true;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        if !frame.mapping {
            frame.items.push(node);
            return Ok(());
        }
        match frame.key.take() {
            None => {
                let name = match &node.value {
                    Value::String(text) | Value::Number(text) => text.clone(),
                    Value::Bool(value) => value.to_string(),
                    Value::Null => "null".to_owned(),
                    Value::Sequence(_) | Value::Mapping(_) => {
                        return Err(syntax_error(self.source, node.span, "a list or mapping cannot be a key here"));
                    }
                };
                frame.key = Some(PendingKey { key: Key { name, span: node.span }, merge });
            }
            Some(PendingKey { merge: true, key }) => {
                merge_into(&mut frame.entries, &node)
                    .map_err(|()| syntax_error(self.source, key.span, "`<<` takes a mapping or a list of mappings"))?;
            }
            Some(PendingKey { merge: false, key }) => {
                set(&mut frame.entries, key.clone(), node);
                if !frame.own.insert(key.name.clone()) {
                    self.duplicates.push(key);
                }
            }
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Mapping(entries) => 1 + entries.iter().map(|(_, node)| 1 + size(node)).sum::<usize>(),
        _ => 1,
    }
}

fn set(entries: &mut Vec<(Key, Node)>, key: Key, node: Node) {
    match entries.iter_mut().find(|(known, _)| known.name == key.name) {
        Some(entry) => *entry = (key, node),
        None => entries.push((key, node)),
    }
}

/// What `<<` does in the library that Kubernetes uses: it takes effect where it stands, so it overrides the keys
/// before it and gives way to those after it; of a list, the first mapping wins.
fn merge_into(entries: &mut Vec<(Key, Node)>, node: &Node) -> std::result::Result<(), ()> {
    match &node.value {
        Value::Mapping(merged) => {
            for (key, value) in merged {
                set(entries, key.clone(), value.clone());
            }
            Ok(())
        }
        Value::Sequence(items) => {
            for item in items.iter().rev() {
                if !matches!(item.value, Value::Mapping(_)) {
                    return Err(());
                }
                merge_into(entries, item)?;
            }
            Ok(())
        }
        _ => Err(()),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> std::result::Result<Value, String> {
    match tag {
        None if style == ScalarStyle::Plain => resolve(text),
        Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
            "str" => Ok(Value::String(text.to_owned())),
            "int" | "float" | "bool" | "null" => resolve(text),
            "binary" => {
                let packed: String = text.split_whitespace().collect();
                let bytes =
                    BASE64_STANDARD.decode(packed).map_err(|error| format!("`!!binary` is no base64: {error}"))?;
                Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
            }
            suffix => Err(format!("the tag `!!{suffix}` has no meaning in Kubernetes' YAML")),
        },
        None | Some(_) => Ok(Value::String(text.to_owned())),
    }
}

/// What a plain scalar means to Go's YAML 1.1 library. The error is a number that JSON cannot hold.
pub fn resolve(text: &str) -> std::result::Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Ok(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Ok(Value::Bool(false));
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN"
        | ".NAN" => return Err(format!("`{text}` is a number that JSON, and so Kubernetes, cannot hold")),
        _ => {}
    }
    let number = match text.as_bytes()[0] {
        b'0'..=b'9' | b'+' | b'-' => {
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| float(&plain))
        }
        b'.' => float(text),
        _ => None,
    };
    Ok(number.map_or_else(|| Value::String(text.to_owned()), Value::Number))
}

/// An integer in any of Go's notations that fits 64 bits, signed or not.
fn integer(text: &str) -> Option<String> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if !negative {
        // Go's ParseUint takes no sign, so `+` and a value beyond 63 bits do not go together.
        return (!text.starts_with('+') || i64::try_from(magnitude).is_ok()).then(|| magnitude.to_string());
    }
    (magnitude <= 1 << 63).then(|| if magnitude == 0 { "0".to_owned() } else { format!("-{magnitude}") })
}

/// A decimal fraction or a number with an exponent, written as JSON writes it.
fn float(text: &str) -> Option<String> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let exponent_is_fine = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) || !exponent_is_fine {
        return None;
    }
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let plain = value == 0.0 || (1e-6..1e21).contains(&value.abs());
    Some(if plain { format!("{value}") } else { format!("{value:e}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        parse_one(&Source::new("x.yaml", text)).expect("YAML").root.to_json()
    }

    #[test]
    fn scalars_mean_what_they_mean_to_kubernetes() {
        let table = [
            ("0644", "420"),
            ("0o644", "420"),
            ("0x1F", "31"),
            ("0b101", "5"),
            ("08", "8"),
            ("-0", "0"),
            ("+5", "5"),
            ("1_000", "1000"),
            ("1e3", "1000"),
            ("1.10", "1.1"),
            (".5", "0.5"),
            ("1.", "1"),
            ("6.02e23", "6.02e23"),
            ("12345678901234567890", "12345678901234567890"),
            ("-12345678901234567890", "-12345678901234567000"),
            ("123456789012345678901234567890", "1.2345678901234568e29"),
            ("yes", "true"),
            ("y", "true"),
            ("Off", "false"),
            ("~", "null"),
            ("", "null"),
            ("'yes'", "\"yes\""),
            ("\"0644\"", "\"0644\""),
            ("!!str 0644", "\"0644\""),
            ("!!binary aGVsbG8=", "\"hello\""),
            ("yEs", "\"yEs\""),
            ("1:30", "\"1:30\""),
            ("2001-12-14", "\"2001-12-14\""),
            ("1.2.3", "\"1.2.3\""),
            ("0.0.0.0/0", "\"0.0.0.0/0\""),
            ("1e", "\"1e\""),
            ("-", "[null]"),
            ("_1", "\"_1\""),
            ("10.0.0.1", "\"10.0.0.1\""),
        ];
        for (text, expected) in table {
            assert_eq!(
                json(&format!("v: {}", if text == "-" { "\n- " } else { text })),
                format!("{{\"v\":{expected}}}"),
                "{text}"
            );
        }
    }

    #[test]
    fn keys_become_strings() {
        assert_eq!(json("y: 1\n8: 2\n1.10: 3\n~: 4\n"), r#"{"true":1,"8":2,"1.1":3,"null":4}"#);
    }

    #[test]
    fn merges_take_effect_where_they_stand() {
        assert_eq!(
            json("b: &b {x: 1, y1: 2}\nm: {x: 0, <<: *b, y1: 9}\n"),
            r#"{"b":{"x":1,"y1":2},"m":{"x":1,"y1":9}}"#
        );
        assert_eq!(json("m: {<<: [{a: 1}, {a: 2, b: 3}]}"), r#"{"m":{"a":1,"b":3}}"#);
    }

    #[test]
    fn the_later_of_two_keys_wins_and_is_told() {
        let document = parse_one(&Source::new("x.yaml", "a: 1\na: 2\n")).expect("YAML");
        assert_eq!(document.root.to_json(), r#"{"a":2}"#);
        assert_eq!(document.duplicates.len(), 1);
        assert_eq!(document.duplicates[0].span, 5..6);
        let merged = parse_one(&Source::new("x.yaml", "b: &b {a: 1}\nm: {<<: *b, a: 2}\n")).expect("YAML");
        assert!(merged.duplicates.is_empty(), "overriding what is merged is what merging is for");
    }

    #[test]
    fn places_survive_wide_characters() {
        let source = Source::new("x.yaml", "é: ü\nkey: value\n");
        let document = parse_one(&source).expect("YAML");
        assert_eq!(document.root.get("key").expect("key").place().to_string(), "x.yaml:2:6");
    }

    #[test]
    fn a_billion_laughs_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let row = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{row}]\n"));
        }
        let error = parse(&Source::new("x.yaml", text)).expect_err("too large");
        assert!(error.0[0].message.contains("too large"));
    }

    #[test]
    fn errors_have_a_place() {
        let error = parse(&Source::new("x.yaml", "a: 1\n b: 2\n")).expect_err("broken");
        assert_eq!(error.0[0].places[0].0.to_string().split(':').nth(1), Some("2"), "{error:?}");
    }

    #[test]
    fn json_is_yaml_too() {
        assert_eq!(json("s: \"a\\x7F\\u2028😀\\u0001\\\\\""), "{\"s\":\"a\\u007f\\u2028😀\\u0001\\\\\"}");
    }
}
