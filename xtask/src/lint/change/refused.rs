//! Changes that the API server refuses, so that the sync fails: immutable fields, smaller claims, stored versions.

use argocd::effect;
use argocd::effect::Update;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Node, Value};
use kubernetes::change::refusal;
use kubernetes::change::refusal::{Refusal, Why};
use kubernetes::change::refusal_wording as wording;
use kubernetes::object::Object;
use kubernetes::validate::pointer;

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
            Why::StoredVersion => "the version in which objects are stored is missing, too".to_owned(),
            Why::Grows | Why::Immutable | Why::ImmutableObject => format!("`{path}` is immutable, too"),
        };
        found = found.at(place(after, &other.field.path, other.field.after), label);
    }
    let app = change.application.name;
    found
        .note(format!("the API server refuses this change, so every sync of Application `{app}` fails"))
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
