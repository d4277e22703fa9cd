//! The record of the objects that an application has in a kept cluster, so that a later run can prune those that are no
//! longer rendered.
//!
//! It is stored beside the cluster's kubeconfig and deleted with the cluster.

use std::path::{Path, PathBuf};

use diagnostics::Result;
use kubernetes::manifest::ObjectKey;
use serde::{Deserialize, Serialize};
use toolbox::atomic_file;

/// The record of one application in one namespace.
pub(crate) struct ObjectRecord(PathBuf);

/// An object in the record.
#[derive(Serialize, Deserialize)]
struct Entry {
    group: String,
    kind: String,
    namespace: String,
    name: String,
}

impl ObjectRecord {
    /// The record in the directory of a cluster.
    pub(crate) fn new(folder: &Path, namespace: &str, app: &str) -> Self {
        Self(folder.join("applied").join(namespace).join(format!("{app}.json")))
    }

    /// The recorded objects, all of which may be pruned.
    pub(crate) fn load(&self) -> Vec<ObjectKey> {
        let text = toolbox::regular_file::read(&self.0).unwrap_or_default();
        let entries: Vec<Entry> = serde_json::from_slice(&text).unwrap_or_default();
        let key = |Entry { group, kind, namespace, name }| ObjectKey { group, kind, namespace, name };
        entries.into_iter().map(key).collect()
    }

    /// Adds the objects that are about to be applied, `keys`, of which `prunable` may be pruned. Earlier objects stay in the
    /// record, because the run may fail before it prunes them.
    pub(crate) fn begin<'a>(&self, keys: &[ObjectKey], prunable: impl Iterator<Item = &'a ObjectKey>) -> Result<()> {
        let mut all = self.load();
        all.retain(|key| !keys.contains(key));
        all.extend(prunable.cloned());
        self.write(all)
    }

    /// Replaces the record after pruning.
    pub(crate) fn end<'a>(&self, prunable: impl Iterator<Item = &'a ObjectKey>) -> Result<()> {
        self.write(prunable.cloned().collect())
    }

    fn write(&self, keys: Vec<ObjectKey>) -> Result<()> {
        let entry = |ObjectKey { group, kind, namespace, name }| Entry { group, kind, namespace, name };
        let entries: Vec<Entry> = keys.into_iter().map(entry).collect();
        atomic_file::write(&self.0, &serde_json::to_vec(&entries).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prunable_objects_are_recorded_until_they_are_pruned() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let key = |name: &str| {
            let text = str::to_owned;
            ObjectKey { group: text("apps"), kind: text("Deployment"), namespace: text("ns"), name: text(name) }
        };
        let (all, prunable) = ([key("a"), key("b")], [key("a")]);
        let applied = ObjectRecord::new(folder.path(), "ns", "web");
        assert!(applied.load().is_empty());
        applied.begin(&all, prunable.iter()).expect("written");
        assert_eq!(applied.load(), prunable);
        // An object that is no longer rendered stays recorded until it is pruned.
        applied.begin(&[], [].iter()).expect("written");
        assert_eq!(applied.load(), prunable);
        applied.end([].iter()).expect("written");
        assert!(applied.load().is_empty());
        applied.end(prunable.iter()).expect("written");
        assert!(ObjectRecord::new(folder.path(), "other", "web").load().is_empty());
    }
}
