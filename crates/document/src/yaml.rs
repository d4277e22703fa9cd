//! YAML with places, read as Kubernetes, Argo CD, and Helm read it.
//!
//! They share a Go library that follows YAML 1.1 for scalars: `yes` is true, `0644` is 420, `1_000` is 1000, and a date
//! is a string. No Rust library has exactly these rules, so a library supplies the events, and [`resolve`] interprets
//! the scalars. Each line of the table in the tests was observed in the Go library.
//!
//! This is the only file that names the YAML crate. Does not write YAML: what people see is Helm's text.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use diagnostics::{Code, Diagnostic, Place, Result, Source};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use crate::lookalike;
use crate::tree::{Key, Node, Value};

/// The size limit of a text, in bytes. Helm rejects files of more than 5 MiB, and rendered manifests are smaller, too.
const MAX_SIZE: usize = 16 * 1024 * 1024;

/// The nesting limit. Nothing that Kubernetes accepts comes near it.
const MAX_DEPTH: usize = 500;

/// The limit of nodes that anchors and aliases may copy in one document: a few bytes of YAML can ask for billions.
const MAX_COPIED: usize = 1_000_000;

/// One YAML document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its content; null if it is empty.
    pub root: Node,
    /// Duplicate keys: every occurrence but the first in its mapping. The last value wins, as in Kubernetes.
    pub duplicates: Vec<Key>,
    /// Whether it uses anchors or aliases, so that the text of a value may be somewhere else than its key.
    pub aliases: bool,
}

