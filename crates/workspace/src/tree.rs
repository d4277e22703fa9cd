//! Trees: the files of a source that are not in the checkout, but in another revision or another repository.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use argocd::symbolic_links;
use diagnostics::{Diagnostics, Place, Source};
use toolbox::inputs;
use toolbox::process::quoted;

use crate::checkout::Checkout;

/// The files of a repository at a revision.
#[derive(Debug)]
pub struct Tree {
    /// The absolute path of the directory that contains them.
    pub root: PathBuf,
    /// The prefix of the names of its files in messages and inputs, such as `v1.0.0:` or `../other/`.
    pub label: String,
    /// The commit, unless it is the work tree of a checkout.
    pub commit: Option<String>,
    /// The links with which Argo CD rejects the repository, once they are needed.
    links: OnceLock<Diagnostics>,
}

/// A tree that sources share.
pub type Shared = Arc<Tree>;

impl Tree {
    /// The files below a directory.
    pub(crate) fn new(root: PathBuf, label: String, commit: Option<String>) -> Shared {
        Arc::new(Self { root, label, commit, links: OnceLock::new() })
    }

    /// The files that a clone would not contain.
    pub(crate) fn checkout(&self) -> Checkout {
        if self.commit.is_some() { Checkout::whole(&self.root) } else { Checkout::new(&self.root) }
    }

    /// The links with which Argo CD rejects the repository.
    pub(crate) fn links(&self) -> &Diagnostics {
        self.links.get_or_init(|| {
            let checkout = self.checkout();
            let found = symbolic_links::find(checkout.top(), &|path| checkout.lacks(path));
            symbolic_links::report(checkout.top(), &found)
        })
    }

    /// Its name in messages.
    #[must_use]
    pub fn title(&self) -> &str {
        self.label.trim_end_matches([':', '/'])
    }

    /// The name of a path below its root.
    #[must_use]
    pub fn name(&self, path: &Path) -> String {
        format!("{}{}", self.label, inputs::name(&self.root, path))
    }

    /// Findings with the names of its files, which were read relative to its root; `own` is a file of the workspace.
    #[must_use]
    pub fn named(&self, mut found: Diagnostics, own: &Source) -> Diagnostics {
        for one in &mut found.0 {
            for (place, _) in &mut one.places {
                self.rename(place, own);
            }
            // Commands begin in the root.
            let directory = format!("(cd {} && cd ", quoted(&self.root.to_string_lossy()));
            for help in &mut one.helps {
                *help = help.replace("(cd ", &directory);
            }
        }
        found
    }

    /// Gives a place in one of its files the name of the file.
    pub(crate) fn rename(&self, place: &mut Place, own: &Source) {
        let source = &place.source;
        if source.name == own.name || Path::new(&source.name).is_absolute() || source.name.starts_with(&self.label) {
            return;
        }
        let path = self.root.join(&source.name);
        // A place of a whole file has no text.
        let same = || toolbox::regular_file::read(&path).is_ok_and(|bytes| bytes == source.text.as_bytes());
        if path.exists() && (place.span.is_none() || same()) {
            place.source = Source::new(format!("{}{}", self.label, source.name), source.text.clone());
        }
    }
}
