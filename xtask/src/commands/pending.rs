//! `pending`: lists the differences from the goldens, one line each, for editors and scripts. Writes nothing.

use diagnostics::Result;
use diagnostics::wording::plural;
use golden::FOLDER;
use golden::diff::ObjectDiff;

use super::differences::{self, Differences};
use super::{Outcome, Session};
use crate::report::json::{self, Output};
use crate::report::rendered::TargetReport;

/// Runs the command.
pub fn run(session: &Session<'_>, selected: &[String]) -> Result<Outcome> {
    differences::find(session, selected, |differences| Ok(list(session, differences)))
}

fn list(session: &Session<'_>, differences: Differences<'_>) -> Outcome {
    let Differences { jobs, report, found: mut diagnostics, .. } = differences;
    let pairs = || report.targets.iter().flat_map(|target| target.diffs.iter().map(move |diff| (target, diff)));
    let lines: String = pairs().map(|(target, diff)| line(target, diff)).collect();
    session.printer.result(&lines);
    session.printer.finished(&format!("{} in {}", plural(pairs().count(), "change"), plural(jobs.len(), "target")));
    let changes = pairs().map(|(target, diff)| json::PendingChange::new(target, place(target, diff), diff)).collect();
    diagnostics.sort();
    Outcome { diagnostics, output: Output::Pending(json::Pending { changes }) }
}

/// The golden of a change, and the first line that differs in what is rendered.
fn place(target: &TargetReport, diff: &ObjectDiff) -> (String, usize) {
    let id = target.former.as_ref().filter(|_| diff.previous.is_some()).unwrap_or(&target.id);
    let recorded = diff.previous.as_ref().unwrap_or(&diff.object);
    let first = diff.added().into_iter().flat_map(|(_, lines)| lines).next();
    (format!("{FOLDER}/{}/{}/{}", id.app, id.case, recorded.file), first.unwrap_or(1))
}

/// `FILE:LINE: CHANGE`, which editors understand as a place.
fn line(target: &TargetReport, diff: &ObjectDiff) -> String {
    let (file, line) = place(target, diff);
    let source = diff.added().iter().flat_map(|(_, added)| diff.sources(added)).next();
    let source = source.map_or_else(String::new, |source| format!("  {source}"));
    format!("{file}:{line}: {} {} in {}{source}\n", diff.kind.word(), diff.object.manifest.title(), target.id)
}
