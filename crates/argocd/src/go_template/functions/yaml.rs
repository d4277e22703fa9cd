//! YAML as Go's library writes it.

use std::cmp::Ordering;

use document::Value as Yaml;

use crate::go_template::number;
use crate::go_template::value::Value;

/// A value as YAML, without the final newline.
pub(super) fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::List(items) if !items.is_empty() => sequence(&mut out, items, 0, false, 0),
        Value::Map(map) if !map.is_empty() => mapping(&mut out, map.pairs(), 0, false, 0),
        value => out.push_str(&scalar(value, Position { indent: 2, column: 0 })),
    }
    out.strip_suffix('\n').map_or(out.clone(), str::to_owned)
}

fn sequence(out: &mut String, items: &[Value], indent: usize, inline: bool, depth: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 || !inline {
            out.push_str(&" ".repeat(indent));
        }
        out.push('-');
        out.push(' ');
        match item {
            Value::List(inner) if !inner.is_empty() && depth < 200 => {
                sequence(out, inner, indent + 2, true, depth + 1);
            }
            Value::Map(map) if !map.is_empty() && depth < 200 => {
                mapping(out, map.pairs(), indent + 2, true, depth + 1);
            }
            item => line(out, &scalar(item, Position::of(out, indent + 2))),
        }
    }
}

fn mapping(out: &mut String, mut pairs: Vec<(String, Value)>, indent: usize, inline: bool, depth: usize) {
    pairs.sort_by(|a, b| natural(&a.0, &b.0));
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 || !inline {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(&text(key, None));
        out.push(':');
        match value {
            Value::List(items) if !items.is_empty() && depth < 200 => {
                out.push('\n');
                sequence(out, items, indent, false, depth + 1);
            }
            Value::Map(map) if !map.is_empty() && depth < 200 => {
                out.push('\n');
                mapping(out, map.pairs(), indent + 2, false, depth + 1);
            }
            value => {
                out.push(' ');
                line(out, &scalar(value, Position::of(out, indent + 2)));
            }
        }
    }
}

fn line(out: &mut String, scalar: &str) {
    out.push_str(scalar);
    if !scalar.ends_with('\n') {
        out.push('\n');
    }
}

/// Where a scalar begins, and how far its further lines are indented.
#[derive(Clone, Copy)]
struct Position {
    indent: usize,
    column: usize,
}

impl Position {
    fn of(out: &str, indent: usize) -> Self {
        Self { indent, column: out.rsplit('\n').next().unwrap_or_default().chars().count() }
    }
}

fn scalar(value: &Value, position: Position) -> String {
    match value {
        Value::Missing | Value::Nil => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) | Value::Int64(number) => number.to_string(),
        Value::Float(value) => float(*value),
        Value::String(string) => text(string, Some(position)),
        Value::List(_) => "[]".to_owned(),
        Value::Map(_) => "{}".to_owned(),
    }
}

fn float(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e21 && value.abs() <= 18_446_744_073_709_551_615.0 {
        return format!("{value:.0}");
    }
    number::general(value, 6)
}

/// A string; without a position, as a key, which has no further lines.
fn text(string: &str, position: Option<Position>) -> String {
    let shape = Shape::of(string);
    match position {
        Some(position) if string.contains('\n') && shape.block => literal(string, position.indent),
        _ if string.contains('\n') || !plain_is_string(string) => double(string, position),
        _ if shape.plain => fold(string, position, Style::Plain),
        _ if shape.single => format!("'{}'", fold(string, position, Style::Single)),
        _ => double(string, position),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
}

/// The column after which a line is broken at a space.
const WIDTH: usize = 80;

/// Breaks a string at spaces into lines.
fn fold(string: &str, position: Option<Position>, style: Style) -> String {
    let characters: Vec<char> = string.chars().collect();
    let mut column = position.map_or(0, |position| position.column) + usize::from(style == Style::Single);
    let mut out = String::new();
    let mut spaces = false;
    for (at, c) in characters.iter().enumerate() {
        let inside = style == Style::Plain || (at > 0 && at + 1 < characters.len());
        match position {
            Some(position)
                if *c == ' ' && !spaces && column > WIDTH && inside && characters.get(at + 1) != Some(&' ') =>
            {
                out.push('\n');
                out.push_str(&" ".repeat(position.indent));
                column = position.indent;
            }
            _ => {
                out.push(*c);
                column += 1;
                if *c == '\'' && style == Style::Single {
                    out.push('\'');
                    column += 1;
                }
            }
        }
        spaces = *c == ' ';
    }
    out
}

/// Whether a text without quotes would be read as the same string.
fn plain_is_string(string: &str) -> bool {
    !string.is_empty()
        && string != "<<"
        && matches!(document::yaml::resolve(string), Ok(Yaml::String(_)))
        && !date(string)
        && !base_60(string)
}

/// Whether a text is a date of YAML 1.1.
fn date(string: &str) -> bool {
    let digits = string.bytes().take_while(u8::is_ascii_digit).count();
    if digits != 4 || string.as_bytes().get(4) != Some(&b'-') {
        return false;
    }
    let day = string.split(['T', 't', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = day.split('-').collect();
    let number = |text: &str, most: u32| {
        (1..=2).contains(&text.len()) && text.parse().is_ok_and(|number: u32| (1..=most).contains(&number))
    };
    parts.len() == 3 && number(parts[1], 12) && number(parts[2], 31) && time(&string[day.len()..])
}

fn time(text: &str) -> bool {
    let Some(rest) = text.get(1..) else { return true };
    let clock: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == ':' || *c == '.').collect();
    let zone = &rest[clock.len()..];
    let zone_fits = match text.as_bytes().first() {
        Some(b' ') => zone.is_empty(),
        _ => zone == "Z" || zone.starts_with(['+', '-']),
    };
    clock.split(':').count() == 3 && zone_fits
}

/// Whether a text is a number in base 60 of YAML 1.1, such as `1:30`.
fn base_60(string: &str) -> bool {
    let body = string.strip_prefix(['-', '+']).unwrap_or(string);
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let digit = |c: char| c.is_ascii_digit() || c == '_';
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.chars().all(digit)
        && !rest.is_empty()
        && rest.iter().all(|part| {
            (1..=2).contains(&part.len()) && part.parse().is_ok_and(|number: u32| number < 60) && !part.starts_with('+')
        })
        && fraction.chars().all(digit)
}

/// The styles in which a text can be written.
struct Shape {
    plain: bool,
    single: bool,
    block: bool,
}

impl Shape {
    fn of(string: &str) -> Self {
        let characters: Vec<char> = string.chars().collect();
        let mut shape = Self { plain: true, single: true, block: true };
        if string.starts_with("---") || string.starts_with("...") {
            shape.plain = false;
        }
        let blank = |c: Option<&char>| {
            c.is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'))
        };
        for (index, c) in characters.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| characters.get(before));
            let after = characters.get(index + 1);
            let indicator = match c {
                '#' => index == 0 || blank(before),
                ':' => blank(after),
                '?' | '-' => index == 0 && blank(after),
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => index == 0,
                _ => false,
            };
            if indicator {
                shape.plain = false;
            }
            let line_break = matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
            if !printable(*c) || (line_break && before == Some(&' ')) {
                (shape.plain, shape.single, shape.block) = (false, false, false);
            }
            if *c == ' ' && before.is_some_and(|before| *before == '\n') {
                (shape.plain, shape.single) = (false, false);
            }
            if line_break {
                shape.plain = false;
            }
        }
        let edge = |c: Option<&char>| c.is_some_and(|c| matches!(c, ' ' | '\n'));
        if edge(characters.first()) || edge(characters.last()) {
            shape.plain = false;
        }
        if characters.last() == Some(&' ') {
            shape.block = false;
        }
        shape
    }
}

