//! What `clusters` generators of ApplicationSets select.
//!
//! In a matrix, a selector may use the parameters of a `git` generator: its labels are those of the directories that exist.

use std::collections::BTreeSet;

use argocd::application::SECRET_TYPE;
use argocd::glob;
use document::{Node, Value};

use super::cluster::Cluster;

/// The limit of nested mappings.
const MAX_DEPTH: usize = 40;

/// What a selector asks for.
#[derive(Debug, Default, Clone)]
pub(super) struct Wanted {
    /// Labels that must have one of the values; any value if there are none.
    pub labels: Vec<(String, Vec<String>)>,
    /// Labels that must not have any of the values, or not exist if there are none.
    pub refused: Vec<(String, Vec<String>)>,
}

impl Wanted {
    pub(super) fn is_met(&self, cluster: &Cluster) -> bool {
        let value = |key: &str| cluster.labels.get(key);
        self.labels.iter().all(|(key, values)| value(key).is_some_and(|it| values.is_empty() || values.contains(it)))
            && self.accepts(cluster)
    }

    /// Whether no label of a cluster is refused.
    pub(super) fn accepts(&self, cluster: &Cluster) -> bool {
        let refused = |values: &Vec<String>, it: &String| values.is_empty() || values.contains(it);
        self.refused.iter().all(|(key, values)| cluster.labels.get(key).is_none_or(|it| !refused(values, it)))
    }

    /// The cluster with the labels that are missing, unless that contradicts one that it has.
    pub(super) fn given_to(&self, cluster: &Cluster) -> Option<Cluster> {
        let mut given = cluster.clone();
        for (key, values) in &self.labels {
            let has = given.labels.entry(key.clone());
            let value = has.or_insert_with(|| values.first().cloned().unwrap_or_else(|| "true".to_owned()));
            if !values.is_empty() && !values.contains(value) {
                return None;
            }
        }
        self.is_met(&given).then_some(given)
    }

    /// A value that may be the name of a cluster.
    pub(super) fn name(&self) -> Option<&str> {
        let named = |key: &str| {
            let key = key.rsplit('/').next().unwrap_or(key).to_ascii_lowercase();
            ["cluster", "env", "name", "stage", "region", "role", "type"].iter().any(|word| key.contains(word))
        };
        let plain = |value: &&String| !matches!(value.as_str(), "true" | "false" | "enabled" | "cluster");
        let mut values = self.labels.iter().filter(|(key, _)| named(key)).filter_map(|(_, values)| values.first());
        values.find(plain).map(String::as_str)
    }
}

/// The selectors of the `clusters` generators in ApplicationSets. `files` are the paths of all files.
pub(super) fn selectors(sets: &[&Node], files: &[String]) -> Vec<Wanted> {
    let mut search = Search { files, directories: BTreeSet::new(), found: Vec::new() };
    for set in sets {
        search.node(set, 0, false);
    }
    search.found
}

/// A search for selectors.
struct Search<'a> {
    files: &'a [String],
    /// The directories of the `git` generators of the matrix around a selector.
    directories: BTreeSet<&'a str>,
    found: Vec<Wanted>,
}

impl Search<'_> {
    fn node(&mut self, node: &Node, depth: usize, is_generator: bool) {
        if depth > MAX_DEPTH {
            return;
        }
        match &node.value {
            Value::Mapping(entries) => {
                for (key, value) in entries {
                    if is_generator && key.name == "clusters" {
                        self.selector(value);
                    }
                    // The other generators of a merge only add to what the first one selects.
                    if let (true, Some(first)) = (key.name == "merge", value.items_at(&["generators"]).first()) {
                        self.node(first, depth + 1, true);
                        continue;
                    }
                    let around = self.directories.clone();
                    if key.name == "matrix" {
                        self.directories.extend(directories(value, self.files));
                    }
                    self.node(value, depth + 1, is_generator || key.name == "generators");
                    self.directories = around;
                }
            }
            Value::Sequence(items) => items.iter().for_each(|item| self.node(item, depth + 1, is_generator)),
            _ => {}
        }
    }

    /// Adds the selector of a generator: if it contains parameters, once for each of their values.
    fn selector(&mut self, generator: &Node) {
        let Some(wanted) = generator.get("selector").and_then(wanted) else { return };
        if !wanted.labels.iter().flat_map(|(_, values)| values).any(|value| value.contains("{{")) {
            self.found.push(wanted);
            return;
        }
        let mut labels: Vec<_> =
            self.directories.iter().filter_map(|directory| evaluated(&wanted, directory)).collect();
        labels.sort();
        labels.dedup();
        let refused = &wanted.refused;
        self.found.extend(labels.into_iter().map(|labels| Wanted { labels, refused: refused.clone() }));
    }
}

