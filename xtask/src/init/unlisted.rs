//! Finds Applications that a kustomization leaves out, to exclude them: it lists others around it, so these are switched off,
//! or wait for the fields that only a patch of the kustomization sets.

use std::collections::{BTreeMap, BTreeSet};

use document::Node;

/// How many files of a directory get patterns of their own.
const FEW: usize = 5;

/// The paths that a kustomization refers to.
#[derive(Debug, Default, Clone)]
pub struct Listing {
    /// Those that it lists.
    pub entries: BTreeSet<String>,
    /// Those in comments.
    pub comments: BTreeSet<String>,
}

impl Listing {
    fn contains(&self, file: &str) -> bool {
        self.entries.contains(file) || folders(file).any(|folder| self.entries.contains(folder))
    }
}

/// Patterns of the files with Applications that the kustomization around them does not list, although it lists others, or has
/// them in a comment. `files` are the paths of all files that define something, with their documents. `listing` is what the
/// kustomization in a directory refers to, if there is one.
#[must_use]
pub fn unlisted<'a>(
    files: impl Iterator<Item = (&'a str, Vec<&'a Node>)>,
    listing: impl Fn(&str) -> Option<Listing>,
) -> Vec<String> {
    let mut known: BTreeMap<&str, Option<Listing>> = BTreeMap::new();
    let mut around: BTreeMap<&str, Vec<(&str, Vec<&Node>)>> = BTreeMap::new();
    for (file, documents) in files.filter(|(_, documents)| documents.iter().any(|root| is_application(root))) {
        for folder in folders(file) {
            known.entry(folder).or_insert_with(|| listing(folder));
        }
        if let Some(folder) = folders(file).find(|folder| known.get(folder).is_some_and(Option::is_some)) {
            around.entry(folder).or_default().push((file, documents));
        }
    }
    let of = |folder: &str| known.get(folder).and_then(Option::as_ref);
    let is_listed = |file: &str| folders(file).filter_map(of).any(|listing| listing.contains(file));
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (folder, files) in around {
        let Some(listing) = of(folder) else { continue };
        let lists_others = files.iter().any(|(file, _)| listing.contains(file));
        for (file, documents) in files {
            let is_left_out = lists_others || listing.comments.contains(file);
            if is_left_out && !is_listed(file) && !documents.iter().any(|root| deploys(root, folder)) {
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
            ("apps/own/chat.yaml", &application),
            ("apps/own/own.yaml", &application),
            ("apps/project.yaml", &project),
            ("apps/root.yaml", &root),
            ("apps/sub/wiki.yaml", &application),
            ("bootstrap/root.yaml", &application),
            ("off/mail.yaml", &application),
            ("other/web.yaml", &application),
        ];
        let listed = |folder: &str| {
            let (entries, comments): (&[&str], &[&str]) = match folder {
                "apps" => (&["apps/argocd/mail.yaml", "apps/sub", "apps/own/own.yaml"], &[]),
                "apps/own" => (&["apps/own/chat.yaml"], &[]),
                "bootstrap" => (&["bootstrap/install.yaml"], &[]),
                "off" => (&[], &["off/mail.yaml"]),
                _ => return None,
            };
            let owned = |list: &[&str]| list.iter().map(|&path| path.to_owned()).collect();
            Some(Listing { entries: owned(entries), comments: owned(comments) })
        };
        let found = unlisted(files.iter().map(|(file, root)| (*file, vec![*root])), listed);
        assert_eq!(found, ["apps/argocd/news.yaml", "off/mail.yaml"]);
    }

    #[test]
    fn many_files_of_a_directory_have_one_pattern() {
        let application = yaml::parse_one(&Source::new("a.yaml", "kind: Application\n")).expect("YAML").root;
        let names: Vec<String> = (0..8).map(|number| format!("apps/{number}.yaml")).collect();
        let files = names.iter().map(|name| (name.as_str(), vec![&application]));
        let found = unlisted(files, |folder| {
            (folder == "apps").then(|| Listing { entries: [names[0].clone()].into(), ..Listing::default() })
        });
        assert_eq!(found, ["apps/*.yaml"]);
    }
}
