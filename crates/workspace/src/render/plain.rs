//! Reads the manifests of a directory, and evaluates its Jsonnet files.

use std::path::Path;

use argocd::directory;
use diagnostics::wording::plural;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Result};
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
        fold_kustomizations(found)
    })
}

/// Keeps the first of the findings about files of Kustomize, which names how many others there are.
fn fold_kustomizations(found: Diagnostics) -> Diagnostics {
    let is_kustomization = |one: &Diagnostic| one.is(&Fact::Kustomization);
    let count = found.0.iter().filter(|one| is_kustomization(one)).count();
    let mut first = true;
    let folded = found.0.into_iter().filter_map(|one| {
        if !is_kustomization(&one) {
            return Some(one);
        }
        if !std::mem::take(&mut first) {
            return None;
        }
        let one = one.note("Kustomize reads such a file; in a directory of manifests, Argo CD would apply it");
        Some(if count > 1 { one.note(format!("the same in {}", plural(count - 1, "other file"))) } else { one })
    });
    Diagnostics(folded.collect())
}
