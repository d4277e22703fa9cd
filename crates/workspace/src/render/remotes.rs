//! Puts remote bases and files next to the private copy of a build, and makes the kustomizations refer to them there.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use diagnostics::{Code, Diagnostic, Result};
use document::edit::{self, Edit};
use kustomize::inspect::Inspection;
use kustomize::stage::Stage;
use toolbox::atomic_file;

use crate::remote_base::RemoteBase;

/// Adds what kustomizations below `root`, a directory of the copy, would download. `count` numbers everything that is added.
pub(super) fn add(
    stage: &Stage,
    root: &Path,
    inspection: &Inspection,
    remotes: &[RemoteBase],
    count: &mut usize,
) -> Result<()> {
    let mut edits: BTreeMap<&str, Vec<Edit>> = BTreeMap::new();
    for one in remotes {
        *count += 1;
        let file = one.remote.place.source.name.as_str();
        let from = root.join(file).parent().unwrap_or(root).to_path_buf();
        let path = if let Some(base) = &one.inspection {
            let copy = stage.import(&one.root, &one.path, base, *count)?;
            add(stage, &copy, base, &one.remotes, count)?;
            relative(&from, &copy.join(one.path.strip_prefix(&one.root).unwrap_or(&one.path)))
        } else {
            // Kustomize reads no files outside of the directory of the kustomization. The name of the file may become a key.
            let name = one.remote.address.split('?').next().unwrap_or_default();
            let name = name.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("file");
            let path = PathBuf::from(format!(".remote-{count}")).join(name);
            let bytes =
                toolbox::regular_file::read(&one.path).map_err(|error| Diagnostic::io("read", &one.path, &error))?;
            write(&from.join(&path), &bytes)?;
            path
        };
        let place = &one.remote.place;
        let Some(span) = place.span.clone() else { continue };
        let written = edit::written(&place.source.text, span);
        let old = place.source.text.get(written.clone()).unwrap_or_default();
        let new = old.replace(&one.remote.address, &path.to_string_lossy());
        if new == old {
            let message = format!("`{}` cannot be replaced in the kustomization", one.remote.address);
            return Err(Diagnostic::new(Code::KustomizeRefused, message)
                .at(place.clone(), "")
                .help("write the address in one line, without escapes")
                .into());
        }
        edits.entry(file).or_default().push(Edit::new(written, new));
    }
    for (file, edits) in edits {
        let Some(kustomization) = inspection.kustomizations.iter().find(|one| one.source.name == file) else {
            continue;
        };
        if let Some(text) = edit::apply(&kustomization.source.text, &edits) {
            write(&root.join(file), text.as_bytes())?;
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    // Through a link, the file that it leads to.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    atomic_file::write(&path, bytes)
}

/// The path of a directory as seen from another one, both absolute and without links.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components()).take_while(|(from, to)| from == to).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_from_one_directory_to_another() {
        for (from, to, expected) in
            [("/a/b/c", "/a/d", "../../d"), ("/a", "/a/b/c", "b/c"), ("/a/b", "/c", "../../c"), ("/a", "/a", "")]
        {
            assert_eq!(relative(Path::new(from), Path::new(to)), Path::new(expected));
        }
    }
}
