//! Literal numbers, characters, and strings, as in Go.

use document::go_integer;

use super::tree::Number;

/// The value of a number; `None` if it is malformed.
#[must_use]
pub(super) fn number(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let integer = integer(digits, negative);
    let hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
    let float = if hexadecimal { None } else { digits.replace('_', "").parse::<f64>().ok().filter(|_| plain(digits)) };
    let is_float = integer.is_none() || (!hexadecimal && digits.contains(['.', 'e', 'E']));
    let value = match (float, integer) {
        (Some(float), _) => {
            if negative {
                -float
            } else {
                float
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "Go rounds it, too")]
        (None, Some(integer)) => integer as f64,
        (None, None) => return None,
    };
    // A floating-point constant without a fraction can be used as an integer, too.
    #[expect(clippy::cast_possible_truncation, reason = "within the limits, the value is exact")]
    let integer = integer.or_else(|| (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64));
    Some(Number { integer, float: value, is_float })
}

/// Whether a text has only characters of a decimal number.
fn plain(digits: &str) -> bool {
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_' | 'e' | 'E' | '+' | '-'))
}

/// An integer in any of Go's notations, without its sign.
pub(super) fn integer(digits: &str, negative: bool) -> Option<i64> {
    let magnitude = i128::from(go_integer::magnitude(&digits.replace('_', ""))?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// The code point of a character constant with its quotes.
#[must_use]
pub(super) fn character(quoted: &str) -> Option<Number> {
    let inside = quoted.strip_prefix('\'')?.strip_suffix('\'')?;
    let text = unescape(inside, '\'')?;
    let mut characters = text.chars();
    let code = i64::from(u32::from(characters.next()?));
    #[expect(clippy::cast_precision_loss, reason = "a code point has 21 bits")]
    characters.next().is_none().then_some(Number { integer: Some(code), float: code as f64, is_float: false })
}

/// The content of a string with its double quotes.
#[must_use]
pub(super) fn string(quoted: &str) -> Option<String> {
    unescape(quoted.strip_prefix('"')?.strip_suffix('"')?, '"')
}

fn unescape(text: &str, quote: char) -> Option<String> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    let push = |out: &mut Vec<u8>, c: char| out.extend(c.encode_utf8(&mut [0; 4]).bytes());
    while let Some(c) = characters.next() {
        if c != '\\' {
            push(&mut out, c);
            continue;
        }
        let escape = characters.next()?;
        match escape {
            'a' => out.push(7),
            'b' => out.push(8),
            'f' => out.push(12),
            'n' => out.push(b'\n'),
            'r' => out.push(b'\r'),
            't' => out.push(b'\t'),
            'v' => out.push(11),
            '\\' => out.push(b'\\'),
            c if c == quote => push(&mut out, c),
            'x' => out.push(u8::try_from(digits(&mut characters, 2, 16, 0)?).ok()?),
            'u' => push(&mut out, char::from_u32(digits(&mut characters, 4, 16, 0)?)?),
            'U' => push(&mut out, char::from_u32(digits(&mut characters, 8, 16, 0)?)?),
            '0'..='7' => out.push(u8::try_from(digits(&mut characters, 2, 8, escape.to_digit(8)?)?).ok()?),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn digits(characters: &mut std::str::Chars<'_>, count: usize, radix: u32, start: u32) -> Option<u32> {
    (0..count).try_fold(start, |value, _| value.checked_mul(radix)?.checked_add(characters.next()?.to_digit(radix)?))
}
