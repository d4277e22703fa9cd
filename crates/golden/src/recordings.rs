//! All goldens of a workspace, read at once: those in its files, or those of a commit.
//!
//! Git names the contents of files, so a golden that two revisions have in common is read once.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Result};
use toolbox::git::Repository;
use toolbox::git_object;
use toolbox::parallel::{cores, parallel};
use toolbox::{inputs, regular_file};
use workspace::target::TargetId;

use crate::goldens::Golden;
use crate::lock::{self, Lock};
use crate::store::{self, FOLDER};

/// The goldens of a workspace.
#[derive(Debug, Default)]
pub enum Recordings {
    /// Each target's are read when they are asked for.
    #[default]
    Unread,
    /// All of them.
    Read(BTreeMap<TargetId, Arc<Golden>>),
}

impl Recordings {
    /// Reads all goldens in the files of a workspace.
    pub fn in_files(root: &Path) -> Result<Self> {
        let base = root.join(FOLDER);
        let mut contents = BTreeMap::new();
        if base.is_dir() {
            let files = store::files(&base)?;
            let read = parallel(cores(), &files, |file| {
                regular_file::read(file).map_err(|error| Diagnostics::from(Diagnostic::io("read", file, &error)))
            });
            for (file, bytes) in files.iter().zip(read) {
                contents.insert(inputs::name(&base, file), bytes?);
            }
        }
        let mut goldens: BTreeMap<TargetId, Golden> = BTreeMap::new();
        for (path, bytes) in contents {
            insert(&mut goldens, &path, bytes);
        }
        Ok(Self::Read(share(goldens)))
    }

    /// Reads all goldens of a commit, given the objects with their contents by path. Those that are also in `known` are not
    /// read again.
    pub fn in_commit(repository: &Repository, objects: &BTreeMap<String, String>, known: &Self) -> Result<Self> {
        let mut folders: BTreeMap<TargetId, BTreeMap<&str, &str>> = BTreeMap::new();
        for (path, object) in objects {
            let inside = path.strip_prefix(FOLDER).and_then(|path| path.strip_prefix('/'));
            if let Some((id, file)) = inside.and_then(parts) {
                folders.entry(id).or_default().insert(file, object);
            }
        }
        let length = objects.values().map(String::len).next().unwrap_or_default();
        let mut by_object: HashMap<String, &[u8]> = HashMap::new();
        let mut goldens: BTreeMap<TargetId, Arc<Golden>> = BTreeMap::new();
        if let Self::Read(known) = known {
            let goldens_now: Vec<(&TargetId, &Arc<Golden>)> = known.iter().collect();
            let names = parallel(cores(), &goldens_now, |(_, golden)| -> BTreeMap<&str, String> {
                golden.all().map(|(file, bytes)| (file, git_object::name(bytes, length))).collect()
            });
            for ((id, golden), named) in goldens_now.into_iter().zip(names) {
                let here = folders.get(id);
                let same = here.is_some_and(|here| {
                    here.len() == named.len()
                        && here.iter().all(|(file, object)| named.get(file).is_some_and(|name| name == object))
                });
                if same {
                    goldens.insert(id.clone(), Arc::clone(golden));
                    folders.remove(id);
                }
                by_object.extend(golden.all().filter_map(|(file, bytes)| Some((named.get(file)?.clone(), bytes))));
            }
        }
        let unknown = folders.values().flat_map(BTreeMap::values).filter(|object| !by_object.contains_key(**object));
        let unknown: Vec<&str> = unknown.copied().collect();
        let contents = repository.contents(&unknown)?;
        let mut read: BTreeMap<TargetId, Golden> = BTreeMap::new();
        for (id, files) in folders {
            for (file, object) in files {
                let found = by_object.get(object).copied().or_else(|| contents.get(object).map(Vec::as_slice));
                // An object that is not in this clone makes the target stale, because its lock names the file.
                let Some(bytes) = found else { continue };
                insert(&mut read, &format!("{id}/{file}"), bytes.to_vec());
            }
        }
        goldens.extend(share(read));
        Ok(Self::Read(goldens))
    }

    /// The goldens of a target.
    pub fn of(&self, root: &Path, id: &TargetId) -> Result<Arc<Golden>> {
        match self {
            Self::Unread => Golden::load(root, id).map(Arc::new),
            Self::Read(goldens) => Ok(goldens
                .get(id)
                .cloned()
                .unwrap_or_else(|| Arc::new(Golden { folder: folder(id), ..Golden::default() }))),
        }
    }
}

impl Golden {
    /// The contents of all files, also of render.lock.
    fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let lock = self.lock_text.as_deref().map(|text| (lock::FILE, text));
        lock.into_iter().chain(self.files.iter().map(|(file, bytes)| (file.as_str(), bytes.as_slice())))
    }
}

/// The target of a golden, and the name of the file.
fn parts(path: &str) -> Option<(TargetId, &str)> {
    let mut parts = path.splitn(3, '/');
    let (app, case, file) = (parts.next()?, parts.next()?, parts.next()?);
    Some((TargetId { app: app.to_owned(), case: case.to_owned() }, file))
}

fn insert(goldens: &mut BTreeMap<TargetId, Golden>, path: &str, bytes: Vec<u8>) {
    let Some((id, file)) = parts(path) else { return };
    let golden = goldens.entry(id.clone()).or_insert_with(|| Golden { folder: folder(&id), ..Golden::default() });
    if file == lock::FILE {
        golden.lock = std::str::from_utf8(&bytes).ok().and_then(Lock::parse);
        golden.lock_text = Some(bytes);
    } else {
        golden.files.insert(file.to_owned(), bytes);
    }
}

fn folder(id: &TargetId) -> String {
    format!("{FOLDER}/{id}")
}

fn share(goldens: BTreeMap<TargetId, Golden>) -> BTreeMap<TargetId, Arc<Golden>> {
    goldens.into_iter().map(|(id, golden)| (id, Arc::new(golden))).collect()
}
