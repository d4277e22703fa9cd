//! Whether Git ignores a file, so that a clone does not contain it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use toolbox::git::Repository;

/// The patterns of a checkout.
#[derive(Debug)]
pub struct Ignored {
    /// The folder that contains `.git`; `None` outside of a repository.
    root: Option<PathBuf>,
    /// The patterns that apply to the whole checkout: those of the user and those in `.git/info/exclude`.
    general: Vec<Gitignore>,
    /// The patterns in each folder, if it has any.
    folders: Mutex<BTreeMap<PathBuf, Option<Gitignore>>>,
}

impl Ignored {
    /// Reads the patterns that apply to the whole checkout around a folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let root = folder.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_path_buf);
        let mut general = Vec::new();
        if let Some(root) = &root {
            let mut builder = GitignoreBuilder::new(root);
            builder.add(root.join(".git/info/exclude"));
            general.extend(builder.build());
            general.push(GitignoreBuilder::new(root).build_global().0);
        }
        general.retain(|patterns| !patterns.is_empty());
        Self { root, general, folders: Mutex::default() }
    }

    /// Whether Git ignores an existing file. A file that is in the index is not ignored.
    #[must_use]
    pub fn is_ignored(&self, path: &Path) -> bool {
        let Some(root) = &self.root else { return false };
        // Only Git knows the index and how its patterns overrule each other, but asking it takes a process.
        self.may_be(root, path) && Repository::around(root).is_some_and(|git| git.ignores(path).unwrap_or_default())
    }

    fn may_be(&self, root: &Path, path: &Path) -> bool {
        if !path.starts_with(root) {
            return false;
        }
        let matches = |patterns: &Gitignore| patterns.matched_path_or_any_parents(path, false).is_ignore();
        if self.general.iter().any(matches) {
            return true;
        }
        let mut known = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        path.ancestors().skip(1).take_while(|folder| folder.starts_with(root)).any(|folder| {
            let patterns = known.entry(folder.to_path_buf()).or_insert_with(|| {
                let file = folder.join(".gitignore");
                if !file.is_file() {
                    return None;
                }
                let mut builder = GitignoreBuilder::new(folder);
                builder.add(file);
                builder.build().ok()
            });
            patterns.as_ref().is_some_and(matches)
        })
    }
}

#[cfg(test)]
mod tests {
    use toolbox::process::Invocation;

    use super::*;

    #[test]
    fn files_of_the_index_are_not_ignored() {
        let root = tempfile::tempdir().expect("temporary directory");
        let git = |args: &[&str]| {
            let path = std::env::var_os("PATH")?;
            let program = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file())?;
            let invocation = Invocation::new(&program, root.path()).args(args.iter().copied());
            assert!(invocation.run().is_ok_and(|output| output.success()), "git {args:?}");
            Some(())
        };
        for (file, text) in [
            (".gitignore", "*.local.yaml\n/secrets/\n"),
            ("apps/.gitignore", "!kept.local.yaml\n"),
            ("apps/a.local.yaml", ""),
            ("apps/kept.local.yaml", ""),
            ("apps/added.local.yaml", ""),
            ("secrets/a.yaml", ""),
            ("apps/a.yaml", ""),
        ] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("created");
            std::fs::write(path, text).expect("written");
        }
        let ignored = |file: &str| Ignored::new(root.path()).is_ignored(&root.path().join(file));
        assert!(!ignored("secrets/a.yaml"), "no repository");
        if git(&["init", "--quiet", "."]).is_none() {
            return;
        }
        git(&["add", "--force", "apps/added.local.yaml"]);
        let files =
            ["apps/a.yaml", "apps/a.local.yaml", "apps/kept.local.yaml", "apps/added.local.yaml", "secrets/a.yaml"];
        assert_eq!(files.map(ignored), [false, true, false, false, true]);
    }
}
