//! Substitution of `$ARGOCD_APP_*` in parameters and file names, like Go's `os.Expand`, with `$$` for `$`.
//!
//! An unknown variable is replaced with nothing. Variables of this process's environment are not substituted.

use std::collections::BTreeMap;

/// The variables and their values.
pub type Variables = BTreeMap<&'static str, String>;

/// Replaces every `$name` and `${name}` in a text.
#[must_use]
pub fn expand(text: &str, variables: &Variables) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        // A `$` at the end of the text is literal.
        if at + 1 == rest.len() {
            break;
        }
        out.push_str(&rest[..at]);
        let (name, length) = name(&rest[at + 1..]);
        match name {
            "$" => out.push('$'),
            // Go removes `${}` and an unterminated `${`. A `$` that no name follows is literal.
            "" if length == 0 => out.push('$'),
            name => out.push_str(variables.get(name).map_or("", String::as_str)),
        }
        rest = &rest[at + 1 + length..];
    }
    out.push_str(rest);
    out
}

/// Whether a text contains a variable whose name starts with a prefix.
#[must_use]
pub fn mentions(text: &str, prefix: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (name, length) = name(&rest[at + 1..]);
        if name.starts_with(prefix) {
            return true;
        }
        rest = &rest[(at + 1 + length).min(rest.len())..];
    }
    false
}

/// The name after a `$` and its length in bytes, like Go's `getShellName`.
fn name(text: &str) -> (&str, usize) {
    let Some(first) = text.bytes().next() else { return ("", 0) };
    let special = |byte: u8| matches!(byte, b'*' | b'#' | b'$' | b'@' | b'!' | b'?' | b'-' | b'0'..=b'9');
    if first == b'{' {
        let bytes = text.as_bytes();
        if bytes.len() > 2 && special(bytes[1]) && bytes[2] == b'}' {
            return (&text[1..2], 3);
        }
        return match text.find('}') {
            Some(1) => ("", 2),
            Some(end) => (&text[1..end], end + 1),
            None => ("", 1),
        };
    }
    if special(first) {
        return (&text[..1], 1);
    }
    let end = text.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_')).unwrap_or(text.len());
    (&text[..end], end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_like_go() {
        let variables: Variables = [("ARGOCD_APP_NAME", "web".to_owned())].into_iter().collect();
        let table = [
            ("$ARGOCD_APP_NAME", "web"),
            ("a-${ARGOCD_APP_NAME}-b", "a-web-b"),
            ("$ARGOCD_APP_NAME.yaml", "web.yaml"),
            ("$ARGOCD_APP_NAMEX", ""),
            ("$$ARGOCD_APP_NAME", "$ARGOCD_APP_NAME"),
            ("$1x", "x"),
            ("${}x", "x"),
            ("${", ""),
            ("${ARGOCD", "ARGOCD"),
            ("${$}", "$"),
            ("a$", "a$"),
            ("$ ", "$ "),
            ("$.x", "$.x"),
            ("$é", "$é"),
            ("plain", "plain"),
        ];
        for (text, expected) in table {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }

    #[test]
    fn finds_mentioned_variables() {
        assert!(mentions("x-${ARGOCD_APP_REVISION_SHORT}", "ARGOCD_APP_REVISION"));
        assert!(!mentions("x-$$ARGOCD_APP_REVISION", "ARGOCD_APP_REVISION"));
    }
}
