//! What has to come of a command.
//!
//! Pure. Deliberately absent: running it.

use std::path::Path;

use super::step::exists;
use diagnostics::Diagnostics;
use document::{Fields, Syntax};

/// What has to come of a command, and what is kept of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// Its exit code; 0 when absent.
    pub exit: Option<u64>,
    /// Texts that have to be in what it writes.
    pub contains: Vec<String>,
    /// Texts that must not be in it.
    pub lacks: Vec<String>,
    /// What its standard output has to be, to the byte.
    pub equals: Option<String>,
    /// A file beside the scenario that its standard output has to equal, to the byte.
    pub file: Option<String>,
    /// A line that ends it: it is followed until one contains this.
    pub until: Option<String>,
    /// The variable that its standard output is kept in, without the line break at its end.
    pub save: Option<String>,
    /// What a line begins with that is told beside the step's result.
    pub tell: Option<String>,
}

/// What a command left.
#[derive(Debug, Clone, Default)]
pub struct Left {
    /// Its exit code.
    pub exit: Option<i32>,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: String,
}

impl Expect {
    pub(super) fn read(fields: &mut Fields<'_>, folder: &Path, diagnostics: &mut Diagnostics) -> Self {
        let (save, tell) = (fields.string("save"), fields.string("tell"));
        let mut expect = Self { save, tell, ..Self::default() };
        let Some(node) = fields.node("expect") else { return expect };
        let mut inner = Fields::new(node, &fields.path_of("expect"), Syntax::Scenario);
        expect.exit = inner.count("exit");
        let texts = |texts: Vec<(String, _)>| texts.into_iter().map(|(text, _)| text).collect();
        expect.contains = texts(inner.strings("contains"));
        expect.lacks = texts(inner.strings("lacks"));
        expect.equals = inner.string("equals");
        expect.file = inner.string("file");
        expect.until = inner.string("until");
        if let Some(file) = &expect.file {
            exists(&mut inner, "file", file, folder);
        }
        inner.finish(diagnostics);
        expect
    }

    /// What is not as it has to be; nothing when all is. `file` is the content of [`Self::file`].
    #[must_use]
    pub fn judge(&self, left: &Left, file: Option<&[u8]>) -> Option<String> {
        let text = format!("{}{}", String::from_utf8_lossy(&left.stdout), left.stderr);
        let said = words(&text);
        for needed in &self.contains {
            if !text.contains(needed.as_str()) {
                return Some(format!("{} was expected; {said}", quoted(needed)));
            }
        }
        for unwanted in &self.lacks {
            if text.contains(unwanted.as_str()) {
                return Some(format!("{} was not expected; {said}", quoted(unwanted)));
            }
        }
        let wanted = i32::try_from(self.exit.unwrap_or_default()).ok();
        if left.exit != wanted {
            let code = left.exit.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
            // 128 and the number of the signal: KILL, which the kernel sends where memory runs out.
            let code = if left.exit == Some(137) { format!("{code} (killed, as for too much memory)") } else { code };
            let expected =
                self.exit.filter(|code| *code > 0).map_or(String::new(), |code| format!(", expected {code}"));
            return Some(format!("it ended with {code}{expected}; {said}"));
        }
        let equal = self.equals.as_ref().map(String::as_bytes).or(file);
        equal.and_then(|expected| differs(expected, &left.stdout))
    }
}

/// A text in backticks; of several lines, the first two.
fn quoted(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    if lines.len() > 2 { format!("`{}…`", lines[..2].join(" / ")) } else { format!("`{text}`") }
}

/// What a command said, as a part of a sentence.
#[must_use]
pub fn words(text: &str) -> String {
    match said(text) {
        said if said.is_empty() => "it said nothing".to_owned(),
        said => format!("it said: {said}"),
    }
}

/// The end of what a command wrote, on one line.
#[must_use]
pub fn said(text: &str) -> String {
    const LINES: usize = 4;
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("command terminated with exit code"))
        .collect();
    lines[lines.len().saturating_sub(LINES)..].join(" / ")
}

/// Where bytes differ from those that were expected.
fn differs(expected: &[u8], found: &[u8]) -> Option<String> {
    if expected == found {
        return None;
    }
    let at = expected.iter().zip(found).take_while(|(left, right)| left == right).count();
    let line = expected[..at].split(|byte| *byte == b'\n').count();
    let show = |bytes: &[u8]| {
        let start = at.min(bytes.len());
        let rest = &bytes[start..bytes.len().min(start + 40)];
        if rest.is_empty() { "the end".to_owned() } else { format!("{:?}", String::from_utf8_lossy(rest)) }
    };
    Some(format!(
        "{} bytes were expected and {} came; they differ in line {line}: expected {}, found {}",
        expected.len(),
        found.len(),
        show(expected),
        show(found)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(exit: i32, stdout: &str, stderr: &str) -> Left {
        Left { exit: Some(exit), stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn exit_code_and_texts_are_judged() {
        let plain = Expect::default();
        assert_eq!(plain.judge(&left(0, "", ""), None), None);
        assert_eq!(
            plain.judge(&left(1, "a\n", "refused\n"), None).as_deref(),
            Some("it ended with exit code 1; it said: a / refused")
        );
        let refusal = Expect { exit: Some(1), contains: vec!["554".to_owned()], ..Expect::default() };
        assert_eq!(refusal.judge(&left(1, "", "554 no\n"), None), None);
        assert_eq!(
            refusal.judge(&left(1, "", "250 ok\n"), None).as_deref(),
            Some("`554` was expected; it said: 250 ok")
        );
        assert_eq!(
            refusal.judge(&left(0, "554", ""), None).as_deref(),
            Some("it ended with exit code 0, expected 1; it said: 554")
        );
        let lacks = Expect { lacks: vec!["x".to_owned()], ..Expect::default() };
        let long = Expect { lacks: vec!["a\nb\nc".to_owned()], ..Expect::default() };
        let told = long.judge(&left(0, "a\nb\nc\n", ""), None);
        assert_eq!(told.as_deref(), Some("`a / b…` was not expected; it said: a / b / c"));
        let killed = plain.judge(&left(137, "", ""), None);
        let expected = "it ended with exit code 137 (killed, as for too much memory); it said nothing";
        assert_eq!(killed.as_deref(), Some(expected));
        assert_eq!(lacks.judge(&left(0, "x", ""), None).as_deref(), Some("`x` was not expected; it said: x"));
    }

    #[test]
    fn bytes_are_compared_to_the_last() {
        let exact = Expect { equals: Some("one\ntwo\n".to_owned()), ..Expect::default() };
        assert_eq!(exact.judge(&left(0, "one\ntwo\n", ""), None), None);
        assert_eq!(
            exact.judge(&left(0, "one\ntwO\n", ""), None).as_deref(),
            Some("8 bytes were expected and 8 came; they differ in line 2: expected \"o\\n\", found \"O\\n\"")
        );
        let file = Expect { file: Some("x".to_owned()), ..Expect::default() };
        assert!(
            file.judge(&left(0, "a", ""), Some(b"ab"))
                .is_some_and(|told| told.ends_with("expected \"b\", found the end"))
        );
    }
}
