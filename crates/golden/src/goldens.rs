//! Goldens: the recorded manifests of each target, whether they are fresh, and how they differ from a render.
//!
//! `tests/golden/<app>/<case>/` contains one file per object and a render.lock with the digest of every input and golden.
//! A target whose inputs and goldens match its render.lock is fresh, which is known without running anything.
//!
//! [`store`] writes goldens; diff.rs shows the differences.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use diagnostics::{Diagnostic, Result};
use kubernetes::applied;
use kubernetes::manifest;
use kubernetes::manifest::{ObjectKey, Recorded};
use toolbox::archive::sha256;
use toolbox::inputs;
use toolbox::inputs::Inputs;
use workspace::target::TargetId;

use crate::lock::{self, Lock};
use crate::renames;
use crate::store::{self, FOLDER};

/// The goldens of one target.
#[derive(Debug, Default)]
pub struct Golden {
    /// Their directory, relative to the root.
    pub folder: String,
    /// Contents by file name, without render.lock.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The render.lock, if it is readable.
    pub lock: Option<Lock>,
    /// The text of render.lock, if all goldens were read at once.
    pub lock_text: Option<Vec<u8>>,
    /// What does not match the lock, once it was asked for: two revisions may share the goldens.
    pub(crate) edited: OnceLock<Vec<(String, &'static str)>>,
}

/// A difference between the goldens and a render, for one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Rendered but not recorded.
    Added(Recorded),
    /// Recorded but no longer rendered.
    Removed(Recorded),
    /// Rendered with a different text.
    Modified(Recorded, Recorded),
    /// Rendered under another name: same kind and nearly the same text.
    Renamed(Recorded, Recorded),
}

impl Golden {
    /// Goldens without a lock.
    #[must_use]
    pub fn of(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self { files, ..Self::default() }
    }

    /// Reads the goldens of a target. A missing directory counts as empty.
    pub fn load(root: &Path, id: &TargetId) -> Result<Self> {
        let folder = format!("{FOLDER}/{}/{}", id.app, id.case);
        let path = root.join(&folder);
        let mut golden = Self { folder, ..Self::default() };
        if !path.is_dir() {
            return Ok(golden);
        }
        for file in store::files(&path)? {
            let name = inputs::name(&path, &file);
            let bytes = toolbox::regular_file::read(&file).map_err(|error| Diagnostic::io("read", &file, &error))?;
            if name == lock::FILE {
                golden.lock = std::str::from_utf8(&bytes).ok().and_then(Lock::parse);
            } else {
                golden.files.insert(name, bytes);
            }
        }
        Ok(golden)
    }

    /// The reasons why the target must be rendered. Empty if it is fresh.
    #[must_use]
    pub fn stale(&self, inputs: &Inputs) -> Vec<String> {
        let Some(lock) = &self.lock else {
            return vec![if self.files.is_empty() { "not recorded yet" } else { "no readable render.lock" }.to_owned()];
        };
        let mut reasons = changed(&lock.inputs, inputs);
        reasons.extend(self.edited().iter().map(|(file, what)| format!("{}/{file} {what}", self.folder)));
        reasons
    }

    /// Drops the contents of the files, and what they were rendered from.
    pub fn forget(&mut self) {
        let _ = self.edited();
        self.files = BTreeMap::new();
        if let Some(lock) = &mut self.lock {
            *lock = Lock::default();
        }
    }

