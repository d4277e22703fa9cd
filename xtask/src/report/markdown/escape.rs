//! Text of others in Markdown: nothing in it is markup, a link, a mention, or a reference.

use crate::report::visible;

/// A code span.
#[must_use]
pub(super) fn code(text: &str) -> String {
    let text = visible::line(text);
    if text.trim().is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&text) + 1);
    // A space on both sides is removed again, and separates backticks of the text from those around it.
    let space = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

/// A message, in which names are in backticks.
#[must_use]
pub(super) fn message(text: &str) -> String {
    let piece = |piece: Piece<'_>| match piece {
        Piece::Code(text) => code(text),
        Piece::Plain(text) => text.chars().map(plain).collect(),
    };
    pieces(&visible::line(text)).into_iter().map(piece).collect()
}

/// A message in HTML, as in a summary.
#[must_use]
pub(super) fn html_message(text: &str) -> String {
    let piece = |piece: Piece<'_>| match piece {
        Piece::Code(text) => html_code(text),
        Piece::Plain(text) => html(text),
    };
    pieces(&visible::line(text)).into_iter().map(piece).collect()
}

/// Code in HTML. Hosts do not look for mentions in it.
#[must_use]
pub(super) fn html_code(text: &str) -> String {
    format!("<code>{}</code>", html(&visible::line(text)))
}

/// A cell of a table, from Markdown.
#[must_use]
pub(super) fn cell(markdown: &str) -> String {
    markdown.replace('|', "\\|")
}

/// The backticks around a block with these lines.
#[must_use]
pub(super) fn fence<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let longest = lines.into_iter().map(longest_run).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

/// The length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

fn html(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
        out
    })
}

fn plain(c: char) -> String {
    match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '\\' | '*' | '_' | '[' | ']' | '~' | '$' | '`' | '#' => format!("\\{c}"),
        c => c.to_string(),
    }
}

#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Code(&'a str),
    Plain(&'a str),
}

/// Splits a message at its backticks. Words that a host would turn into links are code, too.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        let Some((inner, next)) = after.split_once('`') else { break };
        words(before, &mut pieces);
        if inner.trim().is_empty() {
            pieces.push(Piece::Plain("``"));
        } else {
            pieces.push(Piece::Code(inner));
        }
        rest = next;
    }
    words(rest, &mut pieces);
    pieces
}

fn words<'a>(text: &'a str, pieces: &mut Vec<Piece<'a>>) {
    let mut start = 0;
    for word in text.split_inclusive(' ') {
        let at = word.as_ptr() as usize - text.as_ptr() as usize;
        let bare = word.trim_end();
        if is_link(bare) {
            if at > start {
                pieces.push(Piece::Plain(&text[start..at]));
            }
            pieces.push(Piece::Code(bare));
            start = at + bare.len();
        }
    }
    if start < text.len() {
        pieces.push(Piece::Plain(&text[start..]));
    }
}

/// Whether a host may turn a word into a link: an address, a mention, or a reference such as `#1`, `!1`, `GH-1`.
fn is_link(word: &str) -> bool {
    let sign = |c: char| matches!(c, '#' | '!' | '%' | '~' | '&' | '$');
    let reference = word.match_indices(sign).any(|(at, _)| word[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    let lower = word.to_ascii_lowercase();
    reference
        || word.contains('@')
        || ["://", "www.", "gh-", "mailto:", "xmpp:"].iter().any(|part| lower.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_contains_any_text() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("``"), "``` `` ```");
        assert_eq!(code("a\nb\u{202e}"), "`a b<U+202E>`");
        assert_eq!(code(" "), "");
    }

    #[test]
    fn a_message_contains_no_markup() {
        assert_eq!(message("image `a` has no tag"), "image `a` has no tag");
        assert_eq!(message("<b>*x*</b> [a](b) $y$"), "&lt;b&gt;\\*x\\*&lt;/b&gt; \\[a\\](b) \\$y\\$");
        assert_eq!(message("ask @team about owner/name#12 now"), "ask `@team` about `owner/name#12` now");
        assert_eq!(
            message("see https://example.com, or www.example.com"),
            "see `https://example.com,` or `www.example.com`"
        );
        assert_eq!(message("a ` alone"), "a \\` alone");
        assert_eq!(message("</details>\n# x"), "&lt;/details&gt; \\# x");
    }

    #[test]
    fn html_contains_no_markup() {
        assert_eq!(html_message("`<a>` & \"b\" @c"), "<code>&lt;a&gt;</code> &amp; &quot;b&quot; <code>@c</code>");
    }

    #[test]
    fn a_fence_is_longer_than_any_run_in_it() {
        assert_eq!(fence(["a", "b"]), "```");
        assert_eq!(fence(["a", "  ````yaml"]), "`````");
    }
}
