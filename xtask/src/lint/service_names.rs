//! DNS names of Services in environment variables, arguments, and ConfigMaps: `mail.postfix.svc`, with a port or without.
//! The port must be one of the Service.
//!
//! Such a name may be that of a Service that is deployed elsewhere, so it is reported only if it is nearly that of a rendered
//! one: in the same namespace, or with the same name in another namespace.

use std::collections::BTreeSet;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Source, did_you_mean, nearest_within};
use document::{Node, block};
use kubernetes::inventory::View;
use kubernetes::inventory::entry::Id;
use kubernetes::inventory::pods::number;
use kubernetes::object::Object;

use super::program_texts;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ReferenceMissing, Code::ReferencePort];

/// The suffix of the DNS name of a Service, after the namespace.
const SUFFIX: &str = ".svc";

/// The minimum length at which similar names are unlikely to be similar by chance.
const LONG: usize = 5;

/// The maximum length of a part of a name, such as `rw`, that distinguishes two names on purpose.
const SHORT: usize = 3;

/// Checks the pods and the ConfigMaps of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        let Some(view) = subject.clusters.view(&object.target) else { continue };
        let mut seen: Vec<(String, String)> = Vec::new();
        let mut ports: Vec<(String, i64)> = Vec::new();
        let own = view.namespace_of(object);
        for (key, node) in texts(&view, object) {
            let text = node.as_str().unwrap_or_default();
            for name in names(text).into_iter().chain(bare_names(key, text, own)) {
                if let Some(port) = name
                    .port
                    .or_else(|| port_after(text, &name))
                    .filter(|port| !ports.contains(&(name.service.to_owned(), *port)))
                {
                    ports.push((name.service.to_owned(), port));
                    diagnostics.0.extend(unknown_port(&view, object, node, &name, port));
                }
                let known = (name.service.to_owned(), name.namespace.to_owned());
                if seen.contains(&known) {
                    continue;
                }
                seen.push(known);
                diagnostics.0.extend(finding(&view, object, node, &name));
            }
        }
    }
    diagnostics
}

/// The texts in which a program may find a DNS name, with their keys.
fn texts<'a>(view: &View<'_, 'a>, object: &'a Object) -> Vec<(&'a str, &'a Node)> {
    if (&*object.key.group, &*object.key.kind) == ("", "ConfigMap") {
        return program_texts::of_object(object);
    }
    let containers = view.pods_of_object(object).map(|pods| pods.containers.as_slice()).unwrap_or_default();
    containers.iter().flat_map(|container| program_texts::of_container(container.node)).collect()
}

/// The names without a namespace in a text of one line: those of Services in the namespace of the object.
fn bare_names<'t>(key: &str, text: &'t str, own: &'t str) -> Vec<Name<'t>> {
    if text.contains('\n') {
        return Vec::new();
    }
    let hosts = program_texts::hosts(key, text).into_iter().filter(|host| host.namespace.is_none());
    hosts
        .map(|host| Name { service: host.name, namespace: own, start: host.start, port: host.port, bare: true })
        .collect()
}

/// The DNS name of a Service in a text.
#[derive(Debug, PartialEq, Eq)]
struct Name<'t> {
    service: &'t str,
    namespace: &'t str,
    /// Where it starts in the text.
    start: usize,
    /// The port, if it is known already.
    port: Option<i64>,
    /// Whether the text has no namespace.
    bare: bool,
}

/// The DNS names in a text.
fn names(text: &str) -> Vec<Name<'_>> {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let mut found = Vec::new();
    for (at, _) in text.match_indices(SUFFIX) {
        let after = text[at + SUFFIX.len()..].chars().next();
        if after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            continue;
        }
        let before = text[..at].trim_end_matches(|c: char| part(c) || c == '.');
        // A placeholder, which a program or a template replaces, may be any name.
        let start = before.len();
        if before.ends_with(['}', '$', '%', ')', '>', '*', '_', '@']) || before.ends_with(|c: char| c.is_alphanumeric())
        {
            continue;
        }
        let labels: Vec<&str> = text[start..at].split('.').collect();
        let [.., service, namespace] = labels[..] else { continue };
        // `pod.service.namespace.svc` is the name of a pod of a headless Service.
        if service.is_empty() || namespace.is_empty() {
            continue;
        }
        found.push(Name { service, namespace, start, port: None, bare: false });
    }
    found
}

