//! The files of schemas/: those of the workspace or, if it has none, those of the tool itself.
//!
//! The tool's own are of one version of Kubernetes and of its built-in kinds only. That suffices to find misspelled and
//! misplaced fields in a repository that has not generated schemas of its cluster yet.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::{Diagnostic, Result, Source};
use include_dir::{Dir, include_dir};

use super::FOLDER;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../schemas");

/// Whether a workspace has schemas of its own.
#[must_use]
pub fn generated(root: &Path) -> bool {
    root.join(FOLDER).is_dir()
}

/// Whether there is a schema file; `file` is its path in schemas/.
#[must_use]
pub fn exists(root: &Path, file: &str) -> bool {
    if generated(root) { root.join(FOLDER).join(file).is_file() } else { BUILT_IN.get_file(file).is_some() }
}

/// The text of a schema file.
pub fn read(root: &Path, file: &str) -> std::io::Result<Cow<'static, str>> {
    if generated(root) {
        return toolbox::regular_file::read_to_string(root.join(FOLDER).join(file)).map(Cow::Owned);
    }
    let built_in = BUILT_IN.get_file(file).and_then(|file| file.contents_utf8());
    built_in.map(Cow::Borrowed).ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

/// The same as a source of diagnostics.
pub fn source(root: &Path, file: &str) -> Result<Arc<Source>> {
    let name = format!("{FOLDER}/{file}");
    let text = read(root, file).map_err(|error| Diagnostic::io("read", Path::new(&name), &error))?;
    Ok(Source::new(name, text))
}

/// The paths of all schema files in schemas/.
#[must_use]
pub fn present(root: &Path) -> BTreeSet<String> {
    let is_schema = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    if !generated(root) {
        let groups = BUILT_IN.dirs().flat_map(Dir::files).map(|file| file.path().to_path_buf());
        return groups.filter(is_schema).map(|path| path.to_string_lossy().into_owned()).collect();
    }
    let folder = root.join(FOLDER);
    let list = |path: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    let groups = list(&folder).into_iter().filter(|path| path.is_dir());
    let files = groups.flat_map(|group| list(&group)).filter(is_schema);
    files.filter_map(|path| Some(path.strip_prefix(&folder).ok()?.to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_without_schemas_has_those_of_the_tool() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let root = folder.path();
        assert!(exists(root, "apps/deployment_v1.json") && !exists(root, "apps/gadget_v1.json"));
        assert!(present(root).contains("core/secret_v1.json") && !present(root).contains("resources.json"));
        assert!(read(root, "core/secret_v1.json").expect("built in").contains("\"stringData\""));
        std::fs::create_dir(root.join(FOLDER)).expect("created");
        assert!(!exists(root, "apps/deployment_v1.json") && present(root).is_empty());
        assert!(read(root, "core/secret_v1.json").is_err(), "a workspace's own schemas are the only ones");
    }
}
