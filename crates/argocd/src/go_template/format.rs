//! `printf`, `print`, and `println`, as in Go's package fmt.

use super::number;
use super::value::Value;

/// The longest width or precision.
const MAX_WIDTH: usize = 10_000;

/// The text of `print`: a space between operands of which neither is a string.
#[must_use]
pub(super) fn sprint(values: &[Value]) -> String {
    let mut out = String::new();
    for (index, value) in values.iter().enumerate() {
        let plain = |value: &Value| !matches!(value, Value::String(_));
        if index > 0 && plain(value) && plain(&values[index - 1]) {
            out.push(' ');
        }
        out.push_str(&value.text());
    }
    out
}

/// The text of `println`.
#[must_use]
pub(super) fn sprintln(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(Value::text).collect();
    texts.join(" ") + "\n"
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of Go's formats")]
struct Spec {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// The text of `printf`.
#[must_use]
pub(super) fn sprintf(format: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut next = 0;
    let mut characters = format.chars().peekable();
    while let Some(c) = characters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = characters.next_if(|c| matches!(c, '-' | '+' | '#' | ' ' | '0')) {
            match flag {
                '-' => spec.minus = true,
                '+' => spec.plus = true,
                '#' => spec.sharp = true,
                ' ' => spec.space = true,
                _ => spec.zero = true,
            }
        }
        spec.zero &= !spec.minus;
        spec.width = if characters.next_if_eq(&'*').is_some() {
            let width = take_width(values, &mut next, &mut out);
            if width.is_some_and(|width| width < 0) {
                spec.minus = true;
                spec.zero = false;
            }
            width.and_then(|width| usize::try_from(width.unsigned_abs()).ok())
        } else {
            digits(&mut characters)
        };
        if characters.next_if_eq(&'.').is_some() {
            spec.precision = if characters.next_if_eq(&'*').is_some() {
                take_width(values, &mut next, &mut out).and_then(|width| usize::try_from(width).ok())
            } else {
                Some(digits(&mut characters).unwrap_or_default())
            };
        }
        let Some(verb) = characters.next() else {
            out.push_str("%!(NOVERB)");
            break;
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = values.get(next) else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        next += 1;
        one(&mut out, &spec, verb, value);
    }
    if next < values.len() {
        let extra: Vec<String> = values[next..]
            .iter()
            .map(|value| match value {
                Value::Missing | Value::Nil => "<nil>".to_owned(),
                value => format!("{}={}", value.type_name(), value.text()),
            })
            .collect();
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

fn digits(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut number = None;
    while let Some(digit) = characters.peek().and_then(|c| c.to_digit(10)) {
        characters.next();
        let before: usize = number.unwrap_or_default();
        number = Some((before * 10 + digit as usize).min(MAX_WIDTH));
    }
    number
}

fn take_width(values: &[Value], next: &mut usize, out: &mut String) -> Option<i64> {
    let value = values.get(*next);
    *next += 1;
    if let Some(Value::Int(width) | Value::Int64(width)) = value {
        let limit = i64::try_from(MAX_WIDTH).unwrap_or(i64::MAX);
        return Some((*width).clamp(-limit, limit));
    }
    out.push_str("%!(BADWIDTH)");
    None
}

fn one(out: &mut String, spec: &Spec, verb: char, value: &Value) {
    match (value, verb) {
        (value, 'T') => pad(out, spec, value.type_name()),
        (Value::Missing | Value::Nil, 'v') => pad(out, spec, "<nil>"),
        (Value::Missing | Value::Nil, verb) => out.push_str(&format!("%!{verb}(<nil>)")),
        (Value::List(items), verb) if verb != 'p' => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                one(out, spec, verb, item);
            }
            out.push(']');
        }
        (Value::Map(map), verb) if verb != 'p' => {
            out.push_str("map[");
            for (index, (key, item)) in map.pairs().iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                one(out, spec, verb, &Value::string(key));
                out.push(':');
                one(out, spec, verb, item);
            }
            out.push(']');
        }
        (Value::Bool(value), 't' | 'v') => pad(out, spec, if *value { "true" } else { "false" }),
        (Value::Int(number) | Value::Int64(number), verb) if "dvboOxXcqU".contains(verb) => {
            integer(out, spec, verb, *number);
        }
        (Value::Float(number), verb) if "vgGeEfF".contains(verb) => float(out, spec, verb, *number),
        (Value::String(text), 's' | 'v') if verb == 's' || !spec.sharp => pad(out, spec, &cut(text, spec)),
        (Value::String(text), 'q' | 'v') => {
            let text = cut(text, spec);
            let raw = spec.sharp && verb == 'q' && !text.contains(['`', '\n', '\r']);
            pad(out, spec, &if raw { format!("`{text}`") } else { quote(&text) });
        }
        (Value::String(text), 'x' | 'X') => {
            let separator = if spec.space { " " } else { "" };
            let bytes: Vec<String> = text
                .bytes()
                .map(|byte| if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") })
                .collect();
            pad(out, spec, &bytes.join(separator));
        }
        (value, verb) => out.push_str(&format!("%!{verb}({}={})", value.type_name(), value.text())),
    }
}

fn cut(text: &str, spec: &Spec) -> String {
    spec.precision.map_or_else(|| text.to_owned(), |precision| text.chars().take(precision).collect())
}

fn pad(out: &mut String, spec: &Spec, text: &str) {
    let missing = spec.width.unwrap_or_default().saturating_sub(text.chars().count());
    let fill = if spec.zero { "0" } else { " " }.repeat(missing);
    if spec.minus {
        out.push_str(text);
        out.push_str(&fill);
    } else {
        out.push_str(&fill);
        out.push_str(text);
    }
}

/// Adds a number with its sign, which is before the zeros.
fn number_text(out: &mut String, spec: &Spec, negative: bool, digits: &str) {
    let sign = match (negative, spec.plus, spec.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    };
    let width = spec.width.unwrap_or_default();
    if spec.zero && (spec.precision.is_none() || digits.contains('.')) {
        let zeros = "0".repeat(width.saturating_sub(sign.len() + digits.len()));
        out.push_str(&format!("{sign}{zeros}{digits}"));
    } else {
        pad(out, &Spec { minus: spec.minus, width: spec.width, ..Spec::default() }, &format!("{sign}{digits}"));
    }
}

fn integer(out: &mut String, spec: &Spec, verb: char, number: i64) {
    let magnitude = number.unsigned_abs();
    let character = || u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
    let mut digits = match verb {
        'c' => return pad(out, spec, &character().to_string()),
        'q' => return pad(out, spec, &format!("'{}'", character())),
        'U' => return pad(out, spec, &format!("U+{magnitude:04X}")),
        'b' => format!("{magnitude:b}"),
        'o' | 'O' => format!("{magnitude:o}"),
        'x' => format!("{magnitude:x}"),
        'X' => format!("{magnitude:X}"),
        _ => magnitude.to_string(),
    };
    if let Some(precision) = spec.precision {
        digits = "0".repeat(precision.saturating_sub(digits.len())) + &digits;
    }
    let prefix = match (verb, spec.sharp) {
        ('O', _) => "0o",
        ('b', true) => "0b",
        ('o', true) => "0",
        ('x', true) => "0x",
        ('X', true) => "0X",
        _ => "",
    };
    number_text(out, spec, number < 0, &format!("{prefix}{digits}"));
}

fn float(out: &mut String, spec: &Spec, verb: char, value: f64) {
    let magnitude = value.abs();
    let text = match (verb, spec.precision) {
        _ if !magnitude.is_finite() => number::shortest(magnitude).trim_start_matches('+').to_owned(),
        ('f' | 'F', precision) => format!("{magnitude:.*}", precision.unwrap_or(6)),
        ('e' | 'E', precision) => exponent(&format!("{magnitude:.*e}", precision.unwrap_or(6))),
        (_, None) => number::shortest(magnitude),
        (_, Some(precision)) => significant(magnitude, precision.max(1)),
    };
    let text = if verb == 'E' || verb == 'G' { text.to_uppercase() } else { text };
    number_text(out, spec, value.is_sign_negative(), &text);
}

/// Writes an exponent with its sign and at least two digits.
fn exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// `%.3g`: a number of significant digits, without trailing zeros.
fn significant(magnitude: f64, precision: usize) -> String {
    let rounded = format!("{magnitude:.*e}", precision - 1);
    let (mantissa, power) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let power: i32 = power.parse().unwrap_or_default();
    let trim = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    let limit = i32::try_from(precision).unwrap_or(i32::MAX);
    if power < -4 || power >= limit {
        return exponent(&format!("{}e{power}", trim(mantissa)));
    }
    let decimals = usize::try_from(limit - 1 - power).unwrap_or_default();
    trim(&format!("{magnitude:.decimals$}"))
}

/// A string in double quotes, as Go writes it.
#[must_use]
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if unprintable(c) && u32::from(c) > 0xffff => out.push_str(&format!("\\U{:08x}", u32::from(c))),
            c if unprintable(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn unprintable(c: char) -> bool {
    c.is_control() || (c.is_whitespace() && c != ' ') || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
}
