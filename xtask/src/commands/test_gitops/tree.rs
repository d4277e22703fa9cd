//! The files of the work tree as Argo CD would get them: committed or not, without ignored ones, and with the pinned
//! archives of dependencies.

use std::collections::BTreeMap;
use std::path::Path;

use cluster::scenario::gitops::Change;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use toolbox::pack::Entry;
use workspace::{Workspace, find};

/// The files of a repository.
pub(super) type Files = BTreeMap<String, Entry>;

/// Reads the files of the work tree.
pub(super) fn read(root: &Path) -> Result<Files> {
    let mut files = Files::new();
    for path in find::tracked(root) {
        files.insert(path.clone(), entry(&root.join(&path))?);
    }
    Ok(files)
}

/// The archives of pinned dependencies, which are in charts/ of their charts but usually ignored.
pub(super) fn archives(root: &Path, workspace: &Workspace) -> Result<Files> {
    let mut files = Files::new();
    for folder in workspace.chart_folders() {
        let entries = std::fs::read_dir(folder.join("charts")).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "tgz")) {
            files.insert(toolbox::inputs::name(root, &path), entry(&path)?);
        }
    }
    Ok(files)
}

fn entry(path: &Path) -> Result<Entry> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |error: std::io::Error| Diagnostic::io("read", path, &error);
    let metadata = std::fs::symlink_metadata(path).map_err(failed)?;
    if metadata.is_symlink() {
        let target = std::fs::read_link(path).map_err(failed)?;
        return Ok(Entry::Link(target.to_string_lossy().into_owned()));
    }
    let executable = metadata.permissions().mode() & 0o111 != 0;
    Ok(Entry::File { content: toolbox::regular_file::read(path).map_err(failed)?, executable })
}

/// Applies changes to files. Returns the files that were written, and the paths that were deleted.
pub(super) fn change(files: &mut Files, changes: &[Change]) -> Result<(Vec<String>, Vec<String>)> {
    let (mut written, mut deleted) = (Vec::new(), Vec::new());
    let mut diagnostics = Diagnostics::default();
    let mut invalid = |message: String| diagnostics.push(Diagnostic::new(Code::ScenarioInvalid, message));
    for change in changes {
        match change {
            Change::Replace { file, text, with } => {
                let Some(Entry::File { content, .. }) = files.get_mut(file) else {
                    invalid(format!("`commit` changes `{file}`, which is not a file of the repository"));
                    continue;
                };
                let old = String::from_utf8_lossy(content).into_owned();
                match old.matches(text.as_str()).count() {
                    1 => {
                        *content = old.replacen(text.as_str(), with, 1).into_bytes();
                        written.push(file.clone());
                    }
                    count => invalid(format!("`{text}` occurs {count} times in `{file}`, but `commit` replaces one")),
                }
            }
            Change::Write { file, text } => {
                files.insert(file.clone(), Entry::File { content: text.clone().into_bytes(), executable: false });
                written.push(file.clone());
            }
            Change::Delete { file } => {
                let before = files.len();
                files.retain(|path, _| path != file && !path.starts_with(&format!("{file}/")));
                if files.len() == before {
                    invalid(format!("`commit` deletes `{file}`, which is not in the repository"));
                }
                deleted.push(file.clone());
            }
        }
    }
    diagnostics.into_result((written, deleted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_name_what_they_write_and_delete() {
        let file = |text: &str| Entry::File { content: text.as_bytes().to_vec(), executable: false };
        let mut files: Files =
            [("a".to_owned(), file("x: 1\n")), ("b/c".to_owned(), file("")), ("b/d".to_owned(), file(""))].into();
        let own = str::to_owned;
        let changes = [
            Change::Replace { file: own("a"), text: own("1"), with: own("2") },
            Change::Write { file: own("e"), text: own("new") },
            Change::Delete { file: own("b") },
        ];
        let (written, deleted) = change(&mut files, &changes).expect("valid");
        assert_eq!((written, deleted), (vec![own("a"), own("e")], vec![own("b")]));
        assert_eq!(files, [(own("a"), file("x: 2\n")), (own("e"), file("new"))].into());

        let wrong =
            [Change::Replace { file: own("a"), text: own("3"), with: own("2") }, Change::Delete { file: own("gone") }];
        let found = change(&mut files, &wrong).expect_err("invalid");
        let messages: Vec<_> = found.0.into_iter().map(|one| one.message).collect();
        assert_eq!(
            messages,
            [
                "`3` occurs 0 times in `a`, but `commit` replaces one",
                "`commit` deletes `gone`, which is not in the repository"
            ]
        );
    }
}
