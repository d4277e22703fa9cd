//! Splits the text of many documents, without parsing YAML.

use diagnostics::Source;
use document::yaml;

/// A document of Helm's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The template that rendered it; empty if there is no `# Source:` line.
    pub template: String,
    /// The text without the separator and without blank lines at both ends, ending with one line break.
    pub text: String,
}

/// Splits Helm's output into documents at lines that start with `---`.
///
/// Blank documents are dropped. A document without a `# Source:` line, such as the second document of a file in crds/,
/// belongs to the template of the previous one.
pub fn split(text: &str) -> std::result::Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut template = String::new();
    let mut start = 0;
    let mut position = 0;
    let mut finish = |range: std::ops::Range<usize>| {
        let body = &text[range];
        if let Some(source) = body.trim_start().strip_prefix("# Source: ") {
            source.lines().next().unwrap_or_default().trim_end().clone_into(&mut template);
        }
        let trimmed = trim(body);
        if !trimmed.trim().is_empty() {
            pieces.push(Piece { template: template.clone(), text: trimmed });
        }
    };
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                finish(start..position);
                let line = line.trim_end();
                return Err(format!(
                    "template `{template}` rendered `{line}`, which is not a valid document separator"
                ));
            }
            finish(start..position);
            start = position + line.len();
        }
        position += line.len();
    }
    finish(start..text.len());
    Ok(pieces)
}

/// Removes blank lines at both ends of a document. Trailing blank lines that belong to a block scalar (`|+`) are kept, and
/// so is trailing white space on the last line.
fn trim(body: &str) -> String {
    let mut body = body;
    // Line by line, since removing a lone carriage return before `---` would turn that line into a separator.
    while let Some(rest) = body.strip_prefix("\r\n").or_else(|| body.strip_prefix('\n')) {
        body = rest;
    }
    let trimmed = format!("{}\n", body.trim_end_matches(['\n', '\r']));
    if body.len() > trimmed.len() && keeps_line_breaks(body) {
        let meaning = |text: &str| {
            yaml::parse_one(&Source::new("", text)).map(|document| document.root.to_json()).unwrap_or_default()
        };
        if meaning(body) != meaning(&trimmed) {
            return body.to_owned();
        }
    }
    trimmed
}

/// Whether a text may contain a block scalar that keeps trailing line breaks: `|+`, `>+`, or either with an indentation.
fn keeps_line_breaks(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| {
        let rest = &bytes[at + 1..];
        matches!(byte, b'|' | b'>')
            && (rest.first() == Some(&b'+')
                || rest.first().is_some_and(u8::is_ascii_digit) && rest.get(1) == Some(&b'+'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(output: &str) -> Vec<String> {
        split(output).expect("splits").into_iter().map(|piece| format!("{}|{}", piece.template, piece.text)).collect()
    }

    #[test]
    fn splits_at_separators_and_keeps_the_source() {
        assert_eq!(
            texts("---\n# Source: a/t/x.yaml\nkind: A\n\n---\n# Source: a/t/y.yaml\nkind: B\n--- # note\nkind: C\n"),
            [
                "a/t/x.yaml|# Source: a/t/x.yaml\nkind: A\n",
                "a/t/y.yaml|# Source: a/t/y.yaml\nkind: B\n",
                "a/t/y.yaml|kind: C\n"
            ]
        );
    }

    #[test]
    fn a_separator_with_text_is_rejected() {
        assert!(split("---\na: 1\n--- b: 2\n").is_err());
        assert_eq!(texts("a: |\n  ---\n  b\n"), ["|a: |\n  ---\n  b\n"]);
    }

    #[test]
    fn blank_lines_of_block_scalars_are_kept() {
        assert_eq!(texts("---\na: |+\n  x\n\n---\nb: |\n  x\n\n"), ["|a: |+\n  x\n\n", "|b: |\n  x\n"]);
    }
}
