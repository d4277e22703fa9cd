//! Text in which nothing is hidden: characters that are invisible, or that change how the text around them is shown, are
//! written out.

use std::borrow::Cow;

/// A text of one or more lines. Tabs and line feeds are kept.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| matches!(c, '\n' | '\t') || !is_hidden(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if matches!(c, '\n' | '\t') || !is_hidden(c) { out.push(c) } else { write_out(&mut out, c) }
    }
    Cow::Owned(out)
}

/// A text on one line.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if text.contains(['\n', '\t']) {
        let joined = text.trim_end().replace("\r\n", "\n").replace(['\n', '\t'], " ");
        return Cow::Owned(lines(&joined).into_owned());
    }
    lines(text)
}

/// Control characters, marks and overrides of the direction of writing, other characters without a width that no script
/// needs, and noncharacters, which XML does not allow.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || u32::from(c) & 0xfffe == 0xfffe
}

fn write_out(out: &mut String, c: char) {
    let shown = match c {
        // Unicode has a symbol for each ASCII control character.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        _ => None,
    };
    match shown {
        Some(symbol) => out.push(symbol),
        None => out.push_str(&format!("<U+{:04X}>", u32::from(c))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_written_out() {
        assert_eq!(lines("a\tb\nc"), "a\tb\nc");
        assert_eq!(lines("\u{1b}[31mred\0\u{7f}\r"), "␛[31mred␀␡␍");
        assert_eq!(lines("a\u{202e}b\u{200b}c\u{feff}\u{85}\u{fffe}"), "a<U+202E>b<U+200B>c<U+FEFF><U+0085><U+FFFE>");
        // Joiners are parts of words and emoji.
        assert_eq!(lines("नी\u{200d}का 👩\u{200d}🔧 é"), "नी\u{200d}का 👩\u{200d}🔧 é");
    }

    #[test]
    fn one_line_has_no_line_break() {
        assert_eq!(line("a\r\nb\tc\n"), "a b c");
        assert_eq!(line("a\rb"), "a␍b");
    }
}
