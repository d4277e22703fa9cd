//! What Argo CD applies of the objects that the sources of an Application render: of several objects with the same identity
//! the last one, and each object with `generateName`.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::{Code, Diagnostic, Diagnostics, Place};

use crate::golden_file::file_names;
use crate::manifest::{ANY, Manifest, ObjectKey, Recorded};

/// What Argo CD applies of the manifests of a target, with the names of the goldens.
#[must_use]
pub fn recorded(manifests: Vec<Manifest>) -> Vec<Recorded> {
    let manifests = applied(manifests);
    let files = file_names(&manifests);
    files.into_iter().zip(manifests).map(|(file, manifest)| Recorded { file, manifest }).collect()
}

/// The manifests that are applied, in their order: without those that a later one replaces, and with a number in the
/// identity of each further object with the same `generateName`.
fn applied(mut manifests: Vec<Manifest>) -> Vec<Manifest> {
    number(&mut manifests);
    let mut last: BTreeMap<ObjectKey, usize> = BTreeMap::new();
    let mut replaced: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut kept = Vec::new();
    for (index, manifest) in manifests.into_iter().enumerate().rev() {
        if manifest.items.is_none() {
            if let Some(winner) = last.get(&manifest.key) {
                replaced.entry(*winner).or_default().push(manifest.template);
                continue;
            }
            last.insert(manifest.key.clone(), index);
        }
        kept.push((index, manifest));
    }
    kept.reverse();
    let kept = kept.into_iter().map(|(index, mut manifest)| {
        manifest.replaced = replaced.remove(&index).unwrap_or_default();
        manifest.replaced.reverse();
        manifest
    });
    kept.collect()
}

/// Numbers the objects with the same `generateName`, each of which is another object.
fn number(manifests: &mut [Manifest]) {
    let mut counts: BTreeMap<ObjectKey, usize> = BTreeMap::new();
    for manifest in manifests {
        let items = manifest.items.as_mut().map_or_else(|| std::slice::from_mut(&mut manifest.key), Vec::as_mut_slice);
        for key in items.iter_mut().filter(|key| key.name.ends_with(ANY)) {
            let count = counts.entry(key.clone()).or_default();
            *count += 1;
            if *count > 1 {
                key.name.push_str(&count.to_string());
            }
        }
    }
}

/// The identity of an object with `generateName`, of which a golden has only the prefix, by the name of the golden.
pub fn restore_number(key: &mut ObjectKey, file: &str) {
    let Some(prefix) = key.name.strip_suffix(ANY) else { return };
    let written = format!("{}-{prefix}", key.kind).to_ascii_lowercase();
    let rest = file.strip_prefix(&written).unwrap_or_default();
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if rest[..digits].parse::<usize>().is_ok_and(|number| number > 1) {
        key.name.push_str(&rest[..digits]);
    }
}

/// Reports items of Lists that are rendered twice: a List is recorded as it was written, so none of its items can be left out.
#[must_use]
pub fn repeated_items(manifests: &[Manifest]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut seen: BTreeMap<&ObjectKey, &Manifest> = BTreeMap::new();
    let mut reported = BTreeSet::new();
    for manifest in manifests {
        for key in manifest.keys().filter(|key| !key.name.ends_with(ANY)) {
            let Some(first) = seen.insert(key, manifest) else { continue };
            if first.items.is_none() && manifest.items.is_none() || !reported.insert(key) {
                continue;
            }
            let message = format!("{key} is rendered twice, once as an item of a List");
            let mut found =
                Diagnostic::new(Code::ManifestInvalid, message).at(Place::file(manifest.template.clone()), "");
            if first.template != manifest.template {
                found = found.at(Place::file(first.template.clone()), "also rendered here");
            }
            let note = "Argo CD applies only the last of them, and this tool records a List as a whole";
            diagnostics.push(found.note(note).help("render the object only once"));
        }
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;

    fn shown(output: &str) -> Vec<(String, String, Vec<String>)> {
        let manifests = manifest::read(output.as_bytes(), "ns").expect("valid");
        let recorded = recorded(manifests).into_iter();
        recorded.map(|one| (one.file, one.manifest.key.to_string(), one.manifest.replaced)).collect()
    }

    fn config_map(template: &str, metadata: &str) -> String {
        format!("---\n# Source: {template}\napiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n")
    }

    #[test]
    fn the_last_of_several_objects_is_applied() {
        let output = [
            config_map("a", "{name: x}"),
            config_map("b", "{name: w}"),
            config_map("c", "{name: x, namespace: ns}"),
            config_map("d", "{name: x, namespace: other}"),
            config_map("e", "{name: x}"),
        ];
        let entry = |file: &str, key: &str, replaced: &[&str]| {
            let replaced = replaced.iter().map(|one| (*one).to_owned()).collect();
            (file.to_owned(), key.to_owned(), replaced)
        };
        assert_eq!(
            shown(&output.concat()),
            [
                entry("configmap-w.yaml", "ConfigMap ns/w", &[]),
                entry("configmap-x-other.yaml", "ConfigMap other/x", &[]),
                entry("configmap-x-ns.yaml", "ConfigMap ns/x", &["a", "c"]),
            ]
        );
    }

    #[test]
    fn objects_with_generated_names_are_all_applied_and_read_again() {
        let names =
            ["{generateName: x-}", "{name: x-2}", "{generateName: x-}", "{generateName: w}", "{generateName: w}"];
        let output: String = names.iter().map(|metadata| config_map("a", metadata)).collect();
        let manifests = recorded(manifest::read(output.as_bytes(), "ns").expect("valid"));
        let keys: Vec<&str> = manifests.iter().map(|one| one.manifest.key.name.as_str()).collect();
        assert_eq!(keys, ["x-*", "x-2", "x-*2", "w*", "w*2"]);
        let files: Vec<&str> = manifests.iter().map(|one| one.file.as_str()).collect();
        assert_eq!(files[0], "configmap-x.yaml");
        assert_eq!(files.iter().collect::<BTreeSet<_>>().len(), 5, "{files:?}");
        for one in &manifests {
            let mut read = manifest::read_golden(&one.manifest.text, "ns").expect("an object");
            restore_number(&mut read.key, &one.file);
            assert_eq!(read.key, one.manifest.key, "{}", one.file);
        }
    }

    #[test]
    fn a_list_is_recorded_as_a_whole() {
        let list = "---\n# Source: l\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n";
        let manifests = |output: &str| manifest::read(output.as_bytes(), "ns").expect("valid");
        let twice = repeated_items(&manifests(&format!("{}{list}", config_map("a", "{name: x}"))));
        assert_eq!(twice.0[0].message, "ConfigMap ns/x is rendered twice, once as an item of a List");
        assert!(repeated_items(&manifests(&format!("{}{list}", config_map("a", "{name: w}")))).is_empty());
        let twice = config_map("a", "{name: w}").repeat(2);
        assert!(repeated_items(&manifests(&format!("{twice}{list}"))).is_empty());
    }
}
