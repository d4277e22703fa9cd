//! The revisions to compare.

use diagnostics::{Code, Diagnostic, Result};

use crate::cli::Diff as Request;
use crate::commands::Session;
use crate::lint::base::Base;

/// The two revisions; `None` is the checkout.
#[derive(Debug)]
pub(super) struct Revisions {
    pub(super) base: Option<Base>,
    pub(super) head: Option<Base>,
}

/// Finds the revisions that the arguments name.
pub(super) fn find(session: &Session<'_>, request: &Request) -> Result<Revisions> {
    let root = &session.root;
    let requested = |option: &str, revision: &Option<String>| {
        revision.as_deref().map(|revision| Base::requested(root, option, revision)).transpose()
    };
    let head = requested("--head", &request.head)?;
    let releases = request.base_argocd.is_some() || request.head_argocd.is_some();
    let base = match requested("--base", &request.base)? {
        Some(base) => Some(base),
        // The same files under two releases.
        None if releases => requested("--head", &request.head)?,
        None => {
            let commit = head.as_ref().map_or("HEAD", |head| head.commit.as_str());
            Some(Base::for_head(root, None, commit)?.ok_or_else(|| no_base(session))?)
        }
    };
    Ok(Revisions { base, head })
}

/// The error that there is no revision to compare with.
fn no_base(session: &Session<'_>) -> Diagnostic {
    let Some(repository) = toolbox::git::Repository::around(&session.root) else {
        return Diagnostic::new(Code::Usage, "`diff` requires a Git repository and `git` on PATH")
            .help("run the command in a clone of the repository");
    };
    let found = Diagnostic::new(Code::Usage, "the merge base with the main branch is unknown");
    if repository.is_shallow() {
        return found
            .note("this is a shallow clone")
            .help("fetch the history with `git fetch --unshallow`; with actions/checkout, set `fetch-depth: 0`");
    }
    found.help("name the revision to compare with: `--base REV`")
}
