//! All files that Helm loads for a chart: its own and those of its dependencies, at any depth, also from archives.
//!
//! Each chart has the folder in which an unpacked copy of the chart contains it, and a label for its files in messages:
//! a file of an archive is `charts/web-1.0.0.tgz: templates/service.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diagnostics::{Diagnostic, Result, Source};
use document::{Node, yaml};
use toolbox::archive::{self, Tree};
use toolbox::inputs;

use super::folder;
use crate::chart_files::chart_files;

/// How deep charts may contain others.
const DEPTH: usize = 32;

/// A chart in a [`ChartTree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its folder in an unpacked copy, with a slash at the end; empty for the outermost chart.
    pub folder: String,
    /// The paths of its values in those of the outermost chart; several if it is a dependency under several aliases.
    pub values: Vec<Vec<String>>,
    /// The values that decide whether it is rendered: conditions and tags.
    pub conditions: Vec<Vec<String>>,
    /// The prefix of the paths of files in messages.
    pub label: String,
    /// Its files without those of its charts/, by path.
    pub files: Tree,
}

/// A chart with its dependencies, outermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartTree(pub Vec<Member>);

impl ChartTree {
    /// Reads the chart `own`, whose dependencies are in `directory`: the same, or a staged copy of it.
    pub fn read(root: &Path, own: &Path, directory: &Path) -> Result<Self> {
        let prefix = format!("{}/", inputs::name(root, own));
        let mut files = Tree::new();
        for name in chart_files(root, own)?.names() {
            let Some(path) = name.strip_prefix(&prefix) else { continue };
            let file = own.join(path);
            let bytes = toolbox::regular_file::read(&file).map_err(|error| Diagnostic::io("read", &file, &error))?;
            files.insert(path.to_owned(), bytes);
        }
        // The copy has no patterns of files to ignore, which would apply to unpacked dependencies, too.
        files.remove(".helmignore");
        let mut members = vec![Member {
            folder: String::new(),
            values: vec![Vec::new()],
            conditions: Vec::new(),
            label: prefix.clone(),
            files,
        }];
        let charts = folder::read_if_any(&directory.join("charts"))?;
        add_charts(0, &charts, 0, &mut members);
        Ok(Self(members))
    }

    /// All files with their paths in an unpacked copy.
    pub fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        self.0.iter().flat_map(|member| {
            member.files.iter().map(|(path, bytes)| (format!("{}{path}", member.folder), bytes.as_slice()))
        })
    }
}

/// Adds the charts in the charts/ folder of a member, whose files have paths relative to it.
fn add_charts(parent: usize, files: &Tree, depth: usize, members: &mut Vec<Member>) {
    let outer = &members[parent];
    let (folder, label) = (format!("{}charts/", outer.folder), format!("{}charts/", outer.label));
    let (declared, outer_values) = (declared(&outer.files), outer.values.clone());
    let mut entries: BTreeMap<&str, Tree> = BTreeMap::new();
    for (path, bytes) in files {
        let (entry, rest) = path.split_once('/').unwrap_or((path, ""));
        if !entry.starts_with(['.', '_']) {
            entries.entry(entry).or_default().insert(rest.to_owned(), bytes.clone());
        }
    }
    for (entry, mut tree) in entries {
        let (folder, label) = match (tree.remove(""), entry.strip_suffix(".tgz")) {
            (Some(bytes), Some(stem)) => {
                let Ok(archive) = archive::read_chart(entry, &bytes) else { continue };
                tree = folder::unwrapped(archive);
                (format!("{folder}{stem}/"), format!("{label}{entry}: "))
            }
            (Some(_), None) => continue,
            (None, _) => (format!("{folder}{entry}/"), format!("{label}{entry}/")),
        };
        let (below, own): (Tree, Tree) = tree.into_iter().partition(|(path, _)| path.starts_with("charts/"));
        let below = below.into_iter();
        let below: Tree =
            below.filter_map(|(path, bytes)| Some((path.strip_prefix("charts/")?.to_owned(), bytes))).collect();
        let name = folder::identity(&own).map(|(name, _)| name).unwrap_or_default();
        let uses: Vec<&Declared> = declared.iter().filter(|declared| declared.name == name).collect();
        let mut keys: BTreeSet<&String> = uses.iter().map(|one| &one.key).collect();
        if keys.is_empty() {
            keys.insert(&name);
        }
        let mut conditions = Vec::new();
        for outer in &outer_values {
            for one in &uses {
                conditions.extend(one.conditions.iter().map(|path| [outer.as_slice(), path].concat()));
                // Only the outermost chart has tags.
                conditions.extend(one.tags.iter().map(|tag| vec!["tags".to_owned(), tag.clone()]));
            }
        }
        let inside = |outer: &Vec<String>| -> Vec<Vec<String>> {
            keys.iter().map(|key| outer.iter().cloned().chain([(*key).clone()]).collect()).collect()
        };
        let values = outer_values.iter().flat_map(inside).collect();
        members.push(Member { folder, values, conditions, label, files: own });
        if depth < DEPTH {
            add_charts(members.len() - 1, &below, depth + 1, members);
        }
    }
}

/// A dependency in a Chart.yaml.
struct Declared {
    name: String,
    /// The key of its values: its alias or its name.
    key: String,
    conditions: Vec<Vec<String>>,
    tags: Vec<String>,
}

/// The dependencies in a Chart.yaml, or in the requirements.yaml of an older chart.
fn declared(files: &Tree) -> Vec<Declared> {
    let root = |name: &str| {
        let text = std::str::from_utf8(files.get(name)?).ok()?;
        Some(yaml::parse_one(&Source::new(name, text)).ok()?.root)
    };
    let root = root("requirements.yaml").or_else(|| root("Chart.yaml"));
    let dependencies = root.as_ref().and_then(|root| root.get("dependencies")).map(Node::items).unwrap_or_default();
    let text = |node: &Node, key: &str| {
        node.get(key).and_then(Node::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let read = |node: &Node| {
        let name = text(node, "name")?;
        let condition = text(node, "condition").unwrap_or_default();
        let paths = condition.split(',').map(str::trim).filter(|path| !path.is_empty());
        let tags = node.get("tags").map(Node::items).unwrap_or_default();
        Some(Declared {
            key: text(node, "alias").unwrap_or_else(|| name.clone()),
            name,
            conditions: paths.map(|path| path.split('.').map(str::to_owned).collect()).collect(),
            tags: tags.iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect(),
        })
    };
    dependencies.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_charts_declare_dependencies_in_a_file_of_their_own() {
        let text = "dependencies: [{name: web, alias: shop, condition: 'shop.on, on', tags: [all]}]\n";
        for file in ["Chart.yaml", "requirements.yaml"] {
            let mut files: Tree = [("Chart.yaml".to_owned(), b"name: a\n".to_vec())].into();
            files.insert(file.to_owned(), text.as_bytes().to_vec());
            let [Declared { name, key, conditions, tags }] = &declared(&files)[..] else { panic!("one dependency") };
            assert_eq!((name.as_str(), key.as_str(), tags.join(" ").as_str()), ("web", "shop", "all"));
            let conditions: Vec<String> = conditions.iter().map(|path| path.join(".")).collect();
            assert_eq!(conditions, ["shop.on", "on"]);
        }
    }
}
