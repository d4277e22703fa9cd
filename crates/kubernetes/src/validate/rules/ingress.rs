//! Ingresses: hosts, paths, and backends.

use super::address::address;
use super::look::{At, Look};
use super::names;
use diagnostics::Fact;

pub(super) fn check(look: &mut Look<'_>) {
    if !look.is("networking.k8s.io/Ingress") {
        return;
    }
    let Some(spec) = look.root().get("spec") else { return };
    if spec.lacks("rules") && spec.get("defaultBackend").is_none() {
        look.reject(&spec, "has no `rules` and no `defaultBackend`", "set one of the two")
            .facts
            .push(Fact::Required("rules".to_owned()));
    }
    if let Some(class) = spec.get("ingressClassName") {
        look.check_format(&class, class.text().and_then(names::subdomain));
        let annotations = look.root().get("metadata").and_then(|metadata| metadata.get("annotations"));
        let annotation = annotations.and_then(|all| all.get("kubernetes.io/ingress.class"));
        if let Some(annotation) = annotation.filter(|annotation| annotation.text() != class.text()) {
            look.reject(&annotation, "differs from `spec.ingressClassName`", "remove the annotation");
        }
    }
    for tls in spec.list("tls") {
        for host in tls.list("hosts") {
            look.check_format(&host, host.text().and_then(self::host));
        }
        if let Some(name) = tls.get("secretName") {
            look.check_format(&name, name.text().filter(|text| !text.is_empty()).and_then(names::subdomain));
        }
    }
    if let Some(at) = spec.get("defaultBackend") {
        backend(look, &at);
    }
    for rule in spec.list("rules") {
        if let Some(at) = rule.get("host").filter(|at| at.text() != Some("")) {
            if at.text().is_some_and(|text| address(text).is_some()) {
                look.reject(&at, "must be a DNS name, not an IP address", "remove it to match every host");
            } else {
                look.check_format(&at, at.text().and_then(host));
            }
        }
        let Some(http) = rule.get("http") else { continue };
        if let Some(paths) = http.get("paths").filter(|_| http.lacks("paths")) {
            look.reject(&paths, "must not be empty", "at least one path is required");
        }
        for path in http.list("paths") {
            self::path(look, &path);
        }
    }
}

/// Checks a host, which may be a wildcard such as `*.example.com`.
fn host(text: &str) -> Option<String> {
    names::subdomain(text.strip_prefix("*.").unwrap_or(text))
}

fn path<'a>(look: &mut Look<'a>, path: &At<'a>) {
    let kind = path.get("pathType").and_then(|at| at.text());
    let plain = matches!(kind, Some("Prefix" | "Exact"));
    match path.get("path") {
        Some(at) if at.text().is_some_and(|text| !(text.starts_with('/') || !plain && text.is_empty())) => {
            look.reject(&at, "must be an absolute path", "must start with `/`");
        }
        Some(at) if plain => {
            if let Some(part) = at.text().and_then(ambiguous) {
                let label = format!("not allowed when `pathType: {}`", kind.unwrap_or_default());
                look.reject(&at, format!("must not contain `{part}`"), label);
            }
        }
        None if plain && path.lacks("path") => {
            look.requires(path, "path", "must start with `/`");
        }
        _ => {}
    }
    if let Some(at) = path.get("backend") {
        backend(look, &at);
    }
}

/// A part of a path that proxies may interpret in different ways.
fn ambiguous(path: &str) -> Option<&'static str> {
    let parts = ["//", "/./", "/../", "%2f", "%2F"];
    let ends = ["/..", "/."];
    let inside = parts.into_iter().find(|part| path.contains(part));
    inside.or_else(|| ends.into_iter().find(|end| path.ends_with(end)))
}

fn backend<'a>(look: &mut Look<'a>, backend: &At<'a>) {
    match backend.present(&["service", "resource"]).as_slice() {
        [] if backend.is_empty() => {
            look.reject(backend, "has no `service` and no `resource`", "set one of the two")
                .facts
                .push(Fact::Required("service".to_owned()));
        }
        [first, second] => look.conflict(second, first.name()),
        _ => {}
    }
    let Some(service) = backend.get("service") else { return };
    if let Some(name) = service.get("name") {
        look.check_format(&name, name.text().and_then(names::label_1035));
    }
    let port = service.get("port");
    if let Some([first, second]) = port.as_ref().map(|port| port.present(&["name", "number"])).as_deref() {
        look.conflict(second, first.name());
    }
    let Some(port) = port else {
        if service.lacks("port") {
            look.requires(&service, "port", "set `port.name` or `port.number`");
        }
        return;
    };
    if port.lacks("name") && port.lacks("number") {
        look.reject(&port, "has no `name` and no `number`", "set one of the two")
            .facts
            .push(Fact::Required("name".to_owned()));
    }
    look.port(port.get("name").filter(|name| name.text() != Some("")));
    look.in_range(port.get("number"), 1..=65535);
}
