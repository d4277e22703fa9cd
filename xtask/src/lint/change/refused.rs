//! Changes that the API server rejects, which fails the sync: immutable fields, smaller claims, stored versions.

use argocd::effect;
use argocd::effect::Update;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Node, Value};
use kubernetes::change::refusal;
use kubernetes::change::refusal::{Refusal, Why};
use kubernetes::change::refusal_wording as wording;
use kubernetes::object::Object;
use kubernetes::validate::pointer;

use super::removed;
use super::revision::Change;

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
        } else {
            diagnostics.0.extend(class_set(change, before, after));
        }
    }
    diagnostics
}

/// The warning about a claim whose class is set: the claim has the class that was the default when it was created.
fn class_set(change: &Change<'_>, before: &Object, after: &Object) -> Option<Diagnostic> {
    let path = ["spec", "storageClassName"];
    let class =
        after.find(&path).filter(|_| after.key.kind == "PersistentVolumeClaim" && after.key.group.is_empty())?;
    let name = class.as_str()?;
    if before.find(&path).is_some_and(|node| !matches!(node.value, Value::Null))
        || effect::ignores(change.application.root, &after.key, &path.map(str::to_owned))
    {
        return None;
    }
    let message = format!("the StorageClass of {} is set to `{name}`", change.title(&after.key));
    let label = format!("not set at `{}`", change.base);
    let found = after.finding(Code::ChangeStorageClass, message, class.place(), label);
    let found = found.at(before.root.key_place("spec"), format!("at `{}`", change.base));
    let found = found.note(match name {
        "" => "the API server rejects this change if the claim has a class, and then every sync fails".to_owned(),
        _ => format!(
            "the claim has the class that was the default when it was created; unless that is `{name}`, the API server \
             rejects this change, and every sync fails"
        ),
    });
    let help = "keep `spec.storageClassName` as it was; to use another class, add a second claim with another name, and copy \
                the data";
    Some(found.help(help).help(removed::acceptance(Code::ChangeStorageClass, &after.target)))
}

fn report(
    change: &Change<'_>,
    before: &Object,
    after: &Object,
    first: &Refusal<'_>,
    others: &[Refusal<'_>],
) -> Diagnostic {
    let title = change.title(&after.key);
    let message = wording::message(first, &title);
    let label = match (first.why, first.field.before) {
        (Why::StoredVersion, _) => "the remaining versions".to_owned(),
        (_, None) => format!("not set at `{}`", change.base),
        (_, Some(node)) => match wording::quoted(Some(node)).as_str() {
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
            Why::StoredVersion => "the version in which objects are stored is also missing".to_owned(),
            Why::Grows | Why::Immutable | Why::ImmutableObject => format!("`{path}` is immutable, too"),
        };
        found = found.at(place(after, &other.field.path, other.field.after), label);
    }
    let app = change.application.name;
    found
        .note(format!("the API server rejects this change, so every sync of Application `{app}` fails"))
        .help(wording::help(first, after))
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
