//! Manifests in here-documents of shell scripts, whose values the shell expands.

/// What replaces an expansion.
const EXPANDED: &str = "${expanded}";

/// The script with each line of a here-document that the shell expands replaced by its key; the same text if there is none.
#[must_use]
pub(super) fn expanded(script: &str) -> String {
    let mut end: Option<&str> = None;
    let mut out = String::with_capacity(script.len());
    for line in script.split_inclusive('\n') {
        if end.is_some_and(|end| line.trim() == end) {
            end = None;
        } else if end.is_none() {
            end = delimiter(line);
        } else if has_expansion(line) {
            out.push_str(&without_value(line));
            continue;
        }
        out.push_str(line);
    }
    out
}

/// Whether a value of a text that [`expanded`] returned is one that the shell expands, as a whole or in a part.
#[must_use]
pub(super) fn is_expanded(value: &str) -> bool {
    value.contains(EXPANDED)
}

/// The line that ends the here-document that a line starts. The shell expands nothing if it is quoted.
fn delimiter(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("<<")?;
    let rest = rest.strip_prefix('-').unwrap_or(rest).trim_start();
    let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    Some(&rest[..length]).filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

/// Whether a line contains `$NAME`, `${NAME}`, `$(command)`, or a command in backquotes.
fn has_expansion(line: &str) -> bool {
    let starts = |at: usize| {
        let next = line[at + 1..].chars().next();
        next.is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, '_' | '{' | '('))
    };
    line.match_indices('$').any(|(at, _)| starts(at) && !line[..at].ends_with('\\')) || line.matches('`').count() > 1
}

fn without_value(line: &str) -> String {
    let kept = line.find(": ").map_or(line.len() - line.trim_start().len(), |colon| colon + 2);
    format!("{}{EXPANDED}\n", &line[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_the_shell_expands_are_replaced() {
        let script = "echo $A\nkubectl apply -f - << EOF\nkind: Secret\n  a: \"$A\"\n  b: x${B}\n  c: $( base64 )\n  d: $1\n\
                      \x20   $E\nEOF\necho $F\n";
        let expected = script
            .replace("\"$A\"", EXPANDED)
            .replace("x${B}", EXPANDED)
            .replace("$( base64 )", EXPANDED)
            .replace("$E", EXPANDED);
        assert_eq!(expanded(script), expected);
    }

    #[test]
    fn other_texts_remain() {
        for text in ["a: $A\n", "cat <<'EOF'\na: $A\nEOF\n", "cat <<EOF\na: \\$A\nb: pa$\nEOF\n", "a << 2\nb: $C\n"] {
            assert_eq!(expanded(text), text);
        }
    }
}
