//! The Pod Security level that each namespace enforces.
//!
//! Argo CD sets the labels in `managedNamespaceMetadata` on the namespace of an Application with `CreateNamespace=true`,
//! whether it creates the namespace or finds it, unless the Application renders the Namespace itself. Other labels come from
//! rendered Namespaces, from those under argocd/, and from charts.toml.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use argocd::permission::Cluster;
use argocd::sync_order;
use document::Node;
use kubernetes::object::Object;
use kubernetes::pod_security::policy::{Level, Version};

use crate::config::PodSecurity;
use crate::load::Workspace;
use crate::target::DEFAULT_CASE;
use crate::written;

/// The label with the level.
pub(crate) const LEVEL_LABEL: &str = "pod-security.kubernetes.io/enforce";
/// The label with the version.
const VERSION_LABEL: &str = "pod-security.kubernetes.io/enforce-version";

/// A level that a namespace enforces, with the place of the label.
pub type Enforced = PodSecurity;

/// Where a label of a namespace comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    /// `managedNamespaceMetadata` of an Application.
    Managed(String),
    /// A rendered Namespace: the Application and the case.
    Rendered(String, String),
    /// A manifest under argocd/, or charts.toml.
    File,
}

/// A label of a namespace.
#[derive(Debug)]
struct Label {
    /// `None` for all clusters.
    cluster: Option<Cluster>,
    owner: Owner,
    enforced: Enforced,
}

/// The labels of all namespaces.
#[derive(Debug)]
pub struct Namespaces {
    labels: BTreeMap<String, Vec<Label>>,
    /// The namespaces that each target renders: Application, case, and name.
    rendered: BTreeSet<(String, String, String)>,
    /// The level that namespaces without a label enforce.
    default: Option<Enforced>,
}

impl Namespaces {
    /// Reads the labels of all namespaces from a workspace and the Namespaces that its targets render.
    #[must_use]
    pub fn new<'a>(workspace: &Workspace, rendered: impl IntoIterator<Item = &'a Object>) -> Self {
        let default = workspace.config.pod_security.clone();
        let mut all = Self { labels: BTreeMap::new(), rendered: BTreeSet::new(), default };
        for namespace in &workspace.config.namespaces {
            all.add(&namespace.name, None, Owner::File, namespace.pod_security.clone());
        }
        let mut clusters = BTreeMap::new();
        for application in written::applications(workspace) {
            clusters.insert(application.name, application.cluster());
            if application.has_sync_option("CreateNamespace=true") {
                let labels = application.root.find(&["spec", "syncPolicy", "managedNamespaceMetadata", "labels"]);
                let owner = Owner::Managed(application.name.to_owned());
                all.add(application.namespace(), Some(application.cluster()), owner, labels.and_then(enforced));
            }
        }
        let documents =
            workspace.argocd.iter().flat_map(|file| file.documents.iter().map(move |document| (file, document)));
        for (file, document) in documents {
            let text = |path: &[&str]| document.root.find(path).and_then(Node::as_str).unwrap_or_default();
            if text(&["apiVersion"]) == "v1" && text(&["kind"]) == "Namespace" {
                let labels = document.root.find(&["metadata", "labels"]).and_then(enforced);
                let cluster = Cluster::new(None, Some("in-cluster")).of(&file.instance);
                all.add(text(&["metadata", "name"]), Some(cluster), Owner::File, labels);
            }
        }
        for object in rendered.into_iter().filter(|object| sync_order::order(&object.root).is_some()) {
            let (app, case) = object.target.split_once('/').unwrap_or((&object.target, DEFAULT_CASE));
            let (app, case) = (app.to_owned(), case.to_owned());
            let name = &object.key.name;
            let cluster = clusters.get(app.as_str()).cloned();
            all.rendered.insert((app.clone(), case.clone(), name.clone()));
            let labels = object.find(&["metadata", "labels"]).and_then(enforced);
            all.add(name, cluster, Owner::Rendered(app, case), labels);
        }
        all
    }

    fn add(&mut self, namespace: &str, cluster: Option<Cluster>, owner: Owner, enforced: Option<Enforced>) {
        if let Some(enforced) = enforced.filter(|_| !namespace.is_empty()) {
            self.labels.entry(namespace.to_owned()).or_default().push(Label { cluster, owner, enforced });
        }
    }

    /// The levels that a namespace enforces for the objects of a target, one for each place that sets the label. More than
    /// one level is a contradiction.
    #[must_use]
    pub fn of(&self, cluster: &Cluster, namespace: &str, app: &str, case: &str) -> Vec<&Enforced> {
        let case_of = |other: &str| if other == app { case } else { DEFAULT_CASE };
        let applies = |label: &&Label| match &label.owner {
            Owner::File => true,
            Owner::Rendered(other, its) => its == case_of(other),
            Owner::Managed(other) => {
                !self.rendered.contains(&(other.clone(), case_of(other).to_owned(), namespace.to_owned()))
            }
        };
        let here = |label: &&Label| label.cluster.as_ref().is_none_or(|other| other == cluster);
        let labels = self.labels.get(namespace).map(Vec::as_slice).unwrap_or_default();
        let enforced: Vec<_> = labels.iter().filter(here).filter(applies).map(|label| &label.enforced).collect();
        if enforced.is_empty() { self.default.iter().collect() } else { enforced }
    }

    /// The namespaces of one cluster whose labels set different levels, each with the first two of them.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(&str, &Enforced, &Enforced)> {
        let deployed = |label: &&Label| !matches!(&label.owner, Owner::Rendered(_, case) if case != DEFAULT_CASE);
        let pair = |labels: &'_ [Label]| -> Option<(usize, usize)> {
            let indexes = || (0..labels.len()).filter(|index| deployed(&&labels[*index]));
            let same = |one: &Label, two: &Label| match (&one.cluster, &two.cluster) {
                (Some(one), Some(two)) => one == two,
                _ => true,
            };
            let differs = |one: usize, two: usize| {
                labels[one].enforced.level != labels[two].enforced.level && same(&labels[one], &labels[two])
            };
            indexes()
                .find_map(|two| Some((indexes().take_while(|one| *one < two).find(|one| differs(*one, two))?, two)))
        };
        let namespaces = self.labels.iter();
        let found = namespaces.filter_map(|(name, labels)| {
            let (one, two) = pair(labels)?;
            Some((name.as_str(), &labels[one].enforced, &labels[two].enforced))
        });
        found.collect()
    }
}

/// The level that labels enforce; `None` without a valid label.
fn enforced(labels: &Node) -> Option<Enforced> {
    let node = labels.get(LEVEL_LABEL)?;
    let version = labels.get(VERSION_LABEL).and_then(Node::as_str).and_then(Version::parse);
    Some(Enforced { level: Level::parse(node.as_str()?)?, version: version.unwrap_or_default(), place: node.place() })
}
