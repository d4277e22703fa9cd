//! Container images: every reference must be valid and have an immutable tag or a digest. Also lists all images, so
//! that they can be pulled in advance.
//!
//! Images are taken from pod specs: those of Pods, and of every object with a pod template. `image` fields of other
//! kinds may mean anything and are ignored. Whether an image exists is not checked.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::{Code, Diagnostics, Fact, Place};
use document::{Node, Value};
use kubernetes::image::Reference;
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::ImageInvalid, Code::ImageUnpinned];

/// The paths at which an object may have a pod spec.
const POD_SPECS: &[&[&str]] = &[
    &["spec"],
    &["spec", "template", "spec"],
    &["spec", "jobTemplate", "spec", "template", "spec"],
    &["template", "spec"],
];

/// Tags that are mutable by convention. `latest-alpine` and the like count as `latest`.
const MUTABLE: &[&str] = &[
    "canary", "dev", "develop", "devel", "edge", "head", "latest", "lts", "main", "mainline", "master", "nightly",
    "rolling", "snapshot", "stable", "testing", "trunk", "unstable",
];

/// One use of an image.
#[derive(Debug)]
struct Use<'a> {
    /// `container `x``, `init container `x``, …
    owner: String,
    /// The reference, if there is one.
    reference: Option<&'a str>,
    place: Place,
}

/// Checks every image that the targets render.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        // Several containers often have one image.
        let mut seen = BTreeSet::new();
        let mut uses = uses(object);
        uses.retain(|used| used.reference.is_none_or(|text| seen.insert(text)));
        // The controller of a custom resource may add a tag.
        let is_workload = ["", "apps", "batch"].contains(&object.key.group.as_str());
        uses.retain(|used| is_workload || used.reference.is_some());
        for Use { owner, reference, place } in uses {
            let found = match reference {
                None => object
                    .finding(Code::ImageInvalid, format!("{owner} has no image"), place, "expected `image`")
                    .fact(Fact::Required("image".to_owned()))
                    .help("set `image` to a reference with a tag or a digest"),
                Some(text) => match Reference::parse(text) {
                    Err(what) => object
                        .finding(Code::ImageInvalid, format!("`{text}` is not a valid image reference"), place, what)
                        .facts(Reference::has_empty_tag(text).then(|| Fact::Unsupported("tag".to_owned())))
                        .help("use the form `registry/name:tag` or `registry/name@sha256:…`"),
                    Ok(Reference { tag: None, digest: None, .. }) => object
                        .finding(
                            Code::ImageUnpinned,
                            format!("image `{text}` has no tag and no digest"),
                            place,
                            "defaults to the mutable tag `latest`",
                        )
                        .help("add a release tag or a digest"),
                    Ok(Reference { tag: Some(tag), digest: None, .. }) if is_mutable(tag) => object
                        .finding(
                            Code::ImageUnpinned,
                            format!("image `{text}` has a mutable tag"),
                            place,
                            format!("`{tag}` can point to a different image at any time"),
                        )
                        .help("use a release tag, or add a digest"),
                    Ok(_) => continue,
                },
            };
            diagnostics.push(found);
        }
    }
    diagnostics
}

/// Returns all images by reference, each with the targets that use it.
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

/// Returns the images that an object uses, each with its place.
pub fn references(object: &Object) -> impl Iterator<Item = (&str, Place)> {
    uses(object).into_iter().filter_map(|used| Some((used.reference?, used.place)))
}

/// Returns the images that a manifest outside of a target uses, each with its place. A List is searched, too.
#[must_use]
pub(crate) fn references_in(root: &Node) -> Vec<(String, Place)> {
    let text = |key: &str| root.get(key).and_then(Node::as_str);
    let is_pod = text("apiVersion") == Some("v1") && text("kind") == Some("Pod");
    let own = uses_in(root, is_pod).into_iter().filter_map(|used| Some((used.reference?.to_owned(), used.place)));
    let items = root.get("items").map(Node::items).unwrap_or_default();
    own.chain(items.iter().flat_map(references_in)).collect()
}

fn uses(object: &Object) -> Vec<Use<'_>> {
    uses_in(&object.root, object.key.group.is_empty() && object.key.kind == "Pod")
}

fn uses_in(root: &Node, is_pod: bool) -> Vec<Use<'_>> {
    let mut found = Vec::new();
    for path in POD_SPECS {
        // `spec` itself is a pod spec in Pods only; the longer paths are pod specs wherever they have containers.
        let may_be_spec = |spec: &&Node| spec.get("containers").is_some() && (path.len() > 1 || is_pod);
        let Some(spec) = root.find(path).filter(may_be_spec) else { continue };
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
    let name = owner.get("name").and_then(Node::as_str).unwrap_or("(unnamed)");
    let reference = image.and_then(Node::as_str).filter(|text| !text.is_empty());
    Use { owner: format!("{kind} `{name}`"), reference, place: image.unwrap_or(owner).place() }
}

fn is_mutable(tag: &str) -> bool {
    let tag = tag.to_lowercase();
    MUTABLE.contains(&tag.as_str()) || tag.starts_with("latest-")
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn images_of_manifests_are_found() {
        let text = "\
{apiVersion: v1, kind: Pod, spec: {initContainers: [{image: a:1}], containers: [{image: b:1}]}}
---
{apiVersion: v1, kind: List, items: [
  {apiVersion: apps/v1, kind: DaemonSet, spec: {template: {spec: {containers: [{image: c:1}]}}}}]}
---
{apiVersion: example.com/v1, kind: Pod, spec: {containers: [{image: d:1}]}}
";
        let documents = yaml::parse(&Source::new("manifests.yaml", text)).expect("YAML");
        let images = documents.iter().flat_map(|document| references_in(&document.root));
        assert_eq!(images.map(|(image, _)| image).collect::<Vec<_>>(), ["b:1", "a:1", "c:1"]);
    }

    #[test]
    fn mutable_tags_are_recognized() {
        for tag in ["latest", "Latest", "latest-alpine", "main", "stable"] {
            assert!(is_mutable(tag), "{tag}");
        }
        for tag in ["1.2.3", "main-1a2b3c4", "bookworm-20250101", "v1"] {
            assert!(!is_mutable(tag), "{tag}");
        }
    }
}
