//! Sources that are directories of plain manifests.

use std::path::{Path, PathBuf};

use argocd::application::{Application, Source};
use argocd::directory::{self, Contents};
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Result};
use document::Node;

use crate::checkout::Checkout;
use crate::config::Config;
use crate::jsonnet::{self, Evaluation};

/// A directory of manifests that a source renders.
#[derive(Debug)]
pub struct DirectorySource {
    /// The source.
    pub source: Source,
    /// Its directory.
    pub directory: PathBuf,
    /// The files that Argo CD reads.
    pub contents: Contents,
    /// How its Jsonnet files are evaluated, if it has any.
    pub evaluation: Option<Evaluation>,
    /// The warnings about them.
    pub warnings: Diagnostics,
}

impl DirectorySource {
    /// Reads the directory of a source below a root; `node` is the source with overrides applied, and `revision` the commit.
    pub fn new(
        (root, directory): (&Path, &Path),
        (checkout, config): (&Checkout, &Config),
        application: &Application,
        (source, node, revision): (&Source, &Node, &str),
    ) -> Result<Self> {
        let options = directory::options(node, &source.field)?;
        let contents = directory::read(root, directory, &options, &|path| checkout.lacks(path))?;
        let evaluation =
            jsonnet::evaluation((root, directory), config, application, (source, revision), (&options, &contents))?;
        let mut warnings = contents.warnings.clone();
        // A source with value files for others need not render anything.
        if contents.files.is_empty() && evaluation.is_none() && source.reference.is_none() {
            warnings.push(nothing(root, checkout, source, options.recurse, directory));
        }
        Ok(Self { source: source.clone(), directory: directory.to_path_buf(), contents, evaluation, warnings })
    }
}

/// The warning about a directory without manifests.
fn nothing(root: &Path, checkout: &Checkout, source: &Source, recurse: bool, directory: &Path) -> Diagnostic {
    let path = &source.path;
    let all = directory::Options { recurse: true, ..directory::Options::default() };
    let below = directory::read(root, directory, &all, &|path| checkout.lacks(path)).unwrap_or_default();
    let warning = Diagnostic::new(Code::DirectoryEmpty, format!("`{path}` contains no manifests"))
        .fact(Fact::File(path.clone()))
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
