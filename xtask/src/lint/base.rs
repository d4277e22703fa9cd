//! The revision that a change is compared with: the merge base with the main branch, unless another one is requested.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use ::helm::chart::Chart;
use diagnostics::Result;
use toolbox::git;
use toolbox::git::Repository;
use workspace::find::ARGOCD;

/// The length of an abbreviated commit hash.
const SHORT: usize = 10;

/// A revision to compare with.
#[derive(Debug)]
pub struct Base {
    /// The repository.
    pub repository: Repository,
    /// The commit.
    pub commit: String,
    /// The name in messages: the requested revision, or the abbreviated commit.
    pub name: String,
    /// The changes since then, once a check needed them.
    changed: OnceLock<Option<BTreeSet<String>>>,
    /// Held while Git looks, so that checks at the same time do not let it look twice.
    asking: Mutex<()>,
}

impl Base {
    /// The requested revision, or else the merge base with the main branch. Without Git or a merge base, there is none; a
    /// requested revision that does not exist is an error.
    pub fn find(root: &Path, requested: Option<&str>) -> Result<Option<Self>> {
        Self::for_head(root, requested, "HEAD")
    }

    /// The same for a different revision than the checkout.
    pub(crate) fn for_head(root: &Path, requested: Option<&str>, head: &str) -> Result<Option<Self>> {
        if let Some(revision) = requested {
            return Self::requested(root, "--base", revision).map(Some);
        }
        let Some(repository) = Repository::around(root) else { return Ok(None) };
        let commit = repository.merge_base(head)?;
        Ok(commit.map(|commit| Self::new(short(&commit), repository, &commit)))
    }

    fn new(name: &str, repository: Repository, commit: &str) -> Self {
        Self {
            name: name.to_owned(),
            repository,
            commit: commit.to_owned(),
            changed: OnceLock::new(),
            asking: Mutex::new(()),
        }
    }

    /// The files of charts and Applications, and the goldens, that differ, as [`Repository::changed`] finds them. All
    /// checks of a run ask for the same charts, so Git looks once.
    pub fn changed(&self, root: &Path, charts: &[&Chart]) -> Result<Option<&BTreeSet<String>>> {
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if self.changed.get().is_none() {
            let charts = charts.iter().filter(|chart| chart.directory.starts_with(root));
            let paths: Vec<&str> =
                [ARGOCD, golden::FOLDER].into_iter().chain(charts.map(|chart| chart.path.as_str())).collect();
            let _ = self.changed.set(self.repository.changed(&self.commit, &paths)?);
        }
        Ok(self.changed.get().and_then(Option::as_ref))
    }

    /// The revision that is the value of an option.
    pub fn requested(root: &Path, option: &str, revision: &str) -> Result<Self> {
        let unknown = |why| git::unknown(option, revision, why);
        let repository =
            Repository::around(root).ok_or_else(|| unknown("this is not a Git repository, or git is not on PATH"))?;
        let commit = repository.commit(revision)?.ok_or_else(|| unknown("Git does not know it"))?;
        let name = if commit.starts_with(revision) { short(&commit) } else { revision };
        Ok(Self::new(name, repository, &commit))
    }
}

fn short(commit: &str) -> &str {
    commit.get(..SHORT).unwrap_or(commit)
}
