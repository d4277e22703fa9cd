//! Syntax errors, and their causes outside of YAML: merge conflict markers, and tabs.

use std::ops::Range;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Place, Source};

pub(super) fn syntax_error(source: &Arc<Source>, span: Range<usize>, what: &str) -> diagnostics::Diagnostics {
    Diagnostic::new(Code::YamlSyntax, format!("cannot parse YAML: {what}")).at(Place::new(source, span), "").into()
}

/// Explains a syntax error whose cause is not in the YAML itself: merge conflict markers, or a tab in the indentation.
/// `at` is where the parser stopped; without it, any line may contain the tab.
#[must_use]
pub fn misread(source: &Arc<Source>, at: Option<usize>) -> Option<Diagnostic> {
    if let Some(found) = conflict(source, Code::YamlSyntax) {
        return Some(found);
    }
    let lines = lines(&source.text);
    // The parser may stop at the end of the line before.
    let near = |index: usize| {
        let end = lines.get(index + 1).map_or(source.text.len(), |(next, _)| *next);
        let before = index.checked_sub(1).and_then(|before| lines.get(before)).map_or(0, |(before, _)| *before);
        at.is_none_or(|at| before <= at && at <= end)
    };
    let mut tabs = lines.iter().enumerate().filter_map(|(index, (start, text))| {
        let indentation = text.len() - text.trim_start().len();
        let tab = text[..indentation].find('\t')?;
        near(index).then_some(start + tab..start + tab + 1)
    });
    let found = Diagnostic::new(Code::YamlSyntax, "tab used for indentation");
    tabs.next().map(|span| found.at(Place::new(source, span), "").help("indent with spaces: YAML does not allow tabs"))
}

/// The first merge conflict marker in a text that cannot be parsed.
#[must_use]
pub fn conflict(source: &Arc<Source>, code: Code) -> Option<Diagnostic> {
    let marker = |text: &str| ["<<<<<<< ", "||||||| ", ">>>>>>> "].iter().any(|start| text.starts_with(start));
    let (start, text) = lines(&source.text).into_iter().find(|(_, text)| marker(text))?;
    let found = Diagnostic::new(code, "merge conflict marker").at(Place::new(source, start..start + text.len()), "");
    Some(found.help("resolve the conflict and remove the markers"))
}

/// The lines of a text without trailing white space, each with its offset.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let mut start = 0;
    let line = |line: &'_ str| {
        start += line.len();
        start - line.len()
    };
    let starts: Vec<usize> = text.split_inclusive('\n').map(line).collect();
    starts.into_iter().zip(text.split_inclusive('\n').map(str::trim_end)).collect()
}
