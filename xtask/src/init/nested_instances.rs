//! Argo CD instances whose directories are inside each other: several environments with several clusters each, of which every
//! cluster has an Argo CD of its own.

use std::collections::{BTreeMap, BTreeSet};

/// Replaces directories of instances that contain those of others by the directories inside them. `files` are those that define
/// something for Argo CD. An instance that would get the name of another one is also named by the directory around it.
pub fn innermost(instances: &mut BTreeMap<String, BTreeSet<String>>, files: &[&str]) {
    let all: BTreeSet<&str> = instances.values().flatten().map(String::as_str).collect();
    let has_inner = |outer: &str| all.iter().any(|inner| is_inside(inner, outer));
    if !all.iter().any(|directory| has_inner(directory)) {
        return;
    }
    let is_inner = |directory: &str| all.iter().any(|outer| is_inside(directory, outer));
    let inner: BTreeSet<String> = all.iter().filter(|one| is_inner(one)).map(|one| name(one, 1)).collect();
    let mut leaves: BTreeSet<String> = BTreeSet::new();
    for directory in &all {
        let child = |file: &str| {
            let (child, _) = file.strip_prefix(directory)?.strip_prefix('/')?.split_once('/')?;
            Some(format!("{directory}/{child}"))
        };
        let mut children: BTreeSet<String> = files.iter().filter_map(|file| child(file)).collect();
        // One environment may have the clusters of another one.
        let is_like_another = !is_inner(directory) && children.iter().any(|child| inner.contains(&name(child, 1)));
        if has_inner(directory) || is_like_another {
            children.retain(|child| !has_inner(child));
            leaves.extend(children);
        } else {
            leaves.insert((*directory).to_owned());
        }
    }
    let short: Vec<String> = leaves.iter().map(|leaf| name(leaf, 1)).collect();
    let unique = |name: &str| short.iter().filter(|one| *one == name).count() == 1;
    let named = leaves.iter().zip(&short).map(|(leaf, one)| {
        let name = if unique(one) { one.clone() } else { name(leaf, 2) };
        (name, leaf.clone())
    });
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, leaf) in named {
        found.entry(name).or_default().insert(leaf);
    }
    *instances = found;
}

/// The last parts of a path, joined.
fn name(path: &str, parts: usize) -> String {
    let all: Vec<&str> = path.split('/').collect();
    let text = all[all.len().saturating_sub(parts)..].join("-").to_lowercase();
    text.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "-").trim_matches('-').to_owned()
}

fn is_inside(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(instances: &[(&str, &[&str])], files: &[&str]) -> Vec<String> {
        let owned = |list: &[&str]| list.iter().map(|&one| one.to_owned()).collect();
        let mut all: BTreeMap<String, BTreeSet<String>> =
            instances.iter().map(|(name, directories)| ((*name).to_owned(), owned(directories))).collect();
        innermost(&mut all, files);
        all.into_iter()
            .map(|(name, directories)| format!("{name}: {}", Vec::from_iter(directories).join(" ")))
            .collect()
    }

    #[test]
    fn clusters_of_environments_are_instances() {
        let files =
            ["c/prod/hub/a.yaml", "c/prod/edge/a.yaml", "c/test/hub/a.yaml", "c/test/edge/a.yaml", "c/test/x/b.yaml"];
        assert_eq!(
            of(&[("prod", &["c/prod"]), ("test", &["c/test"]), ("edge", &["c/prod/edge"])], &files),
            [
                "prod-edge: c/prod/edge",
                "prod-hub: c/prod/hub",
                "test-edge: c/test/edge",
                "test-hub: c/test/hub",
                "x: c/test/x"
            ]
        );
    }

    #[test]
    fn directories_beside_each_other_remain() {
        assert_eq!(of(&[("a", &["x/a"]), ("b", &["x/b"])], &["x/a/b.yaml"]), ["a: x/a", "b: x/b"]);
    }
}
