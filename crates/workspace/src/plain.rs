//! Sources that are directories of plain manifests.

use std::path::{Path, PathBuf};

use argocd::application::Source;
use argocd::directory::{self, Contents};
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use document::Node;
use toolbox::inputs;

use crate::checkout::Checkout;

/// A directory of manifests that a source renders.
#[derive(Debug)]
pub struct DirectorySource {
    /// The source.
    pub source: Source,
    /// Its directory.
    pub directory: PathBuf,
    /// The files that Argo CD reads.
    pub contents: Contents,
    /// What is suspicious about them.
    pub warnings: Diagnostics,
}

impl DirectorySource {
    /// Reads the directory of a source; `node` is the source with overrides applied.
    pub fn new(root: &Path, checkout: &Checkout, source: &Source, node: &Node, directory: &Path) -> Result<Self> {
        let options = directory::options(node, &source.field)?;
        let contents = directory::read(root, directory, &options, &|path| checkout.lacks(path))?;
        if let Some(first) = contents.jsonnet.first() {
            let name = inputs::name(root, first);
            return Err(Diagnostic::new(Code::NotRendered, format!("`{name}` is Jsonnet, which is not rendered"))
                .at(Place::file(&name), "")
                .at(source.path_place.clone(), "in this directory")
                .help("render it to a `.yaml` file, or exclude it with `directory.exclude`")
                .into());
        }
        let mut warnings = contents.warnings.clone();
        if contents.files.is_empty() {
            warnings.push(nothing(root, checkout, source, options.recurse, directory));
        }
        Ok(Self { source: source.clone(), directory: directory.to_path_buf(), contents, warnings })
    }
}

/// The warning about a directory without manifests.
fn nothing(root: &Path, checkout: &Checkout, source: &Source, recurse: bool, directory: &Path) -> Diagnostic {
    let path = &source.path;
    let all = directory::Options { recurse: true, ..directory::Options::default() };
    let below = directory::read(root, directory, &all, &|path| checkout.lacks(path)).unwrap_or_default();
    let warning = Diagnostic::new(Code::DirectoryEmpty, format!("`{path}` contains no manifests"))
        .at(source.path_place.clone(), "Argo CD deploys nothing from it");
    match below.files.first() {
        Some(first)
            if !recurse && first.name.trim_start_matches(path.trim_end_matches('/')).matches('/').count() > 1 =>
        {
            warning.help(format!("to read its subdirectories, set `{}.directory.recurse: true`", source.field))
        }
        Some(first) => warning.help(format!("`include` and `exclude` leave out all files, such as `{}`", first.name)),
        None => warning.help("correct the path, or add manifests"),
    }
}
