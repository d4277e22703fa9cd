//! The entries of docs/checks.md, by code.

use diagnostics::{Class, Code};

/// The document that describes all codes: a second-level heading per code, in the order of [`Code::ALL`].
const CHECKS: &str = include_str!("../../../docs/checks.md");

/// Returns the text about a code, without its heading.
#[must_use]
pub fn entry(code: Code) -> &'static str {
    let own = entries().find(|(name, _)| *name == code.name());
    own.map(|(_, text)| text).unwrap_or_default()
}

/// Returns the headings, each with the text below it.
pub fn entries() -> impl Iterator<Item = (&'static str, &'static str)> {
    CHECKS.split("\n## ").skip(1).filter_map(|part| {
        let (name, text) = part.split_once('\n')?;
        Some((name, text.trim()))
    })
}

/// The word for a class.
#[must_use]
pub fn class(code: Code) -> &'static str {
    match code.class() {
        Class::Warning => "warning",
        Class::Convention => "convention",
        Class::Finding => "finding",
        Class::Configuration => "configuration error",
        Class::Unavailable => "failure",
    }
}
