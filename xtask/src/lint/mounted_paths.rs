//! Paths in configurations, arguments, and variables that name a file of a mounted `ConfigMap` which the `ConfigMap` does not
//! have.
//!
//! A mount hides what the image has in the directory, so that such a file does not exist. Only a name that is nearly that of
//! a key is reported: a text may mention any path.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Source, did_you_mean, nearest_within};
use document::{Node, block};
use kubernetes::inventory::pods::Pods;
use kubernetes::object::Object;

use super::subject::Subject;
use super::written_once::written;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ReferenceKey];

/// The longest text in which paths are searched.
const LONGEST: usize = 200_000;

/// The most files of a mount with which names are compared.
const MOST: usize = 1_000;

/// The shortest name that may be misspelled.
const SHORTEST: usize = 5;

/// A directory of a container in which a `ConfigMap` is mounted, and its files.
struct Mount<'a> {
    directory: String,
    map: &'a Object,
    files: BTreeSet<&'a str>,
}

/// Checks the pods of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut seen: BTreeSet<(&str, String)> = BTreeSet::new();
    for object in subject.objects {
        let Some(pods) = Pods::of(object, 0, &object.key.namespace) else { continue };
        let maps = maps(subject.by_target.of(&object.target), object);
        for container in &pods.containers {
            let (mounts, texts) = mounted(&pods, container.node, &maps);
            if mounts.is_empty() {
                continue;
            }
            let own = ["command", "args"].into_iter().flat_map(|key| container.node.items_at(&[key]));
            let own = own.chain(container.node.items_at(&["env"]).iter().filter_map(|entry| entry.get("value")));
            let texts = own.map(|node| (object, node)).chain(texts);
            for (owner, node) in texts {
                for found in missing(subject, owner, node, &mounts) {
                    if seen.insert((&object.target, found.message.clone())) {
                        diagnostics.push(found);
                    }
                }
            }
        }
    }
    diagnostics
}

/// The `ConfigMaps` in the namespace of an object, by name.
fn maps<'a>(objects: &'a [Object], object: &Object) -> BTreeMap<&'a str, &'a Object> {
    let is_map = |one: &&Object| {
        (&*one.key.group, &*one.key.kind) == ("", "ConfigMap") && one.key.namespace == object.key.namespace
    };
    objects.iter().filter(is_map).map(|one| (one.key.name.as_str(), one)).collect()
}

/// The keys of a `ConfigMap`, with their texts.
fn keys(map: &Object) -> impl Iterator<Item = (&str, &Node)> {
    ["data", "binaryData"].into_iter().flat_map(|field| {
        let entries = map.find(&[field]).map(Node::entries).unwrap_or_default();
        entries.iter().map(|(key, value)| (key.name.as_str(), value))
    })
}

/// The directories in which a container mounts whole `ConfigMaps`, and the texts of all that it mounts.
fn mounted<'a>(
    pods: &Pods<'a>,
    container: &'a Node,
    maps: &BTreeMap<&str, &'a Object>,
) -> (Vec<Mount<'a>>, Vec<(&'a Object, &'a Node)>) {
    let text = |node: &'a Node, key: &str| node.get(key).and_then(Node::as_str);
    let (mut mounts, mut texts, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
    for mount in container.items_at(&["volumeMounts"]) {
        let mut volumes = pods.spec.items_at(&["volumes"]).iter();
        let volume =
            volumes.find(|volume| text(volume, "name").is_some() && text(volume, "name") == text(mount, "name"));
        let Some(source) = volume.and_then(|volume| volume.get("configMap")) else { continue };
        let Some(map) = text(source, "name").and_then(|name| maps.get(name)).copied() else { continue };
        if known.insert(map.key.name.as_str()) {
            texts.extend(keys(map).map(|(_, node)| (map, node)));
        }
        let whole = ["subPath", "subPathExpr"].iter().all(|key| mount.get(key).is_none());
        let directory = text(mount, "mountPath").map(|path| path.trim_end_matches('/').to_owned());
        let Some(directory) = directory.filter(|path| whole && path.len() > 1) else { continue };
        let items = source.items_at(&["items"]);
        let files: BTreeSet<&str> = if items.is_empty() {
            keys(map).map(|(key, _)| key).collect()
        } else {
            items.iter().filter_map(|item| text(item, "path")).collect()
        };
        if files.len() <= MOST {
            mounts.push(Mount { directory, map, files });
        }
    }
    (mounts, texts)
}

/// The findings about the paths in a text.
fn missing(subject: &Subject<'_>, owner: &Object, node: &Node, mounts: &[Mount<'_>]) -> Vec<Diagnostic> {
    let Some(text) = node.as_str().filter(|text| text.len() <= LONGEST) else { return Vec::new() };
    let mut found = Vec::new();
    for mount in mounts {
        let start = format!("{}/", mount.directory);
        for (at, _) in text.match_indices(&start) {
            let rest = &text[at + start.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || "._-".contains(c))).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let name = name.trim_end_matches('.');
            // A path that continues is a directory, a pattern, or a variable.
            if name.is_empty() || after.starts_with(['/', '*', '$', '{', '?', '[']) || mount.files.contains(name) {
                continue;
            }
            let typed = name.len() >= SHORTEST;
            if let Some(near) = nearest_within(name, 2, mount.files.iter().copied()).filter(|_| typed) {
                let span = at + start.len()..at + start.len() + name.len();
                let place = block::in_file(&node.place(), &Place::new(&Source::new("text", text), span));
                let message = format!("ConfigMap `{}` has no key `{name}`", mount.map.key.name);
                let label = format!("{} mounts it in {}", owner_of(owner), mount.directory);
                let mut one = owner.finding(Code::ReferenceKey, message, place.unwrap_or_else(|| node.place()), label);
                if let Some(written) = written(subject, owner, &format!("{start}{name}")) {
                    let label = std::mem::take(&mut one.places[0].1);
                    one.places.insert(0, (written, label));
                }
                let one = one.fact(Fact::missing("key", name)).help(did_you_mean(near));
                found.push(one);
            }
        }
    }
    found
}

/// The object that mounts: the one with the path, or the pod that reads a `ConfigMap`.
fn owner_of(owner: &Object) -> String {
    if owner.key.kind == "ConfigMap" { "its pod".to_owned() } else { owner.title() }
}
