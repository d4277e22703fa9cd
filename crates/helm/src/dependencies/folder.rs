//! Reads chart directories: a chart's files and the subcharts in its charts/.
//!
//! As in Helm, symbolic links are followed, and entries of charts/ whose names begin with `.` or `_` are ignored.
//! inspect.rs decides which subcharts are allowed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use document::{Node, Value, yaml};
use toolbox::archive;
use toolbox::archive::{Tree, sha256, tree_digest};
use toolbox::inputs;

use crate::chart::known_as;

/// The maximum directory depth. A deeper tree is taken for a symbolic link loop.
const MAX_DEPTH: usize = 64;

/// A chart in a charts/ directory.
#[derive(Debug)]
pub(super) struct Subchart {
    /// Its directory or archive.
    pub(super) path: PathBuf,
    /// The path as messages show it.
    pub(super) label: String,
    /// Whether it is an archive.
    pub(super) archive: bool,
    /// The name in its Chart.yaml.
    pub(super) name: String,
    /// The version in its Chart.yaml.
    pub(super) version: String,
    /// The digest of its files, equal to that of their archive.
    pub(super) digest: String,
    /// Its files, by their paths in the chart.
    pub(super) files: Tree,
}

/// The contents of a charts/ directory.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The charts, sorted by file name.
    pub(super) charts: Vec<Subchart>,
    /// The digests of all other files and directories that Helm reads, by name.
    pub(super) others: BTreeMap<String, String>,
}

/// Reads a charts/ directory. A missing directory is empty.
pub(super) fn contents(root: &Path, charts: &Path, diagnostics: &mut Diagnostics) -> Result<Contents> {
    let mut contents = Contents::default();
    for path in entries(charts)? {
        let name = inputs::file_name(&path)?.to_owned();
        if name.starts_with(['.', '_']) {
            continue;
        }
        let label = known_as(root, &path);
        if path.is_dir() {
            let files = read(&path)?;
            let Some((chart, version)) = identity(&files) else {
                if !files.is_empty() {
                    contents.others.insert(name, tree_digest(&files));
                }
                continue;
            };
            let digest = tree_digest(&files.iter().map(|(at, file)| (format!("{chart}/{at}"), file.clone())).collect());
            contents.charts.push(Subchart { path, label, archive: false, name: chart, version, digest, files });
            continue;
        }
        let bytes = toolbox::regular_file::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        if !is_archive(&name) {
            contents.others.insert(name, format!("sha256:{}", sha256(&bytes)));
            continue;
        }
        let Some(packed) = diagnostics.take(Packed::read(&label, &bytes)) else { continue };
        let Packed { name, version, digest, files } = packed;
        contents.charts.push(Subchart { path, label, archive: true, name, version, digest, files });
    }
    Ok(contents)
}

/// Whether Helm treats a file in charts/ as an archive. The extension is case-sensitive.
pub(super) fn is_archive(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "tgz")
}

/// The contents of a chart archive.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) digest: String,
    pub(super) files: Tree,
}

impl Packed {
    /// Reads the bytes of an archive. Messages refer to it by `label`.
    pub(super) fn read(label: &str, bytes: &[u8]) -> Result<Self> {
        let tree = archive::read_chart(label, bytes)?;
        let digest = tree_digest(&tree);
        let files = unwrapped(tree);
        let Some((name, version)) = identity(&files) else {
            return Err(Diagnostic::new(
                Code::ArchiveTampered,
                format!("`{label}` is not a chart: it has no Chart.yaml with a name and a version"),
            )
            .help(format!("check where it came from, then `rm {label}`"))
            .into());
        };
        Ok(Self { name, version, digest, files })
    }
}

/// Removes the top-level directory from every path, whatever its name.
pub(super) fn unwrapped(tree: Tree) -> Tree {
    tree.into_iter().filter_map(|(path, file)| Some((path.split_once('/')?.1.to_owned(), file))).collect()
}

/// The name and version in the Chart.yaml of a tree.
pub(super) fn identity(files: &Tree) -> Option<(String, String)> {
    let text = std::str::from_utf8(files.get("Chart.yaml")?).ok()?;
    let root = yaml::parse_one(&Source::new("Chart.yaml", text)).ok()?.root;
    let text = |key: &str| match &root.get(key)?.value {
        Value::String(text) | Value::Number(text) => Some(text.clone()),
        _ => None,
    };
    Some((text("name")?, text("version")?))
}

