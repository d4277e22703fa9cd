//! The goldens of another revision, read from Git's objects: no checkout, and nothing is rendered.
//!
//! A revision whose goldens are fresh against its own tree is its own render. Whether they are is not checked: that would
//! need the files of that revision, and its dependencies. The checks of that revision have reported stale goldens; where
//! they were ignored, objects are compared with the last accepted render instead of what is running.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::Result;
use kubernetes::object::{self, Home, Object};
use toolbox::git::Repository;
use workspace::target::DEFAULT_CASE;

use crate::goldens::Golden;
use crate::lock;
use crate::store::FOLDER;

/// The goldens of the Applications themselves, not of their cases, in a commit.
#[derive(Debug)]
pub struct Goldens {
    /// The revision as messages call it.
    name: String,
    applications: BTreeMap<String, Recording>,
}

/// The goldens of an Application.
#[derive(Debug, Default)]
struct Recording {
    /// The names of all files.
    files: BTreeSet<String>,
    /// The contents of those that were read.
    read: BTreeMap<String, Vec<u8>>,
}

impl Goldens {
    /// Reads the goldens of a commit, which messages call by a name, except for the files of Applications that are known
    /// to be the same now.
    pub fn read(repository: &Repository, commit: &str, name: &str, same: &dyn Fn(&str, &str) -> bool) -> Result<Self> {
        let mut applications: BTreeMap<String, Recording> = BTreeMap::new();
        let files = repository.files(commit, &[FOLDER])?;
        let mut wanted = Vec::new();
        for (path, blob) in &files {
            let parts: Vec<&str> = path.strip_prefix(FOLDER).unwrap_or_default().split('/').collect();
            let [_, app, DEFAULT_CASE, file] = parts[..] else { continue };
            let recording = applications.entry(app.to_owned()).or_default();
            if file == lock::FILE {
                continue;
            }
            recording.files.insert(file.to_owned());
            if !same(app, file) {
                wanted.push((app, file, blob.as_str()));
            }
        }
        let blobs: Vec<&str> = wanted.iter().map(|(.., blob)| *blob).collect();
        let contents = repository.contents(&blobs)?;
        for (app, file, blob) in wanted {
            if let (Some(recording), Some(content)) = (applications.get_mut(app), contents.get(blob)) {
                recording.read.insert(file.to_owned(), content.clone());
            }
        }
        Ok(Self { name: name.to_owned(), applications })
    }

    /// The names of the Applications with goldens.
    pub fn applications(&self) -> impl Iterator<Item = &str> {
        self.applications.keys().map(String::as_str)
    }

    /// Whether an Application has this file, and it is the same now.
    #[must_use]
    pub fn is_same(&self, app: &str, file: &str) -> bool {
        let recording = self.applications.get(app);
        recording.is_some_and(|recording| recording.files.contains(file) && !recording.read.contains_key(file))
    }

    /// The objects of the files that were read, for an Application with a namespace. `template_file` finds the file of a
    /// template.
    #[must_use]
    pub fn objects(&self, app: &str, namespace: &str, template_file: &dyn Fn(&str) -> Option<String>) -> Vec<Object> {
        let Some(recording) = self.applications.get(app) else { return Vec::new() };
        let golden = Golden { files: recording.read.clone(), ..Golden::default() };
        let target = format!("{app}/{DEFAULT_CASE}");
        let objects = golden.recorded(namespace).into_iter().flat_map(|recorded| {
            let file = template_file(&recorded.manifest.template);
            let source = format!("{FOLDER}/{target}/{} (at {})", recorded.file, self.name);
            let home =
                Home { target: &target, source: &source, golden: &recorded.file, template_file: file.as_deref() };
            object::of_manifest(&home, &recorded.manifest)
        });
        objects.collect()
    }
}
