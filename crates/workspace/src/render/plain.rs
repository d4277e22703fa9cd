//! Reads the manifests of a directory, and evaluates its Jsonnet files.

use std::path::Path;

use argocd::directory;
use diagnostics::{Code, Result};
use kubernetes::manifest::{self, Manifest, Writer};

use super::jsonnet;
use crate::plain::DirectorySource;

/// The manifests in a directory below a root, for a namespace. `program` evaluates its Jsonnet files.
pub fn render(root: &Path, program: &Path, source: &DirectorySource, namespace: &str) -> Result<Vec<Manifest>> {
    let evaluate = |file: &Path| match &source.evaluation {
        Some(evaluation) => jsonnet::evaluate(root, program, evaluation, file),
        None => Ok(Vec::new()),
    };
    let output = directory::output(&source.contents.manifests(&evaluate)?);
    manifest::read_from(Writer::Author, output.as_bytes(), namespace).map_err(|mut found| {
        for diagnostic in found.0.iter_mut().filter(|diagnostic| diagnostic.code == Code::ManifestInvalid) {
            diagnostic.helps.push("if the file is not a manifest, exclude it with `directory.exclude`".to_owned());
        }
        found
    })
}
