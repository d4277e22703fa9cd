//! Suppressions: `[[suppress]]` in charts.toml accepts the findings of one check for one target, with a reason.
//!
//! A suppression that matches nothing is itself a finding: its reason no longer holds, and it would hide the next one.
//! Suppressions do not take patterns, except for `*`, which accepts the findings of a check everywhere.
//!
//! A suppression with `until` has no effect after that day, and is then a finding, too.

use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics};
use toolbox::date::Date;

use crate::config::{EVERYWHERE, Suppression};

/// Removes suppressed findings, and reports expired and unused suppressions.
///
/// Only suppressions of `checks`, which are those that ran, are reported; unused ones only if the run was `complete`.
#[must_use]
pub fn apply(
    found: Diagnostics,
    suppressions: &[Suppression],
    today: Date,
    checks: &[Code],
    complete: bool,
) -> Diagnostics {
    let expired = |one: &Suppression| one.until.as_ref().filter(|(until, _)| *until < today).cloned();
    let mut used = vec![0; suppressions.len()];
    let mut kept = Diagnostics::default();
    for diagnostic in found.0 {
        let matching = suppressions.iter().position(|suppression| {
            suppression.check == diagnostic.code
                && covers(&suppression.target, subject(&diagnostic).unwrap_or_default())
        });
        if let Some(index) = matching {
            used[index] += 1;
        }
        if matching.is_none_or(|index| expired(&suppressions[index]).is_some()) {
            kept.push(diagnostic);
        }
    }
    for (suppression, used) in suppressions.iter().zip(used) {
        if !checks.contains(&suppression.check) {
            continue;
        }
        if let Some((until, place)) = expired(suppression).filter(|_| used > 0) {
            let message =
                format!("suppression of `{}` for `{}` has expired", suppression.check.name(), suppression.target);
            let (verb, them) = if used == 1 { ("is", "it") } else { ("are", "them") };
            kept.push(
                Diagnostic::new(Code::SuppressionExpired, message)
                    .at(place, format!("had an effect until {until}"))
                    .note(format!("{} {verb} reported again", plural(used, "finding")))
                    .help(format!("fix {them} and delete this entry, or set a later `until`")),
            );
        } else if complete && used == 0 {
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

/// Removes suppressions of `transient` checks that accepted an earlier change, and returns the others.
///
/// A check is transient if it compares with a base revision: its findings vanish with the merge. An entry that the base
/// has already belongs to a change before it. It would hide the next change of this kind, so it has no effect; and it is
/// not unused either, since the author of the next change did not write it. `base` are the entries of the base, or `None`
/// if nothing is compared.
#[must_use]
pub fn of_this_change(
    suppressions: &[Suppression],
    transient: &[Code],
    base: Option<&[Suppression]>,
) -> Vec<Suppression> {
    let identity = |one: &Suppression| (one.check, one.target.clone(), one.reason.clone());
    let earlier: Vec<_> = base.unwrap_or_default().iter().map(identity).collect();
    let stands =
        |one: &&Suppression| !transient.contains(&one.check) || base.is_some() && !earlier.contains(&identity(one));
    suppressions.iter().filter(stands).cloned().collect()
}

/// The target of a finding, or its file if it has no target.
fn subject(diagnostic: &Diagnostic) -> Option<&str> {
    let file = diagnostic.places.first().map(|(place, _)| place.source.name.as_str());
    diagnostic.target.as_deref().or(file)
}

/// Whether a suppression covers a target: `postfix` covers `postfix/…`, and `charts/postfix` every file of that chart.
fn covers(suppressed: &str, target: &str) -> bool {
    suppressed == EVERYWHERE
        || target.strip_prefix(suppressed).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use diagnostics::{Place, Source};

    use super::*;

    fn suppression(check: Code, target: &str) -> Suppression {
        Suppression {
            check,
            target: target.to_owned(),
            reason: "r".to_owned(),
            until: None,
            place: Place::new(&Source::new("charts.toml", ""), 0..0),
        }
    }

    fn remaining(suppressions: &[Suppression], complete: bool) -> Vec<&'static str> {
        let found = Diagnostics(vec![
            Diagnostic::new(Code::HelmLint, "a").target("web/default"),
            Diagnostic::new(Code::HelmLint, "b").target("website/default"),
            Diagnostic::new(Code::BranchUncovered, "c").target("web/default"),
            Diagnostic::new(Code::ValueUncovered, "d").at(Place::file("charts/web/values.yaml"), ""),
        ]);
        let checks = [Code::HelmLint, Code::ValueUncovered];
        let today = "2027-03-01".parse().expect("a day");
        apply(found, suppressions, today, &checks, complete).0.iter().map(|found| found.code.name()).collect()
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
        assert_eq!(remaining(&[suppression(Code::HelmLint, "*")], true), ["branch-uncovered", "value-uncovered"]);
    }

    #[test]
    fn a_suppression_has_no_effect_after_its_last_day() {
        let place = Place::new(&Source::new("charts.toml", ""), 0..0);
        let until = |day: &str, target: &str| Suppression {
            until: Some((day.parse().expect("a day"), place.clone())),
            ..suppression(Code::HelmLint, target)
        };
        let suppressed = ["helm-lint", "branch-uncovered", "value-uncovered"];
        assert_eq!(remaining(&[until("2027-03-01", "web")], true), suppressed, "today is the last day");
        let all = ["helm-lint", "helm-lint", "branch-uncovered", "value-uncovered"];
        let expired = [&all[..], &["suppression-expired"]].concat();
        assert_eq!(remaining(&[until("2027-02-28", "web")], true), expired);
        assert_eq!(remaining(&[until("2027-02-28", "web")], false), expired, "also of selected targets");
        let unused = [&all[..], &["suppression-unused"]].concat();
        assert_eq!(remaining(&[until("2027-02-28", "mail")], true), unused, "nothing is left to fix");
    }

    #[test]
    fn a_suppression_of_a_change_does_not_outlive_it() {
        let written = [suppression(Code::HelmLint, "web"), suppression(Code::ValueUncovered, "web")];
        let remaining = |base: Option<&[Suppression]>| of_this_change(&written, &[Code::HelmLint], base).len();
        assert_eq!(remaining(Some(&[])), 2);
        assert_eq!(remaining(Some(&written)), 1, "merged");
        assert_eq!(remaining(None), 1, "nothing is compared");
        let other = Suppression { reason: "another change".to_owned(), ..written[0].clone() };
        assert_eq!(remaining(Some(&[other])), 2);
    }

    #[test]
    fn reports_unused_suppressions_of_checks_that_ran() {
        let suppressions = [suppression(Code::ValueUncovered, "web"), suppression(Code::VendoredDrift, "web")];
        let all = ["helm-lint", "helm-lint", "branch-uncovered", "value-uncovered"];
        assert_eq!(remaining(&suppressions, true), [&all[..], &["suppression-unused"]].concat());
        assert_eq!(remaining(&suppressions, false), all);
    }
}
