//! Patterns of paths with `*`, `?`, `[a-c]`, `[^a]`, and `\x`: those of Go's `path.Match`, which Helm and Argo CD use, and
//! those of Git's pathspecs.
//!
//! Matching takes time in proportion to the lengths of the pattern and of the text.

/// A valid pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// The literal text at its beginning and at its end, by which most texts are excluded at once.
    start: String,
    end: String,
    /// What is between them.
    parts: Vec<Part>,
    rules: Rules,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(char),
    One,
    /// Any number of characters.
    Some,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Whose rules a pattern follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// `*` and `?` do not match `/`.
    Go,
    /// `*` and `?` match `/`, too. A class may begin with `!` instead of `^`, and with `]`.
    Git,
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

impl PathPattern {
    /// Parses a pattern of Go; `None` where Go returns `ErrBadPattern`.
    #[must_use]
    pub fn parse(pattern: &str) -> Option<Self> {
        Self::with(pattern, Rules::Go)
    }

    /// Parses a pattern of Git; `None` if it is malformed.
    #[must_use]
    pub fn parse_pathspec(pattern: &str) -> Option<Self> {
        Self::with(pattern, Rules::Git)
    }

    fn with(pattern: &str, rules: Rules) -> Option<Self> {
        let mut characters = pattern.chars().peekable();
        let mut parts = Vec::new();
        while let Some(c) = characters.next() {
            parts.push(match c {
                '*' => Part::Some,
                '?' => Part::One,
                '\\' => Part::Literal(characters.next()?),
                '[' if rules == Rules::Go => class(&mut characters)?,
                '[' => git_class(&mut characters)?,
                c => Part::Literal(c),
            });
        }
        let literal = |part: &Part| if let Part::Literal(c) = part { Some(*c) } else { None };
        let start: String = parts.iter().map_while(literal).collect();
        let end: String = parts.iter().rev().map_while(literal).collect();
        let count = start.chars().count();
        if count == parts.len() {
            return Some(Self { start, end: String::new(), parts: Vec::new(), rules });
        }
        parts.drain(..count);
        parts.truncate(parts.len() - end.chars().count());
        Some(Self { start, end: end.chars().rev().collect(), parts, rules })
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
                    reachable &= text.get(at).is_none_or(|c| self.is_wild(*c));
                }
            } else {
                for (at, c) in text.iter().enumerate() {
                    next[at + 1] = reached[at] && self.fits(part, *c);
                }
            }
            reached = next;
        }
        reached[text.len()]
    }

    /// Whether a part that stands for one character can be this one.
    fn fits(&self, part: &Part, c: char) -> bool {
        match part {
            Part::Literal(literal) => *literal == c,
            Part::One | Part::Some => self.is_wild(c),
            Part::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }

    /// Whether `?` matches a character.
    fn is_wild(&self, c: char) -> bool {
        self.rules == Rules::Git || c != '/'
    }
}

/// Parses a class of Go after its opening bracket.
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

/// Parses a class of Git after its opening bracket. `-` in front of the closing bracket is an ordinary character.
fn git_class(characters: &mut Characters<'_>) -> Option<Part> {
    let negated = characters.next_if(|c| matches!(c, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    loop {
        let first = characters.next()?;
        if first == ']' && !ranges.is_empty() {
            return Some(Part::Class { negated, ranges });
        }
        let low = escaped(first, characters)?;
        let mut ahead = characters.clone();
        let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
        let high = if is_range {
            characters.next();
            let last = characters.next()?;
            escaped(last, characters)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

/// The character that `c` stands for: the next one after a backslash.
fn escaped(c: char, characters: &mut Characters<'_>) -> Option<char> {
    if c == '\\' { characters.next() } else { Some(c) }
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
    fn patterns_match_as_in_git() {
        // Each row is whether `git ls-files` lists the path.
        for (pattern, text, expected) in [
            ("a*", "ab/c", true),
            ("a*/b", "a/c/b", true),
            ("a?b", "a/b", true),
            ("**/b", "b", false),
            ("**/b", "a/b", true),
            ("[!a]", "b", true),
            ("[^a]", "a", false),
            ("[]a]", "]", true),
            ("[a-]", "-", true),
            ("[a-c]", "b", true),
            ("[\\]]", "]", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
        ] {
            assert_eq!(
                PathPattern::parse_pathspec(pattern).expect("valid").matches(text),
                expected,
                "{pattern} {text}"
            );
        }
        assert_eq!(PathPattern::parse_pathspec("[a"), None);
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
