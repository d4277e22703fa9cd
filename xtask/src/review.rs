//! Deciding about changes one by one, and what is recorded in the end.
//!
//! A change may concern several subjects: the targets that have it, or goldens that belong to no target. A subject is
//! recorded only as a whole, when all of its changes are accepted, since goldens are always a complete render.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::Result;
use diagnostics::wording::{list, plural};

/// A change to decide about.
#[derive(Debug, Clone)]
pub struct Change<S> {
    /// What is shown.
    pub text: String,
    /// What it concerns.
    pub subjects: BTreeSet<S>,
}

/// An answer to the question about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Accept this change.
    Accept,
    /// Reject this change.
    Reject,
    /// Decide about this change another time.
    Skip,
    /// Accept this change and all that follow.
    AcceptRest,
    /// Skip this change and all that follow.
    Quit,
    /// Explain the answers.
    Help,
}

/// What was decided about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is intended.
    Accepted,
    /// It is not intended.
    Rejected,
    /// Nothing was decided.
    Skipped,
}

/// The question, with the keys of its answers.
pub(crate) const QUESTION: &str = "Accept this change [y,n,s,a,q,?]? ";

/// The meanings of the keys.
pub(crate) const HELP: &str = "\
y - yes, accept this change
n - no, reject this change: the goldens that it would change stay as they are
s - skip this change and decide later
a - accept this change and all that follow
q - quit: skip this change and all that follow
? - print this help

A target is recorded when all of its changes are accepted. Ctrl-C records nothing.
";

impl Answer {
    /// Reads an answer: the first letter, or the whole word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.trim().to_lowercase().as_str() {
            "y" | "yes" | "accept" => Self::Accept,
            "n" | "no" | "reject" => Self::Reject,
            "s" | "skip" => Self::Skip,
            "a" | "all" => Self::AcceptRest,
            "q" | "quit" => Self::Quit,
            "?" | "h" | "help" => Self::Help,
            _ => return None,
        })
    }
}

/// Asks about each change. `ask` returns an answer other than [`Answer::Help`] to the change with a number.
pub fn decide(count: usize, ask: &mut dyn FnMut(usize) -> Result<Answer>) -> Result<Vec<Decision>> {
    let mut decisions = Vec::new();
    while decisions.len() < count {
        let rest = match ask(decisions.len())? {
            Answer::Accept => Some(Decision::Accepted),
            Answer::Reject => Some(Decision::Rejected),
            Answer::Skip | Answer::Help => Some(Decision::Skipped),
            Answer::AcceptRest => {
                decisions.resize(count, Decision::Accepted);
                None
            }
            Answer::Quit => {
                decisions.resize(count, Decision::Skipped);
                None
            }
        };
        decisions.extend(rest);
    }
    Ok(decisions)
}

/// What was decided about the changes of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// How many of its changes were accepted.
    pub accepted: usize,
    /// How many were rejected.
    pub rejected: usize,
    /// How many were skipped.
    pub skipped: usize,
}

impl Verdict {
    /// Whether the subject is recorded.
    #[must_use]
    pub fn records(self) -> bool {
        self.rejected == 0 && self.skipped == 0
    }

    /// `recorded`, or why not: `not recorded: 1 of 2 changes rejected`.
    #[must_use]
    pub fn describe(self) -> String {
        if self.records() {
            return "recorded".to_owned();
        }
        let all = self.accepted + self.rejected + self.skipped;
        let left = list([(self.rejected, "rejected"), (self.skipped, "skipped")]);
        format!("not recorded: {left} of {}", plural(all, "change"))
    }
}

/// What was decided about each subject.
#[must_use]
pub fn verdicts<S: Clone + Ord>(changes: &[Change<S>], decisions: &[Decision]) -> BTreeMap<S, Verdict> {
    let mut verdicts: BTreeMap<S, Verdict> = BTreeMap::new();
    for (change, decision) in changes.iter().zip(decisions) {
        for subject in &change.subjects {
            let verdict = verdicts.entry(subject.clone()).or_default();
            *match decision {
                Decision::Accepted => &mut verdict.accepted,
                Decision::Rejected => &mut verdict.rejected,
                Decision::Skipped => &mut verdict.skipped,
            } += 1;
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(subjects: &[&'static str]) -> Change<&'static str> {
        Change { text: String::new(), subjects: subjects.iter().copied().collect() }
    }

    fn recorded(changes: &[Change<&'static str>], answers: &str) -> Vec<&'static str> {
        let mut keys = answers.split(' ');
        let mut ask = |_| Ok(Answer::parse(keys.next().expect("no more answers")).expect("an answer"));
        let decisions = decide(changes.len(), &mut ask).expect("answered");
        let verdicts = verdicts(changes, &decisions);
        verdicts.into_iter().filter(|(_, verdict)| verdict.records()).map(|(subject, _)| subject).collect()
    }

    #[test]
    fn a_subject_is_recorded_if_all_of_its_changes_are_accepted() {
        let changes = [change(&["a", "b"]), change(&["b"]), change(&["c"])];
        assert_eq!(recorded(&changes, "y y y"), ["a", "b", "c"]);
        assert_eq!(recorded(&changes, "y n y"), ["a", "c"]);
        assert_eq!(recorded(&changes, "n y y"), ["c"]);
        assert_eq!(recorded(&changes, "y s s"), ["a"]);
    }

    #[test]
    fn the_rest_is_accepted_or_skipped_at_once() {
        let changes = [change(&["a"]), change(&["b"]), change(&["c"])];
        assert_eq!(recorded(&changes, "n a"), ["b", "c"]);
        assert_eq!(recorded(&changes, "y q"), ["a"]);
        assert_eq!(recorded(&changes, "a"), ["a", "b", "c"]);
    }

    #[test]
    fn answers_are_letters_or_words() {
        assert_eq!(Answer::parse(" Y\n"), Some(Answer::Accept));
        assert_eq!(Answer::parse("quit"), Some(Answer::Quit));
        assert_eq!((Answer::parse(""), Answer::parse("yn")), (None, None));
    }

    #[test]
    fn a_verdict_says_why_nothing_is_recorded() {
        let verdict = Verdict { accepted: 1, rejected: 1, skipped: 2 };
        assert_eq!(verdict.describe(), "not recorded: 1 rejected, 2 skipped of 4 changes");
        assert_eq!(Verdict { accepted: 1, ..Verdict::default() }.describe(), "recorded");
    }
}
