//! Argo CD instances that deploy from one repository, found by Applications of equal names.

use std::collections::{BTreeMap, BTreeSet};

/// The Argo CD instances of a repository in which Applications of equal names are defined twice: each pair of files differs
/// at a directory of which there is one for each instance. Two files of which one is in a directory with the other are a
/// mistake. Names and directories.
#[must_use]
pub fn instances<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, BTreeSet<String>> {
    let mut instances: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (one, two) in pairs {
        let (one, two): (Vec<&str>, Vec<&str>) = (one.split('/').collect(), two.split('/').collect());
        let same = one.iter().zip(&two).take_while(|(one, two)| one == two).count();
        if [&one, &two].iter().any(|parts| same + 1 >= parts.len()) {
            continue;
        }
        for parts in [one, two] {
            let name = parts[same].to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "-");
            instances.entry(name.trim_matches('-').to_owned()).or_default().insert(parts[..=same].join("/"));
        }
    }
    if instances.keys().any(String::is_empty) { BTreeMap::new() } else { instances }
}

/// Adds the directories with the names of instances, if several instances have one in the same directory. `files` are those
/// that define something for Argo CD.
pub fn add_directories<'a>(
    instances: &mut BTreeMap<String, BTreeSet<String>>,
    files: impl Iterator<Item = &'a str> + Clone,
) {
    let directories = |file: &'a str| file.match_indices('/').map(move |(at, _)| &file[..at]);
    let all: BTreeSet<&str> = files.flat_map(directories).collect();
    let last = |directory: &str| directory.rsplit('/').next().unwrap_or_default().to_lowercase();
    let parent = |directory: &str| directory.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
    let named: Vec<(&str, String, String)> = all
        .iter()
        .map(|directory| (*directory, last(directory), parent(directory)))
        .filter(|(_, name, _)| instances.contains_key(name))
        .collect();
    for (directory, name, parent) in &named {
        let has_sibling = named.iter().any(|(_, other, other_parent)| other != name && other_parent == parent);
        let known = instances.values().flatten().any(|one| format!("{directory}/").starts_with(&format!("{one}/")));
        if has_sibling && !known {
            instances.entry(name.clone()).or_default().insert((*directory).to_owned());
        }
    }
}

/// Whether the Applications in the directories of instances use only projects that these define, too. A project elsewhere
/// belongs to the same Argo CD as its Applications. `projects` are the files and names of projects, and `users` those of
/// Applications with their projects.
#[must_use]
pub fn are_separate(
    instances: &BTreeMap<String, BTreeSet<String>>,
    projects: &[(&str, &str)],
    users: &[(&str, &str)],
) -> bool {
    let inside = |directories: &BTreeSet<String>, file: &str| {
        let mut directories = directories.iter();
        directories.any(|one| file.strip_prefix(one.as_str()).is_some_and(|rest| rest.starts_with('/')))
    };
    instances.values().all(|directories| {
        let mut used = users.iter().filter(|(file, _)| inside(directories, file));
        used.all(|(_, name)| {
            let mut defined = projects.iter().filter(|(_, project)| project == name).peekable();
            defined.peek().is_none() || defined.any(|(file, _)| inside(directories, file))
        })
    })
}

/// The Argo CD instances of a repository in which Applications of equal names are in files of one directory, whose names
/// differ in one word, such as web-blue.yaml and web-green.yaml: names, and patterns of their files.
#[must_use]
pub fn of_names(pairs: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<String>> {
    let differing = pairs.iter().filter_map(|(one, two)| Some([word(one, two)?, word(two, one)?]));
    let words: Vec<Word<'_>> = differing.flatten().collect();
    let Some(first) = words.first() else { return BTreeMap::new() };
    let directory = words.iter().fold(first.directory, |common, word| shared(common, word.directory));
    let mut instances: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for word in &words {
        let name = word.text.to_lowercase();
        let folder = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let below = if words.iter().all(|one| one.directory == directory) { "" } else { "**/" };
        let pattern = match (word.before, word.after) {
            ("", "") => format!("{folder}{below}{}{}", word.text, word.extension),
            (before, "") => {
                let separator = &before[before.len() - 1..];
                format!("{folder}{below}*{separator}{}{}", word.text, word.extension)
            }
            (before, after) => {
                let folder = if word.directory.is_empty() { String::new() } else { format!("{}/", word.directory) };
                format!("{folder}{before}{}{after}{}", word.text, word.extension)
            }
        };
        instances.entry(name).or_default().insert(pattern);
    }
    instances
}

/// The word in which the name of a file differs from that of another one.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    directory: &'a str,
    before: &'a str,
    text: &'a str,
    after: &'a str,
    extension: &'a str,
}

