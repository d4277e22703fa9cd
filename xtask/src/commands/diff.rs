//! `diff`: what Argo CD would change between two revisions.
//!
//! A revision whose goldens are fresh against its own files is its own render, so usually nothing is rendered: the goldens
//! are read from Git's objects, and its other files from an export in the cache. The checkout is only read.
//!
//! An Application that cannot be rendered on one side is reported as a failure, and never as deleted.

mod applications;
mod checkout;
mod compare;
mod comparison;
mod judge;
mod management;
mod neighbors;
mod owner;
mod pair;
mod policy;
mod projects;
mod revision;
mod side;
mod trace;
mod validity;

use std::collections::BTreeSet;
use std::time::Instant;

use diagnostics::wording::plural;
use diagnostics::{Class, Code, Diagnostic, Diagnostics, Fact, Result, Severity};
use toolbox::parallel::join;
use toolbox::timings;

pub use self::checkout::{Checkout, Compared};
use self::comparison::{Wanted, compared, report};
use self::side::{Planned, Sides};
pub use self::validity::mark;
use super::rendering::{self, Demand};
use super::{Outcome, Session};
pub use crate::cli::Diff as Request;
use crate::report::baseline;
use crate::report::changes::{self, View};
use crate::report::json::{self, Output};
use crate::report::model::{Finding, Report, Status};
use crate::report::outputs::Outputs;

/// Runs the command.
pub fn run(session: &Session<'_>, request: &Request) -> Result<Outcome> {
    request.outputs.check(&session.root)?;
    let mut diagnostics = Diagnostics::default();
    let mut report = match compare(session, request, &mut diagnostics) {
        Ok(report) => report,
        Err(found) => {
            diagnostics.extend(found);
            diagnostics.sort();
            // The reports of an earlier run would look like those of this one.
            let report = nothing(request, &diagnostics);
            let written = request.outputs.write(&report, session.environment.step_summary.as_deref());
            diagnostics.extend(written.err().unwrap_or_default());
            return Err(diagnostics);
        }
    };
    session.printer.result(&changes::text(&report, request.view));
    session.printer.finished(&changes::total(&report));
    diagnostics.0.extend(refused(&report, request.fail_on.map(Severity::from)));
    diagnostics.sort();
    let base = std::mem::take(&mut report.findings).into_iter().map(|finding| finding.diagnostic);
    report.findings = baseline::findings(Some(&Diagnostics(base.collect())), &diagnostics);
    let written = request.outputs.write(&report, session.environment.step_summary.as_deref());
    diagnostics.extend(written.err().unwrap_or_default());
    Ok(Outcome { diagnostics, output: Output::Diff(json::Diff::from(&report)) })
}

/// The report of a run that compares nothing.
fn nothing(request: &Request, found: &Diagnostics) -> Report {
    let base = request.base.as_deref().unwrap_or("the base");
    let head = request.head.as_deref().unwrap_or("the checkout");
    let mut report = Report::empty("diff", base, head);
    report.base.argocd = request.base_argocd.clone().unwrap_or(report.base.argocd);
    report.head.argocd = request.head_argocd.clone().unwrap_or(report.head.argocd);
    report.findings = baseline::findings(None, found);
    report
}

/// Compares the revisions. Findings about the head go to `diagnostics`; those about the base are in the report.
fn compare(session: &Session<'_>, request: &Request, diagnostics: &mut Diagnostics) -> Result<Report> {
    let started = Instant::now();
    let revisions = revision::find(session, request)?;
    let opening = timings::phase("open");
    let sides = Sides::open(session, &revisions)?;
    drop(opening);
    let (base, head) = sides.load(request)?;
    let (mut old, mut new) = join(|| base.plan(&request.targets), || head.plan(&request.targets));
    let unknown = unknown_targets(&old.found, &mut new.found);
    if !unknown.is_empty() {
        return Err(unknown);
    }
    // One after the other: each renders in parallel, and what both have in common is rendered once.
    for (side, planned) in [(&base, &mut old), (&head, &mut new)] {
        let Planned { renderings, found } = planned;
        rendering::render_stale(side.session, &side.workspace, side.argocd, Demand::Stale, renderings, found);
    }
    // Errors in the files of the base cannot be corrected in the head, but a missing tool can be installed.
    let missing = old.found.0.iter().filter(|found| found.code.class() == Class::Unavailable);
    diagnostics.extend(base.about(Diagnostics(missing.cloned().collect())));
    diagnostics.extend(head.about(new.found.clone()));
    if let Some(command) = &request.policy {
        diagnostics.extend(policy::check(session, command, &old.renderings, &new.renderings)?);
    }
    let mut fixed = base.about(old.found.clone());
    fixed.sort();
    let fixed = fixed.0.into_iter().map(|diagnostic| Finding { diagnostic, status: Some(Status::Fixed) });

    let files = request.outputs != Outputs::default();
    let summary = session.environment.step_summary.is_some();
    let fields = request.view == View::Semantic || session.printer.json() || files || summary;
    let wanted =
        Wanted { selection: &request.targets, fields, traced: files, validated: true, absent: &BTreeSet::new() };
    let comparing = timings::phase("compare");
    let changes = compared(wanted, base.rendered(&old), head.rendered(&new));
    drop(comparing);
    Ok(Report {
        findings: fixed.collect(),
        elapsed: started.elapsed(),
        ..report("diff", base.describe(), head.describe(), changes)
    })
}

/// Removes the errors about targets that the head does not have, and returns those about targets that neither side has.
fn unknown_targets(base: &Diagnostics, head: &mut Diagnostics) -> Diagnostics {
    let is_unknown = |found: &Diagnostic| found.code == Code::TargetUnknown;
    let unknown = head.0.iter().filter(|found| is_unknown(found));
    let unknown = unknown.filter(|found| base.0.iter().any(|other| names_the_same(other, found))).cloned().collect();
    head.0.retain(|found| !is_unknown(found));
    Diagnostics(unknown)
}

/// Whether both findings miss the same target. What they suggest instead may differ.
fn names_the_same(one: &Diagnostic, other: &Diagnostic) -> bool {
    let missing = one.facts.iter().find(|fact| matches!(fact, Fact::Missing { .. }));
    missing.is_some_and(|target| other.is(target))
}

/// The finding about changes that are at least as severe as the option `--fail-on` allows.
fn refused(report: &Report, limit: Option<Severity>) -> Option<Diagnostic> {
    let limit = limit?;
    let severe: Vec<&str> = report
        .applications
        .iter()
        .filter(|application| application.severity() >= limit)
        .map(|application| application.name.as_str())
        .collect();
    if severe.is_empty() {
        return None;
    }
    let verb = if severe.len() == 1 { "has" } else { "have" };
    let message = format!("{} {verb} changes of severity `{limit}` or higher", plural(severe.len(), "Application"));
    Some(
        Diagnostic::new(Code::ChangeSevere, message).note(severe.join(", ")).help(
            "review the changes; if they are intended, merge them without `--fail-on`, or with a higher severity",
        ),
    )
}
