//! Ingresses: hosts, paths, and what is behind them.

use super::address::address;
use super::look::{At, Look};
use super::names;

pub(super) fn check(look: &mut Look<'_>) {
    if !look.is("networking.k8s.io/Ingress") {
        return;
    }
    let Some(spec) = look.root().get("spec") else { return };
    if spec.lacks("rules") && spec.get("defaultBackend").is_none() {
        look.refuse(&spec, "leads nowhere", "expected `rules` or a `defaultBackend`");
    }
    if let Some(class) = spec.get("ingressClassName") {
        look.form(&class, class.text().and_then(names::subdomain));
    }
    for tls in spec.list("tls") {
        for host in tls.list("hosts") {
            look.form(&host, host.text().and_then(self::host));
        }
        if let Some(name) = tls.get("secretName") {
            look.form(&name, name.text().filter(|text| !text.is_empty()).and_then(names::subdomain));
        }
    }
    if let Some(at) = spec.get("defaultBackend") {
        backend(look, &at);
    }
    for rule in spec.list("rules") {
        if let Some(at) = rule.get("host").filter(|at| at.text() != Some("")) {
            if at.text().is_some_and(|text| address(text).is_some()) {
                look.refuse(&at, "is an address", "expected a name; without a host, a rule is for all of them");
            } else {
                look.form(&at, at.text().and_then(host));
            }
        }
        let Some(http) = rule.get("http") else { continue };
        if let Some(paths) = http.get("paths").filter(|_| http.lacks("paths")) {
            look.refuse(&paths, "is empty", "expected at least one");
        }
        for path in http.list("paths") {
            self::path(look, &path);
        }
    }
}

/// What keeps a text from being a host, all those of a domain included.
fn host(text: &str) -> Option<String> {
    names::subdomain(text.strip_prefix("*.").unwrap_or(text))
}

fn path<'a>(look: &mut Look<'a>, path: &At<'a>) {
    let kind = path.get("pathType").and_then(|at| at.text());
    let plain = matches!(kind, Some("Prefix" | "Exact"));
    match path.get("path") {
        Some(at) if at.text().is_some_and(|text| !(text.starts_with('/') || !plain && text.is_empty())) => {
            look.refuse(&at, "is not absolute", "expected a path that begins with `/`");
        }
        Some(at) if plain => {
            if let Some(part) = at.text().and_then(odd) {
                look.refuse(
                    &at,
                    format!("holds `{part}`"),
                    format!("which no path of the type {} may", kind.unwrap_or_default()),
                );
            }
        }
        None if plain && path.lacks("path") => {
            look.refuse(path, "has no `path`", "expected one that begins with `/`");
        }
        _ => {}
    }
    if let Some(at) = path.get("backend") {
        backend(look, &at);
    }
}

/// A part of a path that could be read in two ways.
fn odd(path: &str) -> Option<&'static str> {
    let parts = ["//", "/./", "/../", "%2f", "%2F"];
    let ends = ["/..", "/."];
    let inside = parts.into_iter().find(|part| path.contains(part));
    inside.or_else(|| ends.into_iter().find(|end| path.ends_with(end)))
}

fn backend<'a>(look: &mut Look<'a>, backend: &At<'a>) {
    match backend.present(&["service", "resource"]).as_slice() {
        // As `serviceName` of old, what else is there is told already.
        [] if backend.entries().iter().all(|(key, _)| backend.get(&key.name).is_none()) => {
            look.refuse(backend, "leads nowhere", "expected a `service` or a `resource`");
        }
        [_, second] => {
            look.refuse(second, "stands beside a `service`", "only one of the two may be there");
        }
        _ => {}
    }
    let Some(service) = backend.get("service") else { return };
    if let Some(name) = service.get("name") {
        look.form(&name, name.text().and_then(names::label_1035));
    }
    let port = service.get("port");
    if let Some([_, second]) = port.as_ref().map(|port| port.present(&["name", "number"])).as_deref() {
        look.refuse(second, "stands beside a name", "a port has a name or a number");
    }
    let Some(port) = port else {
        if service.lacks("port") {
            look.refuse(&service, "has no `port`", "expected one with a `name` or a `number`");
        }
        return;
    };
    if port.lacks("name") && port.lacks("number") {
        look.refuse(&port, "is no port", "expected a `name` or a `number`");
    }
    look.port(port.get("name").filter(|name| name.text() != Some("")));
    look.within(port.get("number"), 1..=65535);
}
