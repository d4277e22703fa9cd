//! The patterns of Go's `path.Match`, which Helm and Argo CD use: `*`, `?`, `[a-c]`, `[^a]`, and `\x`.
//!
//! `*` and `?` do not match `/`. Matching takes time in proportion to the lengths of the pattern and of the text.

/// A valid pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// The literal text at its beginning and at its end, by which most texts are excluded at once.
    start: String,
    end: String,
    /// What is between them.
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(char),
    /// A character other than `/`.
    One,
    /// Any number of characters other than `/`.
    Some,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

impl PathPattern {
    /// Parses a pattern; `None` where Go returns `ErrBadPattern`.
    #[must_use]
    pub fn parse(pattern: &str) -> Option<Self> {
        let mut characters = pattern.chars().peekable();
        let mut parts = Vec::new();
        while let Some(c) = characters.next() {
            parts.push(match c {
                '*' => Part::Some,
                '?' => Part::One,
                '\\' => Part::Literal(characters.next()?),
                '[' => class(&mut characters)?,
                c => Part::Literal(c),
            });
        }
        let literal = |part: &Part| if let Part::Literal(c) = part { Some(*c) } else { None };
        let start: String = parts.iter().map_while(literal).collect();
        let end: String = parts.iter().rev().map_while(literal).collect();
        let count = start.chars().count();
        if count == parts.len() {
            return Some(Self { start, end: String::new(), parts: Vec::new() });
        }
        parts.drain(..count);
        parts.truncate(parts.len() - end.chars().count());
        Some(Self { start, end: end.chars().rev().collect(), parts })
    }

    /// Whether the pattern matches a whole text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let inner = text.strip_prefix(self.start.as_str()).and_then(|text| text.strip_suffix(self.end.as_str()));
        let Some(text) = inner else { return false };
        if self.parts.is_empty() || text.is_empty() {
            return text.is_empty() && self.parts.iter().all(|part| *part == Part::Some);
        }
        let text: Vec<char> = text.chars().collect();
        // Whether the parts so far match the text up to each position.
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for part in &self.parts {
            let mut next = vec![false; text.len() + 1];
            if *part == Part::Some {
                let mut reachable = false;
                for at in 0..=text.len() {
                    reachable |= reached[at];
                    next[at] = reachable;
                    reachable &= text.get(at) != Some(&'/');
                }
            } else {
                for (at, c) in text.iter().enumerate() {
                    next[at + 1] = reached[at] && part.matches(*c);
                }
            }
            reached = next;
        }
        reached[text.len()]
    }
}

impl Part {
    fn matches(&self, c: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == c,
            Self::One | Self::Some => c != '/',
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

/// Parses a class after its opening bracket.
fn class(characters: &mut Characters<'_>) -> Option<Part> {
    let negated = characters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    while ranges.is_empty() || characters.next_if_eq(&']').is_none() {
        let low = bound(characters)?;
        let high = if characters.next_if_eq(&'-').is_some() { bound(characters)? } else { low };
        ranges.push((low, high));
    }
    Some(Part::Class { negated, ranges })
}

/// Parses one end of a range in brackets.
fn bound(characters: &mut Characters<'_>) -> Option<char> {
    match characters.next()? {
        '-' | ']' => None,
        '\\' => characters.next(),
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        // Each row is what Go's `path.Match` returns.
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a/b", false),
            ("a[^b]c", "a/c", true),
            ("a*b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[\\-x]", "-", true),
            ("*x", "xxx", true),
            ("", "", true),
            ("", "a", false),
            ("aba*aba", "aba", false),
            ("aba*aba", "abaaba", true),
            ("a*?b", "ab", false),
            ("a*?b", "axb", true),
            ("ä*ü", "äöü", true),
            ("**", "", true),
            ("?", "", false),
        ] {
            assert_eq!(PathPattern::parse(pattern).expect("valid").matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn invalid_patterns_are_rejected() {
        for pattern in ["[]a]", "[-]", "[x-]", "[-x]", "[", "[^", "[^bc", "a[", "[a-b-c]", "a\\"] {
            assert_eq!(PathPattern::parse(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = PathPattern::parse(&"*a".repeat(200)).expect("valid");
        assert!(!pattern.matches(&"a".repeat(199)));
    }
}
