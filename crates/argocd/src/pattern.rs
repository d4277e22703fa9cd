//! The two pattern languages of an AppProject.
//!
//! [`Glob`] is for repositories, clusters, and namespaces, and [`matches_kind`] for API groups, kinds, and names. The
//! tables in the tests were generated with the libraries of Argo CD 3.5. A bug of its glob library is not reproduced: it
//! does not match some texts if a `*` inside `{…}` is followed by text.

use toolbox::path_match::PathPattern;

/// A glob with `*`, `?`, `**`, `[abc]`, `[!abc]`, `[a-c]`, `{a,b}`, and `\x`. `*` and `?` do not match a separator.
#[derive(Debug)]
pub struct Glob {
    /// The pattern for each combination of `{…}` alternatives.
    alternatives: Vec<Vec<Part>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(char),
    /// A character other than a separator.
    One,
    /// Any number of characters other than separators.
    Some,
    /// Any number of characters.
    Any,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Parses a pattern; `None` if it is invalid.
    #[must_use]
    pub fn parse(pattern: &str) -> Option<Self> {
        let mut characters = pattern.chars().peekable();
        Some(Self { alternatives: sequence(&mut characters, 0)? })
    }

    /// Whether the pattern matches a whole text.
    #[must_use]
    pub fn matches(&self, text: &str, separator: Option<char>) -> bool {
        let text: Vec<char> = text.chars().collect();
        self.alternatives.iter().any(|parts| fits(parts, &text, separator))
    }
}

/// The limit of combinations of `{…}` alternatives.
const MAX_ALTERNATIVES: usize = 4096;

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Parses a pattern up to its end or, inside braces, up to a comma or the closing brace.
fn sequence(characters: &mut Characters<'_>, depth: usize) -> Option<Vec<Vec<Part>>> {
    let mut found: Vec<Vec<Part>> = vec![Vec::new()];
    loop {
        let part = match characters.peek().copied() {
            None => return Some(found),
            Some(',' | '}') if depth > 0 => return Some(found),
            Some('{') => {
                let mut choices = Vec::new();
                loop {
                    // A brace or a comma. An unclosed brace ends with the pattern.
                    let opened = characters.next();
                    if matches!(opened, None | Some('}')) {
                        break;
                    }
                    choices.extend(sequence(characters, depth + 1)?);
                }
                if found.len() * choices.len() > MAX_ALTERNATIVES {
                    return None;
                }
                found = found
                    .iter()
                    .flat_map(|before| choices.iter().map(|choice| [before.as_slice(), choice].concat()))
                    .collect();
                continue;
            }
            Some(c) => {
                characters.next();
                match c {
                    '*' if characters.next_if_eq(&'*').is_some() => Part::Any,
                    '*' => Part::Some,
                    '?' => Part::One,
                    '[' => class(characters)?,
                    // A trailing backslash is ignored.
                    '\\' => match characters.next() {
                        Some(c) => Part::Literal(c),
                        None => return Some(found),
                    },
                    c => Part::Literal(c),
                }
            }
        };
        for parts in &mut found {
            parts.push(part.clone());
        }
    }
}

/// Parses a bracket expression: either a range or a list of characters.
fn class(characters: &mut Characters<'_>) -> Option<Part> {
    let negated = characters.next_if_eq(&'!').is_some();
    let mut ahead = characters.clone();
    let low = ahead.next()?;
    if ahead.next() == Some('-') {
        let high = ahead.next()?;
        let closed = ahead.next()? == ']';
        *characters = ahead;
        return (closed && low <= high).then(|| Part::Class { negated, ranges: vec![(low, high)] });
    }
    let mut ranges = Vec::new();
    loop {
        let c = match characters.next()? {
            ']' => break,
            '\\' => characters.next()?,
            c => c,
        };
        ranges.push((c, c));
    }
    (!ranges.is_empty()).then_some(Part::Class { negated, ranges })
}

/// Whether parts match a whole text, in time proportional to the lengths of both.
fn fits(parts: &[Part], text: &[char], separator: Option<char>) -> bool {
    let plain = |c: &char| Some(*c) != separator;
    // Whether the parts so far match the text up to each position.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for part in parts {
        let mut next = vec![false; text.len() + 1];
        if matches!(part, Part::Any | Part::Some) {
            let mut reachable = false;
            for at in 0..=text.len() {
                reachable |= reached[at];
                next[at] = reachable;
                reachable &= *part == Part::Any || text.get(at).is_none_or(plain);
            }
        } else {
            for (at, c) in text.iter().enumerate() {
                let fits = match part {
                    Part::Literal(literal) => literal == c,
                    Part::Class { negated, ranges } => within(ranges, *c) != *negated,
                    _ => plain(c),
                };
                next[at + 1] = reached[at] && fits;
            }
        }
        reached = next;
    }
    reached[text.len()]
}

