//! Decides whether Argo CD sees a change of an object as a difference.

use std::borrow::Cow;

use document::{Node, Value};
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
    // A digest covers the values of a Secret, whether they are in `data` or in `stringData`.
    let compared = |object| match (before.secret_digest.is_some(), secret) {
        (true, false) => without(object, &["data", "status", "stringData"]),
        _ => without(object, &["status"]),
    };
    if !secret && is_same(&compared(&before.root), &compared(&after.root)) {
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

/// An object without some of its fields. Argo CD ignores the status of all kinds, unless its configuration says otherwise.
fn without<'a>(object: &'a Node, fields: &[&str]) -> Cow<'a, Node> {
    if fields.iter().all(|field| object.get(field).is_none()) {
        return Cow::Borrowed(object);
    }
    let mut object = object.clone();
    if let Value::Mapping(entries) = &mut object.value {
        entries.retain(|(key, _)| !fields.contains(&key.name.as_str()));
    }
    Cow::Owned(object)
}

/// Whether two trees mean the same, including the order of all lists, which Argo CD compares.
fn is_same(before: &Node, after: &Node) -> bool {
    delta::deltas(before, after).is_empty() && difference::first(Some(before), Some(after), &[], &[]).is_none()
}
