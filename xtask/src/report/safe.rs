//! Text of others, made harmless for terminals and for the logs of CI systems.
//!
//! Names, templates, values, and the output of programs may contain escape sequences that move the cursor, change the title
//! of the window, or write to the clipboard; carriage returns and bidirectional controls that show something else than what
//! is there; and lines that a CI system takes for a command. The printer passes everything through here.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character is shown by its number: control characters, and those that reorder, separate, or hide text.
fn is_unsafe(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// A text of others: colors are removed, and what is not harmless is shown as `<U+001B>`.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    filtered(text, false)
}

/// A text of others that must not begin another line, such as a name.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    let shown = self::text(text);
    if shown.contains('\n') { Cow::Owned(shown.replace('\n', "<U+000A>")) } else { shown }
}

/// Text of the tool itself, which may set colors and styles of the text, but do nothing else.
#[must_use]
pub(crate) fn styled(text: &str) -> Cow<'_, str> {
    filtered(text, true)
}

fn filtered(text: &str, styles: bool) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_unsafe) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(sequence) = style(rest) {
            if styles {
                out.push_str(sequence);
            }
            rest = &rest[sequence.len()..];
            continue;
        }
        let Some(c) = rest.chars().next() else { break };
        rest = &rest[c.len_utf8()..];
        // A line break of Windows.
        if c != '\r' || !rest.starts_with('\n') {
            let _ = write!(out, "<U+{:04X}>", u32::from(c));
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The escape sequence for a color or a style at the start of a text. Those that hide text are none.
fn style(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let hides = |number: &str| matches!(number.trim_start_matches('0'), "8" | "7" | "5" | "6");
    let parameters = (&parameters[..end], &parameters[end..]);
    let color = ["38;5;", "48;5;"].iter().any(|palette| parameters.0.starts_with(palette));
    let sound = parameters.1.starts_with('m') && (color || !parameters.0.split(';').any(hides));
    sound.then(|| &text[..end + "\x1b[m".len()])
}

/// A JSON document, with escapes for what is not harmless: all of it is inside of strings.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else if c == '#' && out.ends_with('#') {
            out.push_str("\\u0023");
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// A text without workflow commands, which begin with `::` or contain `##[`.
///
/// Reference: "Workflow commands for GitHub Actions", and `ActionCommand` of its runner, which also accepts white space
/// before the first form, and the second anywhere in a line. Other systems write a name before the bracket.
#[must_use]
pub(crate) fn without_commands(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let plain = anstream::adapter::strip_str(line).to_string();
        let start = plain.trim_start();
        // Snippets mark another file with three colons, which begin no command.
        let command = start.starts_with("::") && !start.starts_with(":::");
        let line = if command { line.replacen("::", ": :", 1) } else { line.to_owned() };
        let mut rest = line.as_str();
        while let Some(at) = rest.find("##") {
            let (before, after) = rest.split_at(at + 2);
            out.push_str(before);
            let word = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
            if word.starts_with('[') {
                out.push(' ');
            }
            rest = after;
        }
        out.push_str(rest);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_text_reaches_a_terminal() {
        for (given, expected) in [
            ("plain ä 価\n\ttext", "plain ä 価\n\ttext"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07", "<U+001B>]0;title<U+0007>"),
            ("\x1b[2J\x1b[H", "<U+001B>[2J<U+001B>[H"),
            ("\x1b[8mhidden", "<U+001B>[8mhidden"),
            ("a\rb\r\n", "a<U+000D>b\n"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("\u{202e}gpj\u{2066}", "<U+202E>gpj<U+2066>"),
            ("a\u{2028}b\0\x7f", "a<U+2028>b<U+0000><U+007F>"),
        ] {
            assert_eq!(text(given), expected);
        }
        assert_eq!(line("a\nb"), "a<U+000A>b");
        assert_eq!(styled("\x1b[1m\x1b[38;5;9mx\x1b[0m\x1b[K"), "\x1b[1m\x1b[38;5;9mx\x1b[0m<U+001B>[K");
    }

    #[test]
    fn json_stays_the_same_document() {
        let value = serde_json::json!({"a": "\u{9b}\u{202e}\u{7f}\u{e0041} ##[group] ###"});
        let written = json(&value.to_string()).into_owned();
        assert!(!written.contains(is_unsafe) && !written.contains("##"), "{written}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).expect("JSON"), value);
    }

    #[test]
    fn no_line_is_a_command() {
        for (given, expected) in [
            ("::error::x\n", ": :error::x\n"),
            ("a\n  ::set-env name=A::b\n", "a\n  : :set-env name=A::b\n"),
            ("\x1b[1m::stop-commands::x\x1b[0m", "\x1b[1m: :stop-commands::x\x1b[0m"),
            ("x ##[add-matcher]y ##vso[task]", "x ## [add-matcher]y ## vso[task]"),
            (" ::: a/b.yaml", " ::: a/b.yaml"),
            ("a::b ## [link] ### x", "a::b ## [link] ### x"),
        ] {
            assert_eq!(without_commands(given), expected);
        }
    }
}
