//! Compares the findings of a run with those that entries expect.

use std::fmt::Write;

use serde::Deserialize;

use crate::edit::Spot;
use crate::entry::{Entry, Expected};

/// What follows from most edits. They are findings of an entry only if it expects them.
const CONSEQUENCES: [&str; 6] = [
    "chart-version-unraised",
    "golden-differs",
    "golden-directory-orphaned",
    "golden-missing",
    "lock-outdated",
    "values-table-outdated",
];

/// The part of the JSON output with the findings.
#[derive(Debug, Deserialize)]
struct Report {
    diagnostics: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Finding {
    pub(crate) code: String,
    message: String,
    target: Option<String>,
    places: Vec<Place>,
    notes: Vec<String>,
    helps: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Place {
    file: String,
    line: Option<usize>,
    label: String,
}

/// How well a finding meets the expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Exactly the expected finding, at the expected place.
    Right,
    /// The code is right; the text says what is wrong.
    Caught(String),
    /// The code is not reported.
    Missed(String),
}

/// The findings in the output of a run with `--format json`.
pub(crate) fn findings(json: &str) -> Result<Vec<Finding>, String> {
    let report: Report =
        serde_json::from_str(json).map_err(|error| format!("the output is not JSON: {error}\n{json}"))?;
    Ok(report.diagnostics)
}

/// Removes the findings that also occur elsewhere, each as often as there.
pub(crate) fn without(findings: &mut Vec<Finding>, elsewhere: &[Finding]) {
    let mut elsewhere: Vec<(&str, &str)> = elsewhere.iter().map(|found| (&*found.code, &*found.message)).collect();
    findings.retain(|finding| {
        let same = elsewhere.iter().position(|(code, message)| finding.code == *code && finding.message == *message);
        same.map(|index| elsewhere.swap_remove(index)).is_none()
    });
}

/// What is left of the findings without the consequences of every edit.
pub(crate) fn relevant<'a>(findings: &'a [Finding], expected: Option<&Expected>) -> Vec<&'a Finding> {
    let keep = |finding: &&Finding| {
        !CONSEQUENCES.contains(&finding.code.as_str()) || expected.is_some_and(|expected| expected.code == finding.code)
    };
    findings.iter().filter(keep).collect()
}

/// Judges the findings of a run of a single broken change.
pub(crate) fn judge(findings: &[Finding], entry: &Entry, spot: &Spot) -> Verdict {
    let expected = entry.expected.as_ref().expect("a broken change");
    let found = relevant(findings, Some(expected));
    let Some(hit) = found.iter().find(|finding| finding.code == expected.code) else {
        return Verdict::Missed(format!("expected {} at {spot}\n{}", expected.code, list(&found)));
    };
    let mut problems = Vec::new();
    if !hit.at(spot) {
        problems.push(format!("expected it at {spot}"));
    }
    if let Some(text) = expected.says.as_ref().filter(|text| !hit.contains(text)) {
        problems.push(format!("expected it to contain `{text}`"));
    }
    if found.len() > 1 {
        problems.push("expected no other finding".to_owned());
    }
    if problems.is_empty() {
        Verdict::Right
    } else {
        Verdict::Caught(format!("{}\n{}", problems.join(", "), list(&found)))
    }
}

/// Compares the findings of a run of several broken changes with those that each of them must cause. Returns which ones
/// are missing, by the index of their entry, and which ones no entry expects.
pub(crate) fn compare<'a>(findings: &'a [Finding], entries: &[(&Entry, Spot)]) -> (Vec<usize>, Vec<&'a Finding>) {
    let mut found: Vec<&Finding> = findings.iter().collect();
    let mut missing = Vec::new();
    for (index, (entry, spot)) in entries.iter().enumerate() {
        let expected = entry.expected.as_ref().expect("a broken change");
        let says = |finding: &Finding| expected.says.as_ref().is_none_or(|text| finding.contains(text));
        match found.iter().position(|finding| finding.code == expected.code && finding.at(spot) && says(finding)) {
            Some(index) => drop(found.swap_remove(index)),
            None => missing.push(index),
        }
    }
    found.retain(|finding| !CONSEQUENCES.contains(&finding.code.as_str()));
    (missing, found)
}

/// The findings, one after the other.
pub(crate) fn list(findings: &[&Finding]) -> String {
    if findings.is_empty() {
        return "nothing found".to_owned();
    }
    findings.iter().fold(String::new(), |mut text, finding| {
        let target = finding.target.as_ref().map(|target| format!(" ({target})")).unwrap_or_default();
        let _ = writeln!(text, "{}: {}{target}", finding.code, finding.message);
        for place in &finding.places {
            let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
            let _ = writeln!(text, "  at {}{line} {}", place.file, place.label);
        }
        for note in &finding.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        for help in &finding.helps {
            let _ = writeln!(text, "  help: {help}");
        }
        text
    })
}

impl Finding {
    /// Whether it points to this place, and not to a golden first: the template and the value that a line comes from
    /// are both places that the author edits.
    fn at(&self, spot: &Spot) -> bool {
        let golden = |file: &str| file.starts_with("tests/golden/");
        let first = self.places.first().is_some_and(|place| golden(&spot.file) || !golden(&place.file));
        // What is removed only has a place at the base.
        let file =
            |place: &Place| place.file.split_once(" (at ").map_or(place.file.clone(), |(file, _)| file.to_owned());
        let here = |place: &Place| file(place) == spot.file && (spot.line.is_none() || place.line == spot.line);
        first && self.places.iter().any(here)
    }

    fn contains(&self, text: &str) -> bool {
        let labels = self.places.iter().map(|place| &place.label);
        [&self.message].into_iter().chain(labels).chain(&self.notes).chain(&self.helps).any(|part| part.contains(text))
    }
}

impl std::fmt::Display for Spot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}