/// The directories that the `git` generators of a matrix find.
fn directories<'a>(matrix: &Node, files: &'a [String]) -> Vec<&'a str> {
    let parent = |file: &'a str| file.rsplit_once('/').map(|(directory, _)| directory);
    let all = || files.iter().filter_map(move |file| parent(file));
    let mut found = Vec::new();
    for git in matrix.items_at(&["generators"]).iter().filter_map(|generator| generator.get("git")) {
        let patterns = |list: &'static str| git.items_at(&[list]).iter().filter_map(|one| one.get("path")?.as_str());
        for pattern in patterns("directories") {
            let around = all().flat_map(|directory| std::iter::successors(Some(directory), |one| parent(one)));
            found.extend(around.filter(|directory| glob::matches_path(pattern, directory).unwrap_or_default()));
        }
        for pattern in patterns("files") {
            let matches = |file: &&'a String| glob::matches_path(pattern, file).unwrap_or_default();
            found.extend(files.iter().filter(matches).filter_map(|file| parent(file)));
        }
    }
    found
}

/// The labels of a selector for a directory; none if they depend on anything but its path.
fn evaluated(wanted: &Wanted, directory: &str) -> Option<Vec<(String, Vec<String>)>> {
    let value = |text: &String| part_of_path(text, directory);
    let label = |(key, values): &(String, Vec<String>)| {
        Some((key.clone(), values.iter().map(value).collect::<Option<Vec<String>>>()?))
    };
    wanted.labels.iter().map(label).collect()
}

/// A text, or the part of the path that it stands for, such as `{{path.basename}}` or `{{index .path.segments 1}}`.
fn part_of_path(text: &str, directory: &str) -> Option<String> {
    let Some(inner) = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) else {
        return (!text.contains("{{")).then(|| text.to_owned());
    };
    let segment = |number: &str| directory.split('/').nth(number.trim().parse().ok()?).map(str::to_owned);
    match inner.trim() {
        "path.basename" | ".path.basename" => directory.rsplit('/').next().map(str::to_owned),
        inner => match inner.strip_prefix("index .path.segments ") {
            Some(number) => segment(number),
            None => segment(inner.strip_prefix("path[")?.strip_suffix(']')?),
        },
    }
}

fn wanted(selector: &Node) -> Option<Wanted> {
    let mut wanted = Wanted::default();
    for (key, value) in selector.get("matchLabels").map(Node::entries).unwrap_or_default() {
        wanted.labels.push((key.name.clone(), vec![value.as_str()?.to_owned()]));
    }
    for expression in selector.items_at(&["matchExpressions"]) {
        let key = expression.get("key")?.as_str()?.to_owned();
        let values =
            expression.items_at(&["values"]).iter().filter_map(|one| one.as_str().map(str::to_owned)).collect();
        match expression.get("operator")?.as_str()? {
            "In" => wanted.labels.push((key, values)),
            "Exists" => wanted.labels.push((key, Vec::new())),
            "NotIn" => wanted.refused.push((key, values)),
            _ => wanted.refused.push((key, Vec::new())),
        }
    }
    // Every cluster has this label.
    wanted.labels.retain(|(key, _)| key != SECRET_TYPE);
    (!wanted.labels.is_empty() || !wanted.refused.is_empty()).then_some(wanted)
}