/// Parses all documents of a text. A text of only comments and white space has none.
pub fn parse(source: &Arc<Source>) -> Result<Vec<Document>> {
    if source.text.len() > MAX_SIZE {
        let message = format!("cannot parse YAML: it is larger than {} MiB", MAX_SIZE / 1024 / 1024);
        let place = Place { source: Arc::clone(source), span: None };
        return Err(Diagnostic::new(Code::YamlSyntax, message).at(place, "").into());
    }
    let offsets = Offsets::new(&source.text);
    let mut builder = Builder::new(source);
    let mut documents = Vec::new();
    for event in Parser::new_from_str(&source.text) {
        let (event, span) = event.map_err(|error| {
            let at = offsets.byte(error.marker().index());
            // The end of the text has no line to show, so the place is the end of its last line.
            let at = at.min(source.text.trim_end().len());
            misread(source, Some(at)).map_or_else(|| syntax_error(source, at..at, error.info()), Into::into)
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

/// Parses a text that must contain at most one document; an empty text is null.
pub fn parse_one(source: &Arc<Source>) -> Result<Document> {
    let mut documents = parse(source)?;
    match documents.len() {
        0 => Ok(Builder::new(source).document()),
        1 => Ok(documents.remove(0)),
        _ => Err(syntax_error(source, documents[1].root.span.clone(), "expected one document, found a second")),
    }
}

/// Explains a syntax error whose cause is not in the YAML itself: merge conflict markers, a tab in the indentation, or a
/// blank that is not a space.
/// `at` is where the parser stopped; without it, any line may contain the tab.
#[must_use]
pub fn misread(source: &Arc<Source>, at: Option<usize>) -> Option<Diagnostic> {
    if let Some(found) = conflict(source, Code::YamlSyntax) {
        return Some(found);
    }
    let lines = lines(&source.text);
    // The parser may stop at the end of the line before.
    let near = |index: usize| {
        let end = lines.get(index + 1).map_or(source.text.len(), |(next, _)| *next);
        let before = index.checked_sub(1).and_then(|before| lines.get(before)).map_or(0, |(before, _)| *before);
        at.is_none_or(|at| before <= at && at <= end)
    };
    let mut tabs = lines.iter().enumerate().filter_map(|(index, (start, text))| {
        let indentation = text.len() - text.trim_start().len();
        let tab = text[..indentation].find('\t')?;
        near(index).then_some(start + tab..start + tab + 1)
    });
    if let Some(span) = tabs.next() {
        let found = Diagnostic::new(Code::YamlSyntax, "tab used for indentation").at(Place::new(source, span), "");
        return Some(found.help("indent with spaces: YAML does not allow tabs"));
    }
    // Without a place, a blank in the text may have nothing to do with the error.
    at?;
    let mut blanks = lines.iter().enumerate().filter(|(index, _)| near(*index)).filter_map(|(_, (start, text))| {
        let (offset, c) = text.char_indices().find(|(_, c)| lookalike::blank(*c).is_some())?;
        Some((lookalike::blank(c)?, start + offset..start + offset + c.len_utf8()))
    });
    let (name, span) = blanks.next()?;
    let found = Diagnostic::new(Code::YamlSyntax, format!("{name} where YAML expects a space"));
    Some(found.at(Place::new(source, span), "").help("replace it with spaces"))
}

/// The first merge conflict marker in a text that cannot be parsed.
#[must_use]
pub fn conflict(source: &Arc<Source>, code: Code) -> Option<Diagnostic> {
    let marker = |text: &str| ["<<<<<<< ", "||||||| ", ">>>>>>> "].iter().any(|start| text.starts_with(start));
    let (start, text) = lines(&source.text).into_iter().find(|(_, text)| marker(text))?;
    let found = Diagnostic::new(code, "merge conflict marker").at(Place::new(source, start..start + text.len()), "");
    Some(found.help("resolve the conflict and remove the markers"))
}

/// The first merge conflict marker in a text of any kind, if all of a conflict's markers follow each other.
#[must_use]
pub fn unresolved(source: &Arc<Source>, code: Code) -> Option<Diagnostic> {
    let mut rest = source.text.lines();
    let starts = |marker: &'static str| move |line: &str| line == marker || line.starts_with(&format!("{marker} "));
    let all = rest.any(starts("<<<<<<<")) && rest.any(starts("=======")) && rest.any(starts(">>>>>>>"));
    if all { conflict(source, code) } else { None }
}

/// The lines of a text without trailing white space, each with its offset.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let mut start = 0;
    let line = |line: &'_ str| {
        start += line.len();
        start - line.len()
    };
    let starts: Vec<usize> = text.split_inclusive('\n').map(line).collect();
    starts.into_iter().zip(text.split_inclusive('\n').map(str::trim_end)).collect()
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

fn syntax_error(source: &Arc<Source>, span: Range<usize>, what: &str) -> diagnostics::Diagnostics {
    Diagnostic::new(Code::YamlSyntax, format!("cannot parse YAML: {what}")).at(Place::new(source, span), "").into()
}

/// Byte offsets of characters: the parser counts in characters, everything else in bytes.
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

/// A sequence or mapping that has not ended yet.
struct Frame {
    anchor: usize,
    start: usize,
    items: Vec<Node>,
    entries: Entries,
    /// The key whose value comes next; `None` in a sequence and between entries.
    key: Option<PendingKey>,
    mapping: bool,
}

/// The entries of a mapping so far.
#[derive(Default)]
struct Entries {
    list: Vec<(Key, Node)>,
    /// The positions in the list, by key.
    positions: HashMap<String, usize>,
    /// Whether the entry at a position was written in this mapping, and not merged into it.
    own: Vec<bool>,
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
    copied: usize,
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
            copied: 0,
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
                    return Err(syntax_error(self.source, span, "the anchor of this alias is not defined"));
                };
                self.count_copies(&node, &span)?;
                self.place(Node { span, ..node }, 0, false)
            }
            Event::SequenceStart(anchor, _) => self.open(anchor, span, false),
            Event::MappingStart(anchor, _) => self.open(anchor, span, true),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(frame) = self.stack.pop() else { return Ok(()) };
                let end = span.end.max(frame.start);
                let value =
                    if frame.mapping { Value::Mapping(frame.entries.list) } else { Value::Sequence(frame.items) };
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
            return Err(syntax_error(self.source, span, "it is nested too deeply"));
        }
        self.stack.push(Frame {
            anchor,
            start: span.start,
            items: Vec::new(),
            entries: Entries::default(),
            key: None,
            mapping,
        });
        Ok(())
    }

    fn count_copies(&mut self, node: &Node, span: &Range<usize>) -> Result<()> {
        self.copied += size(node);
        if self.copied > MAX_COPIED {
            return Err(syntax_error(self.source, span.clone(), "its anchors and aliases make it too large"));
        }
        Ok(())
    }

    /// Adds a complete node to its parent: as a key, as the value of the pending key, as an item, or as the root.
    fn place(&mut self, node: Node, anchor: usize, merge: bool) -> Result<()> {
        if anchor > 0 {
            self.aliases = true;
            self.count_copies(&node, &node.span)?;
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
                        return Err(syntax_error(self.source, node.span, "a key must be a scalar"));
                    }
                };
                frame.key = Some(PendingKey { key: Key { name, span: node.span }, merge });
            }
            Some(PendingKey { merge: true, key }) => {
                merge_into(&mut frame.entries, &node).map_err(|()| {
                    syntax_error(self.source, key.span, "`<<` requires a mapping or a list of mappings")
                })?;
            }
            Some(PendingKey { merge: false, key }) => {
                if frame.entries.set(key.clone(), node, true) {
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

impl Entries {
    /// Adds an entry, or replaces the one with the same key. Returns whether both were written in this mapping.
    fn set(&mut self, key: Key, node: Node, own: bool) -> bool {
        if let Some(&at) = self.positions.get(&key.name) {
            self.list[at] = (key, node);
            let both = own && self.own[at];
            self.own[at] |= own;
            return both;
        }
        self.positions.insert(key.name.clone(), self.list.len());
        self.list.push((key, node));
        self.own.push(own);
        false
    }
}

/// Merges a mapping, or a list of mappings, as `<<` does in the library that Kubernetes uses: it overrides the keys
/// before it, keys after it override it, and the first mapping of a list wins.
fn merge_into(entries: &mut Entries, node: &Node) -> std::result::Result<(), ()> {
    match &node.value {
        Value::Mapping(merged) => {
            for (key, value) in merged {
                entries.set(key.clone(), value.clone(), false);
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
                let bytes = BASE64_STANDARD
                    .decode(packed)
                    .map_err(|error| format!("`!!binary` is not valid base64: {error}"))?;
                Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
            }
            suffix => Err(format!("the tag `!!{suffix}` is not supported by Kubernetes")),
        },
        None | Some(_) => Ok(Value::String(text.to_owned())),
    }
}

/// Interprets a plain scalar as Go's YAML 1.1 library does. Fails for a number that JSON cannot represent.
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
        | ".NAN" => return Err(format!("`{text}` cannot be represented in JSON, which Kubernetes requires")),
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

/// Parses an integer in any of Go's notations that fits into 64 bits, signed or unsigned.
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
        // Go's ParseUint accepts no sign, so `+` is not allowed in front of a value of 64 bits.
        return (!text.starts_with('+') || i64::try_from(magnitude).is_ok()).then(|| magnitude.to_string());
    }
    (magnitude <= 1 << 63).then(|| if magnitude == 0 { "0".to_owned() } else { format!("-{magnitude}") })
}

