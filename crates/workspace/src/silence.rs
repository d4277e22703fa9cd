//! `[[silence]]` in charts.toml: findings that somebody has looked at and accepts, each with a reason.
//!
//! A silence takes one check's findings about one target out. One that takes nothing out, though its check has seen its
//! target, is itself a finding: what it was for is gone, and the next finding would be hidden.
//!
//! Deliberately absent: silences for whole folders or for everything. What is not told is not known.

use crate::config::Silence;
use diagnostics::{Code, Diagnostic, Diagnostics};

/// Takes out what is silenced. `checks` are those that ran; `complete` says that they have seen all that there is.
#[must_use]
pub fn apply(found: Diagnostics, silences: &[Silence], checks: &[Code], complete: bool) -> Diagnostics {
    let mut used = vec![false; silences.len()];
    let mut kept = Diagnostics::default();
    for diagnostic in found.0 {
        let silence = silences.iter().position(|silence| {
            silence.check == diagnostic.code
                && subject(&diagnostic).is_some_and(|subject| covers(&silence.target, subject))
        });
        match silence {
            Some(index) => used[index] = true,
            None => kept.push(diagnostic),
        }
    }
    for (silence, used) in silences.iter().zip(used) {
        if complete && !used && checks.contains(&silence.check) {
            let message = format!("nothing of `{}` is found in `{}`", silence.check.name(), silence.target);
            kept.push(
                Diagnostic::new(Code::SilenceUnused, message)
                    .at(silence.place.clone(), "silences nothing")
                    .help("delete this entry"),
            );
        }
    }
    kept
}

/// What a finding is about: the target, or where it concerns none the file.
fn subject(diagnostic: &Diagnostic) -> Option<&str> {
    let file = diagnostic.places.first().map(|(place, _)| place.source.name.as_str());
    diagnostic.target.as_deref().or(file)
}

/// Whether a silence for one target covers another: `postfix` stands for all of `postfix/…`, and `charts/postfix` for
/// all files of that chart.
fn covers(silenced: &str, target: &str) -> bool {
    target.strip_prefix(silenced).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use diagnostics::{Place, Source};

    fn silence(check: Code, target: &str) -> Silence {
        Silence { check, target: target.to_owned(), place: Place::new(&Source::new("charts.toml", ""), 0..0) }
    }

    fn left(silences: &[Silence], complete: bool) -> Vec<&'static str> {
        let found = Diagnostics(vec![
            Diagnostic::new(Code::HelmLint, "a").target("web/default"),
            Diagnostic::new(Code::HelmLint, "b").target("website/default"),
            Diagnostic::new(Code::BranchUncovered, "c").target("web/default"),
            Diagnostic::new(Code::ValueUncovered, "d").at(Place::file("charts/web/values.yaml"), ""),
        ]);
        let checks = [Code::HelmLint, Code::ValueUncovered];
        apply(found, silences, &checks, complete).0.iter().map(|found| found.code.name()).collect()
    }

    #[test]
    fn one_check_of_one_target_is_silenced() {
        let rest = ["helm-lint", "branch-uncovered", "value-uncovered"];
        assert_eq!(left(&[silence(Code::HelmLint, "web")], true), rest);
        assert_eq!(left(&[silence(Code::ValueUncovered, "charts/web")], true).len(), 3, "a file stands for its folder");
        assert_eq!(left(&[silence(Code::HelmLint, "web/default")], true), rest);
    }

    #[test]
    fn a_silence_that_nothing_needs_is_found_where_its_check_ran() {
        let silences = [silence(Code::ValueUncovered, "web"), silence(Code::VendoredDrift, "web")];
        let all = ["helm-lint", "helm-lint", "branch-uncovered", "value-uncovered"];
        assert_eq!(left(&silences, true), [&all[..], &["silence-unused"]].concat());
        assert_eq!(left(&silences, false), all);
    }
}
