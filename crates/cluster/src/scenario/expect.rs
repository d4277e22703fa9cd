//! The expected result of a command.
//!
//! Pure. Does not run it: see command.rs.

use std::path::Path;

use diagnostics::Diagnostics;
use diagnostics::excerpt::excerpt;
use document::{Fields, Syntax};

use super::files;

/// The expected result of a command, and what is done with its output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// Its exit code; 0 when absent.
    pub exit: Option<u64>,
    /// Texts that its output has to contain.
    pub contains: Vec<String>,
    /// Texts that its output must not contain.
    pub lacks: Vec<String>,
    /// The exact standard output.
    pub equals: Option<String>,
    /// A file beside the scenario with the exact standard output.
    pub file: Option<String>,
    /// The command is ended when a line of its output contains this text.
    pub until: Option<String>,
    /// The variable that gets its standard output, without the final line break.
    pub save: Option<String>,
    /// The last line with this prefix is shown in the closing table.
    pub show: Option<String>,
}

/// The result of a command.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    /// Its exit code; `None` if a signal ended it.
    pub exit: Option<i32>,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: String,
}

impl Expect {
    pub(super) fn read(fields: &mut Fields<'_>, folder: &Path, diagnostics: &mut Diagnostics) -> Self {
        let save = fields.string("save");
        // `tell` is the former name of `show`.
        let show = fields.string("show").or(fields.string("tell"));
        let mut expect = Self { save, show, ..Self::default() };
        let Some(node) = fields.node("expect") else { return expect };
        let mut inner = Fields::new(node, &fields.path_of("expect"), Syntax::Scenario);
        expect.exit = inner.count("exit");
        let texts = |texts: Vec<(String, _)>| texts.into_iter().map(|(text, _)| text).collect();
        expect.contains = texts(inner.strings("contains"));
        expect.lacks = texts(inner.strings("lacks"));
        expect.equals = inner.string("equals");
        expect.file = files::optional(&mut inner, "file", folder);
        expect.until = inner.string("until");
        inner.finish(diagnostics);
        expect
    }

    /// The texts that the command waits for.
    #[must_use]
    pub fn awaits(&self) -> Vec<&str> {
        self.contains.iter().chain(&self.until).map(String::as_str).collect()
    }

    /// How a result differs from the expected one; `None` if it does not. `file` is the content of [`Self::file`].
    #[must_use]
    pub fn problem(&self, finished: &Finished, file: Option<&[u8]>) -> Option<String> {
        let text = format!("{}{}", String::from_utf8_lossy(&finished.stdout), finished.stderr);
        let output = output(&text);
        if let Some(expected) = self.contains.iter().find(|expected| !text.contains(expected.as_str())) {
            return Some(format!("expected {} in the output; {output}", quoted(expected)));
        }
        if let Some(unexpected) = self.lacks.iter().find(|unexpected| text.contains(unexpected.as_str())) {
            return Some(format!("unexpected {} in the output; {output}", quoted(unexpected)));
        }
        let expected = i32::try_from(self.exit.unwrap_or_default()).ok();
        if finished.exit != expected {
            let end = match finished.exit {
                None => "it was killed by a signal".to_owned(),
                // 128 plus the number of SIGKILL, which the kernel sends when memory runs out.
                Some(137) => "it exited with code 137 (killed, usually out of memory)".to_owned(),
                Some(code) => format!("it exited with code {code}"),
            };
            let expected =
                self.exit.filter(|code| *code > 0).map_or(String::new(), |code| format!(", expected {code}"));
            return Some(format!("{end}{expected}; {output}"));
        }
        let equal = self.equals.as_ref().map(String::as_bytes).or(file);
        equal.and_then(|expected| differs(expected, &finished.stdout))
    }
}

/// A text in backticks; the first two lines of a longer one.
fn quoted(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    if lines.len() > 2 { format!("`{}…`", excerpt(&lines[..2].join(" / "))) } else { format!("`{}`", excerpt(text)) }
}

/// The output of a command, as part of a sentence.
#[must_use]
pub fn output(text: &str) -> String {
    match summary(text) {
        summary if summary.is_empty() => "no output".to_owned(),
        summary => format!("output: {summary}"),
    }
}

/// The last lines of a command's output in one line.
#[must_use]
pub fn summary(text: &str) -> String {
    const LINES: usize = 4;
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("command terminated with exit code"))
        .collect();
    lines[lines.len().saturating_sub(LINES)..].join(" / ")
}

/// Where an output differs from the expected one.
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
        "the output differs in line {line}: expected {}, found {} ({} bytes expected, {} found)",
        show(expected),
        show(found),
        expected.len(),
        found.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(exit: i32, stdout: &str, stderr: &str) -> Finished {
        Finished { exit: Some(exit), stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn exit_code_and_output_are_checked() {
        let problem =
            |expect: &Expect, exit: i32, out: &str, err: &str| expect.problem(&finished(exit, out, err), None);
        let plain = Expect::default();
        assert_eq!(problem(&plain, 0, "", ""), None);
        assert_eq!(
            problem(&plain, 1, "a\n", "refused\n").as_deref(),
            Some("it exited with code 1; output: a / refused")
        );
        let refusal = Expect { exit: Some(1), contains: vec!["554".to_owned()], ..Expect::default() };
        assert_eq!(problem(&refusal, 1, "", "554 no\n"), None);
        assert_eq!(
            problem(&refusal, 1, "", "250 ok\n").as_deref(),
            Some("expected `554` in the output; output: 250 ok")
        );
        assert_eq!(problem(&refusal, 0, "554", "").as_deref(), Some("it exited with code 0, expected 1; output: 554"));
        let lacks = Expect { lacks: vec!["x".to_owned()], ..Expect::default() };
        assert_eq!(problem(&lacks, 0, "x", "").as_deref(), Some("unexpected `x` in the output; output: x"));
        let long = Expect { lacks: vec!["a\nb\nc".to_owned()], ..Expect::default() };
        assert_eq!(
            problem(&long, 0, "a\nb\nc\n", "").as_deref(),
            Some("unexpected `a / b…` in the output; output: a / b / c")
        );
        let killed = "it exited with code 137 (killed, usually out of memory); no output";
        assert_eq!(problem(&plain, 137, "", "").as_deref(), Some(killed));
    }

    #[test]
    fn an_exact_output_is_compared_byte_by_byte() {
        let exact = Expect { equals: Some("one\ntwo\n".to_owned()), ..Expect::default() };
        assert_eq!(exact.problem(&finished(0, "one\ntwo\n", ""), None), None);
        assert_eq!(
            exact.problem(&finished(0, "one\ntwO\n", ""), None).as_deref(),
            Some("the output differs in line 2: expected \"o\\n\", found \"O\\n\" (8 bytes expected, 8 found)")
        );
        let file = Expect { file: Some("x".to_owned()), ..Expect::default() };
        assert_eq!(
            file.problem(&finished(0, "a", ""), Some(b"ab")).as_deref(),
            Some("the output differs in line 1: expected \"b\", found the end (2 bytes expected, 1 found)")
        );
    }
}