/// A chart below another one, with its files.
#[derive(Debug)]
pub struct Nested {
    /// The path of its values in those of the outer chart: the names or aliases of the charts.
    pub path: Vec<String>,
    /// Its files, by path.
    pub files: Tree,
}

/// Finds the dependency with a name or alias, at any depth. Returns `None` if it is not in charts/.
#[must_use]
pub fn nested(chart: &Path, name: &str) -> Option<Nested> {
    fn search(files: &Tree, path: &[String], name: &str) -> Option<Nested> {
        for (chart, files) in subcharts(files) {
            let path: Vec<String> = path.iter().cloned().chain([chart.clone()]).collect();
            if chart == name {
                return Some(Nested { path, files });
            }
            if path.len() < MAX_DEPTH
                && let Some(found) = search(&files, &path, name)
            {
                return Some(found);
            }
        }
        None
    }
    search(&read(chart).ok()?, &[], name)
}

/// The charts in charts/ of a tree, by name or alias.
fn subcharts(files: &Tree) -> Vec<(String, Tree)> {
    let mut entries: BTreeMap<&str, Tree> = BTreeMap::new();
    for (path, bytes) in files {
        let Some(below) = path.strip_prefix("charts/") else { continue };
        let (entry, rest) = below.split_once('/').unwrap_or((below, ""));
        entries.entry(entry).or_default().insert(rest.to_owned(), bytes.clone());
    }
    let chart_yaml = files.get("Chart.yaml").and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let declared = yaml::parse_one(&Source::new("Chart.yaml", chart_yaml)).ok().map(|document| document.root);
    let declared = declared.as_ref().and_then(|root| root.get("dependencies")).map(Node::items).unwrap_or_default();
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
    let mut charts = Vec::new();
    for (entry, tree) in entries {
        let packed = tree.get("").and_then(|bytes| Packed::read(entry, bytes).ok());
        let tree = packed.map_or(tree, |packed| packed.files);
        let Some((name, _)) = identity(&tree) else { continue };
        let aliases = declared.iter().filter(|node| text(node, "name") == name).map(|node| text(node, "alias"));
        let mut names: Vec<String> = aliases.map(|alias| if alias.is_empty() { name.clone() } else { alias }).collect();
        if names.is_empty() {
            names.push(name);
        }
        charts.extend(names.into_iter().map(|name| (name, tree.clone())));
    }
    charts
}

/// All files below a directory, by `/`-separated relative path.
pub(super) fn read(folder: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    walk(folder, "", 0, &mut |path, file| {
        let bytes = toolbox::regular_file::read(file).map_err(|error| Diagnostic::io("read", file, &error))?;
        tree.insert(path.to_owned(), bytes);
        Ok(())
    })?;
    Ok(tree)
}

/// The same; a missing directory has no files.
pub(super) fn read_if_any(folder: &Path) -> Result<Tree> {
    if folder.is_dir() { read(folder) } else { Ok(Tree::new()) }
}

/// The entries of a directory, sorted by name. A missing directory has none.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: &std::io::Error| Diagnostic::io("list", folder, error);
    let list = match std::fs::read_dir(folder) {
        Ok(list) => list,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error).into()),
    };
    let mut paths = Vec::new();
    for entry in list {
        paths.push(entry.map_err(|error| failed(&error))?.path());
    }
    paths.sort();
    Ok(paths)
}

fn walk(folder: &Path, prefix: &str, depth: usize, found: &mut dyn FnMut(&str, &Path) -> Result<()>) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Diagnostic::new(
            Code::ChartInvalid,
            format!("`{}` is nested more than {MAX_DEPTH} levels deep", folder.display()),
        )
        .help("remove the symbolic link that points back to a parent directory")
        .into());
    }
    for path in entries(folder)? {
        let name = inputs::file_name(&path)?;
        let below = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let kind = std::fs::metadata(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        if kind.is_dir() {
            walk(&path, &below, depth + 1, found)?;
        } else if kind.is_file() {
            found(&below, &path)?;
        } else {
            return Err(Diagnostic::new(Code::ChartInvalid, format!("`{}` is not a regular file", path.display()))
                .help("move it out of the chart: Helm cannot load it either")
                .into());
        }
    }
    Ok(())
}
