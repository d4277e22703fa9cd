//! Compares findings with the base: new, unchanged, or fixed.

use std::collections::BTreeMap;

use diagnostics::{Class, Code, Diagnostic, Diagnostics};

use super::model::{Finding, Status};

/// The findings of the head in their order, and then those of the base that the head does not have. Without a base, nothing
/// is known about their status.
#[must_use]
pub fn findings(base: Option<&Diagnostics>, head: &Diagnostics) -> Vec<Finding> {
    let Some(base) = base else {
        return head.0.iter().map(|found| Finding { diagnostic: found.clone(), status: None }).collect();
    };
    let mut known: BTreeMap<Key<'_>, Vec<&Diagnostic>> = BTreeMap::new();
    // The last one of equal findings is taken first.
    for found in base.0.iter().rev() {
        known.entry(key(found)).or_default().push(found);
    }
    let current = head.0.iter().map(|found| {
        let same = known.get_mut(&key(found)).and_then(Vec::pop);
        // Whatever the base is like, a run that is incomplete is a problem of this run.
        let incomplete = found.code.class() == Class::Unavailable;
        let status = if same.is_some() && !incomplete { Status::Existing } else { Status::New };
        Finding { diagnostic: found.clone(), status: Some(status) }
    });
    let mut all: Vec<Finding> = current.collect();
    let mut fixed: Vec<&Diagnostic> = known.into_values().flatten().collect();
    fixed.sort_by_key(|found| base.0.iter().position(|other| std::ptr::eq(other, *found)));
    all.extend(fixed.into_iter().map(|found| Finding { diagnostic: found.clone(), status: Some(Status::Fixed) }));
    all
}

/// What equal findings have in common. Their places may differ: lines move.
type Key<'a> = (Code, Option<&'a str>, &'a str);

fn key(found: &Diagnostic) -> Key<'_> {
    (found.code, found.target.as_deref(), &found.message)
}

#[cfg(test)]
mod tests {
    use diagnostics::{Code, Place, Source};

    use super::*;

    #[test]
    fn findings_are_compared_without_their_places() {
        let at = |message: &str, text: &str| {
            let source = Source::new("a.yaml", text);
            Diagnostic::new(Code::HelmRefused, message).at(Place::new(&source, text.len() - 1..text.len()), "")
        };
        let missing = Diagnostic::new(Code::HelmFailed, "no helm");
        let base = Diagnostics(vec![at("one", "a"), at("two", "a"), missing.clone()]);
        let head = Diagnostics(vec![at("one", "\na"), at("three", "a"), missing]);
        let found: Vec<(String, Option<Status>)> =
            findings(Some(&base), &head).into_iter().map(|one| (one.diagnostic.message, one.status)).collect();
        let expected =
            [("one", Status::Existing), ("three", Status::New), ("no helm", Status::New), ("two", Status::Fixed)];
        assert_eq!(found, expected.map(|(message, status)| (message.to_owned(), Some(status))));
    }
}