/// The number of the port after a name, which may be in brackets.
fn port_after(text: &str, name: &Name<'_>) -> Option<i64> {
    let line_start = text[..name.start].rfind('\n').map_or(0, |at| at + 1);
    // An example in a comment.
    if text[line_start..name.start].trim_start().starts_with(['#', ';', '/', '*']) {
        return None;
    }
    let rest = &text[name.start..];
    let rest = &rest[rest.find(SUFFIX)? + SUFFIX.len()..];
    let rest = rest.strip_prefix(".cluster.local").unwrap_or(rest);
    let rest = rest.trim_start_matches('.');
    let rest = rest.strip_prefix(']').unwrap_or(rest).strip_prefix(':')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let end = rest[digits..].chars().next();
    rest[..digits].parse().ok().filter(|_| !end.is_some_and(|c| c.is_alphanumeric() || "$%{".contains(c)))
}

/// Reports a port that a Service with an address of its own lacks.
fn unknown_port(view: &View<'_, '_>, object: &Object, node: &Node, name: &Name<'_>, port: i64) -> Option<Diagnostic> {
    let (service, known) = ports_without(view, name, port)?;
    let message = format!("{} has no port {port}", service.title());
    let found = object.finding(Code::ReferencePort, message, place(node, name.start), "");
    Some(with_ports(found, service, &known))
}

/// The Service with an address of its own that lacks a port, and the ports that it has.
fn ports_without<'a>(view: &View<'_, 'a>, name: &Name<'_>, port: i64) -> Option<(&'a Object, Vec<i64>)> {
    let entry = view.find(&Id { group: "", kind: "Service", namespace: name.namespace, name: name.service })?;
    let service = entry.object;
    let field = |key: &str| service.find(&["spec", key]).and_then(Node::as_str);
    // A headless Service leads to every port of its pods.
    if field("clusterIP") == Some("None") || field("type") == Some("ExternalName") {
        return None;
    }
    let list = service.find(&["spec", "ports"])?;
    let known: Vec<i64> = list.items().iter().filter_map(|one| one.get("port").and_then(number)).collect();
    (!known.is_empty() && !known.contains(&port)).then_some((service, known))
}

/// Adds the ports that a Service has.
fn with_ports(found: Diagnostic, service: &Object, known: &[i64]) -> Diagnostic {
    let found = found.at(service.find(&["spec"]).unwrap_or(&service.root).key_place("ports"), "ports of the Service");
    match known {
        [only] => found.help(format!("did you mean {only}?")),
        _ => found.help(format!("use one of {}", known.iter().map(i64::to_string).collect::<Vec<_>>().join(", "))),
    }
}

/// Reports the names in the text of a file that is not an object, such as a scenario with scripts.
#[must_use]
pub(super) fn in_file(view: &View<'_, '_>, source: &Arc<Source>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut seen = BTreeSet::new();
    for name in names(&source.text) {
        let end = name.start + name.service.len() + 1 + name.namespace.len();
        let place = || Place::new(source, name.start..end);
        if let Some((message, near)) = similar(view, &name).filter(|_| seen.insert((name.service, name.namespace))) {
            let found = Diagnostic::new(Code::ReferenceMissing, message)
                .fact(Fact::missing("Service", name.service))
                .at(place(), "no such DNS name");
            diagnostics.push(found.help(did_you_mean(near)));
        }
        let port = port_after(&source.text, &name);
        if let Some((service, known)) = port.and_then(|port| ports_without(view, &name, port)) {
            let message = format!("{} has no port {}", service.title(), port.unwrap_or_default());
            let found = Diagnostic::new(Code::ReferencePort, message).at(place(), "");
            diagnostics.push(with_ports(found, service, &known));
        }
    }
    diagnostics
}

