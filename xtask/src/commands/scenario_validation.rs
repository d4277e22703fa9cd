//! Validates the objects in the files that scenarios apply, as an API server would reject them only after the cluster was
//! created and everything was deployed.
//!
//! A line with a `${variable}` may become anything. Kinds without a schema are not validated: a scenario may install them.

use std::path::Path;

use cluster::scenario::{FOLDER, GITOPS_FOLDER};
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::yaml;
use kubernetes::validate::subject::{self, Subject};
use kubernetes::validate::{self, Input};
use toolbox::source;
use workspace::find;

/// Validates the objects in the files of all scenarios like rendered objects.
pub(super) fn check(root: &Path, around: &Input<'_>) -> Diagnostics {
    let subjects: Vec<Subject> = [FOLDER, GITOPS_FOLDER].into_iter().flat_map(|folder| objects(root, folder)).collect();
    if subjects.is_empty() {
        return Diagnostics::default();
    }
    let input = Input { subjects: &subjects, complete: false, failed: &[], ..*around };
    let found = validate::check(&input).diagnostics;
    Diagnostics(found.0.into_iter().filter(is_certain).collect())
}

/// The objects below the folders `files` of the scenarios. Those of Argo CD are read where they are committed.
fn objects(root: &Path, folder: &str) -> Vec<Subject> {
    let files = find::files(&root.join(folder));
    let applied = files.iter().filter(|path| path.parent().is_some_and(|parent| parent.ends_with("files")));
    let read = applied.filter_map(|path| {
        // Files that cannot be read are reported with the scenarios.
        let source = source::read(root, path).ok()?;
        let documents = yaml::parse(&source).ok()?;
        Some(subject::of_argocd(&source.name, &documents))
    });
    read.flatten().filter(|subject| subject.kind.group != "argoproj.io").collect()
}

/// Whether a finding does not depend on a variable, or on what the cluster serves.
fn is_certain(found: &Diagnostic) -> bool {
    let variable = |(place, _): &(diagnostics::Place, String)| {
        let lines = place.span.clone().map(|span| place.source.lines_of(&span).1);
        lines.and_then(|lines| place.source.text.get(lines)).is_some_and(|line| line.contains("${"))
    };
    let unsure = match found.code {
        // Unless the name of the kind is misspelled.
        Code::SchemaMissing => found.suggested().next().is_none(),
        code => code == Code::KubeconformFailed,
    };
    !unsure && !found.places.iter().any(variable)
}
