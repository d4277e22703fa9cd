//! The containers and claims that a `LimitRange` refuses.

use diagnostics::{Code, Diagnostic, Diagnostics, suggestion};
use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::entry::Entry;
use kubernetes::inventory::pods::{Container, Pods};
use kubernetes::object::Object;

use super::amount::{Amount, exceeds};
use super::claims;
use super::defaults::{Defaults, are_counted, defaults, given};

/// Checks the containers and the claims in the namespace of a `LimitRange`.
pub(super) fn check(view: &View<'_, '_>, entry: &Entry<'_>) -> Diagnostics {
    let mut diagnostics = claims::in_range(view, entry);
    diagnostics.0.extend(unknown_type(entry.object));
    let Ok(Some(defaults)) = defaults(view, entry.namespace) else { return diagnostics };
    let Some(item) = defaults.item else { return diagnostics };
    let mut resources: Vec<&str> = Vec::new();
    for map in ["min", "max", "default", "defaultRequest"].iter().filter_map(|key| item.get(key)) {
        resources.extend(map.entries().iter().map(|(key, _)| key.name.as_str()));
    }
    resources.sort_unstable();
    resources.dedup();
    for resource in &resources {
        if let Some(found) = contradiction(&defaults, resource) {
            return found.into();
        }
    }
    let pods: Vec<&Pods<'_>> = view.pods(entry.namespace).filter(|pods| are_counted(pods)).collect();
    for resource in &resources {
        let containers = pods.iter().flat_map(|pods| pods.containers.iter().map(|container| (pods.object, container)));
        let mut found = containers.filter_map(|(object, container)| {
            Some((
                refused(object, container, resource, &defaults)?,
                format!("`{}` of {}", container.name(), object.title()),
            ))
        });
        // The others have the same cause.
        if let Some((first, _)) = found.next() {
            let others: Vec<String> = found.map(|(_, title)| title).collect();
            let also = format!("also refused: {}", others.join(", "));
            diagnostics.push(if others.is_empty() { first } else { first.note(also) });
        }
    }
    diagnostics
}

/// Reports a type that is none, and has no domain of its own.
fn unknown_type(object: &Object) -> Option<Diagnostic> {
    const TYPES: [&str; 3] = ["Container", "PersistentVolumeClaim", "Pod"];
    let mut types = object.root.items_at(&["spec", "limits"]).iter().filter_map(|item| item.get("type"));
    let unknown = |node: &&Node| node.as_str().is_some_and(|text| !TYPES.contains(&text) && !text.contains('/'));
    let node = types.find(unknown)?;
    let text = node.as_str()?;
    let message = format!("unknown type `{text}` in {}", object.title());
    let found = object.finding(Code::NamespaceLimits, message, node.place(), "the API server rejects it");
    Some(found.help(suggestion(text, TYPES)))
}

/// Reports amounts of a `LimitRange` that contradict each other, which the API server rejects.
fn contradiction(defaults: &Defaults<'_>, resource: &str) -> Option<Diagnostic> {
    let order = ["min", "defaultRequest", "default", "max"];
    let amounts: Vec<(&str, Amount<'_>)> =
        order.iter().filter_map(|field| Some((*field, defaults.field(field, resource)?))).collect();
    amounts.iter().enumerate().find_map(|(index, (field, low))| {
        let (other, high) = amounts[index + 1..].iter().find(|(_, high)| exceeds(low.value, high.value))?;
        let message =
            format!("`{field}.{resource}` of {} is greater than `{other}.{resource}`", defaults.object.title());
        Some(
            defaults
                .object
                .finding(Code::NamespaceLimits, message, low.node.place(), "the API server rejects it")
                .at(high.node.place(), "this is less")
                .help(format!("set `{field}.{resource}` to at most {}", high.written())),
        )
    })
}

/// Reports a container that a `LimitRange` refuses.
fn refused(object: &Object, container: &Container<'_>, resource: &str, defaults: &Defaults<'_>) -> Option<Diagnostic> {
    let (name, node) = (container.name(), container.node);
    let own = |key: &str| Amount::of(node.find(&["resources", key]), resource);
    let given = given(node, resource, Some(defaults));
    let (min, max) = (defaults.field("min", resource), defaults.field("max", resource));
    let above = |amount: Option<Amount<'_>>, bound: Option<Amount<'_>>| {
        amount.zip(bound).is_some_and(|(amount, bound)| exceeds(amount.value, bound.value))
    };
    let (what, amount, bound, relation, side) = if above(given.limit, max) {
        ("limit", given.limit?, max?, "is greater than `max`", "most")
    } else if above(given.request, max) {
        ("request", given.request?, max?, "is greater than `max`", "most")
    } else if above(min, given.request) {
        ("request", given.request?, min?, "is less than `min`", "least")
    } else if above(min, given.limit) {
        ("limit", given.limit?, min?, "is less than `min`", "least")
    } else if own("limits").is_none() && above(given.request, given.limit) {
        ("request", given.request?, given.limit?, "is greater than the default limit", "most")
    } else {
        return None;
    };
    let range = defaults.object.title();
    let message = format!("the {resource} {what} of container `{name}` of {} {relation} of {range}", object.title());
    let label = format!("{} is refused", amount.written());
    Some(
        object
            .finding(Code::NamespaceLimits, message, amount.node.place(), label)
            .at(bound.node.place(), format!("at {side} {}", bound.written()))
            .note("the API server accepts the workload, but none of its pods")
            .help(format!("set the {what} to at {side} {}, or change {range}", bound.written())),
    )
}