/// The message about the name of a Service that does not exist, and the name that is probably meant.
fn similar(view: &View<'_, '_>, name: &Name<'_>) -> Option<(String, String)> {
    let id = |namespace| Id { group: "", kind: "Service", namespace, name: name.service };
    if view.find(&id(name.namespace)).is_some() {
        return None;
    }
    let own = view.of_kind("", "Service", name.namespace).map(|entry| entry.object.key.name.as_str());
    let near = nearest_within(name.service, 2, own).filter(|near| is_similar(name.service, near));
    if name.bare {
        let near = near?.to_owned();
        return Some((format!("Service `{}` does not exist in namespace `{}`", name.service, name.namespace), near));
    }
    let near = near.map(|near| format!("{near}.{}{SUFFIX}", name.namespace)).or_else(|| {
        let namespaces = view.of_name("", "Service", name.service).map(|entry| entry.namespace);
        let near = nearest_within(name.namespace, 2, namespaces).filter(|near| is_similar(name.namespace, near));
        near.map(|near| format!("{}.{near}{SUFFIX}", name.service))
    })?;
    Some((format!("Service `{}` does not exist in namespace `{}`", name.service, name.namespace), near))
}

fn finding(view: &View<'_, '_>, object: &Object, node: &Node, name: &Name<'_>) -> Option<Diagnostic> {
    let (message, near) = similar(view, name)?;
    let found = object
        .finding(Code::ReferenceMissing, message, place(node, name.start), "no such DNS name")
        .fact(Fact::missing("Service", name.service));
    Some(found.help(did_you_mean(near)))
}

/// Whether two names are so long that they are not similar by chance, and do not differ in a number or in a short part, as
/// `db-rw` and `db-ro` do.
fn is_similar(one: &str, other: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let extends = one.starts_with(other) || other.starts_with(one);
    let parts = one.split('-').zip(other.split('-')).filter(|(one, other)| one != other);
    let short = parts.into_iter().any(|(one, other)| one.len().min(other.len()) <= SHORT);
    one.len().min(other.len()) >= LONG
        && letters(one) != letters(other)
        && !(extends && one.contains('-') != other.contains('-'))
        && !short
}

/// The line of a text in the file.
fn place(node: &Node, start: usize) -> Place {
    let text = node.as_str().unwrap_or_default();
    if !text.contains('\n') {
        return node.place();
    }
    let line = text[..start.min(text.len())].matches('\n').count() + 1;
    block::in_file(&node.place(), &Place::line(&Source::new("", text), line)).unwrap_or_else(|| node.place())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(&str, &str)> {
        names(text).iter().map(|name| (name.service, name.namespace)).collect()
    }

    #[test]
    fn only_misspelled_names_are_similar() {
        for (one, other) in [("postfix", "postfx"), ("mail-relay", "mail-realy"), ("postfix-smpt", "postfix-smtp")] {
            assert!(is_similar(one, other), "{one} {other}");
        }
        for (one, other) in [("main-db-rw", "main-db-ro"), ("shard-1", "shard-2"), ("app-a", "app-b"), ("web", "wbe")] {
            assert!(!is_similar(one, other), "{one} {other}");
        }
    }

    #[test]
    fn ports_follow_names() {
        for (text, expected) in [
            ("http://web.shop.svc:81/x", Some(81)),
            ("[web.shop.svc.cluster.local]:25", Some(25)),
            ("web.shop.svc", None),
            ("web.shop.svc:${PORT}", None),
            ("# http://web.shop.svc:81", None),
        ] {
            assert_eq!(port_after(text, &names(text)[0]), expected, "{text}");
        }
    }

    #[test]
    fn names_of_services_are_found_in_texts() {
        assert_eq!(read("http://web.shop.svc:80/x"), [("web", "shop")]);
        assert_eq!(read("a=[mail.lab.svc.cluster.local]:25, db-0.db.lab.svc"), [("mail", "lab"), ("db", "lab")]);
        for text in ["${name}.shop.svc", "shop.svc", "web.shop.svcs", "{{ .Name }}.shop.svc", "x-$(A).shop.svc"] {
            assert_eq!(read(text), [], "{text}");
        }
    }
}
