//! Suppressions: `[[suppress]]` in charts.toml accepts the findings of one check for one target, with a reason.
//!
//! A suppression that matches nothing is itself a finding: its reason no longer holds, and it would hide the next one.
//! Suppressions do not take patterns.

use diagnostics::{Code, Diagnostic, Diagnostics};

use crate::config::Suppression;

/// Removes suppressed findings and reports unused suppressions.
///
/// Only suppressions of `checks`, which are those that ran, are reported, and only if the run was `complete`.
#[must_use]
pub fn apply(found: Diagnostics, suppressions: &[Suppression], checks: &[Code], complete: bool) -> Diagnostics {
    let mut used = vec![false; suppressions.len()];
    let mut kept = Diagnostics::default();
    for diagnostic in found.0 {
        let matching = suppressions.iter().position(|suppression| {
            suppression.check == diagnostic.code
                && subject(&diagnostic).is_some_and(|subject| covers(&suppression.target, subject))
        });
        match matching {
            Some(index) => used[index] = true,
            None => kept.push(diagnostic),
        }
    }
    for (suppression, used) in suppressions.iter().zip(used) {
        if complete && !used && checks.contains(&suppression.check) {
            let message =
                format!("suppression of `{}` for `{}` is unused", suppression.check.name(), suppression.target);
            kept.push(
                Diagnostic::new(Code::SuppressionUnused, message)
                    .at(suppression.place.clone(), "matches no finding")
                    .help("delete this entry"),
            );
        }
    }
    kept
}

/// The target of a finding, or its file if it has no target.
fn subject(diagnostic: &Diagnostic) -> Option<&str> {
    let file = diagnostic.places.first().map(|(place, _)| place.source.name.as_str());
    diagnostic.target.as_deref().or(file)
}

/// Whether a suppression covers a target: `postfix` covers `postfix/…`, and `charts/postfix` every file of that chart.
fn covers(suppressed: &str, target: &str) -> bool {
    target.strip_prefix(suppressed).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use diagnostics::{Place, Source};

    use super::*;

    fn suppression(check: Code, target: &str) -> Suppression {
        Suppression { check, target: target.to_owned(), place: Place::new(&Source::new("charts.toml", ""), 0..0) }
    }

    fn remaining(suppressions: &[Suppression], complete: bool) -> Vec<&'static str> {
        let found = Diagnostics(vec![
            Diagnostic::new(Code::HelmLint, "a").target("web/default"),
            Diagnostic::new(Code::HelmLint, "b").target("website/default"),
            Diagnostic::new(Code::BranchUncovered, "c").target("web/default"),
            Diagnostic::new(Code::ValueUncovered, "d").at(Place::file("charts/web/values.yaml"), ""),
        ]);
        let checks = [Code::HelmLint, Code::ValueUncovered];
        apply(found, suppressions, &checks, complete).0.iter().map(|found| found.code.name()).collect()
    }

    #[test]
    fn suppresses_one_check_of_one_target() {
        let rest = ["helm-lint", "branch-uncovered", "value-uncovered"];
        assert_eq!(remaining(&[suppression(Code::HelmLint, "web")], true), rest);
        assert_eq!(
            remaining(&[suppression(Code::ValueUncovered, "charts/web")], true).len(),
            3,
            "a directory covers its files"
        );
        assert_eq!(remaining(&[suppression(Code::HelmLint, "web/default")], true), rest);
    }

    #[test]
    fn reports_unused_suppressions_of_checks_that_ran() {
        let suppressions = [suppression(Code::ValueUncovered, "web"), suppression(Code::VendoredDrift, "web")];
        let all = ["helm-lint", "helm-lint", "branch-uncovered", "value-uncovered"];
        assert_eq!(remaining(&suppressions, true), [&all[..], &["suppression-unused"]].concat());
        assert_eq!(remaining(&suppressions, false), all);
    }
}
