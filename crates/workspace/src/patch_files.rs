//! Files that are patches of kustomizations. They look like manifests, but define nothing.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use kustomize::inspect::clean;
use kustomize::kustomization::{Kustomization, NAMES, Role};

/// The kustomizations around files, read once.
#[derive(Debug, Default)]
pub(crate) struct PatchFiles(RefCell<HashMap<PathBuf, Rc<Files>>>);

/// The files of a kustomization.
#[derive(Debug, Default)]
struct Files {
    patches: HashSet<PathBuf>,
    resources: HashSet<PathBuf>,
}

impl PatchFiles {
    /// Whether the kustomizations in the directories around a file use it as a patch, and none of them as a resource.
    pub(crate) fn contain(&self, root: &Path, path: &Path) -> bool {
        let folders: Vec<&Path> = path.ancestors().skip(1).take_while(|folder| folder.starts_with(root)).collect();
        let around: Vec<Rc<Files>> = folders.into_iter().map(|folder| self.of(root, folder)).collect();
        around.iter().any(|one| one.patches.contains(path)) && !around.iter().any(|one| one.resources.contains(path))
    }

    fn of(&self, root: &Path, folder: &Path) -> Rc<Files> {
        let known = self.0.borrow().get(folder).cloned();
        known.unwrap_or_else(|| {
            let files = Rc::new(read(root, folder));
            self.0.borrow_mut().insert(folder.to_path_buf(), Rc::clone(&files));
            files
        })
    }
}

fn read(root: &Path, folder: &Path) -> Files {
    let mut files = Files::default();
    let path = NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    let Some(source) = path.and_then(|path| toolbox::source::read(root, &path).ok()) else { return files };
    for reference in Kustomization::new(folder, &source).references() {
        let path = clean(&folder.join(&reference.text));
        match reference.role {
            Role::File => drop(files.patches.insert(path)),
            _ => drop(files.resources.insert(path)),
        }
    }
    files
}
