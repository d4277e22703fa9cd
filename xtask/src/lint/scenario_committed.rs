//! Applications and projects in files that steps commit (`from`): fields that Argo CD does not know, and values that it does
//! not read.
//!
//! Lines with a `${variable}` may become anything. ApplicationSets are not validated.

use std::collections::BTreeSet;
use std::path::PathBuf;

use argocd::{application, project};
use diagnostics::{Diagnostic, Diagnostics};
use document::yaml::{self, Document};
use document::{Node, Value};
use toolbox::{links, source};
use workspace::find;

use super::argocd_fields;
use super::scenario_manifests::has_variable;
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[diagnostics::Code] = argocd_fields::CODES;

/// The folder with the scenarios of Argo CD.
const FOLDER: &str = "tests/gitops";

/// Checks the files that all scenarios of Argo CD commit.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let root = &subject.workspace.root;
    let mut files: BTreeSet<PathBuf> = BTreeSet::new();
    for path in find::files(&root.join(FOLDER)) {
        let Some(folder) = path.parent() else { continue };
        let Ok(document) = source::read(root, &path).and_then(|source| yaml::parse_one(&source)) else { continue };
        let edits = document.root.items_at(&["steps"]).iter().flat_map(|step| step.items_at(&["commit"]));
        files.extend(edits.filter_map(|edit| Some(folder.join(edit.get("from")?.as_str()?))));
    }
    let mut diagnostics = Diagnostics::default();
    for path in files.iter().filter(|path| path.is_file() && links::refuse_outside(root, path).is_ok()) {
        let Ok(documents) = source::read(root, path).and_then(|source| yaml::parse(&source)) else { continue };
        for document in &documents {
            diagnostics.0.extend(of_document(document).0.into_iter().filter(is_certain));
        }
    }
    diagnostics
}

fn of_document(document: &Document) -> Diagnostics {
    let root = &document.root;
    let text = |key: &str| root.get(key).and_then(Node::as_str).unwrap_or_default();
    let mut found = Diagnostics::default();
    if !text("apiVersion").starts_with("argoproj.io/") || !matches!(root.value, Value::Mapping(_)) {
        return found;
    }
    match text("kind") {
        "Application" => {
            found.extend(application::read_one(root).application.err().unwrap_or_default());
            argocd_fields::rest(root, &mut found);
        }
        "AppProject" if project::is_project(document) => found.extend(project::read(document).1),
        _ => {}
    }
    found
}

/// Whether no place of a finding depends on a variable.
fn is_certain(found: &Diagnostic) -> bool {
    !found.places.iter().any(|(place, _)| has_variable(place))
}
