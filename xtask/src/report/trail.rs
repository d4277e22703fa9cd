//! Shows where rendered lines come from.

use diagnostics::Place;
pub use workspace::provenance::Writer;
pub use workspace::provenance::trail::{Trail, Used};

use super::table;

/// A rendered line, or a field in it, and where it comes from.
#[derive(Debug)]
pub struct Line {
    /// The golden.
    pub golden: String,
    /// The number of the line, counted from 1.
    pub number: usize,
    /// The whole line.
    pub text: String,
    /// Where it comes from.
    pub trail: Trail,
    /// Whether it belongs to a Secret, so no values are shown.
    pub secret: bool,
}

/// Everything that is known about a line.
#[must_use]
pub(crate) fn detailed(line: &Line) -> String {
    let Line { golden, number, text, trail, secret } = line;
    let mut rows = vec![["rendered".to_owned(), format!("{golden}:{number}"), text.trim().to_owned()]];
    let part = |place: &Place| if *secret { String::new() } else { excerpt(place) };
    for writer in &trail.writers {
        rows.push(["written by".to_owned(), writer.place.to_string(), part(&writer.place)]);
        for caller in &writer.callers {
            rows.push(["included by".to_owned(), caller.to_string(), part(caller)]);
        }
    }
    for (role, values) in [("value", &trail.values), ("condition", &trail.conditions)] {
        for used in values {
            let place =
                used.setting.as_ref().map_or_else(|| "(not set)".to_owned(), |setting| setting.place.to_string());
            rows.push([role.to_owned(), place, written(used, *secret)]);
        }
    }
    table(&rows)
}

/// One row for each line. Conditions that all lines have in common are left out.
#[must_use]
pub fn listed(lines: &[Line]) -> String {
    let first = lines.first().map(|line| line.trail.conditions.as_slice()).unwrap_or_default();
    let everywhere = |used: &&Used| lines.iter().all(|line| line.trail.conditions.contains(used));
    let common: Vec<&Used> = first.iter().filter(everywhere).collect();
    let rows: Vec<[String; 3]> = lines
        .iter()
        .map(|line| {
            let mut trail = line.trail.clone();
            trail.conditions.retain(|used| !common.contains(&used));
            let from = trail.summary().unwrap_or_else(|| "(not traced)".to_owned());
            [line.number.to_string(), line.text.clone(), from]
        })
        .collect();
    table(&rows)
}

/// One row for each line, with its golden and the main place in its template.
#[must_use]
pub fn reached(lines: &[Line]) -> String {
    let rows: Vec<[String; 3]> = lines
        .iter()
        .map(|line| {
            let from = line.trail.place().map(|place| place.to_string()).unwrap_or_default();
            [format!("  {}:{}", line.golden, line.number), line.text.trim().to_owned(), from]
        })
        .collect();
    table(&rows)
}

/// The value with its name.
fn written(used: &Used, secret: bool) -> String {
    let written = used.setting.as_ref().map(|setting| setting.written.lines().next().unwrap_or_default());
    match written.filter(|_| !secret) {
        Some(written) => format!("{}: {}", used.name(), diagnostics::excerpt::excerpt(written)),
        None => used.name(),
    }
}

/// The text at a place: its first line.
fn excerpt(place: &Place) -> String {
    let text = place.span.clone().and_then(|span| place.source.text.get(span)).unwrap_or_default();
    diagnostics::excerpt::excerpt(text.lines().next().unwrap_or_default())
}
