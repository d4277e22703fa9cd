//! PodDisruptionBudgets that never allow a pod to be evicted, so that no node with such a pod can be drained.
//!
//! An autoscaled workload counts with its largest number of pods. In a case, `maxUnavailable: 0` and `minAvailable: 100%` are
//! accepted, since they say what they do, and nobody deploys them.

use argocd::sync_order;
use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::Value;
use kubernetes::disruption::blocking;
use kubernetes::inventory::View;
use kubernetes::inventory::selector::Selector;
use kubernetes::object::Object;

use super::replicas;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::DisruptionBlocked];

/// Checks every PodDisruptionBudget.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let budgets = subject.objects.iter().filter(|object| {
        (object.key.group.as_str(), object.key.kind.as_str()) == ("policy", "PodDisruptionBudget")
            && sync_order::order(&object.root).is_some()
    });
    let found = budgets.filter_map(|object| finding(&subject.clusters.view(&object.target)?, object));
    Diagnostics(found.collect())
}

fn finding<'a>(view: &View<'_, 'a>, object: &'a Object) -> Option<Diagnostic> {
    let selector = Selector::of_labels(object.find(&["spec", "selector"])?);
    let pods = view.selected(view.namespace_of(object), &selector);
    let counts: Option<Vec<i64>> = pods.iter().map(|pods| replicas::at_most(view, pods)).collect();
    let count = counts?.into_iter().try_fold(0_i64, i64::checked_add).filter(|count| *count > 0)?;
    let (field, node, limit) = blocking(object, count)?;
    if !view.is_deployed() && (field == "maxUnavailable" || node.as_str() == Some("100%")) {
        return None;
    }
    let kept = match &node.value {
        Value::String(text) if field == "minAvailable" => format!("`{text}` of {} is {limit}", plural_pods(count)),
        _ => format!("the selected workload has {}", plural_pods(count)),
    };
    let workload = pods.first()?.object.title();
    let message = format!("{} blocks every node drain", object.title());
    let found = object.finding(Code::DisruptionBlocked, message, node.place(), kept);
    let found = match pods.first().and_then(|pods| Some((pods, pods.object.find(&["spec", "replicas"])?))) {
        Some((pods, replicas)) => found.at(replicas.place(), format!("replicas of {}", pods.object.title())),
        None => found.note(format!("it selects the pods of {workload}")),
    };
    let fix = if count == 1 {
        "set `maxUnavailable: 1` instead, or run more than one replica"
    } else {
        "set `maxUnavailable: 1` instead"
    };
    Some(found.note("an eviction is only allowed if it leaves enough pods available").help(fix))
}

fn plural_pods(count: i64) -> String {
    plural(usize::try_from(count).unwrap_or(usize::MAX), "pod")
}
