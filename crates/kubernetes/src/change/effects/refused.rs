//! Changes that the API server rejects.

use super::subject::{Found, Subject};
use crate::change::action::Action;
use crate::change::refusal::{self, Refusal};
use crate::change::refusal_wording as wording;

/// Immutable fields that change, claims that shrink, and definitions without a version that is stored.
pub(super) fn refused(subject: &Subject<'_>) -> Vec<Found> {
    let Some((before, after)) = subject.updates() else { return Vec::new() };
    let Some(update) = subject.change.update else { return Vec::new() };
    // A hook is deleted and created.
    if subject.change.action == Action::Hook {
        return Vec::new();
    }
    let mut refusals = refusal::refusals(before, after, update);
    refusals.retain(|refusal| !(subject.change.ignored)(&refusal.field.path));
    let classes = subject.around.after().of_kind("storage.k8s.io", "StorageClass").iter().copied();
    if refusals.is_empty() {
        refusals.extend(refusal::growth(before, after, classes).map(|(refusal, _)| refusal));
    }
    let found = |refusal: &Refusal<'_>| {
        Found::new(wording::message(refusal, &after.title()))
            .at(&refusal.field.path)
            .help(wording::help(refusal, after))
    };
    refusals.iter().map(found).collect()
}
