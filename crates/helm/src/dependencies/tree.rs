//! All files that Helm loads for a chart: its own and those of its dependencies, at any depth, also from archives.
//!
//! Each chart has the folder in which an unpacked copy of the chart contains it, and a label for its files in messages:
//! a file of an archive is `charts/web-1.0.0.tgz: templates/service.yaml`.

use std::collections::BTreeMap;
use std::path::Path;

use diagnostics::{Diagnostic, Result};
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
    /// What precedes the path of a file in messages.
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
        for name in chart_files(root, own)?.keys() {
            let Some(path) = name.strip_prefix(&prefix) else { continue };
            let file = own.join(path);
            let bytes = std::fs::read(&file).map_err(|error| Diagnostic::io("read", &file, &error))?;
            files.insert(path.to_owned(), bytes);
        }
        // The copy has no patterns of files to ignore, which would apply to unpacked dependencies, too.
        files.remove(".helmignore");
        let mut members = vec![Member { folder: String::new(), label: prefix.clone(), files }];
        let charts = folder::read_if_any(&directory.join("charts"))?;
        add_charts("charts/", &format!("{prefix}charts/"), &charts, 0, &mut members);
        Ok(Self(members))
    }

    /// All files with their paths in an unpacked copy.
    pub fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        self.0.iter().flat_map(|member| {
            member.files.iter().map(|(path, bytes)| (format!("{}{path}", member.folder), bytes.as_slice()))
        })
    }
}

/// Adds the charts in a charts/ folder, whose files have paths relative to it.
fn add_charts(folder: &str, label: &str, files: &Tree, depth: usize, members: &mut Vec<Member>) {
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
        let below =
            below.into_iter().filter_map(|(path, bytes)| Some((path.strip_prefix("charts/")?.to_owned(), bytes)));
        let below: Tree = below.collect();
        let (inner_folder, inner_label) = (format!("{folder}charts/"), format!("{label}charts/"));
        members.push(Member { folder, label, files: own });
        if depth < DEPTH {
            add_charts(&inner_folder, &inner_label, &below, depth + 1, members);
        }
    }
}
