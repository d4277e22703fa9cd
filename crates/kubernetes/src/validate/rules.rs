//! Rules that the API server enforces beyond its schemas, as far as a single object shows a violation. One topic per file.
//!
//! Every rule was observed on a real API server: tests/agreement has an object for each, and a test compares the
//! server's verdict with ours. Rules skip values of the wrong type, since the schema check reports those.
//!
//! Does not check what depends on other objects, on the cluster, or on admission plugins.

mod access;
mod address;
mod autoscaler;
mod claim;
mod container;
mod definition;
mod ingress;
mod job;
mod look;
mod mount;
mod names;
mod network;
mod placement;
mod pod;
mod probe;
mod quantity;
mod resources;
mod secret;
mod security;
mod selector;
mod service;
mod size;
mod structural;
mod variable;
mod volume;
mod workload;

use diagnostics::Diagnostics;

use self::look::Look;
use super::subject::Subject;

const RULES: &[fn(&mut Look<'_>)] = &[
    access::check,
    autoscaler::check,
    claim::check,
    container::check,
    definition::check,
    ingress::check,
    job::check,
    names::check,
    network::check,
    pod::check,
    quantity::check,
    secret::check,
    selector::check,
    service::check,
    size::check,
    workload::check,
];

/// Applies every rule to an object.
#[must_use]
pub fn check(subject: &Subject) -> Diagnostics {
    let mut look = Look { subject, found: Vec::new() };
    for rule in RULES {
        rule(&mut look);
    }
    Diagnostics(look.found)
}
