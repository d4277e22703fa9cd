//! What Argo CD does with each object of an Application that changed.

use document::Node;
use kubernetes::change::action::Action;
use kubernetes::change::refusal;
use kubernetes::object::Object;

use crate::effect::{self, Removal, Update};
use crate::hooks;

/// What Argo CD does with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it does.
    pub action: Action,
    /// How it updates the object; `None` if it deletes the object and creates it again.
    pub update: Option<refusal::Update>,
    /// Why, where the action is not what a reader expects: a phrase in lowercase, with names in backticks.
    pub reason: Option<String>,
}

/// What a sync of an Application does with its objects that changed, each as it was and as it is.
#[must_use]
pub fn plans(application: &Node, changes: &[(Option<&Object>, Option<&Object>)]) -> Vec<Plan> {
    changes.iter().map(|(before, after)| plan(application, *before, *after)).collect()
}

fn plan(application: &Node, before: Option<&Object>, after: Option<&Object>) -> Plan {
    let plan = |action| Plan { action, update: Some(refusal::Update::ClientSideApply), reason: None };
    match (before, after) {
        (None, None) => plan(Action::Nothing),
        (_, Some(after)) if hooks::is_hook(&after.root) => plan(Action::Hook),
        (None, Some(_)) => plan(Action::Create),
        (Some(before), None) => match effect::removal(application, &before.root) {
            Removal::Kept(_) => plan(Action::Leave),
            Removal::Pruned(_) | Removal::Confirmed(_) => plan(Action::Prune),
        },
        (Some(before), Some(after)) => match effect::update(application, &before.root, &after.root) {
            Update::Recreated => Plan { update: None, ..plan(Action::Replace) },
            Update::Requested(refusal::Update::Replace) => {
                Plan { update: Some(refusal::Update::Replace), ..plan(Action::Replace) }
            }
            Update::Requested(update) => Plan { update: Some(update), ..plan(Action::Update) },
        },
    }
}

/// The hooks that a sync runs, as `<kind>/<name>`, in the order of their phases and waves.
#[must_use]
pub fn hooks<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Vec<String> {
    let run = objects.into_iter().filter(|object| hooks::is_hook(&object.root));
    run.map(|object| format!("{}/{}", object.key.kind, object.key.name)).collect()
}
