//! Changes of the ApplicationSet that generates an Application: another one, or one that may do more or less with it.

use argocd::effect;
use diagnostics::wording::{self, plural};
use diagnostics::{Code, Severity};
use document::Node;
use kubernetes::change::effect::Effect;
use kubernetes::object::Object;

use super::management::{Deleted, Managed, deleted_with, new};

/// The effect of another owner: the former one deletes the Application, although it is defined under the same name.
pub(super) fn changed(sets: (Option<&str>, Option<&str>), before: Managed<'_>, objects: &[Object]) -> Option<Effect> {
    effect::cascades(before.root)?;
    let Deleted { gone, lost } = deleted_with(before.root, objects);
    let name = before.name;
    let (because, help) = match sets {
        // An ApplicationSet does not take over what belongs to another one, and nothing but its owner updates the finalizer.
        (Some(from), _) => (
            format!("ApplicationSet `{from}` deletes the Application, and its finalizer deletes"),
            format!(
                "merge a change before this one that sets `spec.syncPolicy.preserveResourcesOnDeletion: true` in \
                 ApplicationSet `{from}`"
            ),
        ),
        (None, to) => (
            format!(
                "unless ApplicationSet `{}` takes the Application over before it is pruned, its finalizer deletes",
                to.unwrap_or_default()
            ),
            format!("merge a change before this one that removes the finalizer of `{name}`"),
        ),
    };
    if let Some(first) = lost.first() {
        let more = wording::and_more(lost.len().saturating_sub(1));
        let message = format!("{because} {}{more} with the data", first.title());
        return Some(new(Code::ChangeDataLoss, Severity::Blocker, message, Some(help)));
    }
    let message = format!("{because} its {}, before they are created again", plural(gone.len(), "object"));
    (!gone.is_empty()).then(|| new(Code::ChangeDisruptive, Severity::Caution, message, Some(help)))
}

/// What an ApplicationSet no longer does with an Application, or does again, by its `applicationsSync` before and after.
pub(super) fn restricted(
    set: &str,
    policies: (Option<&str>, Option<&str>),
    before: &Node,
    after: &Node,
) -> Vec<Effect> {
    let notice = |message: String| new(Code::ChangeManagement, Severity::Notice, message, None);
    let updates = |policy: Option<&str>| !matches!(policy, Some("create-only" | "create-delete"));
    let deletes = |policy: Option<&str>| !matches!(policy, Some("create-only" | "create-update"));
    let mut effects = Vec::new();
    match (updates(policies.0), updates(policies.1)) {
        (true, false) => effects.push(notice(format!("ApplicationSet `{set}` no longer updates the Application"))),
        (false, true) => effects.push(notice(format!("ApplicationSet `{set}` updates the Application again"))),
        _ => {}
    }
    match (deletes(policies.0), deletes(policies.1)) {
        (true, false) => effects.push(notice(format!(
            "ApplicationSet `{set}` no longer deletes the Application when it stops generating it"
        ))),
        (false, true) => {
            effects.push(notice(format!("ApplicationSet `{set}` deletes the Application when it stops generating it")));
        }
        _ => {}
    }
    if let Some(policy) = policies.1.filter(|policy| !updates(Some(policy)))
        && before.find(&["spec"]).map(Node::to_json) != after.find(&["spec"]).map(Node::to_json)
    {
        effects.push(notice(format!(
            "ApplicationSet `{set}` does not update an Application that exists (`applicationsSync: {policy}`), so the new \
             `spec` does not take effect"
        )));
    }
    effects
}