fn within(ranges: &[(char, char)], c: char) -> bool {
    ranges.iter().any(|(low, high)| (*low..=*high).contains(&c))
}

/// Whether a pattern of Go's `path.Match` matches a group, kind, or name. An invalid pattern matches nothing.
#[must_use]
pub fn matches_kind(pattern: &str, text: &str) -> bool {
    PathPattern::parse(pattern).is_some_and(|pattern| pattern.matches(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_like_in_argo_cd() {
        let table = [
            ("*", "abc", false, true),
            ("*", "", false, true),
            ("a*", "abc", false, true),
            ("*c", "abc", false, true),
            ("a*c", "abbc", false, true),
            ("a?c", "abc", false, true),
            ("a?c", "ac", false, false),
            ("team-*", "team-a", false, true),
            ("team-*", "team", false, false),
            ("https://git.example.com/*", "https://git.example.com/a/b", false, true),
            ("https://git.example.com/*", "https://git.example.com/a/b", true, false),
            ("https://git.example.com/*", "https://git.example.com/a", true, true),
            ("https://git.example.com/**", "https://git.example.com/a/b", true, true),
            ("https://git.example.com/*/*", "https://git.example.com/a/b", true, true),
            ("https://**/b", "https://git.example.com/a/b", true, true),
            ("?", "/", true, false),
            ("?", "/", false, true),
            ("[abc]x", "bx", false, true),
            ("[!abc]x", "bx", false, false),
            ("[!abc]x", "dx", false, true),
            ("[a-c]x", "bx", false, true),
            ("[!a-c]x", "dx", false, true),
            ("[a-cx]y", "xy", false, false),
            ("[^a]x", "bx", false, false),
            ("[^a]x", "^x", false, true),
            ("[]x", "x", false, false),
            ("[c-a]x", "bx", false, false),
            ("[a-]x", "ax", false, false),
            ("{a,b}-x", "b-x", false, true),
            ("{a,b}-x", "c-x", false, false),
            ("{a,{b,c}}", "c", false, true),
            ("{a,}x", "x", false, true),
            ("{a", "a", false, true),
            ("a}", "a}", false, true),
            ("a,b", "a,b", false, true),
            ("a\\*", "a*", false, true),
            ("a\\*", "ab", false, false),
            ("\\", "", false, true),
            ("a\\", "a", false, true),
            ("", "", false, true),
            ("", "a", false, false),
            ("prod-[0-9]", "prod-7", false, true),
            ("prod-[0-9]", "prod-x", false, false),
            ("**", "a/b", true, true),
            ("*", "a/b", true, false),
            ("***", "a/b", true, true),
            ("a**b", "a/x/b", true, true),
            ("Team", "team", false, false),
            ("[\\]]x", "]x", false, true),
            ("[-a]x", "-x", false, true),
            ("[/]x", "/x", true, true),
            ("[!a]x", "/x", true, true),
            ("ü*", "üb", false, true),
            ("?", "ü", false, true),
            ("[a", "a", false, false),
        ];
        for (pattern, text, separated, expected) in table {
            let found = Glob::parse(pattern).is_some_and(|glob| glob.matches(text, separated.then_some('/')));
            assert_eq!(found, expected, "{pattern} {text}");
        }
    }

    #[test]
    fn hostile_globs_take_no_time() {
        assert!(Glob::parse(&"{a,b}".repeat(40)).is_none());
        let stars = Glob::parse(&"*a".repeat(200)).expect("valid");
        assert!(!stars.matches(&"a".repeat(199), None));
    }

    #[test]
    fn kinds_match_like_in_argo_cd() {
        let table = [
            ("*", "ClusterRole", true),
            ("*", "", true),
            ("", "", true),
            ("", "apps", false),
            ("ClusterRole*", "ClusterRoleBinding", true),
            ("ClusterRole", "ClusterRoleBinding", false),
            ("*.example.com", "a.example.com", true),
            ("[A-C]*", "ClusterRole", true),
            ("[^A-C]*", "ClusterRole", false),
            ("[!A-C]*", "ClusterRole", true),
            ("[!A-C]*", "!x", true),
            ("a\\*", "a*", true),
            ("[", "[", false),
            ("[a", "a", false),
            ("[]", "]", false),
            ("[a-]", "a", false),
            ("{a,b}", "a", false),
            ("{a,b}", "{a,b}", true),
            ("a?", "ab", true),
            ("*b*", "abc", true),
            ("**", "abc", true),
            ("*", "a/b", false),
            ("[-a]", "-", false),
            ("[a\\-z]", "-", true),
            ("[c-a]", "b", false),
            ("a[", "ab", false),
            ("\\", "\\", false),
            ("system:*", "system:node", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(matches_kind(pattern, text), expected, "{pattern} {text}");
        }
    }
}
