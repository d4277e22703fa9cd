//! Decides whether Argo CD sees a change of an object as a difference.

use document::Node;
use kubernetes::change::delta;
use kubernetes::change::difference;
use kubernetes::object::Object;

use crate::ignored::Ignored;

/// The meaning of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The API server stores the same.
    Same,
    /// The Application ignores all that changes.
    Ignored,
    /// Something changes, unless an entry of `ignoreDifferences` that cannot be evaluated ignores it.
    Uncertain,
    /// Something changes.
    Changed,
}

/// The meaning of the change of an object. Field managers are known only to the cluster.
pub(super) fn of(application: &Node, before: &Object, after: &Object) -> Meaning {
    // The values of Secrets are not part of their trees.
    let secret = before.secret_digest != after.secret_digest;
    if !secret && is_same(&before.root, &after.root) {
        return Meaning::Same;
    }
    let ignored = Ignored::of(application, &after.key);
    let changed = if ignored.is_uncertain() { Meaning::Uncertain } else { Meaning::Changed };
    if ignored.is_empty() {
        return changed;
    }
    let (old, new) = (ignored.without(&before.root), ignored.without(&after.root));
    let values_left =
        ["data", "stringData"].iter().any(|field| new.get(field).is_some_and(|node| !node.entries().is_empty()));
    if is_same(&old, &new) && !(secret && values_left) { Meaning::Ignored } else { changed }
}

/// Whether two trees mean the same, including the order of all lists, which Argo CD compares.
fn is_same(before: &Node, after: &Node) -> bool {
    delta::deltas(before, after).is_empty() && difference::first(Some(before), Some(after), &[], &[]).is_none()
}
