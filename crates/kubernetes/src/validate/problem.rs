//! Parses kubeconform's validation messages into problems with paths.
//!
//! kubeconform's `validationErrors` list only the outermost errors, so the message itself is parsed: one entry per error,
//! nested where a schema has references or alternatives. Quoted text is skipped, since it may contain anything. An
//! unknown wording is kept as it is.
//!
//! [`super::kubeconform`] is the only caller; `tests/integration/validate.rs` compares the wording with that of the pinned
//! kubeconform.
//!
//! Pure.

use super::pointer;

/// A schema violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path of the node.
    pub at: Vec<String>,
    /// The kind of violation.
    pub what: What,
}

/// The kinds of violations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Unknown fields.
    Unknown(Vec<String>),
    /// Missing required fields.
    Missing(Vec<String>),
    /// A wrong type; the allowed types.
    Type(Vec<String>),
    /// A value that is not in the enum; the allowed values.
    Value(Vec<String>),
    /// A string that does not match a regular expression.
    Pattern(String),
    /// A string of the wrong format; the name of the format.
    Format(String),
    /// A value out of bounds; the schema keyword and the bound.
    Bound(String, String),
    /// A value that matches none or too many of several subschemas; the errors of each.
    Alternatives(Vec<String>),
    /// Any other error, in kubeconform's words.
    Other(String),
}

/// An entry of a message.
struct Entry {
    depth: usize,
    at: Vec<String>,
    text: String,
}

/// Parses a message.
#[must_use]
pub fn parse(message: &str) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut within: Option<usize> = None;
    for Entry { depth, at, text } in entries(message) {
        if let Some(outer) = within {
            if depth > outer {
                // The errors of the subschemas belong to the problem reported for all of them.
                if let Some(Problem { what: What::Alternatives(notes), .. }) = problems.last_mut() {
                    let path = pointer::path(&at);
                    notes.push(if path.is_empty() { text } else { format!("{path}: {text}") });
                }
                continue;
            }
            within = None;
        }
        // Headings of the entries that follow.
        if text == "validation failed" || text == "'allOf' failed" {
            continue;
        }
        let what = what(&text);
        if matches!(what, What::Alternatives(_)) {
            within = Some(depth);
        }
        let problem = Problem { at, what };
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    problems
}

fn what(text: &str) -> What {
    let quoted = || all_quoted(text);
    if text.starts_with("additional properties ") && text.ends_with(" not allowed") {
        return What::Unknown(quoted());
    }
    if text.starts_with("missing propert") {
        return What::Missing(quoted());
    }
    if let Some((_, want)) = text.strip_prefix("got ").and_then(|rest| rest.split_once(", want ")) {
        return What::Type(want.split(" or ").map(str::to_owned).collect());
    }
    if text.starts_with("value must be ") {
        return What::Value(quoted());
    }
    if text.starts_with('\'')
        && let Some((_, end)) = unquote(text)
    {
        let rest = &text[end..];
        if let Some((pattern, _)) = rest.strip_prefix(" does not match pattern ").and_then(unquote) {
            return What::Pattern(pattern);
        }
        if let Some(format) = rest.strip_prefix(" is not valid ") {
            return What::Format(format.split(':').next().unwrap_or_default().to_owned());
        }
        if rest.starts_with(" failed") {
            return What::Alternatives(Vec::new());
        }
    }
    if let Some((keyword, rest)) = text.split_once(": got ")
        && let Some((_, want)) = rest.split_once(", want ")
    {
        return What::Bound(keyword.to_owned(), want.replace(',', ""));
    }
    What::Other(text.to_owned())
}

/// The entries of a message: `- at '<pointer>': <text>`, indented by their depth.
fn entries(message: &str) -> Vec<Entry> {
    const MARK: &str = "- at '";
    let mut starts = Vec::new();
    let mut at = 0;
    while at < message.len() {
        let rest = &message[at..];
        if rest.starts_with(MARK) {
            starts.push(at);
            at += MARK.len() - 1;
        } else if rest.starts_with('\'')
            && let Some((_, end)) = unquote(rest)
        {
            at += end;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    let mut found = Vec::new();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(message.len());
        let body = &message[start + MARK.len() - 1..end];
        let Some((pointer, length)) = unquote(body) else { continue };
        let text = body[length..].trim_start_matches(':').trim().to_owned();
        let before = &message[..*start];
        let depth = before.len() - before.trim_end_matches(' ').len();
        found.push(Entry { depth, at: pointer::steps(&pointer), text });
    }
    found
}

/// All quoted strings in a text.
fn all_quoted(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('\'') {
        let Some((word, end)) = unquote(&rest[start..]) else { break };
        found.push(word);
        rest = &rest[start + end..];
    }
    found
}

/// The quoted string at the start of a text and its length with quotes. It uses Go's string escapes in single quotes.
fn unquote(text: &str) -> Option<(String, usize)> {
    let mut chars = text.char_indices();
    if chars.next()?.1 != '\'' {
        return None;
    }
    let mut word = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Some((word, at + 1)),
            '\\' => {
                let (_, escaped) = chars.next()?;
                let digits = match escaped {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                if digits > 0 {
                    let code: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                    word.push(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'));
                } else {
                    word.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'a' => '\u{7}',
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'v' => '\u{b}',
                        other => other,
                    });
                }
            }
            c => word.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str =
        "problem validating schema. Check JSON formatting: jsonschema validation failed with 'file:///x.json#' ";

    fn read(text: &str) -> Vec<(String, What)> {
        parse(&format!("{BEGIN}{text}")).into_iter().map(|problem| (pointer::path(&problem.at), problem.what)).collect()
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn each_entry_is_a_problem() {
        let text = "- at '/spec': validation failed   - at '/spec': additional properties 'a', 'b' not allowed   \
                    - at '/spec/x~1y/0': got number, want null or string - at '': missing property 'data'";
        assert_eq!(
            read(text),
            [
                ("spec".to_owned(), What::Unknown(words(&["a", "b"]))),
                ("spec[x/y][0]".to_owned(), What::Type(words(&["null", "string"]))),
                (String::new(), What::Missing(words(&["data"]))),
            ]
        );
    }

    #[test]
    fn entries_inside_quotes_are_ignored() {
        let text = r"- at '/a': ' - at \'/b\': \u00e9 got number, want string' does not match pattern '^a\\.b$'";
        assert_eq!(read(text), [("a".to_owned(), What::Pattern(r"^a\.b$".to_owned()))]);
    }

    #[test]
    fn errors_of_subschemas_are_one_problem() {
        let text = "- at '/a': 'oneOf' failed, none matched   - at '/a': got string, want object   \
                    - at '/a/b': got string, want integer - at '/c': maximum: got 3,000, want 2,147";
        let notes = words(&["a: got string, want object", "a.b: got string, want integer"]);
        assert_eq!(
            read(text),
            [
                ("a".to_owned(), What::Alternatives(notes)),
                ("c".to_owned(), What::Bound("maximum".to_owned(), "2147".to_owned())),
            ]
        );
    }

    #[test]
    fn unknown_wording_is_kept() {
        assert_eq!(
            read("- at '/a': quite another thing"),
            [("a".to_owned(), What::Other("quite another thing".to_owned()))]
        );
        assert!(parse("nothing of the kind").is_empty());
        assert!(parse("- at 'never ends").is_empty());
    }
}
