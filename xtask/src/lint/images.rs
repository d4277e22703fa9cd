//! Whether every image is one that stays the same: a reference that can be read, with a tag that does not move or a
//! digest; and the list of all images, for pulling them beforehand.
//!
//! Images are looked for where a pod is described: in Pods, and in whatever holds a pod's template.
//!
//! Deliberately absent: whether an image exists, and other kinds' own `image` fields, which may mean anything.

use std::collections::{BTreeMap, BTreeSet};

use super::Subject;
use crate::diagnostic::{Code, Diagnostics, Place};
use crate::document::{Node, Value};
use crate::objects::Object;

/// What this check finds.
pub const CODES: &[Code] = &[Code::ImageInvalid, Code::ImageUnpinned];

/// Where the description of a pod may stand in an object.
const POD_SPECS: &[&[&str]] = &[
    &["spec"],
    &["spec", "template", "spec"],
    &["spec", "jobTemplate", "spec", "template", "spec"],
    &["template", "spec"],
];

/// Tags that are made to move. `latest-alpine` and the like count as `latest`.
const MOVING: &[&str] = &[
    "canary", "dev", "develop", "devel", "edge", "head", "latest", "lts", "main", "mainline", "master", "nightly",
    "rolling", "snapshot", "stable", "testing", "trunk", "unstable",
];

/// One place where an image is named.
#[derive(Debug)]
struct Use<'a> {
    /// `container `x``, `init container `x``, …
    owner: String,
    /// The reference; `None` where there is none.
    reference: Option<&'a str>,
    place: Place,
}

/// An image reference, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The repository, as written.
    pub name: &'a str,
    /// The tag.
    pub tag: Option<&'a str>,
    /// The digest.
    pub digest: Option<&'a str>,
}

/// Every image that is rendered has to be a fixed one.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        for Use { owner, reference, place } in uses(object) {
            let found = match reference {
                None => object
                    .finding(Code::ImageInvalid, format!("{owner} names no image"), place, "expected `image`")
                    .help("name an image with a tag or a digest"),
                Some(text) => match parse(text) {
                    Err(what) => object
                        .finding(Code::ImageInvalid, format!("`{text}` is no image reference"), place, what)
                        .help("write it as `registry/name:tag`, `registry/name@sha256:…`, or with both"),
                    Ok(Reference { tag: None, digest: None, .. }) => object
                        .finding(
                            Code::ImageUnpinned,
                            format!("image `{text}` has neither tag nor digest"),
                            place,
                            "this is `latest`, whatever that is by then",
                        )
                        .help("add the tag of a release, or a digest"),
                    Ok(Reference { tag: Some(tag), digest: None, .. }) if moves(tag) => object
                        .finding(
                            Code::ImageUnpinned,
                            format!("image `{text}` has a tag that moves"),
                            place,
                            format!("`{tag}` is another image from time to time"),
                        )
                        .help("name the tag of a release, or add a digest"),
                    Ok(_) => continue,
                },
            };
            diagnostics.push(found);
        }
    }
    diagnostics
}

/// All images by reference, each with the targets that use it.
#[must_use]
pub fn list(objects: &[Object]) -> BTreeMap<String, BTreeSet<String>> {
    let mut images: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for object in objects {
        for (text, _) in references(object) {
            images.entry(text.to_owned()).or_default().insert(object.target.clone());
        }
    }
    images
}

/// The images that an object asks for, each with its place.
pub fn references(object: &Object) -> impl Iterator<Item = (&str, Place)> {
    uses(object).into_iter().filter_map(|used| Some((used.reference?, used.place)))
}

/// The images that a manifest asks for, each with its place.
#[must_use]
pub fn references_in(root: &Node) -> Vec<(String, Place)> {
    let text = |key: &str| root.get(key).and_then(Node::as_str);
    let pod = text("apiVersion") == Some("v1") && text("kind") == Some("Pod");
    uses_in(root, pod).into_iter().filter_map(|used| Some((used.reference?.to_owned(), used.place))).collect()
}

fn uses(object: &Object) -> Vec<Use<'_>> {
    uses_in(&object.root, object.key.group.is_empty() && object.key.kind == "Pod")
}

fn uses_in(root: &Node, pod: bool) -> Vec<Use<'_>> {
    let mut found = Vec::new();
    for path in POD_SPECS {
        // `spec` itself describes a pod in Pods alone; the longer paths mean one wherever they hold containers.
        let Some(spec) = root.find(path).filter(|spec| spec.get("containers").is_some() && (path.len() > 1 || pod))
        else {
            continue;
        };
        for (list, kind) in [
            ("containers", "container"),
            ("initContainers", "init container"),
            ("ephemeralContainers", "ephemeral container"),
        ] {
            for container in spec.get(list).map(Node::items).unwrap_or_default() {
                found.push(used(kind, container, container.get("image")));
            }
        }
        for volume in spec.get("volumes").map(Node::items).unwrap_or_default() {
            if let Some(image) = volume.get("image").filter(|image| !matches!(image.value, Value::Null)) {
                found.push(used("image volume", volume, image.get("reference")));
            }
        }
    }
    found
}