fn printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
        && c != '\u{feff}'
}

fn literal(string: &str, indent: usize) -> String {
    let hint = if string.starts_with([' ', '\n']) { "2" } else { "" };
    let chomp = if !string.ends_with('\n') {
        "-"
    } else if string.ends_with("\n\n") || string == "\n" {
        "+"
    } else {
        ""
    };
    let mut out = format!("|{hint}{chomp}\n");
    let body = string.strip_suffix('\n').unwrap_or(string);
    for line in body.split('\n') {
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent.max(2)));
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

fn double(string: &str, position: Option<Position>) -> String {
    let characters: Vec<char> = string.chars().collect();
    let mut column = position.map_or(0, |position| position.column) + 1;
    let mut out = String::from("\"");
    let mut spaces = false;
    for (at, c) in characters.iter().enumerate() {
        let inside = at > 0 && at + 1 < characters.len();
        match position {
            Some(position) if *c == ' ' && !spaces && column > WIDTH && inside => {
                out.push('\n');
                out.push_str(&" ".repeat(position.indent));
                column = position.indent;
                if characters.get(at + 1) == Some(&' ') {
                    out.push('\\');
                    column += 1;
                }
            }
            _ => {
                let text = escaped(*c);
                column += text.chars().count();
                out.push_str(&text);
            }
        }
        spaces = *c == ' ';
    }
    out.push('"');
    out
}

fn escaped(c: char) -> String {
    match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\0' => "\\0".to_owned(),
        '\u{7}' => "\\a".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\u{b}' => "\\v".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\r' => "\\r".to_owned(),
        '\u{1b}' => "\\e".to_owned(),
        '\u{85}' => "\\N".to_owned(),
        '\u{2028}' => "\\L".to_owned(),
        '\u{2029}' => "\\P".to_owned(),
        c if printable(c) => c.to_string(),
        c if u32::from(c) <= 0xff => format!("\\x{:02X}", u32::from(c)),
        c if u32::from(c) <= 0xffff => format!("\\u{:04X}", u32::from(c)),
        c => format!("\\U{:08X}", u32::from(c)),
    }
}

/// The order of keys: numbers in them by their value, and letters after other characters.
fn natural(left: &str, right: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    for at in 0..a.len().min(b.len()) {
        if a[at] == b[at] {
            continue;
        }
        match (a[at].is_alphabetic(), b[at].is_alphabetic()) {
            (true, true) => return a[at].cmp(&b[at]),
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        let mut start = 0u64;
        if a[at] == '0' || b[at] == '0' {
            let before = a[..at].iter().rev().take_while(|c| c.is_ascii_digit());
            start = u64::from(before.into_iter().any(|c| *c != '0'));
        }
        let number = |characters: &[char]| {
            let digits: Vec<u32> = characters[at..].iter().map_while(|c| c.to_digit(10)).collect();
            let value =
                digits.iter().fold(start, |value, digit| value.wrapping_mul(10).wrapping_add(u64::from(*digit)));
            (value, digits.len())
        };
        let order = number(&a).cmp(&number(&b));
        return if order == Ordering::Equal { a[at].cmp(&b[at]) } else { order };
    }
    a.len().cmp(&b.len())
}
