//! Jsonnet files: what they import, and the objects in what they evaluate to.
//!
//! Imports are literals, so they are known without evaluating anything. Argo CD evaluates each file of the directory that
//! ends in `.jsonnet` to one object or to an array of objects.

/// The paths that a file imports, as they are written.
#[must_use]
pub fn imports(text: &str) -> Vec<String> {
    let mut imports = Vec::new();
    let mut expected = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, length) = if rest.starts_with("//") || first == '#' {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, rest.find("*/").map_or(rest.len(), |end| end + 2))
        } else if let Some(block) = rest.strip_prefix("|||") {
            (Some(Token::Other), block.find("|||").map_or(rest.len(), |end| end + 6))
        } else if let Some((literal, length)) = literal(rest) {
            (Some(Token::Literal(literal)), length)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let is_import = matches!(&rest[..end], "import" | "importstr" | "importbin");
            (Some(if is_import { Token::Import } else { Token::Other }), end)
        } else {
            ((!first.is_whitespace()).then_some(Token::Other), first.len_utf8())
        };
        rest = &rest[length..];
        let Some(token) = token else { continue };
        let follows = std::mem::replace(&mut expected, matches!(token, Token::Import));
        if let Token::Literal(path) = token
            && follows
        {
            imports.push(path);
        }
    }
    imports
}

enum Token {
    Import,
    Literal(String),
    Other,
}

/// The string literal at the beginning of a text, and its length.
fn literal(text: &str) -> Option<(String, usize)> {
    let verbatim = text.starts_with('@');
    let inner = text.strip_prefix('@').unwrap_or(text);
    let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let start = text.len() - inner.len() + 1;
    let mut content = String::new();
    let mut characters = text[start..].char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c == quote {
            if verbatim && characters.next_if(|(_, next)| *next == quote).is_some() {
                content.push(quote);
                continue;
            }
            return Some((content, start + at + 1));
        }
        match (c, characters.peek()) {
            ('\\', Some((_, next))) if !verbatim => {
                content.push(*next);
                characters.next();
            }
            _ => content.push(c),
        }
    }
    Some((content, text.len()))
}

/// The objects in what a file evaluates to, which is JSON: the texts of its elements if it is an array. `None` if one of
/// them is not an object.
#[must_use]
pub fn objects(output: &str) -> Option<Vec<String>> {
    let output = output.trim();
    let texts = match output.strip_prefix('[') {
        None => vec![format!("{output}\n")],
        Some(rest) => elements(rest.strip_suffix(']')?).into_iter().map(dedented).collect(),
    };
    // Argo CD ignores a null in an array.
    let texts: Vec<String> =
        texts.into_iter().filter(|text| !output.starts_with('[') || text.trim() != "null").collect();
    texts.iter().all(|text| text.starts_with('{')).then_some(texts)
}

/// The elements between the brackets of an array.
fn elements(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut quoted, mut escaped) = (0_usize, 0, false, false);
    let mut found = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    found.retain(|element| !element.trim().is_empty());
    found
}

/// An element without the indentation of the array. Strings in JSON have no line breaks.
fn dedented(element: &str) -> String {
    let text = element.trim_start_matches('\n').trim_end();
    let indent = text.len() - text.trim_start().len();
    text.lines().map(|line| format!("{}\n", line.get(indent..).unwrap_or(line.trim_start()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_literals_after_the_keyword() {
        for (text, expected) in [
            ("local a = import 'a.libsonnet'; a", vec!["a.libsonnet"]),
            ("(import \"x/y.json\") + importstr @'b''c' + importbin 'd'", vec!["x/y.json", "b'c", "d"]),
            ("// import 'no'\n# import 'no'\n/* import 'no' */ import /* yes */ 'e'", vec!["e"]),
            ("{ a: 'import \\'no\\'', import_x: 'no', b: |||\n  import 'no'\n||| }", vec![]),
            ("import 'unclosed", vec!["unclosed"]),
            ("", vec![]),
            ("import", vec![]),
        ] {
            assert_eq!(imports(text), expected, "{text}");
        }
    }

    #[test]
    fn an_array_is_split_into_its_objects() {
        let output =
            "[\n   {\n      \"a\": \"x],{\\\"\"\n   },\n   null,\n   {\n      \"b\": [\n         1\n      ]\n   }\n]\n";
        let first = "{\n   \"a\": \"x],{\\\"\"\n}\n";
        let second = "{\n   \"b\": [\n      1\n   ]\n}\n";
        assert_eq!(objects(output), Some(vec![first.to_owned(), second.to_owned()]));
        assert_eq!(objects("{ }\n"), Some(vec!["{ }\n".to_owned()]));
        assert_eq!(objects("[ ]\n"), Some(vec![]));
        for other in ["\"text\"", "[1]", "[[{}]]", "null", "", "["] {
            assert_eq!(objects(other), None, "{other}");
        }
    }
}
