//! `--output DIR`: writes rendered objects for other programs, in the layout of the goldens.
//!
//! Each target's directory contains a list of the written files, so that the next run can replace exactly those. If a
//! directory contains any other file, nothing is written.
//!
//! Each file is replaced atomically, and the list contains a file before it is written, so that after an interrupted run the
//! same command completes the directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use golden::store;
use toolbox::{atomic_file, inputs, links};
use workspace::{CHARTS_LOCK_FILE, CONFIG_FILE, TOOLS_LOCK_FILE};

/// The file that lists the files written into a directory.
const LIST: &str = ".rendered";

/// Writes directories (`<app>/<case>`) of files below `base`.
pub fn write(root: &Path, base: &Path, folders: &BTreeMap<String, BTreeMap<String, Vec<u8>>>) -> Result<()> {
    let mut diagnostics = Diagnostics::default();
    let base = std::path::absolute(base).unwrap_or_else(|_| base.to_path_buf());
    // Links outside of the repository are those of this machine.
    links::refuse(root, &base)?;
    for folder in folders.keys() {
        diagnostics.extend(links::refuse(&base, &base.join(folder)).err().unwrap_or_default());
        diagnostics.extend(reserved(root, &base.join(folder)).err().unwrap_or_default());
        if diagnostics.has_errors() {
            break;
        }
        diagnostics.extend(foreign(root, &base.join(folder)).err().unwrap_or_default());
    }
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    for (folder, files) in folders {
        replace(&base.join(folder), files)?;
    }
    Ok(())
}

/// Replaces the files of a directory that an earlier run wrote.
fn replace(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let list = folder.join(LIST);
    let lines = |names: &BTreeSet<String>| names.iter().map(|name| format!("{name}\n")).collect::<String>();
    let names: BTreeSet<String> = files.keys().cloned().collect();
    let former = written(folder);
    atomic_file::write(&list, lines(&former.union(&names).cloned().collect()).as_bytes())?;
    for (name, bytes) in files {
        atomic_file::write(&folder.join(name), bytes)?;
    }
    // Only what is in the directory, whatever the list says.
    for file in store::files(folder)? {
        let name = inputs::name(folder, &file);
        if former.contains(&name) && !names.contains(&name) {
            std::fs::remove_file(&file).map_err(|error| Diagnostic::io("remove", &file, &error))?;
        }
    }
    atomic_file::write(&list, lines(&names).as_bytes())
}

/// The files that an earlier run wrote.
fn written(folder: &Path) -> BTreeSet<String> {
    let list = toolbox::regular_file::read_to_string(folder.join(LIST)).unwrap_or_default();
    list.lines().map(str::to_owned).collect()
}

/// Fails if a directory belongs to the goldens, to a chart, or to Git.
fn reserved(root: &Path, folder: &Path) -> Result<()> {
    let Some(owner) = owner(root, folder) else { return Ok(()) };
    let message = format!("the output directory `{}` {owner}", inputs::name(root, folder));
    Err(Diagnostic::new(Code::OutputRefused, message)
        .help("choose a directory of its own, such as `target/rendered`")
        .into())
}

/// Fails if a file of a report is one of this tool's own, or in a directory of the goldens, of a chart, or of Git.
pub(crate) fn reserved_file(root: &Path, file: &Path) -> Result<()> {
    let own = [CONFIG_FILE, CHARTS_LOCK_FILE, TOOLS_LOCK_FILE];
    let owner = match own.iter().find(|own| resolved(file) == resolved(&root.join(own))) {
        Some(_) => "is read by this tool",
        None => match owner(root, file.parent().unwrap_or(file)) {
            Some(owner) => owner,
            None => return Ok(()),
        },
    };
    let message = format!("`{}`, where a report would be written, {owner}", inputs::name(root, file));
    Err(Diagnostic::new(Code::OutputRefused, message).help("choose another file, such as `target/report.html`").into())
}

/// What a directory belongs to: a predicate.
fn owner(root: &Path, folder: &Path) -> Option<&'static str> {
    let (real, base) = (resolved(folder), resolved(root));
    let chart = |folder: &&Path| folder.join("Chart.yaml").symlink_metadata().is_ok();
    if real.starts_with(resolved(&root.join(store::FOLDER))) {
        Some("contains the goldens")
    } else if real.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git")) {
        Some("belongs to Git")
    } else if real.ancestors().find(chart).is_some_and(|chart| chart != base || of_root_chart(&real, &base)) {
        Some("belongs to a chart")
    } else {
        None
    }
}

/// Whether a directory is what a chart in the root of the repository is made of. Its other directories are not only the
/// chart's.
fn of_root_chart(real: &Path, root: &Path) -> bool {
    let first = real.strip_prefix(root).ok().and_then(|path| path.components().next());
    first.is_none_or(|first| ["charts", "crds", "templates"].iter().any(|own| first.as_os_str() == *own))
}

/// A path without links and `..`, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let mut real = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(real.pop()),
            Component::CurDir => {}
            _ => real.push(part),
        }
        real = real.canonicalize().unwrap_or(real);
    }
    real
}

/// Fails if a directory contains a file that no earlier run wrote.
fn foreign(root: &Path, folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let written = written(folder);
    for file in store::files(folder)? {
        let name = inputs::name(folder, &file);
        if !written.contains(&name) && name != LIST && !atomic_file::is_staged(&name) {
            let message = "the output directory contains a file that this tool did not write";
            return Err(Diagnostic::new(Code::OutputRefused, message)
                .at(Place::file(inputs::name(root, &file)), "")
                .help("choose an empty directory, or remove this file")
                .into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_its_own_files_and_rejects_others() {
        let base = tempfile::tempdir().expect("temporary directory");
        let folders = |name: &str| -> BTreeMap<String, BTreeMap<String, Vec<u8>>> {
            [("a/default".to_owned(), [(name.to_owned(), b"x".to_vec())].into())].into()
        };
        write(base.path(), base.path(), &folders("one.yaml")).expect("writes");
        write(base.path(), base.path(), &folders("two.yaml")).expect("writes");
        let folder = base.path().join("a/default");
        assert!(!folder.join("one.yaml").exists() && folder.join("two.yaml").exists());
        std::fs::write(base.path().join("other.txt"), "precious").expect("writes");
        std::fs::write(folder.join(LIST), "../../other.txt\ntwo.yaml\n").expect("writes");
        write(base.path(), base.path(), &folders("two.yaml")).expect("writes");
        assert!(base.path().join("other.txt").exists(), "a list names only files of its directory");
        std::fs::write(folder.join("mine.txt"), "precious").expect("writes");
        std::fs::write(folder.join(".xtask-killed"), "half").expect("writes");
        let error = write(base.path(), base.path(), &folders("three.yaml")).expect_err("foreign");
        assert_eq!(error.0[0].code, Code::OutputRefused);
        assert!(folder.join("two.yaml").exists() && folder.join("mine.txt").exists());
    }
}
