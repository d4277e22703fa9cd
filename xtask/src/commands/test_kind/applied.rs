//! What the last run put into a kept cluster: what is rendered no more has to go, or the next run would prove less than it
//! says.
//!
//! It lies beside the cluster's kubeconfig, and goes with the cluster.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::stage::App;
use diagnostics::Result;
use kubernetes::manifest::ObjectKey;
use toolbox::whole;

/// The objects of an application, or an instance of it, that may be pruned, as the last run applied them.
pub(super) fn load(folder: &Path, app: &App) -> Vec<ObjectKey> {
    let text = std::fs::read(path(folder, app)).unwrap_or_default();
    let document: Value = serde_json::from_slice(&text).unwrap_or_default();
    let text = |key: &Value, field: &str| key[field].as_str().unwrap_or_default().to_owned();
    let keys = document.as_array().into_iter().flatten().map(|key| ObjectKey {
        group: text(key, "group"),
        kind: text(key, "kind"),
        namespace: text(key, "namespace"),
        name: text(key, "name"),
    });
    keys.collect()
}

/// Remembers what is about to be applied beside what was: a run may fail before it has pruned.
pub(super) fn begin(folder: &Path, app: &App) -> Result<()> {
    let keys = app.keys();
    let before = load(folder, app);
    write(folder, app, before.iter().filter(|key| !keys.contains(key)).chain(app.prunable()))
}

/// Remembers what is there once all else is pruned.
pub(super) fn end(folder: &Path, app: &App) -> Result<()> {
    write(folder, app, app.prunable())
}

fn write<'a>(folder: &Path, app: &App, keys: impl Iterator<Item = &'a ObjectKey>) -> Result<()> {
    let all: Value = keys
        .map(|key| json!({ "group": key.group, "kind": key.kind, "namespace": key.namespace, "name": key.name }))
        .collect();
    whole::write(&path(folder, app), all.to_string().as_bytes())
}

fn path(folder: &Path, app: &App) -> PathBuf {
    folder.join("applied").join(&app.namespace).join(format!("{}.json", app.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use argocd::waves::{Phase, Wave};

    #[test]
    fn what_was_applied_is_remembered_but_what_pruning_spares() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let key = |name: &str| {
            let text = str::to_owned;
            ObjectKey { group: text("apps"), kind: text("Deployment"), namespace: text("ns"), name: text(name) }
        };
        let app = App {
            name: "web".to_owned(),
            namespace: "ns".to_owned(),
            release: "web".to_owned(),
            waves: vec![Wave {
                phase: Phase::Sync,
                number: 0,
                keys: vec![key("a"), key("b")],
                spared: vec![key("b")],
                text: String::new(),
            }],
            changed: Vec::new(),
            images: std::collections::BTreeMap::new(),
        };
        assert!(load(folder.path(), &app).is_empty());
        begin(folder.path(), &app).expect("written");
        assert_eq!(load(folder.path(), &app), [key("a")]);
        // What the next run has no more is known until it is pruned.
        let next = App { waves: Vec::new(), ..app.clone() };
        begin(folder.path(), &next).expect("written");
        assert_eq!(load(folder.path(), &next), [key("a")]);
        end(folder.path(), &next).expect("written");
        assert!(load(folder.path(), &next).is_empty());
        end(folder.path(), &app).expect("written");
        let other = App { namespace: "other".to_owned(), ..app };
        assert!(load(folder.path(), &other).is_empty());
    }
}
