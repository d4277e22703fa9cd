//! Syntax errors in jq expressions: unbalanced brackets and quotes, and unknown functions.

use diagnostics::{Help, did_you_mean, nearest};

/// Why an expression is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The problem.
    pub problem: String,
    /// How to correct it, if that is known.
    pub fix: Option<Help>,
}

/// The functions and keywords of jq.
const WORDS: &[&str] = &[
    "abs",
    "add",
    "all",
    "and",
    "any",
    "arrays",
    "as",
    "ascii",
    "ascii_downcase",
    "ascii_upcase",
    "booleans",
    "bsearch",
    "builtins",
    "capture",
    "catch",
    "ceil",
    "combinations",
    "contains",
    "debug",
    "def",
    "del",
    "delpaths",
    "elif",
    "else",
    "empty",
    "end",
    "endswith",
    "env",
    "error",
    "exp",
    "explode",
    "fabs",
    "false",
    "first",
    "flatten",
    "floor",
    "foreach",
    "from_entries",
    "fromdate",
    "fromjson",
    "getpath",
    "group_by",
    "gsub",
    "halt",
    "has",
    "if",
    "implode",
    "import",
    "in",
    "include",
    "index",
    "indices",
    "infinite",
    "input",
    "inputs",
    "inside",
    "isempty",
    "isinfinite",
    "isnan",
    "isnormal",
    "isvalid",
    "iterables",
    "join",
    "keys",
    "keys_unsorted",
    "label",
    "last",
    "leaf_paths",
    "length",
    "limit",
    "log",
    "log10",
    "log2",
    "ltrim",
    "ltrimstr",
    "map",
    "map_values",
    "match",
    "max",
    "max_by",
    "min",
    "min_by",
    "nan",
    "not",
    "now",
    "nth",
    "null",
    "nulls",
    "numbers",
    "objects",
    "or",
    "path",
    "paths",
    "pick",
    "pow",
    "range",
    "recurse",
    "recurse_down",
    "reduce",
    "repeat",
    "reverse",
    "rindex",
    "round",
    "rtrim",
    "rtrimstr",
    "scalars",
    "scan",
    "select",
    "skip",
    "sort",
    "sort_by",
    "split",
    "splits",
    "sqrt",
    "startswith",
    "strings",
    "sub",
    "test",
    "then",
    "to_entries",
    "toarray",
    "todate",
    "tojson",
    "tonumber",
    "toboolean",
    "tostring",
    "tostream",
    "transpose",
    "trim",
    "trimstr",
    "true",
    "trunc",
    "try",
    "type",
    "unique",
    "unique_by",
    "until",
    "utf8bytelength",
    "values",
    "walk",
    "while",
    "with_entries",
];

/// The fault of an expression, if it certainly has one.
#[must_use]
pub fn fault(text: &str) -> Option<Fault> {
    let fault = |problem: String, fix: Option<Help>| Some(Fault { problem, fix });
    if text.trim().is_empty() {
        return fault("is empty".to_owned(), None);
    }
    let mut open: Vec<char> = Vec::new();
    // Words outside of strings, with what comes before each of them.
    let mut words: Vec<(Option<char>, &str)> = Vec::new();
    let mut before: Option<char> = None;
    let mut objects = false;
    let mut rest = text.char_indices();
    while let Some((at, c)) = rest.next() {
        match c {
            '"' => {
                let mut closed = false;
                while let Some((_, inner)) = rest.next() {
                    match inner {
                        '\\' => drop(rest.next()),
                        '"' => {
                            closed = true;
                            break;
                        }
                        _ => {}
                    }
                }
                if !closed {
                    return fault("a `\"` is not closed".to_owned(), None);
                }
            }
            '#' => break,
            '(' | '[' | '{' => {
                objects |= c == '{';
                open.push(c);
            }
            ')' | ']' | '}' => {
                let opened = open.pop();
                if opened
                    != Some(match c {
                        ')' => '(',
                        ']' => '[',
                        _ => '{',
                    })
                {
                    return fault(
                        match opened {
                            Some(other) => format!("`{other}` is closed by `{c}`"),
                            None => format!("`{c}` closes nothing"),
                        },
                        None,
                    );
                }
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let end = text[at..]
                    .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .map_or(text.len(), |end| at + end);
                words.push((before, &text[at..end]));
                while rest.clone().next().is_some_and(|(next, _)| next < end) {
                    rest.next();
                }
            }
            _ => {}
        }
        before = if c.is_whitespace() {
            before
        } else {
            Some(text[..rest.clone().next().map_or(text.len(), |(next, _)| next)].chars().next_back().unwrap_or(c))
        };
    }
    if let Some(opened) = open.last() {
        return fault(format!("`{opened}` is not closed"), None);
    }
    // Definitions have names of their own, and objects keys.
    if objects || words.iter().any(|(_, word)| *word == "def") {
        return None;
    }
    let unknown = words
        .iter()
        .find(|(before, word)| !matches!(before, Some('.' | '$' | '@' | '0'..='9')) && !WORDS.contains(word))?
        .1;
    if text.trim_start().starts_with(unknown) && text.trim_start()[unknown.len()..].starts_with(['.', '[']) {
        return fault("a path must start with `.`".to_owned(), Some(format!("use `.{}`", text.trim_start()).into()));
    }
    let fix = nearest(unknown, WORDS.iter().copied()).map(did_you_mean);
    // jq has more functions than those that people use.
    fix.is_some().then(|| Fault { problem: format!("jq has no function `{unknown}`"), fix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jq_refuses_is_found() {
        for (text, problem) in [
            (".spec[0", "`[` is not closed"),
            (".a | select(.b == \"c\" | .d", "`(` is not closed"),
            (".a)", "`)` closes nothing"),
            (".a[0)", "`[` is closed by `)`"),
            (".a[\"b]", "a `\"` is not closed"),
            ("spec.replicas", "a path must start with `.`"),
            (".a[] | slect(.b)", "jq has no function `slect`"),
            (" ", "is empty"),
        ] {
            assert_eq!(fault(text).map(|fault| fault.problem).as_deref(), Some(problem), "{text}");
        }
    }

    #[test]
    fn expressions_of_jq_are_sound() {
        for text in [
            ".",
            "..",
            ".spec.template.spec.containers[] | select(.name == \"web\") | .image",
            ".a.\"b)c\"[\"x\\\"y\"]?",
            ".webhooks[]?.clientConfig.caBundle",
            ".spec.endpoints[]?.relabelings[]?.action",
            "del(.a) | {b: .c, d}",
            "def f: .a; f",
            ".a as $x | $x.b",
            ".metadata.annotations | to_entries[] | select(.key | startswith(\"x\")) | .value",
            ".a // empty",
            "(.a, .b)[1:3]",
            ".a | frobnicate",
            "if .a then .b else .c end",
        ] {
            assert_eq!(fault(text), None, "{text}");
        }
    }
}
