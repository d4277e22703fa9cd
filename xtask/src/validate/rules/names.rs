//! Names, labels, annotations, and the keys of `ConfigMaps` and Secrets.

use super::{At, Look};
use crate::diagnostic::{Code, Place};

/// Kinds of rbac.authorization.k8s.io have names of nearly any form.
const FREE: &str = "rbac.authorization.k8s.io";

/// Finalizers that are Kubernetes' own.
const FINALIZERS: &[&str] = &["kubernetes", "orphan", "foregroundDeletion"];

pub(super) fn check(look: &mut Look<'_>) {
    let root = look.root();
    let kind = &look.subject.kind;
    if let Some(metadata) = root.get("metadata") {
        for (key, made) in [("name", ""), ("generateName", "x")] {
            let Some(at) = metadata.get(key) else { continue };
            let Some(name) = at.text().map(|text| format!("{text}{made}")) else { continue };
            let wrong = match (kind.group.as_str(), kind.kind.as_str()) {
                (FREE, _) => segment(&name),
                ("", "Service") => label_1035(&name),
                ("", "Namespace") => label(&name),
                ("batch", "CronJob") if name.len() > 52 => {
                    Some("more than 52 characters: each Job appends 11".to_owned())
                }
                _ => subdomain(&name),
            };
            look.form(&at, wrong);
        }
        if let Some(at) = metadata.get("namespace") {
            // Empty, it is that of whoever applies it.
            look.form(&at, at.text().filter(|text| !text.is_empty()).and_then(label));
        }
        of_metadata(look, &metadata);
        finalizers(look, &metadata);
        owners(look, &metadata);
    }
    if let Some(metadata) = look.pod().filter(|pod| !pod.steps.is_empty()).and_then(|pod| pod.get("metadata")) {
        of_metadata(look, &metadata);
    }
    if look.is("/ConfigMap") || look.is("/Secret") {
        for field in ["data", "stringData", "binaryData"] {
            let Some(data) = root.get(field) else { continue };
            for (key, at) in data.entries() {
                wrong_key(look, &at, key, config_key(&key.name));
            }
        }
    }
    if let (Some(texts), Some(binary)) = (root.get("data"), root.get("binaryData").filter(|_| look.is("/ConfigMap"))) {
        for (key, at) in binary.entries() {
            if texts.get(&key.name).is_some() {
                look.refuse(&at, "is there already", "`data` has this key, too");
            }
        }
    }
}

/// Without a domain, kinds of these groups have only Kubernetes' own.
fn finalizers<'a>(look: &mut Look<'a>, metadata: &At<'a>) {
    const GROUPS: [&str; 6] = ["", "apps", "autoscaling", "batch", "networking.k8s.io", FREE];
    let strict = GROUPS.contains(&look.subject.kind.group.as_str());
    for at in metadata.list("finalizers") {
        let Some(text) = at.text() else { continue };
        let wrong = qualified(text);
        if wrong.is_some() {
            look.form(&at, wrong);
        } else if strict && !text.contains('/') && !FINALIZERS.contains(&text) {
            look.refuse(&at, "is no finalizer that Kubernetes takes", "expected one with a domain, `example.com/name`");
        }
    }
}

fn owners<'a>(look: &mut Look<'a>, metadata: &At<'a>) {
    let owners = metadata.list("ownerReferences");
    for owner in &owners {
        for key in ["apiVersion", "kind", "name", "uid"] {
            look.filled(owner.get(key));
        }
    }
    let controllers: Vec<&At<'_>> = owners.iter().filter(|owner| owner.says("controller", true)).collect();
    if let [_, second, ..] = controllers.as_slice() {
        look.refuse(second, "is a second controller", "an object has one at most");
    }
}

fn of_metadata<'a>(look: &mut Look<'a>, metadata: &At<'a>) {
    for field in ["labels", "annotations"] {
        let Some(map) = metadata.get(field) else { continue };
        for (key, at) in map.entries() {
            // Of annotations, the server takes upper case in the prefix, too.
            let name = if field == "annotations" { key.name.to_lowercase() } else { key.name.clone() };
            wrong_key(look, &at, key, qualified(&name));
            if field == "labels" {
                look.form(&at, at.text().and_then(label_value));
            }
        }
    }
}

/// Says that a key has not the form that it should have.
pub(super) fn wrong_key(look: &mut Look<'_>, at: &At<'_>, key: &crate::document::Key, wrong: Option<String>) {
    let Some(wrong) = wrong else { return };
    let place = Place::new(&look.subject.object.root.source, key.span.clone());
    let message = format!(
        "{} has the key `{}`, which Kubernetes does not take",
        look.subject.title(),
        super::pointer::path(&at.steps)
    );
    look.found.push(look.subject.finding(Code::ObjectRefused, message, place, wrong));
}

