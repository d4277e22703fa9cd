//! Symbolic links out of the repository, with which Argo CD refuses all of it.

use argocd::symbolic_links;
use diagnostics::{Code, Diagnostics};
use workspace::checkout::Checkout;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::SymlinkOutside];

/// Checks all links that a clone contains.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let checkout = Checkout::new(&subject.workspace.root);
    let root = checkout.top();
    let links = symbolic_links::find(root, &|path| checkout.lacks(path));
    symbolic_links::report(root, &links)
}
