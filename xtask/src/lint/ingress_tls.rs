//! Ingresses with TLS for a host that no rule has, while a host of a rule has no TLS: one of the two is misspelled, or was
//! not changed with the other.
//!
//! A TLS host alone may be for a redirect, such as from `www.example.com`, and a rule alone may be served without TLS.

use std::collections::HashSet;

use argocd::sync_order;
use diagnostics::{Code, Diagnostic, Diagnostics, did_you_mean, nearest_within};
use document::Node;
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::IngressTls];

/// Compares the hosts of each Ingress.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let ingresses = subject.objects.iter().filter(|object| {
        (&*object.key.group, &*object.key.kind) == ("networking.k8s.io", "Ingress")
            && sync_order::order(&object.root).is_some()
    });
    Diagnostics(ingresses.flat_map(of_ingress).collect())
}

fn of_ingress(object: &Object) -> Vec<Diagnostic> {
    let list = |key: &str| object.find(&["spec", key]).map(Node::items).unwrap_or_default();
    let tls: Option<Vec<&Node>> = list("tls")
        .iter()
        .map(|entry| entry.get("hosts").map(Node::items).filter(|hosts| !hosts.is_empty()))
        .collect::<Option<Vec<_>>>()
        .map(|lists| lists.into_iter().flatten().collect());
    let rules: Option<Vec<&Node>> =
        list("rules").iter().map(|rule| rule.get("host").filter(|host| !text(host).is_empty())).collect();
    // An entry without hosts is for all of them.
    let (Some(tls), Some(rules)) = (tls, rules) else { return Vec::new() };
    let (with_rule, with_tls) = (Hosts::new(&rules), Hosts::new(&tls));
    let unused = tls.iter().filter(|host| !with_rule.cover(text(host)));
    let open: Vec<&&Node> = rules.iter().filter(|rule| !with_tls.cover(text(rule))).collect();
    let Some(first) = open.first() else { return Vec::new() };
    // Without a similar host, all of them have one reason.
    let mut others: Vec<&Node> = Vec::new();
    let mut found: Vec<Diagnostic> = Vec::new();
    for host in unused {
        let near = nearest_within(text(host), 2, open.iter().map(|rule| text(rule)));
        let rule = open.iter().find(|rule| Some(text(rule)) == near).unwrap_or(first);
        let message = format!("{} has TLS for `{}`, but no rule for this host", object.title(), text(host));
        let one = object
            .finding(Code::IngressTls, message, host.place(), "no rule has this host")
            .at(rule.place(), "has no TLS");
        match near {
            Some(near) => found.push(one.help(did_you_mean(near))),
            None if others.is_empty() => {
                others.push(host);
                found.push(one.help("write the same host in `rules` and `tls`"));
            }
            None => others.push(host),
        }
    }
    if let [_, rest @ ..] = others.as_slice()
        && !rest.is_empty()
        && let Some(first) = found.iter_mut().find(|one| one.suggested().next().is_none())
    {
        let named: Vec<String> = rest.iter().map(|host| format!("`{}`", text(host))).collect();
        first.notes.push(format!("the same with {}", named.join(", ")));
    }
    found
}

fn text(node: &Node) -> &str {
    node.as_str().unwrap_or_default()
}

/// Hosts, some of which may be wildcards such as `*.example.com`.
struct Hosts<'a> {
    names: HashSet<String>,
    /// The domains of wildcards.
    wildcards: HashSet<&'a str>,
    /// The domains around the hosts.
    around: HashSet<&'a str>,
}

impl<'a> Hosts<'a> {
    fn new(hosts: &[&'a Node]) -> Self {
        let texts = || hosts.iter().map(|host| text(host));
        Self {
            names: texts().map(str::to_ascii_lowercase).collect(),
            wildcards: texts().filter_map(|host| host.strip_prefix("*.")).collect(),
            around: texts().filter_map(|host| Some(host.split_once('.')?.1)).collect(),
        }
    }

    /// Whether a certificate for one of them is also one for a host, or the other way round.
    fn cover(&self, host: &str) -> bool {
        self.names.contains(&host.to_ascii_lowercase())
            || host.split_once('.').is_some_and(|(_, domain)| self.wildcards.contains(domain))
            || host.strip_prefix("*.").is_some_and(|domain| self.around.contains(domain))
    }
}
