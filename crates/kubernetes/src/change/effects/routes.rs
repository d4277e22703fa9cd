//! Hosts that are no longer served, or no longer with TLS.

use std::collections::BTreeSet;

use document::Node;

use super::subject::{Found, Subject};
use crate::object::Object;

/// The kinds of objects that route requests by host.
const ROUTES: &[(&str, &str)] = &[
    ("gateway.networking.k8s.io", "GRPCRoute"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("gateway.networking.k8s.io", "TLSRoute"),
    ("networking.k8s.io", "Ingress"),
    ("route.openshift.io", "Route"),
];

/// The number of hosts that a message names.
const NAMED: usize = 3;

/// Whether an object routes requests by host.
pub(super) fn is_route(object: &Object) -> bool {
    ROUTES.contains(&(object.key.group.as_str(), object.key.kind.as_str()))
}

/// The hosts that an object serves.
pub(super) fn hosts(object: &Object) -> BTreeSet<&str> {
    let list = |path: &[&str]| object.find(path).map(Node::items).unwrap_or_default();
    let hosts: BTreeSet<&str> = match object.key.kind.as_str() {
        "Ingress" => list(&["spec", "rules"]).iter().filter_map(|rule| rule.get("host")?.as_str()).collect(),
        "Route" => object.find(&["spec", "host"]).and_then(Node::as_str).into_iter().collect(),
        _ => list(&["spec", "hostnames"]).iter().filter_map(Node::as_str).collect(),
    };
    hosts.into_iter().filter(|host| !host.is_empty()).collect()
}

/// Hosts that nothing in the cluster serves any longer.
pub(super) fn unserved(subject: &Subject<'_>) -> Vec<Found> {
    let Some(before) = subject.change.before.filter(|before| is_route(before)) else { return Vec::new() };
    let removed = subject.change.removed().is_some();
    if if removed { !subject.prunes() } else { subject.updates().is_none() } {
        return Vec::new();
    }
    let after = subject.change.after;
    let (old, new) = (hosts(before), after.map(hosts).unwrap_or_default());
    let gone: Vec<&str> = old.iter().copied().filter(|host| !subject.around.after().serves(host)).collect();
    let found = match (after.filter(|_| !removed), gone.is_empty()) {
        // Without hosts, it serves all of them.
        (Some(after), false) if !new.is_empty() => {
            Found::new(format!("{} no longer serves {}", after.title(), names(&gone))).at(&["spec"])
        }
        (None, false) if after.is_none() => {
            let verb = if gone.len() == 1 { "is" } else { "are" };
            Found::new(format!("{} is deleted, and {} {verb} no longer served", before.title(), names(&gone)))
        }
        (None, false) => {
            Found::new(format!("{} {}, and no longer serves {}", before.title(), subject.fate(), names(&gone)))
        }
        (None, true) if old.is_empty() && after.is_none() => {
            Found::new(format!("{} is deleted, and its clients can no longer connect", before.title()))
        }
        _ => return Vec::new(),
    };
    vec![found]
}

/// Hosts of an Ingress that remain without TLS.
pub(super) fn plain(subject: &Subject<'_>) -> Vec<Found> {
    let Some((before, after)) = subject.updates().filter(|_| subject.is("networking.k8s.io", "Ingress")) else {
        return Vec::new();
    };
    let (old, new) = (Tls::of(before), Tls::of(after));
    let served = hosts(before);
    let kept = hosts(after).into_iter().filter(|host| served.contains(host));
    let lost: Vec<&str> = kept.filter(|host| old.covers(host) && !new.covers(host)).collect();
    if lost.is_empty() {
        return Vec::new();
    }
    let path: &[&str] = if after.find(&["spec", "tls"]).is_some() { &["spec", "tls"] } else { &["spec"] };
    vec![Found::new(format!("{} no longer has TLS for {}", after.title(), names(&lost))).at(path)]
}

/// The hosts for which an Ingress has TLS.
struct Tls<'a> {
    /// Whether an entry is for all hosts.
    all: bool,
    hosts: BTreeSet<&'a str>,
}

impl<'a> Tls<'a> {
    fn of(ingress: &'a Object) -> Self {
        let entries = ingress.find(&["spec", "tls"]).map(Node::items).unwrap_or_default();
        let all = entries.iter().any(|entry| entry.items_at(&["hosts"]).is_empty());
        let hosts = entries.iter().flat_map(|entry| entry.items_at(&["hosts"])).filter_map(Node::as_str).collect();
        Self { all, hosts }
    }

    fn covers(&self, host: &str) -> bool {
        let wildcard = || host.split_once('.').is_some_and(|(_, domain)| self.hosts.contains(&*format!("*.{domain}")));
        self.all || self.hosts.contains(host) || wildcard()
    }
}

fn names(hosts: &[&str]) -> String {
    let mut names: Vec<String> = hosts.iter().take(NAMED).map(|host| format!("`{host}`")).collect();
    if hosts.len() > NAMED {
        names.push(format!("{} more", hosts.len() - NAMED));
    }
    super::subject::joined(&names)
}
