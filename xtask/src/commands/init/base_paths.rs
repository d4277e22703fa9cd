//! Annotations of clusters that are the beginning of paths in this repository, as in the `GitOps` Bridge.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use workspace::find;

/// The values of annotations for which the paths that templates make of them exist. `keys` are the annotations that templates
/// read. Those that need no value are left out.
pub(super) fn base_paths(root: &Path, keys: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let keys: Vec<&str> =
        keys.iter().copied().filter(|key| key.contains("basepath") || key.contains("base_path")).collect();
    let mut found = BTreeMap::new();
    if keys.is_empty() {
        return found;
    }
    let tracked = find::tracked(root);
    let directories: BTreeSet<&str> =
        tracked.iter().flat_map(|path| path.match_indices('/').map(|(at, _)| &path[..at])).collect();
    for path in tracked.iter().filter(|path| [".yaml", ".yml"].iter().any(|end| path.ends_with(end))) {
        let Ok(text) = toolbox::regular_file::read_to_string(root.join(path)) else { continue };
        for key in &keys {
            let before = found.get(*key).cloned();
            let base = before
                .or_else(|| text.match_indices(key).find_map(|(at, _)| base(&text[at + key.len()..], &directories)));
            found.extend(base.map(|base| ((*key).to_owned(), base)));
        }
    }
    found.retain(|_, base| !base.is_empty());
    found
}

/// The prefix that is required before a path that follows an action of a template, so that its directory exists. `rest`
/// begins within the action.
fn base(rest: &str, directories: &BTreeSet<&str>) -> Option<String> {
    let (inside, after) = rest.split_once("}}")?;
    if inside.contains(['{', '\n']) {
        return None;
    }
    let path = after.split(['{', '"', '\'', '*', ' ', '\n']).next().unwrap_or_default();
    let directory = path.rsplit_once('/')?.0;
    if directory.is_empty() {
        return None;
    }
    let bases = directories.iter().filter_map(|one| one.strip_suffix(directory));
    bases.filter(|base| base.is_empty() || base.ends_with('/')).min_by_key(|base| base.len()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_of_a_path_that_exists_is_found() {
        let directories = BTreeSet::from(["argocd", "argocd/charts", "argocd/charts/addons"]);
        let of = |text: &str| base(text, &directories);
        assert_eq!(of("}}charts/addons/{{values.chart}}/resources").as_deref(), Some("argocd/"));
        assert_eq!(of("}}argocd/charts/x").as_deref(), Some(""));
        assert_eq!(of(" }}nothing/x"), None);
        assert_eq!(of("}}"), None);
    }
}
