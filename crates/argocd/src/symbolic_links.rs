//! Symbolic links that make Argo CD reject a repository.
//!
//! Argo CD renders nothing from a repository, or from a chart of a repository, that contains a link with an absolute
//! target or a target outside of it, even one that nothing uses. It follows the text of the target step by step, so a path
//! that leaves the repository and returns to it is refused, too.

use std::path::{Component, Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Place};

use crate::value_files::clean;

/// The links below a directory that lead out of it, sorted. `.git` and what `ignored` says are skipped, since a clone does
/// not contain it. Directories that cannot be read are skipped, too.
#[must_use]
pub fn find(root: &Path, ignored: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if !kind.is_dir() && !kind.is_symlink() {
                continue;
            }
            let path = entry.path();
            if folder == root && entry.file_name() == ".git" || ignored(&path) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if std::fs::read_link(&path).is_ok_and(|target| leads_out(root, &path, &target)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Whether a link at a path below `root` leads out of it, like in Argo CD.
#[must_use]
pub fn leads_out(root: &Path, link: &Path, target: &Path) -> bool {
    if target.is_absolute() {
        return true;
    }
    let mut at = clean(link.parent().unwrap_or(root));
    for component in target.components() {
        match component {
            Component::ParentDir => {
                at.pop();
            }
            Component::Normal(name) => at.push(name),
            _ => {}
        }
        if !at.starts_with(root) {
            return true;
        }
    }
    false
}

/// The finding for links that lead out of the repository.
#[must_use]
pub fn report(root: &Path, links: &[PathBuf]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for link in links {
        let name = toolbox::inputs::name(root, link);
        let target = std::fs::read_link(link).unwrap_or_default();
        diagnostics.push(
            Diagnostic::new(Code::SymlinkOutside, format!("`{name}` is a symbolic link out of the repository"))
                .at(Place::file(&name), format!("links to `{}`", target.display()))
                .note("Argo CD renders nothing from a repository with such a link, even if nothing uses it")
                .help("delete the link, or replace it with a relative link to a file of this repository"),
        );
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn targets_are_followed_step_by_step() {
        let root = Path::new("/r");
        for (link, target, expected) in [
            ("/r/a", "b", false),
            ("/r/a", "/r/b", true),
            ("/r/a", "..", true),
            ("/r/a", "../r/b", true),
            ("/r/a", ".", false),
            ("/r/d/a", "..", false),
            ("/r/d/a", "../b", false),
            ("/r/d/a", "../../r/b", true),
            ("/r/d/a", "x/../../../b", true),
            ("/r/d/a", "./../missing/x", false),
            ("/r/d/a", "", false),
        ] {
            assert_eq!(leads_out(root, Path::new(link), Path::new(target)), expected, "{link} -> {target}");
        }
    }

    #[test]
    fn links_anywhere_are_found_but_not_in_git_and_ignored_directories() {
        let root = tempfile::tempdir().expect("temporary directory");
        let root = root.path();
        for folder in [".git", "a/b", "target", "sub/.git"] {
            std::fs::create_dir_all(root.join(folder)).expect("directory");
            symlink("/usr/bin/env", root.join(folder).join("env")).expect("link");
        }
        symlink("../fine", root.join("a/fine")).expect("link");
        symlink("..", root.join("up")).expect("link");
        symlink("a", root.join("folder")).expect("link");
        let found = find(root, &|path| path.ends_with("target"));
        let found: Vec<String> = found.iter().map(|path| toolbox::inputs::name(root, path)).collect();
        assert_eq!(found, ["a/b/env", "sub/.git/env", "up"]);
        assert_eq!(report(root, &[root.join("a/b/env")]).0.len(), 1);
    }
}
