//! What the API server refuses although the schema allows it, as far as one object alone shows it. One subject a file.
//!
//! Each rule was seen to be the server's: tests/agreement holds an object for it, and what a server says of each of
//! those is held against what is said here. A rule passes over what has the wrong type; that is for the schema to tell.
//!
//! Deliberately absent: what depends on other objects, on the cluster, or on admission plugins.

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

use self::look::Look;
use super::subject::Subject;
use diagnostics::Diagnostics;

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
    secret::check,
    selector::check,
    service::check,
    size::check,
    workload::check,
];

/// Applies every rule.
#[must_use]
pub fn check(subject: &Subject) -> Diagnostics {
    let mut look = Look { subject, found: Vec::new() };
    for rule in RULES {
        rule(&mut look);
    }
    Diagnostics(look.found)
}
