//! Decides what Argo CD does with each changed object of an Application: apply, prune, replace, or leave it.
//!
//! As in Argo CD 3.5: a sync starts only if an object is `OutOfSync`, which hooks, ignored fields, and changes without a
//! meaning do not cause. Once it starts, it applies every object and runs every hook.

mod meaning;

use document::{Node, Value};
use kubernetes::change::action::Action;
use kubernetes::change::refusal;
use kubernetes::object::Object;

use self::meaning::Meaning;
use crate::effect::{self, Removal, Update};
use crate::hooks::{self, Deletion};
use crate::{excluded, sync_order};

/// The action of Argo CD on an object, and how it is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The action.
    pub action: Action,
    /// How it updates the object; `None` if it deletes the object and creates it again.
    pub update: Option<refusal::Update>,
    /// Why, where the action is not what a reader expects: a phrase in lowercase, with names in backticks.
    pub reason: Option<String>,
}

impl Plan {
    fn new(action: Action) -> Self {
        Self { action, update: Some(refusal::Update::ClientSideApply), reason: None }
    }

    fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }
}

/// A plan that depends on whether a sync starts.
struct Draft {
    /// The plan of the next sync.
    plan: Plan,
    /// Whether the change makes the Application `OutOfSync`.
    starts: Starts,
}

/// Whether a change starts a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Starts {
    /// It starts a sync.
    Always,
    /// It starts no sync, and does not depend on one.
    Never,
    /// It starts no sync, and happens only in one that others start; the reason why.
    Waits(&'static str),
}

/// What a sync of an Application does with its objects that changed, each as it was and as it is. `remains` says whether it
/// has other objects, which do not change.
#[must_use]
pub fn plans(application: &Node, changes: &[(Option<&Object>, Option<&Object>)], remains: bool) -> Vec<Plan> {
    let drafts: Vec<Draft> = changes.iter().map(|(before, after)| draft(application, *before, *after)).collect();
    let starts = drafts.iter().any(|draft| draft.starts == Starts::Always);
    let empties = !remains && !changes.is_empty() && changes.iter().all(|(_, after)| after.is_none());
    let refused = empties && effect::prunes(application).is_some() && !allows_empty(application);
    let plan = |draft: Draft| match draft.starts {
        _ if refused && draft.plan.action == Action::Prune => Plan::new(Action::Leave)
            .because("Argo CD does not delete all objects of an Application unless `allowEmpty` is set"),
        Starts::Waits(reason) if !starts => Plan::new(Action::Nothing).because(reason),
        _ => draft.plan,
    };
    drafts.into_iter().map(plan).collect()
}

/// The actions on the objects of an Application that is no longer defined. `deleted` says whether something deletes it.
#[must_use]
pub fn plans_without<'a>(
    application: &Node,
    objects: impl IntoIterator<Item = &'a Object>,
    deleted: bool,
) -> Vec<Plan> {
    let cascades = effect::cascades(application).is_some();
    let plan = |object: &Object| {
        if !deleted {
            Plan::new(Action::Leave).because("nothing prunes the Application, so it stays with its objects")
        } else if !cascades {
            Plan::new(Action::Leave).because("the Application has no cascading finalizer, so its objects stay")
        } else if sync_order::order(&object.root).is_none() {
            never_applied(object)
        } else if effect::deleted_with(application, &object.root) {
            Plan::new(Action::Prune).because("the finalizer of the Application deletes its objects")
        } else {
            Plan::new(Action::Leave).because("the object is kept when the Application is deleted")
        }
    };
    objects.into_iter().map(plan).collect()
}

/// The hooks that a sync runs, as `<kind>/<name>`, in the order of their phases and waves. Those that run only after a failed
/// sync are left out.
#[must_use]
pub fn hooks<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Vec<String> {
    let mut run: Vec<(sync_order::Order, String)> = objects
        .into_iter()
        .filter(|object| hooks::is_hook(&object.root))
        .filter_map(|object| {
            let name = format!("{}/{}", object.key.kind, object.key.name);
            Some((sync_order::order(&object.root)?, name))
        })
        .filter(|(order, _)| order.phase != sync_order::Phase::SyncFail)
        .collect();
    run.sort();
    run.into_iter().map(|(_, name)| name).collect()
}

fn draft(application: &Node, before: Option<&Object>, after: Option<&Object>) -> Draft {
    let always = |plan| Draft { plan, starts: Starts::Always };
    let never = |plan| Draft { plan, starts: Starts::Never };
    match (before, after) {
        (None, None) => never(Plan::new(Action::Nothing)),
        (_, Some(after)) | (Some(after), None) if excluded::is_excluded(&after.key.group, &after.key.kind) => {
            never(Plan::new(Action::Nothing).because("Argo CD excludes this kind by default"))
        }
        (_, Some(after)) if sync_order::order(&after.root).is_none() => never(never_applied(after)),
        (_, Some(after)) if hooks::is_hook(&after.root) => Draft {
            plan: Plan::new(Action::Hook),
            starts: Starts::Waits("a hook that changes starts no sync; it runs in the next one"),
        },
        (None, Some(_)) => always(Plan::new(Action::Create)),
        (Some(before), None) => removal(application, before),
        (Some(before), Some(after)) => update(application, before, after),
    }
}

