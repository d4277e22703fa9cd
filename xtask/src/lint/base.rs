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
        let Some(repository) = Repository::around(root) else {
            return match requested {
                Some(revision) => {
                    Err(git::unknown("--base", revision, "this is not a Git repository, or git is not on PATH").into())
                }
                None => Ok(None),
            };
        };
        let commit = match requested {
            Some(revision) => {
                let commit = repository.commit(revision)?;
                Some(commit.ok_or_else(|| git::unknown("--base", revision, "Git does not know it"))?)
            }
            None => repository.merge_base()?,
        };
        Ok(commit.map(|commit| {
            let name = match requested {
                Some(revision) if !commit.starts_with(revision) => revision,
                _ => commit.get(..SHORT).unwrap_or(&commit),
            };
            Self { name: name.to_owned(), repository, commit }
        }))
    }
}
