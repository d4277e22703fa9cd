//! A private copy of the files that a build reads, which steps can edit and to which charts are added.
//!
//! Symbolic links are copied as links, because kustomize resolves them before it decides whether a file may be read.

use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Result};

use crate::inspect::{Inspection, clean};
use toolbox::scratch;

/// The limit of links on the way to a file.
const MAX_LINKS: usize = 40;

/// A copy of the files of a build.
#[derive(Debug)]
pub struct Stage {
    folder: tempfile::TempDir,
    /// The root of the copy. It contains no links.
    pub root: PathBuf,
}

impl Stage {
    /// Copies the files of an inspection, and the directory of the kustomization even if it is empty.
    pub fn new(root: &Path, directory: &Path, inspection: &Inspection) -> Result<Self> {
        let folder = scratch::directory()?;
        let real = folder.path().canonicalize().map_err(|error| Diagnostic::io("resolve", folder.path(), &error))?;
        let stage = Self { folder, root: real.join("repository") };
        let copy = Copy { from: root, to: &stage.root };
        copy.path(directory, 0)?;
        for file in &inspection.files {
            copy.path(file, 0)?;
        }
        Ok(stage)
    }

    /// The path in the copy for a path below the original root.
    #[must_use]
    pub fn path(&self, root: &Path, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix(root).unwrap_or(path))
    }

    /// Copies the files of another inspection beside the copy, and returns the root of what it copied.
    pub fn import(&self, root: &Path, directory: &Path, inspection: &Inspection, number: usize) -> Result<PathBuf> {
        let to = self.root.with_file_name("remotes").join(number.to_string());
        let copy = Copy { from: root, to: &to };
        copy.path(directory, 0)?;
        for file in &inspection.files {
            copy.path(file, 0)?;
        }
        Ok(to)
    }

    /// A folder beside the copy for the home directories of the programs.
    #[must_use]
    pub fn homes(&self) -> PathBuf {
        self.folder.path().join("homes")
    }
}

/// Copies the files of a directory, for a chart in the copy.
pub fn add(from: &Path, to: &Path) -> Result<()> {
    let failed = |error: &std::io::Error| Diagnostic::io("copy", from, error);
    std::fs::create_dir_all(to).map_err(|error| failed(&error))?;
    for entry in std::fs::read_dir(from).map_err(|error| failed(&error))? {
        let path = entry.map_err(|error| failed(&error))?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            add(&path, &to.join(name))?;
        } else if path.is_file() {
            std::fs::copy(&path, to.join(name)).map_err(|error| Diagnostic::io("copy", &path, &error))?;
        }
    }
    Ok(())
}

struct Copy<'a> {
    from: &'a Path,
    to: &'a Path,
}

impl Copy<'_> {
    /// Copies a file or creates a directory, with the links on the way to it.
    fn path(&self, path: &Path, links: usize) -> Result<()> {
        let Ok(below) = path.strip_prefix(self.from) else { return Ok(()) };
        let failed = |error: &std::io::Error| Diagnostic::io("copy", path, error);
        std::fs::create_dir_all(self.to).map_err(|error| failed(&error))?;
        let (mut source, mut target) = (self.from.to_path_buf(), self.to.to_path_buf());
        let mut names = below.components();
        while let Some(name) = names.next() {
            source.push(name);
            target.push(name);
            if let Ok(link) = std::fs::read_link(&source) {
                if !target.is_symlink() {
                    std::os::unix::fs::symlink(&link, &target).map_err(|error| failed(&error))?;
                }
                let folder = source.parent().unwrap_or(self.from);
                let resolved = clean(&folder.join(&link)).join(names.as_path());
                if link.is_absolute() || links >= MAX_LINKS {
                    return Ok(());
                }
                return self.path(&resolved, links + 1);
            }
            if source.is_dir() {
                if !target.is_dir() {
                    std::fs::create_dir(&target).map_err(|error| failed(&error))?;
                }
            } else if source.is_file() {
                // Not `copy`, which would keep a file read-only that `kustomize edit` must write.
                let bytes = toolbox::regular_file::read(&source).map_err(|error| failed(&error))?;
                std::fs::write(&target, bytes).map_err(|error| failed(&error))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::inspect::inspect;

    #[test]
    fn files_and_links_are_copied_and_nothing_else() {
        let root = tempfile::tempdir().expect("temporary directory");
        let root = root.path();
        for (name, text) in [
            ("app/kustomization.yaml", "resources: [a.yaml, link/b.yaml, far.yaml, self]\n"),
            ("app/a.yaml", "a"),
            ("app/unused.yaml", "x"),
            ("shared/b.yaml", "b"),
        ] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("directory");
            std::fs::write(path, text).expect("file");
        }
        symlink("../shared", root.join("app/link")).expect("link");
        symlink("link/b.yaml", root.join("app/far.yaml")).expect("link");
        symlink("self", root.join("app/self")).expect("link");
        let app = root.join("app");
        let found = inspect(root, &app, &[], &[], &|_| false);
        let stage = Stage::new(root, &app, &found).expect("copied");
        let copy = stage.path(root, &app);
        assert_eq!(std::fs::read_link(copy.join("link")).expect("a link"), Path::new("../shared"));
        assert_eq!(std::fs::read_to_string(copy.join("far.yaml")).expect("readable"), "b");
        assert!(copy.join("a.yaml").is_file() && !copy.join("unused.yaml").exists());
        add(&root.join("shared"), &copy.join("charts/x/x")).expect("added");
        assert!(copy.join("charts/x/x/b.yaml").is_file());
    }
}