/// The word of a file's name that another file of its directory has in another form; `None` if more differs, or if a number
/// does.
fn word<'a>(file: &'a str, other: &str) -> Option<Word<'a>> {
    let split = |file: &str| file.rfind('/').map_or(0, |at| at + 1);
    let (at, other_at) = (split(file), split(other));
    let (directory, name) = (file[..at].trim_end_matches('/'), &file[at..]);
    let other_name = &other[other_at..];
    if file[..at] != other[..other_at] {
        return None;
    }
    let extension = &name[name.rfind('.')?..];
    let (stem, other_stem) = (name.strip_suffix(extension)?, other_name.strip_suffix(extension)?);
    let is_separator = |c: char| "-_.".contains(c);
    let parts = |text: &'_ str| text.split(is_separator).map(str::to_owned).collect::<Vec<String>>();
    let (own, others) = (parts(stem), parts(other_stem));
    let mut differing = own.iter().zip(&others).enumerate().filter(|(_, (one, two))| one != two);
    let (index, (text, other_text)) = differing.next()?;
    let is_word = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
    if own.len() != others.len() || differing.next().is_some() || !is_word(text) || !is_word(other_text) {
        return None;
    }
    let start: usize = own[..index].iter().map(|part| part.len() + 1).sum();
    let end = start + text.len();
    Some(Word { directory, before: &stem[..start], text: &stem[start..end], after: &stem[end..], extension })
}

/// The directory that two directories share.
fn shared<'a>(one: &'a str, two: &str) -> &'a str {
    let parts = one.split('/').zip(two.split('/')).take_while(|(one, two)| one == two);
    let length: usize = parts.map(|(part, _)| part.len() + 1).sum();
    &one[..length.saturating_sub(1).min(one.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_the_directories_that_differ() {
        let found = |pairs: &[(&str, &str)]| -> Vec<(String, Vec<String>)> {
            let found = instances(pairs.iter().copied());
            found.into_iter().map(|(name, directories)| (name, directories.into_iter().collect())).collect()
        };
        let named = |name: &str, directories: &[&str]| {
            (name.to_owned(), directories.iter().map(|&one| one.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(
            found(&[("clusters/a/apps/x.yaml", "clusters/b/apps/x.yaml"), ("clusters/a/y.yaml", "clusters/c/y.yaml")]),
            [named("a", &["clusters/a"]), named("b", &["clusters/b"]), named("c", &["clusters/c"])]
        );
        assert_eq!(
            found(&[("web/dev/x.yaml", "web/prod/x.yaml"), ("db/dev/x.yaml", "db/prod/x.yaml")]),
            [named("dev", &["db/dev", "web/dev"]), named("prod", &["db/prod", "web/prod"])]
        );
        assert_eq!(found(&[("a/x.yaml", "a/y.yaml")]), [], "two files of one directory are a mistake");
        assert_eq!(found(&[("x.yaml", "b/x.yaml")]), [], "so are these");
    }

    #[test]
    fn directories_of_the_same_names_belong_to_instances() {
        let mut found = instances([("apps/a/x.yaml", "apps/b/x.yaml")].into_iter());
        let files = ["apps/a/x.yaml", "apps/b/x.yaml", "clusters/a/base.yaml", "clusters/b/base.yaml", "web/a/y.yaml"];
        add_directories(&mut found, files.into_iter());
        let directories: Vec<Vec<String>> = found.into_values().map(|all| all.into_iter().collect()).collect();
        assert_eq!(directories, [["apps/a", "clusters/a"], ["apps/b", "clusters/b"]], "web/b does not exist");
    }

    #[test]
    fn instances_have_projects_of_their_own() {
        let instances = instances([("c/a/x.yaml", "c/b/x.yaml")].into_iter());
        let users = [("c/a/x.yaml", "apps"), ("c/b/x.yaml", "apps"), ("d.yaml", "other")];
        assert!(are_separate(&instances, &[], &users));
        assert!(are_separate(&instances, &[("c/a/p.yaml", "apps"), ("c/b/p.yaml", "apps")], &users));
        assert!(!are_separate(&instances, &[("projects/apps.yaml", "apps")], &users));
    }

    #[test]
    fn instances_are_the_words_in_which_files_differ() {
        let found = |pairs: &[(&str, &str)]| -> Vec<String> {
            let found = of_names(pairs).into_iter();
            found.map(|(name, patterns)| format!("{name}: {}", Vec::from_iter(patterns).join(" "))).collect()
        };
        assert_eq!(
            found(&[("boot/root-dev.yaml", "boot/root-prod.yaml"), ("boot/root-dev.yaml", "boot/root-test.yaml")]),
            ["dev: boot/*-dev.yaml", "prod: boot/*-prod.yaml", "test: boot/*-test.yaml"]
        );
        assert_eq!(
            found(&[("a/web/x-blue.yaml", "a/web/x-green.yaml"), ("a/db/y.blue.yaml", "a/db/y.green.yaml")]),
            ["blue: a/**/*-blue.yaml a/**/*.blue.yaml", "green: a/**/*-green.yaml a/**/*.green.yaml"]
        );
        assert_eq!(found(&[("dev.yaml", "prod.yaml")]), ["dev: dev.yaml", "prod: prod.yaml"]);
        assert_eq!(found(&[("a/dev-x.yaml", "a/prod-x.yaml")]), ["dev: a/dev-x.yaml", "prod: a/prod-x.yaml"]);
        for (one, two) in [
            ("a/web.yaml", "a/web-copy.yaml"),
            ("a/web-1.yaml", "a/web-2.yaml"),
            ("a/web-dev.yaml", "a/db-prod.yaml"),
            ("a/x.yaml", "b/x.yaml"),
            ("a/x-dev.yaml", "a/x-prod.yml"),
        ] {
            assert_eq!(found(&[(one, two)]), [""; 0], "{one} {two}");
        }
    }
}
