//! Reads the manifests of a directory, which nobody renders.

use argocd::directory;
use diagnostics::{Code, Result};
use kubernetes::manifest::{self, Manifest, Writer};

use crate::plain::DirectorySource;

/// The manifests in a directory, for a namespace.
pub fn render(source: &DirectorySource, namespace: &str) -> Result<Vec<Manifest>> {
    let output = directory::output(&source.contents.manifests()?);
    manifest::read_from(Writer::Author, output.as_bytes(), namespace).map_err(|mut found| {
        for diagnostic in found.0.iter_mut().filter(|diagnostic| diagnostic.code == Code::ManifestInvalid) {
            diagnostic.helps.push("if the file is not a manifest, exclude it with `directory.exclude`".to_owned());
        }
        found
    })
}
