//! `LimitRanges` and `ResourceQuotas` that refuse the pods and claims of their namespace.
//!
//! The API server checks pods when a controller creates them, so the workload itself is accepted, and its pods are missing.
//! Amounts are calculated as the admission plugins do: requests default to limits, then the defaults of a `LimitRange`
//! apply. Namespaces with several `LimitRanges` are left out, because the order of their defaults is not defined, and so
//! are pods with resources of their own.

mod claims;
mod quota;
mod range;

use diagnostics::{Code, Diagnostics};
use document::{Node, Value};
use kubernetes::amount;
use kubernetes::inventory::View;
use kubernetes::inventory::pods::Pods;

use self::range::Defaults;
use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::NamespaceLimits];

/// Checks what is deployed to the namespaces for which a target renders limits.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for target in subject.targets {
        let Some(view) = subject.clusters.view(&target.id.to_string()) else { continue };
        for entry in view.own().filter(|entry| entry.object.key.group.is_empty()) {
            match entry.object.key.kind.as_str() {
                "LimitRange" => diagnostics.extend(range::check(&view, entry)),
                "ResourceQuota" => diagnostics.extend(quota::check(&view, entry)),
                _ => {}
            }
        }
    }
    diagnostics
}

/// The `LimitRange` of a namespace, if it has exactly one; an error if it has several.
fn defaults<'a>(view: &View<'_, 'a>, namespace: &str) -> Result<Option<Defaults<'a>>, ()> {
    let mut ranges = view.of_kind("", "LimitRange", namespace);
    match (ranges.next(), ranges.next()) {
        (_, Some(_)) => Err(()),
        (range, None) => Ok(range.map(|entry| Defaults::of(entry.object))),
    }
}

/// Whether the resources of pods are those of their containers.
fn are_counted(pods: &Pods<'_>) -> bool {
    pods.spec.get("resources").is_none() && pods.object.key.group != "kubevirt.io"
}

/// A quantity, and the node that sets it.
#[derive(Debug, Clone, Copy)]
struct Amount<'a> {
    value: f64,
    node: &'a Node,
}

impl<'a> Amount<'a> {
    fn read(node: &'a Node) -> Option<Self> {
        Some(Self { value: amount::quantity(node)?, node })
    }

    /// The entry of a map.
    fn of(map: Option<&'a Node>, resource: &str) -> Option<Self> {
        Self::read(map?.entries().iter().find(|(key, _)| key.name == resource).map(|(_, value)| value)?)
    }

    /// The amount as it is written.
    fn written(&self) -> String {
        written(self.node)
    }
}

fn written(node: &Node) -> String {
    match &node.value {
        Value::String(text) | Value::Number(text) => text.clone(),
        _ => node.to_json(),
    }
}

/// Whether an amount is greater than another one, not counting errors of rounding.
fn exceeds(one: f64, other: f64) -> bool {
    one - other > other.abs() * 1e-9 + 1e-12
}