/// Parses a decimal fraction, or a number with an exponent, and formats it as JSON does.
fn float(text: &str) -> Option<String> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let valid_exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) || !valid_exponent {
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
    fn scalars_are_interpreted_as_in_kubernetes() {
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
    fn keys_are_strings() {
        assert_eq!(json("y: 1\n8: 2\n1.10: 3\n~: 4\n"), r#"{"true":1,"8":2,"1.1":3,"null":4}"#);
    }

    #[test]
    fn a_merge_overrides_only_the_keys_before_it() {
        assert_eq!(
            json("b: &b {x: 1, y1: 2}\nm: {x: 0, <<: *b, y1: 9}\n"),
            r#"{"b":{"x":1,"y1":2},"m":{"x":1,"y1":9}}"#
        );
        assert_eq!(json("m: {<<: [{a: 1}, {a: 2, b: 3}]}"), r#"{"m":{"a":1,"b":3}}"#);
    }

    #[test]
    fn the_last_of_duplicate_keys_wins_and_is_reported() {
        let document = parse_one(&Source::new("x.yaml", "a: 1\na: 2\n")).expect("YAML");
        assert_eq!(document.root.to_json(), r#"{"a":2}"#);
        assert_eq!(document.duplicates.len(), 1);
        assert_eq!(document.duplicates[0].span, 5..6);
        let merged = parse_one(&Source::new("x.yaml", "b: &b {a: 1}\nm: {<<: *b, a: 2}\n")).expect("YAML");
        assert!(merged.duplicates.is_empty(), "overriding a merged key is no duplicate");
    }

    #[test]
    fn places_are_right_after_multibyte_characters() {
        let source = Source::new("x.yaml", "é: ü\nkey: value\n");
        let document = parse_one(&source).expect("YAML");
        assert_eq!(document.root.get("key").expect("key").place().to_string(), "x.yaml:2:6");
    }

    #[test]
    fn exponential_aliases_are_rejected() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let row = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{row}]\n"));
        }
        let error = parse(&Source::new("x.yaml", text)).expect_err("too large");
        assert!(error.0[0].message.contains("too large"));
    }

    #[test]
    fn nested_anchors_of_a_large_document_are_rejected() {
        let text = format!("{}{}{}", "&a [".repeat(200), "x, ".repeat(10_000), "]".repeat(200));
        let error = parse(&Source::new("x.yaml", text)).expect_err("too large");
        assert_eq!(error.0[0].message, "cannot parse YAML: its anchors and aliases make it too large");
    }

    #[test]
    fn parsing_takes_linear_time_and_has_a_size_limit() {
        let text = |keys: usize| (0..keys).map(|key| format!("k{key}: v{key}\n")).collect::<String>();
        let start = std::time::Instant::now();
        let document = parse_one(&Source::new("x.yaml", text(200_000))).expect("YAML");
        assert_eq!(document.root.entries().len(), 200_000);
        // Quadratic time would be minutes.
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", start.elapsed());
        let error = parse(&Source::new("x.yaml", text(1_000_000))).expect_err("too large");
        assert_eq!(error.0[0].message, "cannot parse YAML: it is larger than 16 MiB");
        assert_eq!(error.0[0].places[0].0.to_string(), "x.yaml");
    }

    #[test]
    fn errors_have_a_place() {
        let error = parse(&Source::new("x.yaml", "a: 1\n b: 2\n")).expect_err("broken");
        assert_eq!(error.0[0].places[0].0.to_string().split(':').nth(1), Some("2"), "{error:?}");
    }

    #[test]
    fn conflict_markers_and_tabs_are_named() {
        for (text, expected) in [
            ("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n", "x.yaml:2:1 merge conflict marker"),
            ("a: 1\nb: [\n>>>>>>> other\n", "x.yaml:3:1 merge conflict marker"),
            ("a:\n\tb: 1\n", "x.yaml:2:1 tab used for indentation"),
            ("a:\n  b:\n  \tc: 1\n", "x.yaml:3:3 tab used for indentation"),
            ("a:\n  - b\n\t- c\n", "x.yaml:3:1 tab used for indentation"),
        ] {
            let error = parse(&Source::new("x.yaml", text)).expect_err("broken").0.remove(0);
            assert_eq!(format!("{} {}", error.places[0].0, error.message), expected);
        }
        let error =
            parse(&Source::new("x.yaml", "a:\n  b: 1\n\u{a0} c:\u{a0}2\n  d: 3\n")).expect_err("broken").0.remove(0);
        assert_eq!(error.message, "no-break space (U+00A0) where YAML expects a space");
        // A tab in a block scalar is text.
        let error = parse(&Source::new("x.yaml", "a: |\n  \tb\nc: 1\nd: 1\ne: {\n")).expect_err("broken");
        assert!(error.0[0].message.starts_with("cannot parse YAML"), "{error:?}");
    }

    #[test]
    fn json_escapes_are_read() {
        assert_eq!(json("s: \"a\\x7F\\u2028😀\\u0001\\\\\""), "{\"s\":\"a\\u007f\\u2028😀\\u0001\\\\\"}");
    }
}
