//! What the API server refuses although the schema allows it, as far as one object alone shows it. One rule a file.
//!
//! Deliberately absent: what depends on other objects, on the cluster, or on admission plugins.

use super::subject::Subject;
use crate::diagnostic::Diagnostics;

/// A rule: what it finds about an object.
type Rule = fn(&Subject) -> Diagnostics;

const RULES: &[Rule] = &[];

/// Applies every rule.
#[must_use]
pub fn check(subject: &Subject) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for rule in RULES {
        diagnostics.extend(rule(subject));
    }
    diagnostics
}
