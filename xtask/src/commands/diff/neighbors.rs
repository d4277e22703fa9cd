//! What other Applications of the same cluster have that decides how severe a change is: autoscalers and budgets of the
//! workloads that change, and what refers to objects that are removed.
//!
//! Only manifests that may matter are parsed, by their kinds and by the names in their texts.

use std::collections::{BTreeMap, BTreeSet};

use argocd::permission::Cluster;
use golden::diff::Kind;
use golden::objects;
use kubernetes::object::Object;
use workspace::target::DEFAULT_CASE;
use workspace::written;

use super::side::RenderedSide;
use crate::commands::rendering::Rendering;
use crate::report::model::ObjectChange;

/// The kinds that decide how many pods of a workload run, and how many have to. The names of goldens begin with them.
const RUNNING: &[&str] = &[
    "daemonset",
    "deployment",
    "horizontalpodautoscaler",
    "poddisruptionbudget",
    "replicaset",
    "replicationcontroller",
    "scaledobject",
    "statefulset",
];

/// The most names that are searched for in each text.
const MANY: usize = 100;

/// The kinds that decide whether data outlives its claim.
const STORAGE: &[&str] = &["persistentvolume", "storageclass", "volumesnapshotclass"];

/// The kinds that serve hosts.
const ROUTES: &[&str] = &["grpcroute", "httproute", "ingress", "route", "tlsroute"];

/// The Applications of one side by cluster.
pub(super) struct Neighbors<'a> {
    clusters: BTreeMap<&'a str, Cluster>,
    renderings: Vec<&'a Rendering<'a>>,
}

/// The objects of other Applications that the changes of an Application concern.
#[derive(Debug, Default)]
pub(super) struct Sought {
    kinds: Vec<&'static str>,
    /// The namespaces of the objects that change.
    namespaces: BTreeSet<String>,
    /// The names that occur in objects that refer to removed ones.
    words: BTreeSet<String>,
}

impl Sought {
    /// Collects them from the changes of an Application.
    pub(super) fn new<'o>(changes: impl IntoIterator<Item = &'o ObjectChange>) -> Self {
        let mut sought = Self::default();
        for change in changes {
            let diff = &change.diff;
            let manifests = [Some(&diff.object.manifest), diff.previous.as_ref().map(|old| &old.manifest)];
            for manifest in manifests.into_iter().flatten() {
                sought.namespaces.insert(manifest.key.namespace.clone());
                let kind = manifest.key.kind.to_lowercase();
                let runs = kind == "namespace" || RUNNING.contains(&kind.as_str());
                if runs && !sought.kinds.contains(&RUNNING[0]) {
                    sought.kinds.extend(RUNNING);
                }
                if kind == "namespace" {
                    sought.namespaces.insert(manifest.key.name.clone());
                }
                if diff.kind != Kind::Added && ROUTES.contains(&kind.as_str()) && !sought.kinds.contains(&ROUTES[0]) {
                    sought.kinds.extend(ROUTES);
                }
            }
            let gone = match diff.kind {
                Kind::Removed => &diff.object,
                Kind::Renamed => diff.previous.as_ref().unwrap_or(&diff.object),
                Kind::Added | Kind::Modified => continue,
            };
            let key = &gone.manifest.key;
            match key.kind.as_str() {
                "PersistentVolumeClaim" | "StatefulSet" | "VolumeSnapshot" if !sought.kinds.contains(&STORAGE[0]) => {
                    sought.kinds.extend(STORAGE);
                }
                // The name is `<plural>.<group>`, and custom resources name the group.
                "CustomResourceDefinition" => {
                    sought.words.extend(key.name.split_once('.').map(|(_, group)| group.to_owned()));
                }
                _ => {}
            }
            sought.words.insert(key.name.clone());
        }
        sought
    }

    /// Whether it is nothing at all.
    fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.words.is_empty()
    }

    fn wants(&self, file: &str, text: &[u8], namespace: &str) -> bool {
        let kind = file.split('-').next().unwrap_or_default();
        let is_sought = self.kinds.contains(&kind);
        if !is_sought && self.words.is_empty() {
            return false;
        }
        let text = String::from_utf8_lossy(text);
        let here = || self.namespaces.iter().any(|name| name == namespace || text.contains(name.as_str()));
        is_sought && (STORAGE.contains(&kind) || ROUTES.contains(&kind) || here()) || self.is_named_in(&text)
    }

    /// Whether a text contains the name of a removed object. True if these are so many that reading the object costs less than
    /// searching for them.
    pub(super) fn is_named_in(&self, text: &str) -> bool {
        self.words.len() > MANY || self.words.iter().any(|word| text.contains(word.as_str()))
    }
}

impl<'a> Neighbors<'a> {
    pub(super) fn new(side: RenderedSide<'a>) -> Self {
        let applications = written::applications(side.workspace);
        Self {
            clusters: applications.map(|one| (one.name, one.cluster())).collect(),
            renderings: side.renderings.iter().filter(|one| one.target.id.case == DEFAULT_CASE).collect(),
        }
    }

    /// The cluster of an Application.
    pub(super) fn cluster(&self, application: &str) -> Option<&Cluster> {
        self.clusters.get(application)
    }

    /// The objects of the other Applications in the cluster of one that matter for its changes.
    pub(super) fn of(&self, application: &str, sought: &Sought) -> Vec<Object> {
        let Some(cluster) = self.cluster(application).filter(|_| !sought.is_empty()) else { return Vec::new() };
        let others = self.renderings.iter().filter(|one| {
            let app = one.target.id.app.as_str();
            app != application && self.clusters.get(app) == Some(cluster)
        });
        others.flat_map(|one| found(one, sought)).collect()
    }
}

fn found(one: &Rendering<'_>, sought: &Sought) -> Vec<Object> {
    let wanted = |file: &str, text: &[u8]| sought.wants(file, text, &one.target.namespace);
    objects::read(&one.target, &one.golden, &one.manifests_in(&wanted))
}
