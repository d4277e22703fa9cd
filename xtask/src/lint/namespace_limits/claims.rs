//! The size of claims, for which a `LimitRange` has bounds.

use diagnostics::{Code, Diagnostics};
use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::entry::Entry;
use kubernetes::object::Object;

use super::amount::{Amount, exceeds};
use super::defaults::item;

const STORAGE: &str = "storage";

/// The claims in a namespace with the sizes that they request, each for a number of pods.
pub(super) fn sizes<'a>(view: &View<'_, 'a>, namespace: &str) -> Vec<(&'a Object, Amount<'a>, Option<i64>)> {
    let size = |claim: &'a Node| Amount::of(claim.find(&["spec", "resources", "requests"]), STORAGE);
    let claims = view.of_kind("", "PersistentVolumeClaim", namespace);
    let mut all: Vec<_> = claims.filter_map(|entry| Some((entry.object, size(&entry.object.root)?, Some(1)))).collect();
    for entry in view.of_kind("apps", "StatefulSet", namespace) {
        let replicas = entry.object.find(&["spec", "replicas"]);
        let count = replicas.map_or(Some(1), kubernetes::inventory::pods::number);
        let templates = entry.object.find(&["spec", "volumeClaimTemplates"]).map(Node::items).unwrap_or_default();
        all.extend(templates.iter().filter_map(|claim| Some((entry.object, size(claim)?, count))));
    }
    all
}

/// Reports the claims whose size a `LimitRange` refuses.
pub(super) fn in_range(view: &View<'_, '_>, entry: &Entry<'_>) -> Diagnostics {
    let Some(item) = item(entry.object, "PersistentVolumeClaim") else { return Diagnostics::default() };
    let bound = |key: &str| Amount::of(item.get(key), STORAGE);
    let (min, max) = (bound("min"), bound("max"));
    let mut diagnostics = Diagnostics::default();
    for (object, size, _) in sizes(view, entry.namespace) {
        let (bound, relation, side) = if let Some(max) = max.filter(|max| exceeds(size.value, max.value)) {
            (max, "greater than `max`", "most")
        } else if let Some(min) = min.filter(|min| exceeds(min.value, size.value)) {
            (min, "less than `min`", "least")
        } else {
            continue;
        };
        let range = entry.object.title();
        let message = format!("the size of {} is {relation} of {range}", object.title());
        let found = object.finding(Code::NamespaceLimits, message, size.node.place(), "the API server rejects it");
        let found = found.at(bound.node.place(), format!("at {side} {}", bound.written()));
        diagnostics.push(found.help(format!("request at {side} {}, or change {range}", bound.written())));
    }
    diagnostics
}
