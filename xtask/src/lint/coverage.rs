//! Template coverage: whether the cases of a chart reach every branch of its templates, and change every documented value.
//!
//! In a copy of the chart, each branch starts by recording its number in `.Release`, which all templates share, and a
//! template that renders last prints the numbers. This takes one run per case, and changes nothing that a template
//! compares, parses, measures, or hashes.
//!
//! A named template that is called with another context has no `.Release`, so branches without a recorded number get a
//! second pass: there, each branch starts with `{{ fail "…" }}` and its number. Helm reports the first one that a case
//! reaches; that one is removed, and so on until the case renders. This takes one run per branch. Reaching a branch
//! reaches all branches that contain it, so inner ones are tried first.
//!
//! The branches that a case reaches are cached until the chart or the case changes, so a changed case does not slow the others down.
//! Cases are not run once everything is reached.
//!
//! Branches that always fail are not counted, because no successful render can reach them. Neither are the charts that a
//! chart depends on.

mod explorer;
mod templates;
mod values;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};

use self::explorer::Explorer;
use self::templates::Templates;
use super::unreachable;
use crate::lint::subject::ChartSubject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::BranchUncovered, Code::ValueUncovered];

/// Checks a chart if all of its cases render: it is unknown what a failing one would have reached or changed.
#[must_use]
pub fn check(subject: &ChartSubject<'_>) -> Diagnostics {
    let ChartSubject { helm, chart, cases, .. } = subject;
    let mut diagnostics = Diagnostics::default();
    if subject.complete {
        diagnostics.extend(branches(subject).unwrap_or_else(|found| found));
        diagnostics.extend(values::values(helm.root, chart, cases).unwrap_or_else(|found| found));
    }
    diagnostics
}

/// Reports branches that no case renders.
fn branches(subject: &ChartSubject<'_>) -> Result<Diagnostics> {
    let ChartSubject { helm, chart, directory, cases, .. } = subject;
    let templates = Templates::read(helm.root, chart)?;
    if templates.files.is_empty() {
        return Ok(Diagnostics::default());
    }
    let missed = Explorer::new(helm, &templates, chart).missed(cases, directory)?;
    let count = diagnostics::wording::plural(cases.len(), "case");
    let api_versions: Vec<&[String]> = cases.iter().map(|target| target.recipe.api_versions.as_slice()).collect();
    let kubernetes = cases.first().map(|target| target.recipe.kube_version.as_str()).unwrap_or_default();
    let context = unreachable::Context { files: &templates.files, api_versions: &api_versions, kubernetes };
    let finding = |line: &String| match line.parse::<usize>().ok().and_then(|number| templates.marks.get(number)) {
        Some(mark) => {
            let source = &templates.files[mark.template].1;
            let message = format!("no case renders this branch of `{}`", source.name);
            let found = Diagnostic::new(Code::BranchUncovered, message)
                .at(Place::new(source, mark.branch.action.clone()), format!("never reached in {count}"));
            let advice = format!("add a case that reaches it ({}/ci/<case>-values.yaml), or remove it", chart.path);
            unreachable::explain(context, found, mark.template, &mark.branch, advice)
        }
        None => Diagnostic::new(Code::BranchUncovered, "no case renders an object from this template")
            .at(Place::file(format!("{}/{line}", chart.path)), format!("never rendered in {count}"))
            .help(format!("add a case that renders it ({}/ci/<case>-values.yaml), or remove it", chart.path)),
    };
    Ok(Diagnostics(missed.iter().map(finding).collect()))
}
