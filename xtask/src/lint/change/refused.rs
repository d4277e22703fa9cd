//! Changes that the API server refuses, so that the sync fails: immutable fields, smaller claims, stored versions.

use argocd::effect;
use argocd::effect::Update;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Node, Value};
use kubernetes::change::refusal;
use kubernetes::change::refusal::{Refusal, Why};
use kubernetes::object::Object;
use kubernetes::validate::pointer;

use super::revision::Change;

/// The longest value that a message quotes.
const SHORT: usize = 60;

/// Reports the refused changes of an Application, one for each object.
pub(super) fn check(change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (before, after) in &change.changed {
        let Update::Requested(update) = effect::update(change.application.root, &before.root, &after.root) else {
            continue;
        };
        let mut refusals = refusal::refusals(before, after, update);
        refusals.retain(|refusal| !effect::ignores(change.application.root, &after.key, &refusal.field.path));
        if let Some((first, others)) = refusals.split_first() {
            diagnostics.push(report(change, before, after, first, others));
        } else if let Some((refusal, class)) = refusal::growth(before, after, change.now.iter().copied()) {
            let found = report(change, before, after, &refusal, &[]);
            diagnostics
                .push(found.at(class.root.key_place("provisioner"), "does not set `allowVolumeExpansion: true`"));
        }
    }
    diagnostics
}

fn report(
    change: &Change<'_>,
    before: &Object,
    after: &Object,
    first: &Refusal<'_>,
    others: &[Refusal<'_>],
) -> Diagnostic {
    let path = pointer::path(&first.field.path);
    let title = change.title(&after.key);
    let message = match first.why {
        Why::Immutable => format!("`{path}` of {title} is immutable, but {}", change_of(first)),
        Why::ImmutableObject => format!("`{path}` of {title} changes, but the object is immutable"),
        Why::Shrinks => format!("{title} shrinks{}", from_to(first)),
        Why::Grows => format!("{title} grows{}, which its StorageClass does not allow", from_to(first)),
        Why::StoredVersion => {
            format!("{title} no longer has version{}, in which objects are stored", quoted(first.field.before))
        }
    };
    let label = match (first.why, first.field.before) {
        (Why::StoredVersion, _) => "the remaining versions".to_owned(),
        (_, None) => format!("not set at `{}`", change.base),
        (_, Some(node)) => match quoted(Some(node)).as_str() {
            "" => format!("differs from `{}`", change.base),
            text => format!("was{text} at `{}`", change.base),
        },
    };
    let place = |object: &Object, path: &[String], node: Option<&Node>| match node {
        Some(node) => node.place(),
        None => nearest(&object.root, path),
    };
    let mut found =
        after.finding(Code::ChangeRefused, message, place(after, &first.field.path, first.field.after), label);
    let old = place(before, &first.field.path, first.field.before);
    found = found.at(old, format!("at `{}`", change.base));
    for other in others {
        let path = pointer::path(&other.field.path);
        let label = match other.why {
            Why::Shrinks => format!("`{path}` must not shrink, either"),
            Why::StoredVersion => "the version in which objects are stored is missing, too".to_owned(),
            Why::Grows | Why::Immutable | Why::ImmutableObject => format!("`{path}` is immutable, too"),
        };
        found = found.at(place(after, &other.field.path, other.field.after), label);
    }
    let app = change.application.name;
    found
        .note(format!("the API server refuses this change, so every sync of Application `{app}` fails"))
        .help(help(after, first))
}

/// The place at which a field would be: that of the nearest field around it that is set.
fn nearest(root: &Node, path: &[String]) -> diagnostics::Place {
    let mut node = root;
    let mut place = root.key_place("metadata");
    for step in path {
        let next = match &node.value {
            Value::Sequence(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => node.get(step),
        };
        let Some(next) = next else { break };
        place = if node.items().is_empty() { node.key_place(step) } else { next.place() };
        node = next;
    }
    place
}

/// What happens to a field.
fn change_of(refusal: &Refusal<'_>) -> String {
    match (refusal.field.before, refusal.field.after) {
        (None, _) => format!("is set{}", to(refusal.field.after)),
        (_, None) => "is removed".to_owned(),
        _ => format!("changes{}", from_to(refusal)),
    }
}

fn from_to(refusal: &Refusal<'_>) -> String {
    match (quoted(refusal.field.before).as_str(), quoted(refusal.field.after).as_str()) {
        ("", _) | (_, "") => String::new(),
        (before, after) => format!(" from{before} to{after}"),
    }
}

fn to(node: Option<&Node>) -> String {
    match quoted(node).as_str() {
        "" => String::new(),
        text => format!(" to{text}"),
    }
}

/// A short scalar in backticks after a blank; empty for anything else.
fn quoted(node: Option<&Node>) -> String {
    let text = match node.map(|node| &node.value) {
        Some(Value::String(text) | Value::Number(text)) => text.clone(),
        Some(Value::Bool(value)) => value.to_string(),
        _ => return String::new(),
    };
    if text.chars().count() > SHORT || text.contains(['\n', '`']) { String::new() } else { format!(" `{text}`") }
}

fn help(after: &Object, first: &Refusal<'_>) -> String {
    let path = pointer::path(&first.field.path);
    let recreate = "let Argo CD delete and recreate the object: annotate it with \
                    `argocd.argoproj.io/sync-options: Force=true,Replace=true`";
    match (first.why, after.key.kind.as_str()) {
        (Why::ImmutableObject, _) => {
            "rename the object with its content, for example with a digest at the end, and refer to the new name".to_owned()
        }
        (Why::Shrinks, _) => {
            "keep the size; to use a smaller volume, add a second claim with another name, and copy the data".to_owned()
        }
        (Why::Grows, _) => "set `allowVolumeExpansion: true` in the StorageClass if its provisioner can expand volumes, or \
                            keep the size"
            .to_owned(),
        (Why::StoredVersion, _) => "keep the version with `served: true` and `storage: false`, and remove it only after \
                                    all objects are stored in another one and `status.storedVersions` no longer lists it"
            .to_owned(),
        (_, "PersistentVolumeClaim") => {
            format!("keep `{path}`; to use another volume, add a second claim with another name, and copy the data")
        }
        (_, "StatefulSet") => format!(
            "keep `{path}`, or delete the StatefulSet with `kubectl delete --cascade=orphan` just before the sync, which \
             keeps its pods and claims"
        ),
        (_, "PersistentVolume" | "CustomResourceDefinition" | "StorageClass") => {
            format!("keep `{path}`, or add an object with another name")
        }
        (_, "Job") => format!("keep `{path}`, make the Job a hook, or {recreate}"),
        (_, "Deployment" | "DaemonSet" | "ReplicaSet") => {
            format!("keep `{path}`, give the object another name, or {recreate}, which stops its pods first")
        }
        _ => format!("keep `{path}`, give the object another name, or {recreate}"),
    }
}
