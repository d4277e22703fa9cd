//! Symbolic links on the paths that this tool writes to.
//!
//! A link in a repository may lead anywhere, and following one would write or delete files outside of the repository.

use std::path::Path;

use diagnostics::{Code, Diagnostic, Place, Result};

/// Fails if a part of a path below `root` is a symbolic link. Parts that do not exist are fine.
pub fn refuse(root: &Path, path: &Path) -> Result<()> {
    let Ok(below) = path.strip_prefix(root) else { return Ok(()) };
    let mut part = root.to_path_buf();
    for name in below {
        part.push(name);
        if part.is_symlink() {
            let name = crate::inputs::name(root, &part);
            return Err(Diagnostic::new(Code::EditRefused, format!("`{name}` is a symbolic link"))
                .at(Place::file(&name), "")
                .note("files are not written or deleted through a link, which may lead out of the repository")
                .help("replace it with a directory")
                .into());
        }
    }
    Ok(())
}

/// Fails if a path below `root` leads out of it through symbolic links. Links inside of the repository are fine.
pub fn refuse_outside(root: &Path, path: &Path) -> Result<()> {
    let existing = path.ancestors().find(|part| part.symlink_metadata().is_ok()).unwrap_or(root);
    let real = existing.canonicalize().map_err(|error| Diagnostic::io("resolve", existing, &error))?;
    let inside = root.canonicalize().is_ok_and(|root| real.starts_with(root));
    if inside {
        return Ok(());
    }
    let name = crate::inputs::name(root, path);
    Err(Diagnostic::new(Code::EditRefused, format!("`{name}` leads out of the repository"))
        .at(Place::file(&name), "")
        .note(format!("it is `{}`", real.display()))
        .help("replace the symbolic link with a file or a directory")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_root_are_refused() {
        let (root, other) = (tempfile::tempdir().expect("directory"), tempfile::tempdir().expect("directory"));
        let root = root.path();
        std::fs::create_dir_all(root.join("a")).expect("directory");
        for (link, target) in
            [("in", root.join("a")), ("out", other.path().to_path_buf()), ("device", "/dev/null".into())]
        {
            std::os::unix::fs::symlink(target, root.join(link)).expect("link");
        }
        for (path, expected) in
            [("a/b/c", true), ("in/b", true), ("out", false), ("out/b/c", false), ("device", false), ("../x", false)]
        {
            assert_eq!(refuse_outside(root, &root.join(path)).is_ok(), expected, "{path}");
        }
    }

    #[test]
    fn links_below_the_root_are_refused() {
        let root = tempfile::tempdir().expect("temporary directory");
        let (root, link) = (root.path(), root.path().join("a/link"));
        std::fs::create_dir_all(root.join("a")).expect("directory");
        std::os::unix::fs::symlink("/", &link).expect("link");
        assert!(refuse(root, &root.join("a/b/c")).is_ok());
        assert!(refuse(&link, &link.join("tmp")).is_ok(), "the root itself may be reached through a link");
        for path in ["a/link", "a/link/b/c"] {
            let found = refuse(root, &root.join(path)).expect_err("a link");
            assert_eq!(found.0[0].message, "`a/link` is a symbolic link");
        }
    }
}