/// Characters of one word: what it may hold, and what it may begin and end with.
fn word(text: &str, inner: impl Fn(char) -> bool, edge: impl Fn(char) -> bool) -> bool {
    text.chars().all(|c| inner(c) || edge(c)) && text.starts_with(&edge) && text.ends_with(edge)
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// What keeps a text from being a DNS label.
pub(super) fn label(text: &str) -> Option<String> {
    let fine = text.len() <= 63 && word(text, |c| c == '-', lower);
    (!fine).then(|| "expected at most 63 of `a-z`, `0-9`, `-`, with none of `-` at either end".to_owned())
}

/// The same for one that begins with a letter.
pub(super) fn label_1035(text: &str) -> Option<String> {
    let fine = label(text).is_none() && text.starts_with(|c: char| c.is_ascii_lowercase());
    (!fine).then(|| "expected at most 63 of `a-z`, `0-9`, `-`, beginning with a letter".to_owned())
}

/// What keeps a text from being a DNS name.
pub(super) fn subdomain(text: &str) -> Option<String> {
    let fine = text.len() <= 253 && text.split('.').all(|part| word(part, |c| c == '-', lower));
    (!fine).then(|| {
        "expected at most 253 of `a-z`, `0-9`, `-`, `.`, with a letter or digit at either end of each part".to_owned()
    })
}

/// What keeps a text from being a part of a URL.
pub(super) fn segment(text: &str) -> Option<String> {
    let fine = !text.contains(['/', '%']) && text != "." && text != "..";
    (!fine).then(|| "expected neither `/` nor `%`".to_owned())
}

fn name_part(text: &str) -> bool {
    text.len() <= 63 && word(text, |c| "-_.".contains(c), |c| c.is_ascii_alphanumeric())
}

/// What keeps a text from being the key of a label.
pub(super) fn qualified(text: &str) -> Option<String> {
    let fine = match text.split_once('/') {
        Some((prefix, name)) => subdomain(prefix).is_none() && name_part(name),
        None => name_part(text),
    };
    (!fine).then(|| {
        "expected `name` or `dns.prefix/name`, the name at most 63 of letters, digits, `-`, `_`, `.`".to_owned()
    })
}

/// What keeps a text from being the value of a label.
pub(super) fn label_value(text: &str) -> Option<String> {
    let fine = text.is_empty() || name_part(text);
    (!fine).then(|| {
        "expected at most 63 of letters, digits, `-`, `_`, `.`, with a letter or digit at either end".to_owned()
    })
}

/// What keeps a text from being the key of a `ConfigMap` or a Secret.
pub(super) fn config_key(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fine =
        !text.is_empty() && text.len() <= 253 && text.chars().all(plain) && text != "." && !text.starts_with("..");
    (!fine).then(|| "expected letters, digits, `-`, `_`, `.`".to_owned())
}

/// What keeps a text from being the name of a setting of the kernel.
pub(super) fn sysctl(text: &str) -> Option<String> {
    let fine = text.len() <= 253 && text.split(['.', '/']).all(|part| word(part, |c| "-_".contains(c), lower));
    (!fine).then(|| "expected `a-z`, `0-9`, `-`, `_`, with `.` between the parts".to_owned())
}

/// What keeps a text from being the name of a port.
pub(super) fn port(text: &str) -> Option<String> {
    let fine = text.len() <= 15
        && word(text, |c| c == '-', lower)
        && text.contains(|c: char| c.is_ascii_lowercase())
        && !text.contains("--");
    (!fine).then(|| "expected at most 15 of `a-z`, `0-9`, `-`, with at least one letter".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_forms_that_the_server_takes() {
        for (name, takes, refuses) in [
            ("label", "web-1", "Web"),
            ("label", "1web", "web-"),
            ("label_1035", "web-1", "1web"),
            ("subdomain", "a.b-c.1", "a..b"),
            ("subdomain", "web", "a_b"),
            ("qualified", "app.kubernetes.io/Name_1", "a/b/c"),
            ("qualified", "App", "Example.com/b"),
            ("label_value", "", "a b"),
            ("label_value", "v1.2_3", ".a"),
            ("config_key", "main.cf", "a/b"),
            ("config_key", "_a", ".."),
            ("sysctl", "net.ipv4/ip_local", "net..a"),
            ("port", "http-1", "8080"),
            ("port", "a", "http--x"),
            ("segment", "system:web", "a/b"),
        ] {
            let rule = match name {
                "label" => label,
                "label_1035" => label_1035,
                "subdomain" => subdomain,
                "qualified" => qualified,
                "label_value" => label_value,
                "config_key" => config_key,
                "port" => port,
                "sysctl" => sysctl,
                _ => segment,
            };
            assert_eq!(rule(takes), None, "{name} {takes}");
            assert!(rule(refuses).is_some(), "{name} {refuses}");
        }
        assert!(label(&"a".repeat(64)).is_some() && subdomain(&"a".repeat(254)).is_some());
    }
}