fn used<'a>(kind: &str, owner: &'a Node, image: Option<&'a Node>) -> Use<'a> {
    let name = owner.get("name").and_then(Node::as_str).unwrap_or("(without a name)");
    let reference = image.and_then(Node::as_str).filter(|text| !text.is_empty());
    Use { owner: format!("{kind} `{name}`"), reference, place: image.unwrap_or(owner).place() }
}

fn moves(tag: &str) -> bool {
    let tag = tag.to_lowercase();
    MOVING.contains(&tag.as_str()) || tag.starts_with("latest-")
}

/// Takes a reference apart as container runtimes do; the error is what is wrong with it.
pub fn parse(text: &str) -> Result<Reference<'_>, String> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    if let Some(digest) = digest {
        check_digest(digest)?;
    }
    // A colon after the last slash begins a tag; one before it a port.
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[slash..].find(':') {
        Some(colon) => (&rest[..slash + colon], Some(&rest[slash + colon + 1..])),
        None => (rest, None),
    };
    if let Some(tag) = tag {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if tag.is_empty() {
            return Err("the tag is empty".to_owned());
        }
        if tag.len() > 128 || !tag.chars().all(plain) || tag.starts_with(['.', '-']) {
            return Err("a tag has letters, digits, `_`, `.`, and `-`, at most 128".to_owned());
        }
    }
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, name),
    };
    if let Some(host) = host {
        let (domain, port) = host.split_once(':').map_or((host, "1"), |(domain, port)| (domain, port));
        let label = |label: &str| {
            !label.is_empty()
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if !domain.split('.').all(label) || port.is_empty() || !port.chars().all(|c| c.is_ascii_digit()) {
            return Err(format!("`{host}` is no registry"));
        }
    }
    if let Some(part) = path.split('/').find(|part| !is_component(part)) {
        return Err(match part {
            "" => "a part of the name is empty".to_owned(),
            part if part.chars().any(|c| c.is_ascii_uppercase()) => format!("`{part}`: names are lowercase"),
            part => format!("`{part}` is no part of a name"),
        });
    }
    Ok(Reference { name, tag, digest })
}

fn check_digest(digest: &str) -> Result<(), String> {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return Err("a digest is `sha256:` and 64 hexadecimal digits".to_owned());
    };
    let lowercase = hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    let enough = match algorithm {
        "sha256" => hex.len() == 64,
        "sha512" => hex.len() == 128,
        "sha384" => hex.len() == 96,
        // Of others, runtimes know none.
        _ => false,
    };
    if lowercase && enough {
        Ok(())
    } else {
        Err("a digest is `sha256:` and 64 lowercase hexadecimal digits".to_owned())
    }
}

/// Lowercase letters and digits, joined by `.`, `_`, `__`, or any number of `-`.
fn is_component(part: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let joints = part.split(inner).filter(|joint| !joint.is_empty());
    part.starts_with(inner)
        && part.ends_with(inner)
        && joints.into_iter().all(|joint| matches!(joint, "." | "_" | "__") || joint.chars().all(|c| c == '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart_as_runtimes_do() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, tag, pinned) in [
            ("nginx".to_owned(), None, false),
            ("nginx:1.27".to_owned(), Some("1.27"), false),
            ("registry.example.com:5000/a/b-c__d.e:v1".to_owned(), Some("v1"), false),
            ("localhost:5000/a".to_owned(), None, false),
            (format!("a/b@{digest}"), None, true),
            (format!("a/b:1@{digest}"), Some("1"), true),
        ] {
            let reference = parse(&text).unwrap_or_else(|what| panic!("{text}: {what}"));
            assert_eq!((reference.tag, reference.digest.is_some()), (tag, pinned), "{text}");
        }
        for text in [
            "nginx@SHA256:12",
            "nginx@md5:0123456789abcdef0123456789abcdef",
            "Nginx:1",
            "nginx:",
            "nginx:1 ",
            "a//b:1",
            "a/b:<no value>",
            "nginx@sha256:12",
            ":1",
            "a_-b:1",
            "a:-1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moving_tags_are_known() {
        for tag in ["latest", "Latest", "latest-alpine", "main", "stable"] {
            assert!(moves(tag), "{tag}");
        }
        for tag in ["1.2.3", "main-1a2b3c4", "bookworm-20250101", "v1"] {
            assert!(!moves(tag), "{tag}");
        }
    }
}