    /// The goldens that do not match render.lock, each with what happened to it.
    #[must_use]
    pub fn edited(&self) -> &[(String, &'static str)] {
        self.edited.get_or_init(|| self.find_edited())
    }

    fn find_edited(&self) -> Vec<(String, &'static str)> {
        let Some(lock) = &self.lock else { return Vec::new() };
        let recorded = lock.outputs.keys().map(|name| &**name);
        let names: BTreeSet<&str> = recorded.chain(self.files.keys().map(String::as_str)).collect();
        let mut edited = Vec::new();
        for name in names {
            match (lock.outputs.get(name), self.files.get(name)) {
                (Some(_), None) => edited.push((name.to_owned(), "deleted")),
                (None, Some(_)) => edited.push((name.to_owned(), "unknown")),
                (Some(digest), Some(bytes)) if **digest != digest_of(bytes) => edited.push((name.to_owned(), "edited")),
                _ => {}
            }
        }
        edited
    }

    /// The recorded manifests of a release in a namespace, sorted by file name. Unreadable files are left out.
    #[must_use]
    pub fn recorded(&self, namespace: &str) -> Vec<Recorded> {
        self.recorded_in(namespace, &|_, _| true)
    }

    /// The recorded manifests in some of the files.
    #[must_use]
    pub fn recorded_in(&self, namespace: &str, wanted: &dyn Fn(&str, &[u8]) -> bool) -> Vec<Recorded> {
        let files = self.files.iter().filter(|(file, bytes)| wanted(file, bytes));
        let mut recorded: Vec<Recorded> =
            files.filter_map(|(file, bytes)| read(file, &String::from_utf8_lossy(bytes), namespace)).collect();
        if let Some(lock) = self.lock.as_ref().filter(|lock| !lock.replaced.is_empty()) {
            for one in &mut recorded {
                one.manifest.replaced =
                    lock.replaced.get(one.file.as_str()).map(|names| lock::names(names)).unwrap_or_default();
            }
        }
        recorded
    }

    /// Compares the goldens with a render into a namespace. Empty if every file matches. Unreadable files count as not
    /// recorded.
    #[must_use]
    pub fn compare(&self, rendered: &[Recorded], namespace: &str) -> Vec<Change> {
        let expected: BTreeMap<&str, &str> =
            rendered.iter().map(|new| (new.file.as_str(), new.manifest.text.as_str())).collect();
        let same = expected.len() == self.files.len()
            && expected.iter().all(|(name, text)| self.files.get(*name).is_some_and(|bytes| bytes == text.as_bytes()));
        if same {
            return Vec::new();
        }
        changes(self.recorded(namespace), rendered)
    }
}

/// The manifest in a golden; `None` if it cannot be read.
pub(crate) fn read(file: &str, text: &str, namespace: &str) -> Option<Recorded> {
    let mut manifest = manifest::read_golden(text, namespace)?;
    if manifest.items.is_some() {
        // A list has no name of its own; its file name contains its position in the template.
        let prefix = format!("{}-", manifest.key.kind.to_lowercase());
        let stem = file.strip_suffix(".yaml").unwrap_or(file);
        stem.strip_prefix(&prefix).unwrap_or(stem).clone_into(&mut manifest.key.name);
    }
    applied::restore_number(&mut manifest.key, file);
    Some(Recorded { file: file.to_owned(), manifest })
}

/// Compares two renders, object by object.
#[must_use]
pub fn changes(before: Vec<Recorded>, after: &[Recorded]) -> Vec<Change> {
    let mut before: BTreeMap<ObjectKey, Recorded> =
        before.into_iter().map(|recorded| (recorded.manifest.key.clone(), recorded)).collect();
    let mut changes = Vec::new();
    let mut added = Vec::new();
    for new in after {
        match before.remove(&new.manifest.key) {
            None => added.push(new.clone()),
            Some(old) if old.manifest.text == new.manifest.text && old.file == new.file => {}
            Some(old) => changes.push(Change::Modified(old, new.clone())),
        }
    }
    let removed: Vec<Recorded> = before.into_values().collect();
    let renames::Paired { pairs, removed, added } = renames::pair(removed, added);
    changes.extend(pairs.into_iter().map(|(old, new)| Change::Renamed(old, new)));
    changes.extend(removed.into_iter().map(Change::Removed));
    changes.extend(added.into_iter().map(Change::Added));
    changes.sort_by(|left, right| left.sort_key().cmp(&right.sort_key()));
    changes
}

impl Change {
    fn sort_key(&self) -> (&ObjectKey, u8) {
        match self {
            Self::Modified(_, new) | Self::Renamed(_, new) => (&new.manifest.key, 0),
            Self::Removed(old) => (&old.manifest.key, 1),
            Self::Added(new) => (&new.manifest.key, 2),
        }
    }
}

/// The inputs that differ from the recorded ones, as reasons for rendering.
fn changed(recorded: &Inputs, now: &Inputs) -> Vec<String> {
    let names: BTreeSet<&str> = recorded.keys().chain(now.keys()).map(|name| &**name).collect();
    let mut reasons = Vec::new();
    for name in names {
        match (recorded.get(name), now.get(name)) {
            (None, Some(_)) => reasons.push(format!("{name} is new")),
            (Some(_), None) => reasons.push(format!("{name} was removed")),
            (Some(old), Some(new)) if old != new => reasons.push(match name {
                "helm" | "kubernetes" => format!("{name} {old} → {new}"),
                "application" => "the Application changed".to_owned(),
                _ => format!("{name} changed"),
            }),
            _ => {}
        }
    }
    reasons
}

/// The digest of a golden, as recorded in render.lock.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(kind: &str, name: &str, body: &str) -> Recorded {
        let text = format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}\n{body}");
        Recorded {
            file: format!("{}-{name}.yaml", kind.to_lowercase()),
            manifest: manifest::read_golden(&text, "ns").expect("an object"),
        }
    }

    fn golden(records: &[Recorded]) -> Golden {
        let files = records.iter().map(|record| (record.file.clone(), record.manifest.text.clone().into_bytes()));
        Golden { files: files.collect(), ..Golden::default() }
    }

    #[test]
    fn objects_are_paired_by_identity() {
        let old = [recorded("Service", "a", "x: 1\n"), recorded("Service", "b", "x: 2\n")];
        let new = [recorded("Service", "b", "x: 2\n"), recorded("Service", "a", "x: 1\n")];
        assert_eq!(golden(&old).compare(&new, "ns"), []);
    }

    #[test]
    fn a_renamed_object_is_one_change() {
        let body = "spec:\n  a: one\n  b: two\n  c: three\n  d: four\n  e: five\n";
        let changes = golden(&[recorded("Service", "old", body)]).compare(&[recorded("Service", "new", body)], "ns");
        assert!(
            matches!(&changes[..], [Change::Renamed(old, new)] if old.file.contains("old") && new.file.contains("new"))
        );
        let other = golden(&[recorded("Service", "old", body)]).compare(&[recorded("Role", "new", body)], "ns");
        assert!(matches!(&other[..], [Change::Added(_), Change::Removed(_)] | [Change::Removed(_), Change::Added(_)]));
    }

    #[test]
    fn changed_inputs_are_named() {
        let old: Inputs = [("helm", "3"), ("a", "1"), ("old", "1")].map(|(k, v)| (k.into(), v.into())).into();
        let new: Inputs = [("helm", "4"), ("a", "2"), ("new", "1")].map(|(k, v)| (k.into(), v.into())).into();
        assert_eq!(changed(&old, &new), ["a changed", "helm 3 → 4", "new is new", "old was removed"]);
    }
}
