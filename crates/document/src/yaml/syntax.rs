//! Syntax errors, and their causes outside of YAML: merge conflict markers, tabs, and other blanks.

use std::ops::Range;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Fact, Place, Source};

use crate::lookalike;

pub(super) fn syntax_error(source: &Arc<Source>, span: Range<usize>, what: &str) -> diagnostics::Diagnostics {
    unreadable(what).at(Place::new(source, span), "").into()
}

/// The error of a text that cannot be parsed.
pub(super) fn unreadable(what: &str) -> Diagnostic {
    Diagnostic::new(Code::YamlSyntax, format!("cannot parse YAML: {what}")).fact(Fact::Reason(what.to_owned()))
}

/// The parser's own error, and where it stopped.
pub(super) fn stopped(source: &Arc<Source>, at: usize, what: &str) -> Diagnostic {
    let found = |what: &str| unreadable(what).at(Place::new(source, at..at), "");
    // It counts brackets in a byte.
    if what == "recursion limit exceeded" {
        return found("`[` and `{` are nested more than 255 levels deep")
            .help("write the outer levels in lines of their own, with indentation; no setting raises this limit");
    }
    found(what)
}

/// Explains a syntax error whose cause is not in the YAML itself: merge conflict markers, a tab in the indentation, or a
/// blank that is not a space.
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
    if let Some(span) = tabs.next() {
        let found = Diagnostic::new(Code::YamlSyntax, "tab used for indentation").at(Place::new(source, span), "");
        return Some(found.help("indent with spaces: YAML does not allow tabs"));
    }
    // Without a place, a blank in the text may have nothing to do with the error.
    let mut blanks = before(&lines, at?).filter_map(|(start, text)| {
        let (offset, c) = text.char_indices().find(|(_, c)| lookalike::blank(*c).is_some())?;
        Some((lookalike::blank(c)?, start + offset..start + offset + c.len_utf8()))
    });
    let (name, span) = blanks.next()?;
    let found = Diagnostic::new(Code::YamlSyntax, format!("{name} where YAML expects a space"));
    Some(found.at(Place::new(source, span), "").help("replace it with spaces"))
}

/// The line at an offset and those before it, nearest first, without comments and empty lines.
fn before<'l, 't>(lines: &'l [(usize, &'t str)], at: usize) -> impl Iterator<Item = (usize, &'t str)> + use<'l, 't> {
    const LINES: usize = 3;
    let content = |(_, text): &&(usize, &str)| !text.trim_start().is_empty() && !text.trim_start().starts_with('#');
    lines.iter().rev().skip_while(move |(start, _)| *start > at).filter(content).take(LINES).copied()
}

/// Explains a syntax error that shows only after its cause: a key without a colon, a colon without a blank, or a bracket
/// that is never closed. `at` is where the parser stopped, and `what` what it says.
pub(super) fn unfinished(source: &Arc<Source>, at: usize, what: &str) -> Option<Diagnostic> {
    let lines = lines(&source.text);
    let found = |message: String, span: Range<usize>| {
        Diagnostic::new(Code::YamlSyntax, message).at(Place::new(source, span), "")
    };
    if ["']'", "'}'", "invalid indentation"].iter().any(|part| what.contains(part)) {
        let (start, text) = before(&lines, at).find(|(_, text)| text.ends_with(['[', '{']))?;
        let end = start + text.len();
        let (open, close) = if text.ends_with('[') { ('[', ']') } else { ('{', '}') };
        return Some(found(format!("`{open}` is not closed"), end - 1..end).help(format!("close it with `{close}`")));
    }
    if !what.contains("':'") {
        return None;
    }
    before(&lines, at).find_map(|(start, text)| {
        let entry = text.trim_start().trim_start_matches("- ").trim_start();
        let from = start + text.len() - entry.len();
        let key = entry.find(|c: char| !(c.is_ascii_alphanumeric() || "_-./".contains(c)))?;
        let rest = &entry[key..];
        let name = &entry[..key];
        if name.is_empty() || entry.contains(": ") {
            return None;
        }
        if rest.starts_with(':') && rest.len() > 1 && !rest.starts_with("://") {
            let colon = from + key;
            return Some(
                found("missing blank after `:`".to_owned(), colon..colon + 1).help(format!("write `{name}: …`")),
            );
        }
        let plain = rest.starts_with(' ') && !rest.contains(':') && !text.trim_start().starts_with('-');
        plain.then(|| found(format!("missing `:` after `{name}`"), from..from + key).help(format!("write `{name}: …`")))
    })
}

/// The first merge conflict marker in a text that cannot be parsed.
#[must_use]
pub fn conflict(source: &Arc<Source>, code: Code) -> Option<Diagnostic> {
    let marker = |text: &str| ["<<<<<<< ", "||||||| ", ">>>>>>> "].iter().any(|start| text.starts_with(start));
    let (start, text) = lines(&source.text).into_iter().find(|(_, text)| marker(text))?;
    let found = Diagnostic::new(code, "merge conflict marker").at(Place::new(source, start..start + text.len()), "");
    Some(found.help("resolve the conflict and remove the markers"))
}

/// The first merge conflict marker in a text of any kind, if all of a conflict's markers follow each other.
#[must_use]
pub fn unresolved(source: &Arc<Source>, code: Code) -> Option<Diagnostic> {
    let mut rest = source.text.lines();
    let starts = |marker: &'static str| {
        move |line: &str| line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let all = rest.any(starts("<<<<<<<")) && rest.any(starts("=======")) && rest.any(starts(">>>>>>>"));
    if all { conflict(source, code) } else { None }
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
