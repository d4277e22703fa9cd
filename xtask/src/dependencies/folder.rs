//! What lies in folders: the files of a chart folder, and the charts in its charts/.
//!
//! Links are followed and names are taken as Helm takes them: in charts/, what begins with `.` or `_` is not seen.
//!
//! Deliberately absent: judgement. inspect.rs says what may lie there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::archive::{self, Tree, sha256, tree_digest};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Result, Source};
use crate::document::{Value, yaml};
use crate::workspace::chart::known_as;

/// Folders within folders; more is a link that leads back into itself.
const MAX_DEPTH: usize = 64;

/// A chart in a charts/ folder.
#[derive(Debug)]
pub(super) struct Lying {
    /// Its folder or archive.
    pub(super) path: PathBuf,
    /// The same as people know it.
    pub(super) known: String,
    /// Whether it is an archive.
    pub(super) archive: bool,
    /// The name in its Chart.yaml.
    pub(super) name: String,
    /// The version in its Chart.yaml.
    pub(super) version: String,
    /// The digest of its files, which is that of the archive they would make.
    pub(super) digest: String,
    /// Its files, by their paths in the chart.
    pub(super) files: Tree,
}

/// What a charts/ folder holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The charts, in order of their file names.
    pub(super) charts: Vec<Lying>,
    /// Everything else that Helm looks at, by file name, with its digest.
    pub(super) others: BTreeMap<String, String>,
}

/// Reads a charts/ folder; one that is not there is empty.
pub(super) fn contents(root: &Path, charts: &Path, diagnostics: &mut Diagnostics) -> Result<Contents> {
    let mut contents = Contents::default();
    for path in entries(charts)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        if name.starts_with(['.', '_']) {
            continue;
        }
        let known = known_as(root, &path);
        if path.is_dir() {
            let files = read(&path)?;
            let Some((chart, version)) = identity(&files) else {
                if !files.is_empty() {
                    contents.others.insert(name, tree_digest(&files));
                }
                continue;
            };
            let digest = tree_digest(&files.iter().map(|(at, file)| (format!("{chart}/{at}"), file.clone())).collect());
            contents.charts.push(Lying { path, known, archive: false, name: chart, version, digest, files });
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        if !is_archive(&name) {
            contents.others.insert(name, format!("sha256:{}", sha256(&bytes)));
            continue;
        }
        let Some(packed) = diagnostics.take(Packed::read(&known, &bytes)) else { continue };
        let Packed { name, version, digest, files } = packed;
        contents.charts.push(Lying { path, known, archive: true, name, version, digest, files });
    }
    Ok(contents)
}

/// Whether Helm takes a file in charts/ for an archive, going by its name: it minds the case.
pub(super) fn is_archive(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "tgz")
}

/// A chart archive, read.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) digest: String,
    pub(super) files: Tree,
}

impl Packed {
    /// Reads the bytes of an archive; `known` is how messages call it.
    pub(super) fn read(known: &str, bytes: &[u8]) -> Result<Self> {
        let tree = archive::read_chart(known, bytes)?;
        let digest = tree_digest(&tree);
        let files = unwrapped(tree);
        let Some((name, version)) = identity(&files) else {
            return Err(Diagnostic::new(
                Code::ArchiveTampered,
                format!("`{known}` is no chart: it has no Chart.yaml with a name and a version"),
            )
            .help(format!("look at where it came from, then `rm {known}`"))
            .into());
        };
        Ok(Self { name, version, digest, files })
    }
}

/// Takes the first part off every path: an archive holds one folder, whatever it is called.
pub(super) fn unwrapped(tree: Tree) -> Tree {
    tree.into_iter().filter_map(|(path, file)| Some((path.split_once('/')?.1.to_owned(), file))).collect()
}

/// Name and version from the Chart.yaml among some files.
pub(super) fn identity(files: &Tree) -> Option<(String, String)> {
    let text = std::str::from_utf8(files.get("Chart.yaml")?).ok()?;
    let root = yaml::parse_one(&Source::new("Chart.yaml", text)).ok()?.root;
    let text = |key: &str| match &root.get(key)?.value {
        Value::String(text) | Value::Number(text) => Some(text.clone()),
        _ => None,
    };
    Some((text("name")?, text("version")?))
}

/// All files below a folder, by path with `/` between the parts.
pub(super) fn read(folder: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    walk(folder, "", 0, &mut |path, file| {
        let bytes = std::fs::read(file).map_err(|error| Diagnostic::io("read", file, &error))?;
        tree.insert(path.to_owned(), bytes);
        Ok(())
    })?;
    Ok(tree)
}

/// The entries of a folder in order of name; none when it is not there.
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
        return Err(Diagnostic::new(Code::ChartInvalid, format!("`{}` is nested without end", folder.display()))
            .help("look for a link that leads back into its own folder")
            .into());
    }
    for path in entries(folder)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Diagnostic::new(
                Code::ChartInvalid,
                format!("`{}` has a name that is not UTF-8", path.display()),
            )
            .help("rename it")
            .into());
        };
        let below = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let kind = std::fs::metadata(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        if kind.is_dir() {
            walk(&path, &below, depth + 1, found)?;
        } else if kind.is_file() {
            found(&below, &path)?;
        } else {
            return Err(Diagnostic::new(Code::ChartInvalid, format!("`{}` is no regular file", path.display()))
                .help("Helm cannot load it either; move it out of the chart")
                .into());
        }
    }
    Ok(())
}
