//! `LimitRanges` and `ResourceQuotas` that refuse the pods and claims of their namespace.
//!
//! The API server checks pods when a controller creates them, so the workload itself is accepted, and its pods are missing.
//! Amounts are calculated as the admission plugins do: requests default to limits, then the defaults of a `LimitRange`
//! apply. Namespaces with several `LimitRanges` are left out, because the order of their defaults is not defined, and so
//! are pods with resources of their own.

mod amount;
mod claims;
mod defaults;
mod quota;
mod range;

use diagnostics::{Code, Diagnostics};

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
