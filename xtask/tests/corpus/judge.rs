//! Compares the findings of a run with those that entries expect.

use std::fmt::Write;

use serde::Deserialize;

use crate::edit::Spot;
use crate::entry::{Entry, Expected};

/// What changes with every edit. They are findings of an entry only if it expects them.
const CONSEQUENCES: [&str; 5] =
    ["golden-differs", "golden-missing", "lock-outdated", "chart-version-unraised", "values-table-outdated"];

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

/// Whether the findings of a run of several broken changes are exactly those that each of them must cause.
pub(crate) fn all_right(findings: &[Finding], entries: &[(&Entry, Spot)]) -> bool {
    let found = relevant(findings, None);
    found.len() == entries.len()
        && entries.iter().all(|(entry, spot)| {
            let expected = entry.expected.as_ref().expect("a broken change");
            let says = |finding: &Finding| expected.says.as_ref().is_none_or(|text| finding.contains(text));
            found.iter().any(|finding| finding.code == expected.code && finding.at(spot) && says(finding))
        })
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
    /// Whether it points to this place before any golden: the template and the value that a line comes from are both
    /// places that the author edits.
    fn at(&self, spot: &Spot) -> bool {
        let golden =
            |place: &&Place| place.file.starts_with("tests/golden/") && !spot.file.starts_with("tests/golden/");
        self.places
            .iter()
            .take_while(|place| !golden(place))
            .any(|place| place.file == spot.file && (spot.line.is_none() || place.line == spot.line))
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
