//! Finds Applications that a kustomization leaves out, to exclude them: it lists others around it, so these are switched off,
//! or wait for the fields that only a patch of the kustomization sets.

use std::collections::{BTreeMap, BTreeSet};

use document::Node;

/// How many files of a directory get patterns of their own.
const FEW: usize = 5;

/// Patterns of the files with Applications that the kustomization around them does not list, although it lists others. `files`
/// are the paths of all files that define something, with their documents. `entries` are the paths that the kustomization in
/// a directory refers to, if there is one.
#[must_use]
pub fn unlisted<'a>(
    files: impl Iterator<Item = (&'a str, Vec<&'a Node>)>,
    entries: impl Fn(&str) -> Option<BTreeSet<String>>,
) -> Vec<String> {
    let mut known: BTreeMap<&str, Option<BTreeSet<String>>> = BTreeMap::new();
    let mut around: BTreeMap<&str, Vec<(&str, Vec<&Node>)>> = BTreeMap::new();
    for (file, documents) in files.filter(|(_, documents)| documents.iter().any(|root| is_application(root))) {
        let folder = folders(file).find(|folder| known.entry(folder).or_insert_with(|| entries(folder)).is_some());
        if let Some(folder) = folder {
            around.entry(folder).or_default().push((file, documents));
        }
    }
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (folder, files) in around {
        let Some(Some(entries)) = known.get(folder) else { continue };
        let is_listed = |file: &str| entries.contains(file) || folders(file).any(|folder| entries.contains(folder));
        if !files.iter().any(|(file, _)| is_listed(file)) {
            continue;
        }
        for (file, documents) in files {
            if !is_listed(file) && !documents.iter().any(|root| deploys(root, folder)) {
                found.entry(parent(file)).or_default().push(file);
            }
        }
    }
    let patterns = |(folder, files): (&str, Vec<&str>)| -> Vec<String> {
        if files.len() > FEW {
            vec![format!("{folder}/*.yaml")]
        } else {
            files.into_iter().map(str::to_owned).collect()
        }
    };
    found.into_iter().flat_map(patterns).collect()
}

fn is_application(root: &Node) -> bool {
    root.get("kind").and_then(Node::as_str).is_some_and(|kind| matches!(kind, "Application" | "ApplicationSet"))
}

/// Whether an Application deploys a directory, such as the root Application, which is applied by hand.
fn deploys(root: &Node, folder: &str) -> bool {
    let sources = root.find(&["spec", "source"]).into_iter().chain(root.items_at(&["spec", "sources"]));
    let paths = sources.filter_map(|source| source.get("path")?.as_str());
    let tidy = paths.map(|path| path.trim_start_matches("./").trim_matches('/'));
    tidy.into_iter().any(|path| path == folder || path.is_empty() || path == "." || is_inside(folder, path))
}

fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn parent(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The directories around a file, from the innermost one.
fn folders(file: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(parent(file)).filter(|folder| !folder.is_empty()), |folder| {
        Some(parent(folder)).filter(|folder| !folder.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn files_that_a_kustomization_leaves_out_are_found() {
        let parsed = |text: &str| yaml::parse_one(&Source::new("a.yaml", text)).expect("YAML").root;
        let application = parsed("kind: Application\nspec: {source: {path: web}}\n");
        let root = parsed("kind: Application\nspec: {source: {path: apps}}\n");
        let project = parsed("kind: AppProject\n");
        let files = [
            ("apps/argocd/mail.yaml", &application),
            ("apps/argocd/news.yaml", &application),
            ("apps/project.yaml", &project),
            ("apps/root.yaml", &root),
            ("apps/sub/wiki.yaml", &application),
            ("bootstrap/root.yaml", &application),
            ("other/web.yaml", &application),
        ];
        let listed = |folder: &str| {
            let list: &[&str] = match folder {
                "apps" => &["apps/argocd/mail.yaml", "apps/sub"],
                "bootstrap" => &["bootstrap/install.yaml"],
                _ => return None,
            };
            Some(list.iter().map(|&path| path.to_owned()).collect())
        };
        let found = unlisted(files.iter().map(|(file, root)| (*file, vec![*root])), listed);
        assert_eq!(found, ["apps/argocd/news.yaml"]);
    }

    #[test]
    fn many_files_of_a_directory_have_one_pattern() {
        let application = yaml::parse_one(&Source::new("a.yaml", "kind: Application\n")).expect("YAML").root;
        let names: Vec<String> = (0..8).map(|number| format!("apps/{number}.yaml")).collect();
        let files = names.iter().map(|name| (name.as_str(), vec![&application]));
        let found = unlisted(files, |folder| (folder == "apps").then(|| [names[0].clone()].into()));
        assert_eq!(found, ["apps/*.yaml"]);
    }
}
