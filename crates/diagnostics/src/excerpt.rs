//! Text of other programs and long values, cut to what a reader can take in.

/// A word that is longer than this is data: a ciphertext, a token.
const WORD: usize = 120;

/// How much of such a word is kept.
const START: usize = 24;

/// A longer text is cut.
const TEXT: usize = 600;

/// A text with long words and its end cut.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let count = word.trim_end().chars().count();
        if count > WORD {
            let start: String = word.chars().take(START).collect();
            let end = &word[word.trim_end().len()..];
            out.push_str(&format!("{start}… ({count} characters){end}"));
        } else {
            out.push_str(word);
        }
    }
    if out.chars().count() > TEXT {
        out = out.chars().take(TEXT - 1).collect();
        out.push('…');
    }
    out
}

/// The last lines of a text that are not blank.
#[must_use]
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_and_long_texts_are_cut() {
        let plain = "no key could decrypt secret (password)";
        assert_eq!(excerpt(plain), plain);
        let ciphertext = "AgBy".repeat(256);
        assert_eq!(
            excerpt(&format!("illegal value {ciphertext} at 7\n")),
            "illegal value AgByAgByAgByAgByAgByAgBy… (1024 characters) at 7\n"
        );
        let long = excerpt(&"word ".repeat(1000));
        assert!(long.chars().count() == TEXT && long.ends_with('…'));
    }

    #[test]
    fn the_last_lines_skip_blank_ones() {
        assert_eq!(last_lines("a\n\nb \n\nc\n\n", 2), "b\nc");
        assert_eq!(last_lines("", 2), "");
    }
}
