//! Brackets and quotation marks in expressions of Prometheus.

/// Where brackets or quotation marks do not match, and which.
pub(super) fn unbalanced(text: &str) -> Option<(usize, String)> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' | '\'' | '`' => loop {
                match chars.next() {
                    None => return Some((at, format!("`{c}` without an end"))),
                    Some((_, '\\')) if c != '`' => drop(chars.next()),
                    Some((_, end)) if end == c => break,
                    Some(_) => {}
                }
            },
            '#' => {
                let _ = chars.find(|(_, c)| *c == '\n');
            }
            '(' | '[' | '{' => open.push((at, c)),
            ')' | ']' | '}' => {
                let opening = match c {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                match open.pop() {
                    Some((_, last)) if last == opening => {}
                    Some((_, last)) => return Some((at, format!("`{c}` does not close `{last}`"))),
                    None => return Some((at, format!("`{c}` without a `{opening}`"))),
                }
            }
            _ => {}
        }
    }
    open.pop().map(|(at, c)| (at, format!("`{c}` is not closed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_quotes_match() {
        for text in ["sum(x{a=\"(\"}) > 1", "rate(x[5m]) # (", "x{a=~'\\'['}", "x{a=`\\`}"] {
            assert_eq!(unbalanced(text), None, "{text}");
        }
        for text in ["sum(x", "x)", "x{a=\"b}", "rate(x[5m)]"] {
            assert!(unbalanced(text).is_some(), "{text}");
        }
    }
}