/// Why a sync does not apply an object.
fn never_applied(object: &Object) -> Plan {
    let annotation = |key: &str| object.find(&["metadata", "annotations", key]).and_then(Node::as_str);
    let own = annotation("argocd.argoproj.io/hook").map(|hook| format!("`argocd.argoproj.io/hook: {hook}`"));
    let hook = own.or_else(|| annotation("helm.sh/hook").map(|hook| format!("`helm.sh/hook: {hook}`")));
    let hook = hook.unwrap_or_else(|| "its hook".to_owned());
    Plan::new(Action::Nothing).because(&format!("Argo CD never applies objects with {hook}"))
}

fn removal(application: &Node, before: &Object) -> Draft {
    if sync_order::is_hook(&before.root) {
        let plan = Plan::new(Action::Nothing);
        let plan = match hooks::deletion(&before.root) {
            Some((Deletion::AfterSync, _)) => plan.because("each sync deletes the hook after it has run"),
            _ if sync_order::order(&before.root).is_none() => never_applied(before),
            _ => plan.because("Argo CD does not prune hooks; what the last sync created stays"),
        };
        return Draft { plan, starts: Starts::Never };
    }
    match effect::removal(application, &before.root) {
        Removal::Kept(Some(_)) => Draft {
            plan: Plan::new(Action::Leave).because("`Prune=false` keeps it in the cluster"),
            starts: Starts::Never,
        },
        Removal::Kept(None) => Draft {
            plan: Plan::new(Action::Leave).because("the Application does not prune; it stays until somebody prunes it"),
            starts: Starts::Never,
        },
        Removal::Confirmed(_) => Draft {
            plan: Plan::new(Action::Prune).because("`Prune=confirm` waits until somebody confirms it"),
            starts: Starts::Always,
        },
        Removal::Pruned(_) => {
            let text = before.find(&["metadata", "annotations", "argocd.argoproj.io/compare-options"]);
            let extraneous = text
                .and_then(Node::as_str)
                .is_some_and(|text| text.split(',').any(|option| option.trim() == "IgnoreExtraneous"));
            let starts = if extraneous {
                Starts::Waits("`IgnoreExtraneous` starts no sync; the next one prunes it")
            } else {
                Starts::Always
            };
            Draft { plan: Plan::new(Action::Prune), starts }
        }
    }
}

fn update(application: &Node, before: &Object, after: &Object) -> Draft {
    let on = |name: &str| has_option(application, name);
    let plan = match effect::update(application, &before.root, &after.root) {
        Update::Recreated => Plan { update: None, ..Plan::new(Action::Replace) }
            .because("`Force=true` deletes it and creates it again if the API server rejects the update"),
        Update::Requested(refusal::Update::Replace) => {
            Plan { update: Some(refusal::Update::Replace), ..Plan::new(Action::Replace) }.because("`Replace=true`")
        }
        Update::Requested(update) => Plan { update: Some(update), ..Plan::new(Action::Update) },
    };
    match meaning::of(application, before, after) {
        Meaning::Same => {
            Draft { plan: Plan::new(Action::Nothing).because("the API server stores the same"), starts: Starts::Never }
        }
        Meaning::Ignored if on("RespectIgnoreDifferences=true") || on("ApplyOutOfSyncOnly=true") => Draft {
            plan: Plan::new(Action::Nothing).because("`ignoreDifferences` covers all changes"),
            starts: Starts::Never,
        },
        Meaning::Ignored => Draft {
            plan: plan.because(
                "`ignoreDifferences` starts no sync, but other objects do, and without `RespectIgnoreDifferences=true` \
                 the sync applies this one, too",
            ),
            starts: Starts::Waits("`ignoreDifferences` covers all changes"),
        },
        Meaning::Uncertain if plan.reason.is_none() => Draft {
            plan: plan.because(
                "unless `ignoreDifferences` ignores the change, by a field manager or a jq expression that is not evaluated",
            ),
            starts: Starts::Always,
        },
        Meaning::Uncertain | Meaning::Changed => Draft { plan, starts: Starts::Always },
    }
}

/// Whether an Application has a sync option.
fn has_option(application: &Node, wanted: &str) -> bool {
    let options = application.items_at(&["spec", "syncPolicy", "syncOptions"]);
    options.iter().any(|option| option.as_str() == Some(wanted))
}

/// Whether an Application may delete all of its objects.
fn allows_empty(application: &Node) -> bool {
    let node = application.find(&["spec", "syncPolicy", "automated", "allowEmpty"]);
    node.is_some_and(|node| matches!(node.value, Value::Bool(true)))
}

#[cfg(test)]
mod tests;
