//! The revision that a change is compared with: the merge base with the main branch, unless another one is requested.

use std::path::Path;

use diagnostics::Result;
use toolbox::git;
use toolbox::git::Repository;

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
}

impl Base {
    /// The requested revision, or else the merge base with the main branch. Without Git or a merge base, there is none; a
    /// requested revision that does not exist is an error.
    pub fn find(root: &Path, requested: Option<&str>) -> Result<Option<Self>> {
        Self::for_head(root, requested, "HEAD")
    }

    /// The same for another revision than the checkout.
    pub fn for_head(root: &Path, requested: Option<&str>, head: &str) -> Result<Option<Self>> {
        if let Some(revision) = requested {
            return Self::requested(root, "--base", revision).map(Some);
        }
        let Some(repository) = Repository::around(root) else { return Ok(None) };
        let commit = repository.merge_base(head)?;
        Ok(commit.map(|commit| Self { name: short(&commit).to_owned(), repository, commit }))
    }

    /// The revision that is the value of an option.
    pub fn requested(root: &Path, option: &str, revision: &str) -> Result<Self> {
        let unknown = |why| git::unknown(option, revision, why);
        let repository =
            Repository::around(root).ok_or_else(|| unknown("this is not a Git repository, or git is not on PATH"))?;
        let commit = repository.commit(revision)?.ok_or_else(|| unknown("Git does not know it"))?;
        let name = if commit.starts_with(revision) { short(&commit) } else { revision };
        Ok(Self { name: name.to_owned(), repository, commit })
    }
}

fn short(commit: &str) -> &str {
    commit.get(..SHORT).unwrap_or(commit)
}
