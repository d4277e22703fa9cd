//! Which findings are new, which the base has, too, and which are fixed.

use diagnostics::{Class, Diagnostic, Diagnostics};

use super::model::{Finding, Status};

/// The findings of the head in their order, and then those of the base that the head does not have.
#[must_use]
pub fn findings(base: &Diagnostics, head: &Diagnostics) -> Vec<Finding> {
    let status = |found: &Diagnostic| {
        // Whatever the base is like, a run that is incomplete is a problem of this run.
        let incomplete = found.code.class() == Class::Unavailable;
        let known = base.0.iter().any(|other| is_same(found, other));
        if known && !incomplete { Status::Existing } else { Status::New }
    };
    let current = head.0.iter().map(|found| Finding { diagnostic: found.clone(), status: Some(status(found)) });
    let fixed = base.0.iter().filter(|found| !head.0.iter().any(|other| is_same(found, other)));
    let fixed = fixed.map(|found| Finding { diagnostic: found.clone(), status: Some(Status::Fixed) });
    current.chain(fixed).collect()
}

/// Whether both report the same. The places may differ: lines move.
fn is_same(one: &Diagnostic, other: &Diagnostic) -> bool {
    (one.code, &one.target, &one.message) == (other.code, &other.target, &other.message)
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
            findings(&base, &head).into_iter().map(|one| (one.diagnostic.message, one.status)).collect();
        let expected =
            [("one", Status::Existing), ("three", Status::New), ("no helm", Status::New), ("two", Status::Fixed)];
        assert_eq!(found, expected.map(|(message, status)| (message.to_owned(), Some(status))));
    }
}
