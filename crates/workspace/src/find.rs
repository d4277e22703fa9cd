//! Finds the files that may define Applications, ApplicationSets, and projects.
//!
//! They can lie anywhere in the repository. Files that Git ignores are left out, since Argo CD has a clone; so are goldens
//! and the templates of charts, which are not manifests.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use diagnostics::Source;
use document::yaml;
use ignore::WalkBuilder;
use kustomize::kustomization::NAMES;
use memchr::memmem::Finder;
use toolbox::inputs;
use toolbox::parallel::{cores, parallel};

use crate::checkout::Checkout;
pub use crate::files::GOLDENS;
use crate::patch_files::PatchFiles;
use crate::survey::{Survey, is_manifest};
use crate::walk;

/// The folder in which every manifest is read, whatever it contains.
pub const ARGOCD: &str = "argocd";

/// The group of Argo CD's kinds, as it begins an `apiVersion`.
pub const GROUP: &str = "argoproj.io/";

/// The files that may define something for Argo CD, sorted by path: those in argocd/, and those that `selects` names.
#[must_use]
pub fn candidates(root: &Path, selects: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    relevant(root, manifests(root), selects, |_| false)
}

/// Those of some files that may define something for Argo CD. They are read on all cores.
pub(crate) fn relevant(
    root: &Path,
    files: Vec<PathBuf>,
    selects: impl Fn(&str) -> bool,
    excludes: impl Fn(&str) -> bool,
) -> Vec<PathBuf> {
    let argocd = root.join(ARGOCD);
    // The files that a kustomization reads may be patches.
    let kustomized = |path: &Path| {
        let folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&argocd));
        folders.into_iter().any(|folder| NAMES.iter().any(|name| folder.join(name).is_file()))
    };
    let relevant = |path: &PathBuf| {
        // The error of an unreadable file is reported where it is read.
        let Ok(bytes) = toolbox::regular_file::read(path) else { return path.starts_with(&argocd) };
        mentions_group(&bytes)
            || path.starts_with(&argocd) && !kustomized(path) && (contains(&bytes, "kind") || !is_yaml(&bytes))
    };
    // Files that are not selected are not read.
    let selected = |path: &PathBuf| {
        let name = inputs::name(root, path);
        if path.starts_with(&argocd) { !excludes(&name) } else { selects(&name) }
    };
    let files: Vec<PathBuf> = files.into_iter().filter(selected).collect();
    let relevant = parallel(cores(), &files, relevant);
    let patches = PatchFiles::default();
    let found = files.into_iter().zip(relevant).filter_map(|(path, relevant)| relevant.then_some(path));
    found.filter(|path| !patches.contain(root, path)).collect()
}

/// The YAML and JSON files of the repository, except those that are not manifests, sorted by path.
#[must_use]
pub fn manifests(root: &Path) -> Vec<PathBuf> {
    Survey::of(root, &Checkout::new(root)).manifests
}

/// The paths of all files of the repository that Git does not ignore, sorted, with `/`.
#[must_use]
pub fn tracked(root: &Path) -> Vec<String> {
    let builder = walk::builder(root, Checkout::new(root).is_in_git(), |entry| entry.file_name() != ".git");
    let mut paths: Vec<String> = builder
        .build()
        .filter_map(|entry| Some(entry.ok()?.into_path()))
        .filter(|path| path.is_file())
        .map(|path| inputs::name(root, &path))
        .collect();
    paths.sort();
    paths
}

/// The directories of the repository that Git does not ignore.
#[must_use]
pub fn folders(root: &Path) -> Vec<PathBuf> {
    let builder = walk::builder(root, Checkout::new(root).is_in_git(), |entry| entry.file_name() != ".git");
    builder.build().filter_map(|entry| Some(entry.ok()?.into_path())).filter(|path| path.is_dir()).collect()
}

/// All files below a folder, sorted by path. Does not follow symbolic links.
#[must_use]
pub fn all_files(folder: &Path) -> Vec<PathBuf> {
    let entries = WalkBuilder::new(folder).standard_filters(false).build();
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.into_path())).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// All YAML and JSON files below a folder, sorted by path.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = WalkBuilder::new(folder)
        .standard_filters(false)
        .follow_links(true)
        .build()
        .filter_map(|entry| Some(entry.ok()?.into_path()))
        .filter(|path| is_manifest(path) && path.is_file())
        .collect();
    files.sort();
    files
}

fn is_yaml(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| yaml::parse(&Source::new("", text)).is_ok())
}

/// Whether a file outside of argocd/ is a template of another program, from which somebody generates manifests.
#[must_use]
pub fn is_template(root: &Path, path: &Path) -> bool {
    if path.starts_with(root.join(ARGOCD)) {
        return false;
    }
    let text = toolbox::regular_file::read_to_string(path).unwrap_or_default();
    let placeholder = |line: &str| {
        let value = line.split_once(": ").map_or(line, |(_, value)| value).trim_start_matches(['-', ' ']);
        value.starts_with("{{") || value.starts_with('@') && value.trim_end().ends_with('@')
    };
    ["{%", "<%"].iter().any(|mark| text.contains(mark)) || text.lines().any(placeholder)
}

/// Whether bytes contain the group of Argo CD's kinds. Annotations and labels such as `argocd.argoproj.io/sync-wave`, which
/// many charts have, are not meant.
pub(crate) fn mentions_group(bytes: &[u8]) -> bool {
    // It takes longer to build than to search one file.
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(GROUP));
    let before = |at: usize| at.checked_sub(1).and_then(|before| bytes.get(before));
    FINDER.find_iter(bytes).any(|at| before(at) != Some(&b'.'))
}

/// Whether bytes contain a text.
pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}
