//! The words of a text.

/// Cuts a text to a width, with `...` where something is missing.
pub(super) fn abbreviate(text: &str, offset: i64, width: i64) -> String {
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    if width < 4 || length <= width {
        return text.to_owned();
    }
    let part = |start: i64, end: i64| {
        let range = usize::try_from(start).unwrap_or_default()..usize::try_from(end.min(length)).unwrap_or_default();
        String::from_utf8_lossy(text.as_bytes().get(range).unwrap_or_default()).into_owned()
    };
    let mut offset = offset.min(length);
    if length - offset < width - 3 {
        offset = length - (width - 3);
    }
    if offset <= 4 {
        return part(0, width - 3) + "...";
    }
    if offset + width - 3 < length {
        return format!("...{}...", part(offset, offset + width - 6));
    }
    format!("...{}", part(length - (width - 3), length))
}

/// Every word with a capital first letter. A word begins after anything but letters, digits, `_`, and `'`.
pub(super) fn title(text: &str) -> String {
    let mut before = ' ';
    let mut out = String::new();
    for c in text.chars() {
        let separator = if before.is_ascii() {
            !before.is_ascii_alphanumeric() && before != '_'
        } else {
            !before.is_alphanumeric() && before.is_whitespace()
        };
        if separator {
            out.push(upper(c));
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}

/// Every word with a small first letter.
pub(super) fn untitle(text: &str) -> String {
    let mut start = true;
    let mut out = String::new();
    for c in text.chars() {
        if start && !c.is_whitespace() {
            out.push(small(c));
        } else {
            out.push(c);
        }
        start = c.is_whitespace();
    }
    out
}

/// Capital letters become small ones, and small ones capital.
pub(super) fn swap_case(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_uppercase() {
            out.push(small(c));
        } else {
            out.push(upper(c));
        }
    }
    out
}

fn connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

/// `PascalCase`; connectors at the start and double connectors stay.
pub(super) fn pascal_case(text: &str) -> String {
    let start = text.find(|c| !connector(c)).unwrap_or(text.len());
    let mut out = text[..start].to_owned();
    let mut characters = text[start..].chars();
    let Some(first) = characters.next() else { return out };
    let mut previous = upper(first);
    let mut after_upper = first.is_uppercase();
    for c in characters {
        let mut current = c;
        if connector(c) && connector(previous) {
            out.push(previous);
            previous = c;
            continue;
        }
        if connector(previous) {
            after_upper = c.is_uppercase();
            current = upper(c);
        } else {
            if after_upper {
                if c.is_uppercase() {
                    current = small(c);
                } else {
                    after_upper = false;
                }
            }
            out.push(previous);
        }
        previous = current;
    }
    out.push(previous);
    out
}

/// A capital letter; Go does not make two letters of one.
pub(super) fn upper(c: char) -> char {
    let mut letters = c.to_uppercase();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => letter,
        _ => c,
    }
}

/// A small letter.
pub(super) fn small(c: char) -> char {
    let mut letters = c.to_lowercase();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => letter,
        _ => c,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Nothing,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// `snake_case` or `kebab-case`.
pub(super) fn lower_case(text: &str, with: char) -> String {
    let mut out = String::new();
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            lower(&mut out, kind, word, with);
        }
        let (previous, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match previous {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    lower(&mut out, kind, word, with);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::Nothing | Word::Punctuation | Word::Connector) {
                    out.push(with);
                }
            }
            Word::Connector => lower(&mut out, previous, last, with),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    out.push(with);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind != Word::Alphabet {
                    // The number belongs to the word before it.
                    lower(&mut out, Word::Number, number, with);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        out.push(with);
                    }
                    continue;
                }
                out.push(with);
                lower(&mut out, Word::Number, number, with);
                while matches!(kind, Word::Alphabet | Word::Number) {
                    lower(&mut out, kind, word, with);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::Nothing | Word::Connector | Word::Punctuation) {
                    out.push(with);
                }
            }
        }
    }
    lower(&mut out, kind, word, with);
    out
}

fn lower(out: &mut String, kind: Word, word: &str, with: char) {
    match kind {
        Word::Upper => out.extend(word.chars().map(small)),
        Word::Connector => out.extend(word.chars().map(|_| with)),
        _ => out.push_str(word),
    }
}

fn alphabet(c: char) -> bool {
    c.is_alphabetic()
}

fn next_word(text: &str) -> (Word, &str, &str) {
    let Some(first) = text.chars().next() else { return (Word::Nothing, "", "") };
    let up_to = |end: fn(char) -> bool| text.find(end).unwrap_or(text.len());
    let (kind, length) = if connector(first) {
        (Word::Connector, up_to(|c| !connector(c)))
    } else if punctuation(first) {
        (Word::Punctuation, up_to(|c| !punctuation(c)))
    } else if first.is_uppercase() {
        (Word::Upper, upper_word(text, first))
    } else if alphabet(first) {
        (Word::Alphabet, up_to(|c| !alphabet(c) || c.is_uppercase()))
    } else if first.is_numeric() {
        (Word::Number, up_to(|c| !c.is_numeric()))
    } else {
        let end = |c: char| connector(c) || alphabet(c) || c.is_numeric() || punctuation(c);
        (Word::Other, text.find(end).unwrap_or(text.len()))
    };
    (kind, &text[..length], &text[length..])
}

/// The length of a word that begins with a capital letter: `HTTP` of `HTTPStatus`, and `Status` of `StatusCode`.
fn upper_word(text: &str, first: char) -> usize {
    let rest = &text[first.len_utf8()..];
    match rest.chars().next() {
        Some(second) if second.is_uppercase() => {
            let end = rest.find(|c: char| !c.is_uppercase()).map_or(text.len(), |at| first.len_utf8() + at);
            match text[end..].chars().next() {
                Some(c) if alphabet(c) => end - text[..end].chars().next_back().map_or(0, char::len_utf8),
                _ => end,
            }
        }
        Some(second) if alphabet(second) => {
            rest.find(|c: char| !alphabet(c) || c.is_uppercase()).map_or(text.len(), |at| first.len_utf8() + at)
        }
        _ => first.len_utf8(),
    }
}

fn punctuation(c: char) -> bool {
    // Go's unicode.IsPunct has no symbols such as `+` and `$`.
    c.is_ascii_punctuation() && !matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~')
}

/// Breaks lines at spaces.
pub(super) fn wrap(text: &str, width: i64, separator: &str, long: bool) -> String {
    let width = usize::try_from(width.max(1)).unwrap_or(1);
    let bytes = text.as_bytes();
    let part = |from: usize, to: usize| String::from_utf8_lossy(&bytes[from..to]).into_owned();
    let mut out = String::new();
    let mut offset = 0;
    while bytes.len().saturating_sub(offset) > width {
        if bytes[offset] == b' ' {
            offset += 1;
            continue;
        }
        let end = offset + width;
        if let Some(space) = bytes[offset..=end].iter().rposition(|byte| *byte == b' ') {
            out.push_str(&part(offset, offset + space));
            out.push_str(separator);
            offset += space + 1;
        } else if long {
            out.push_str(&part(offset, end));
            out.push_str(separator);
            offset = end;
        } else if let Some(space) = bytes[end..].iter().position(|byte| *byte == b' ') {
            out.push_str(&part(offset, end + space));
            out.push_str(separator);
            offset = end + space + 1;
        } else {
            out.push_str(&part(offset, bytes.len()));
            offset = bytes.len();
        }
    }
    out.push_str(&part(offset, bytes.len()));
    out
}
