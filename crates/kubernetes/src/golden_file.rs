//! The names of the goldens.

use std::collections::BTreeMap;

use toolbox::archive::sha256;

use crate::manifest::{ANY, Manifest, ObjectKey};

/// The file name of each manifest's golden: `<kind>-<name>.yaml` in lower case. If that is not unique, the namespace is
/// appended, then the group, and finally a digest of the identity.
#[must_use]
pub fn file_names(manifests: &[Manifest]) -> Vec<String> {
    let file_name = |manifest: &Manifest, level: usize| {
        let ObjectKey { group, kind, namespace, name } = &manifest.key;
        let name = name.replace(ANY, "");
        let mut parts = vec![kind.as_str(), name.as_str()];
        parts.extend((level > 0).then_some(namespace.as_str()).filter(|text| !text.is_empty()));
        parts.extend((level > 1).then_some(group.as_str()).filter(|text| !text.is_empty()));
        // Long enough that nobody can construct two objects with the same file name.
        let digest =
            &sha256([group, kind, namespace, &manifest.key.name].map(String::as_str).join("\0").as_bytes())[..32];
        parts.extend((level > 2).then_some(digest));
        let allowed =
            |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c.to_ascii_lowercase() } else { '_' };
        let stem: String = parts.join("-").trim_end_matches('-').chars().map(allowed).collect();
        // File systems limit names to 255 bytes.
        let stem = if stem.len() > 200 { format!("{}-{digest}", &stem[..200]) } else { stem };
        format!("{stem}.yaml")
    };
    let mut levels = vec![0; manifests.len()];
    loop {
        let names: Vec<String> =
            manifests.iter().zip(&levels).map(|(manifest, level)| file_name(manifest, *level)).collect();
        let mut users: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, name) in names.iter().enumerate() {
            users.entry(name).or_default().push(index);
        }
        let clashes: Vec<usize> =
            users.into_values().filter(|users| users.len() > 1).flatten().filter(|index| levels[*index] < 3).collect();
        if clashes.is_empty() {
            return names;
        }
        for index in clashes {
            levels[index] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Parsed;

    fn object(kind: &str, namespace: &str, name: &str) -> Manifest {
        Manifest {
            key: ObjectKey { group: String::new(), kind: kind.into(), namespace: namespace.into(), name: name.into() },
            explicit_namespace: true,
            template: String::new(),
            text: String::new(),
            items: None,
            replaced: Vec::new(),
            secrets: Vec::new(),
            parsed: Parsed::default(),
        }
    }

    #[test]
    fn file_names_are_unique() {
        let manifests = [
            object("Role", "a", "reader"),
            object("Role", "b", "reader"),
            object("Role", "b", "writer"),
            object("ClusterRole", "b", "system:view"),
            object("ClusterRole", "b", "system_view"),
        ];
        let names = file_names(&manifests);
        assert_eq!(names[..3], ["role-reader-a.yaml", "role-reader-b.yaml", "role-writer.yaml"]);
        assert_ne!(names[3], names[4]);
    }

    /// A few seconds suffice to find objects whose digests agree in 32 bits.
    #[test]
    fn file_names_of_objects_with_similar_digests_are_unique() {
        let long = |index: u32| object("ConfigMap", "a", &format!("{}{index}", "x".repeat(240)));
        let mut names: BTreeMap<String, u32> = BTreeMap::new();
        for index in 0..200_000_u32 {
            let name = file_names(&[long(index)]).remove(0);
            let short = name[..209].to_owned();
            if let Some(other) = names.insert(short, index) {
                let both = file_names(&[long(other), long(index)]);
                assert_ne!(both[0], both[1]);
                return;
            }
        }
        panic!("no two digests agree");
    }
}
