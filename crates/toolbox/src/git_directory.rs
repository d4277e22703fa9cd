//! Finds the directory in which a Git repository keeps its state, without a process.

use std::path::{Path, PathBuf};

/// How many symbolic references Git follows.
const SYMBOLIC: usize = 5;

/// The directories of a Git repository or of one of its work trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// The directory of the work tree's own state.
    pub own: PathBuf,
    /// The directory that all work trees share.
    pub common: PathBuf,
}

impl Directories {
    /// The directories of the work tree with this root; `None` if it is not the root of one.
    #[must_use]
    pub fn of(top: &Path) -> Option<Self> {
        let git = top.join(".git");
        let own = if git.is_dir() {
            git
        } else {
            let text = crate::regular_file::read_to_string(&git).ok()?;
            top.join(text.trim().strip_prefix("gitdir: ")?)
        };
        let common = crate::regular_file::read_to_string(own.join("commondir")).map(|text| own.join(text.trim()));
        Some(Self { common: common.unwrap_or_else(|_| own.clone()), own })
    }

    /// The commit of a reference, or of `HEAD`; `None` if the files do not show it.
    #[must_use]
    pub fn commit(&self, reference: &str) -> Option<String> {
        let mut name = reference.to_owned();
        for _ in 0..SYMBOLIC {
            let folder = if name == "HEAD" { &self.own } else { &self.common };
            let safe = name == "HEAD" || name.starts_with("refs/") && !name.split('/').any(|part| part == "..");
            let loose = safe.then(|| crate::regular_file::read_to_string(folder.join(&name)).ok())?;
            let Some(text) = loose else { return self.packed(&name) };
            match text.trim().strip_prefix("ref: ") {
                Some(next) => next.clone_into(&mut name),
                None => return Some(text.trim().to_owned()).filter(|text| is_object(text)),
            }
        }
        None
    }

    fn packed(&self, name: &str) -> Option<String> {
        let packed = crate::regular_file::read_to_string(self.common.join("packed-refs")).ok()?;
        let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(object, known)| *known == name && is_object(object)).map(|(object, _)| object.to_owned())
    }
}

fn is_object(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_from_files() {
        let folder = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(".git").join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(path, text).expect("written");
        };
        let object = |digit: &str| digit.repeat(40);
        write("HEAD", "ref: refs/heads/feature/x\n");
        write("refs/heads/feature/x", &format!("{}\n", object("a")));
        write("refs/heads/broken", "?\n");
        write("refs/heads/round", "ref: refs/heads/round\n");
        write("refs/remotes/origin/HEAD", "ref: refs/remotes/origin/main\n");
        write("packed-refs", &format!("# pack-refs with: peeled\n{} refs/remotes/origin/main\n", object("b")));
        let directories = Directories::of(folder.path()).expect("a repository");
        assert_eq!(directories.commit("HEAD"), Some(object("a")));
        assert_eq!(directories.commit("refs/remotes/origin/HEAD"), Some(object("b")));
        for name in ["refs/heads/main", "refs/heads/broken", "refs/heads/round", "refs/../HEAD", "config"] {
            assert_eq!(directories.commit(name), None, "{name}");
        }
    }
}
