//! PodDisruptionBudgets that block every node drain, and did not before.

use super::replicas;
use super::subject::{Found, Subject};
use super::surroundings::Side;
use crate::disruption;
use crate::inventory::selector::Selector;
use crate::object::Object;

/// A budget that leaves no pod to evict: because it changes, or because a workload that it selects does.
pub(super) fn blocked(subject: &Subject<'_>) -> Vec<Found> {
    let Some(after) = subject.change.after.filter(|_| subject.applies()) else { return Vec::new() };
    let (old, new) = (subject.around.before(), subject.around.after());
    if subject.is("policy", "PodDisruptionBudget") {
        let before = subject.change.before.is_some_and(|before| blocks(old, before).is_some());
        let field = blocks(new, after).filter(|_| !before);
        return field
            .map(|field| {
                Found::new(format!("{} blocks every node drain", after.title()))
                    .at(&["spec", field])
                    .help("set `maxUnavailable: 1` instead")
            })
            .into_iter()
            .collect();
    }
    if !subject
        .updates()
        .is_some_and(|(before, after)| replicas::is_scalable(&after.key) && replicas::of(before) != replicas::of(after))
    {
        return Vec::new();
    }
    let budgets = new.of_kind("policy", "PodDisruptionBudget").iter().filter(|budget| {
        let was = old.of_kind("policy", "PodDisruptionBudget").iter().find(|other| other.key == budget.key);
        // A budget that is new is reported itself.
        selects(new, budget, after)
            && was.is_some_and(|was| blocks(old, was).is_none())
            && blocks(new, budget).is_some()
    });
    budgets
        .map(|budget| {
            let message = format!("with this number of replicas, {} blocks every node drain", budget.title());
            Found::new(message).at(&["spec", "replicas"]).help("set `maxUnavailable: 1` in the budget")
        })
        .collect()
}

fn selects(side: &Side<'_>, budget: &Object, workload: &Object) -> bool {
    let Some(selector) = budget.find(&["spec", "selector"]).map(Selector::of_labels) else { return false };
    side.pods()
        .iter()
        .any(|pods| pods.object.key == workload.key && pods.namespace == budget.key.namespace && selector.matches(pods))
}

/// The field with which a budget leaves no pod to evict.
fn blocks(side: &Side<'_>, budget: &Object) -> Option<&'static str> {
    let selector = Selector::of_labels(budget.find(&["spec", "selector"])?);
    let selected = side.pods().iter().filter(|pods| pods.namespace == budget.key.namespace && selector.matches(pods));
    let counts: Option<Vec<i64>> = selected.map(|pods| replicas::at_most(side, pods.object)).collect();
    let count = counts?.into_iter().try_fold(0_i64, i64::checked_add).filter(|count| *count > 0)?;
    disruption::blocking(budget, count).map(|(field, ..)| field)
}
