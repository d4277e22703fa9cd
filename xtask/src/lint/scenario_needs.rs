//! The Secrets and ConfigMaps that an Application needs with the value file of a scenario: the scenario must apply them, with
//! the keys that are used.

use std::path::Path;

use cluster::scenario::Scenario;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, did_you_mean, nearest};
use document::{Node, Value, yaml};
use kubernetes::inventory::keys::Keys;
use kubernetes::inventory::pods::Pods;
use kubernetes::manifest;
use kubernetes::object::{self, Home, Object};
use kubernetes::references;
use toolbox::source;

use super::scenario_manifests::ScenarioManifests;
use super::scenario_references::creates;

/// The Secrets and ConfigMaps that rendered objects use and that are not rendered with them, one per line: the kind, the
/// name, and the keys.
#[must_use]
pub(super) fn needed(rendered: &[u8], namespace: &str) -> Vec<String> {
    let manifests = manifest::read(rendered, namespace).unwrap_or_default();
    let home = Home { target: "", source: "", golden: "", template_file: None };
    let objects: Vec<Object> = manifests.iter().flat_map(|manifest| object::of_manifest(&home, manifest)).collect();
    let made = |name: &str| objects.iter().any(|object| object.key.name == name && object.key.kind != "Service");
    let mut lines = Vec::new();
    for object in &objects {
        let pods = Pods::of(object, 0, namespace);
        for reference in references::of(object, pods.as_ref()) {
            let known = matches!(reference.kind, "ConfigMap" | "Secret") && reference.namespace.is_none();
            let Some(name) = reference.name.as_str().filter(|name| known && !reference.optional && !made(name)) else {
                continue;
            };
            let keys = reference.keys.iter().filter_map(|key| key.as_str());
            let line = [reference.kind, name].into_iter().chain(keys).collect::<Vec<_>>().join("\n");
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

/// Reports those that the scenario does not apply, at the values that name them.
#[must_use]
pub(super) fn missing(
    root: &Path,
    scenario: &Scenario,
    file: &Path,
    namespace: &str,
    needed: &[String],
) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    if needed.is_empty() {
        return diagnostics;
    }
    let applied = ScenarioManifests::of(root, scenario);
    let own = |kind: &str| -> Vec<&Object> {
        let objects = applied.objects.iter();
        objects.filter(|object| object.key.kind == kind && object.key.namespace == namespace).collect()
    };
    let Ok(source) = source::read(root, file) else { return diagnostics };
    let Ok(document) = yaml::parse_one(&source) else { return diagnostics };
    for line in needed {
        let mut words = line.split('\n');
        let (Some(kind), Some(name)) = (words.next(), words.next()) else { continue };
        let Some(object) = own(kind).into_iter().find(|object| object.key.name == name) else {
            let names: Vec<&str> = own(kind).into_iter().map(|object| object.key.name.as_str()).collect();
            // A command, or a controller, may create it.
            let sealed = applied.objects.iter().any(|object| object.key.kind == "SealedSecret");
            if names.is_empty() || sealed || scenario.steps.iter().any(creates) || name == "kube-root-ca.crt" {
                continue;
            }
            // Objects that other values name are reported there.
            let Some(place) = only(&document.root, name) else { continue };
            let message = format!("{kind} `{name}` does not exist in namespace `{namespace}`");
            let found = Diagnostic::new(Code::ReferenceMissing, message)
                .fact(Fact::missing(kind, name))
                .at(place, "used by what is deployed");
            let found = match nearest(name, names.iter().copied()) {
                Some(near) => found.help(did_you_mean(near)),
                None => found.help(format!("apply it before the step `deploy`, or use `{}`", names[0])),
            };
            diagnostics.0.extend(applied.finish(found));
            continue;
        };
        let Keys::Known(known) = Keys::of(object) else { continue };
        for key in words.filter(|key| !known.contains(*key)) {
            let Some(place) = only(&document.root, key) else { continue };
            let message = format!("{kind} `{name}` has no key `{key}`");
            let found = Diagnostic::new(Code::ReferenceKey, message).at(place, "used by what is deployed");
            let found = found.at(object.name_place(), "applied by the scenario");
            let found = match nearest(key, known.iter().map(String::as_str)) {
                Some(near) => found.help(did_you_mean(near)),
                None => found.help("add the key, or use another one"),
            };
            diagnostics.0.extend(applied.finish(found));
        }
    }
    diagnostics
}

/// The place of the only value with a text.
fn only(node: &Node, text: &str) -> Option<Place> {
    let mut found = Vec::new();
    collect(node, text, &mut found);
    match found.as_slice() {
        [one] => Some(one.place()),
        _ => None,
    }
}

fn collect<'a>(node: &'a Node, text: &str, found: &mut Vec<&'a Node>) {
    if matches!(&node.value, Value::String(own) if own == text) {
        found.push(node);
    }
    node.entries().iter().for_each(|(_, value)| collect(value, text, found));
    node.items().iter().for_each(|item| collect(item, text, found));
}
