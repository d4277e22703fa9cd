//! An Argo CD AppProject.
//!
//! Reads and validates every field of Argo CD 3.5. An invalid field does not hide the others. What a project allows is
//! decided in `lint`.

use diagnostics::{Diagnostics, Place, nearest, suggestion};
use document::yaml::Document;
use document::{Fields, Mapping, Node, Syntax, Value};

use crate::project_fields::{invalid, repeated};

/// The fields of `spec`.
const SPEC_FIELDS: &[&str] = &[
    "clusterResourceBlacklist",
    "clusterResourceWhitelist",
    "description",
    "destinationServiceAccounts",
    "destinations",
    "namespaceResourceBlacklist",
    "namespaceResourceWhitelist",
    "orphanedResources",
    "permitOnlyProjectScopedClusters",
    "roles",
    "signatureKeys",
    "sourceIntegrity",
    "sourceNamespaces",
    "sourceRepos",
    "syncWindows",
];

/// An AppProject.
#[derive(Debug, Clone)]
pub struct Project {
    /// `metadata.name`.
    pub name: String,
    /// The place of the name.
    pub place: Place,
    /// `metadata.namespace` and its place.
    pub namespace: Option<(String, Place)>,
    /// `sourceRepos`: patterns of repository URLs; a leading `!` denies.
    pub source_repos: Vec<(String, Place)>,
    /// `destinations`: clusters and namespaces; a leading `!` in a field denies.
    pub destinations: Vec<Destination>,
    /// `clusterResourceWhitelist`; an empty list allows no cluster-scoped kind.
    pub cluster_allowed: Vec<KindRule>,
    /// `clusterResourceBlacklist`.
    pub cluster_denied: Vec<KindRule>,
    /// `namespaceResourceWhitelist`; `None` allows every namespaced kind, an empty list none.
    pub namespace_allowed: Option<Vec<KindRule>>,
    /// `namespaceResourceBlacklist`.
    pub namespace_denied: Vec<KindRule>,
    /// `sourceNamespaces`: patterns of namespaces, besides Argo CD's own, that may contain its Applications.
    pub source_namespaces: Vec<(String, Place)>,
    /// `permitOnlyProjectScopedClusters`.
    pub own_clusters_only: bool,
    /// The declared Argo CD instance that it belongs to; empty in the one without a name.
    pub argocd: String,
    /// `spec` as written.
    spec: Node,
}

impl Project {
    /// Whether both allow the same, as they are written.
    #[must_use]
    pub fn is_written_as(&self, other: &Self) -> bool {
        self.spec.to_json() == other.spec.to_json()
    }

    /// The place of a field of `spec`, if it is set.
    #[must_use]
    pub fn field(&self, field: &str) -> Option<Place> {
        self.spec.get(field).is_some().then(|| self.spec.key_place(field))
    }

    /// The place of a key in the only entry of a list, or of the entry if it does not have the key.
    #[must_use]
    pub fn only_entry(&self, field: &str, key: &str) -> Option<Place> {
        let [only] = self.spec.get(field)?.items() else { return None };
        Some(only.get(key).unwrap_or(only).place())
    }

    /// What Argo CD sets in the project that it creates: a manifest that does not mention a field leaves it as it is.
    fn keep_defaults(&mut self, root: &Node) {
        let all = || "*".to_owned();
        let place = root.place();
        if self.spec.get("sourceRepos").is_none() {
            self.source_repos = vec![(all(), place.clone())];
        }
        if self.spec.get("destinations").is_none() {
            let place = place.clone();
            self.destinations = vec![Destination { server: all(), name: String::new(), namespace: all(), place }];
        }
        if self.spec.get("clusterResourceWhitelist").is_none() {
            let [group_place, kind_place, name_place] = [(); 3].map(|()| place.clone());
            let (group, kind, name) = (all(), all(), String::new());
            self.cluster_allowed = vec![KindRule { group, group_place, kind, kind_place, name, name_place }];
        }
    }

    /// Whether a field of `spec` is missing, but a field with a similar name is present.
    #[must_use]
    pub fn misspells(&self, field: &str) -> bool {
        let similar = |key: &str| nearest(key, SPEC_FIELDS.iter().copied()) == Some(field);
        self.spec.get(field).is_none() && self.spec.entries().iter().any(|(key, _)| similar(&key.name))
    }
}

/// One entry of `destinations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// A pattern of the API server's URL; empty if unset.
    pub server: String,
    /// A pattern of the cluster's name; empty if unset.
    pub name: String,
    /// A pattern of the namespace; empty if unset.
    pub namespace: String,
    /// The place of the entry.
    pub place: Place,
}

/// One entry of a whitelist or blacklist of kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindRule {
    /// A pattern of the API group.
    pub group: String,
    /// The place of the group.
    pub group_place: Place,
    /// A pattern of the kind.
    pub kind: String,
    /// The place of the kind.
    pub kind_place: Place,
    /// A pattern of the object's name; empty for all. Only lists of cluster-scoped kinds have it.
    pub name: String,
    /// The place of the name, or of the entry.
    pub name_place: Place,
}

/// The project that Argo CD creates when it starts.
const DEFAULT: &str = "default";

/// The values of `gpg.mode`.
const GPG_MODES: &[&str] = &["none", "head", "strict"];

/// Whether a document is an AppProject.
#[must_use]
pub fn is_project(document: &Document) -> bool {
    let text = |key: &str| document.root.get(key).and_then(Node::as_str).unwrap_or_default();
    text("kind") == "AppProject" && text("apiVersion").starts_with("argoproj.io/")
}

/// Reads a project and reports every invalid field; `None` if it has no name.
#[must_use]
pub fn read(document: &Document) -> (Option<Project>, Diagnostics) {
    let root = &document.root;
    let mut diagnostics = Diagnostics::default();
    let mut top = Fields::new(root, "", Syntax::Argocd);
    top.ignore(&["apiVersion", "kind", "status"]);
    let metadata = top.required("metadata");
    let spec = top.required("spec");
    top.finish(&mut diagnostics);
    let metadata = metadata.and_then(|node| read_metadata(node, &mut diagnostics));
    let empty = Node { value: Value::Mapping(Mapping::default()), ..root.clone() };
    let name = metadata.as_ref().map_or("", |(name, ..)| name);
    let mut project = read_spec(spec.unwrap_or(&empty), name, &mut diagnostics);
    if name == DEFAULT {
        project.keep_defaults(root);
    }
    let project = metadata.as_ref().map(|(name, place, namespace)| Project {
        name: name.clone(),
        place: place.clone(),
        namespace: namespace.clone(),
        ..project
    });
    (project, diagnostics)
}

/// The name, its place, and the namespace.
type Metadata = (String, Place, Option<(String, Place)>);

/// Reads and validates `metadata` of an Application or AppProject.
fn read_metadata(node: &Node, diagnostics: &mut Diagnostics) -> Option<Metadata> {
    let mut fields = Fields::new(node, "metadata", Syntax::Argocd);
    let at = |key: &str| node.get(key).unwrap_or(node).place();
    let name = fields.required_string("name");
    let namespace = fields.string("namespace").filter(|text| !text.is_empty()).map(|text| (text, at("namespace")));
    fields.texts("labels");
    fields.texts("annotations");
    fields.strings("finalizers");
    fields.ignore(&["generateName", "ownerReferences"]);
    // Set by the API server, and part of the output of `kubectl get --output yaml`.
    fields.ignore(&["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"]);
    fields.finish(diagnostics);
    name.map(|name| (name, at("name"), namespace))
}

fn read_spec(spec: &Node, project: &str, diagnostics: &mut Diagnostics) -> Project {
    let mut fields = Fields::new(spec, "spec", Syntax::Argocd);
    if let Some(text) = fields.string("description").filter(|text| text.chars().count() > 255) {
        fields.report(invalid(
            "`spec.description` is longer than 255 characters".to_owned(),
            spec.get("description").unwrap_or(spec).place(),
            &format!("{} characters", text.chars().count()),
        ));
    }
    let source_repos = fields.strings("sourceRepos");
    let source_namespaces = fields.strings("sourceNamespaces");
    for (list, what, key) in
        [(&source_repos, "repository", "sourceRepos"), (&source_namespaces, "namespace", "sourceNamespaces")]
    {
        for (text, place) in list.iter().filter(|(text, _)| text == "!*") {
            let message = format!("`{text}` is not allowed in `spec.{key}`");
            fields.report(invalid(message, place.clone(), "denies everything"));
        }
        for found in repeated(list.iter().cloned(), what) {
            fields.report(found);
        }
    }
    let destinations = fields.sequence("destinations");
    let cluster_allowed = fields.sequence("clusterResourceWhitelist");
    let cluster_denied = fields.sequence("clusterResourceBlacklist");
    let all_of_namespaces = fields.node("namespaceResourceWhitelist").is_none();
    let namespace_allowed = fields.sequence("namespaceResourceWhitelist");
    let namespace_denied = fields.sequence("namespaceResourceBlacklist");
    let accounts = fields.sequence("destinationServiceAccounts");
    let roles = fields.sequence("roles");
    let windows = fields.sequence("syncWindows");
    let keys = fields.sequence("signatureKeys");
    let orphaned = fields.node("orphanedResources");
    let integrity = fields.node("sourceIntegrity");
    let own_clusters_only = fields.bool("permitOnlyProjectScopedClusters");
    fields.finish(diagnostics);

    let mut kinds = |list: &'static str, nodes: &[Node], named: bool| -> Vec<KindRule> {
        let path = format!("spec.{list}[]");
        nodes.iter().filter_map(|node| kind_rule(node, &path, named, diagnostics)).collect()
    };
    let cluster_allowed = kinds("clusterResourceWhitelist", cluster_allowed, true);
    let cluster_denied = kinds("clusterResourceBlacklist", cluster_denied, true);
    let namespace_allowed = kinds("namespaceResourceWhitelist", namespace_allowed, false);
    let namespace_denied = kinds("namespaceResourceBlacklist", namespace_denied, false);
    let destinations = read_destinations(destinations, diagnostics);
    service_accounts(accounts, diagnostics);
    super::project_access::roles(roles, project, diagnostics);
    super::project_access::sync_windows(windows, diagnostics);
    for node in keys {
        let mut fields = Fields::new(node, "spec.signatureKeys[]", Syntax::Argocd);
        fields.required_string("keyID");
        fields.finish(diagnostics);
    }
    if let Some(node) = orphaned {
        orphaned_resources(node, diagnostics);
    }
    if let Some(node) = integrity {
        source_integrity(node, diagnostics);
    }
    Project {
        argocd: String::new(),
        name: String::new(),
        place: spec.place(),
        namespace: None,
        source_repos,
        destinations,
        cluster_allowed,
        cluster_denied,
        namespace_allowed: (!all_of_namespaces).then_some(namespace_allowed),
        namespace_denied,
        source_namespaces,
        own_clusters_only,
        spec: spec.clone(),
    }
}

fn kind_rule(node: &Node, path: &str, named: bool, diagnostics: &mut Diagnostics) -> Option<KindRule> {
    let mut fields = Fields::new(node, path, Syntax::Argocd);
    let group = fields.required_string("group");
    let kind = fields.required_string("kind");
    let name = if named { fields.string("name") } else { None };
    if !named && let Some(name) = node.get("name") {
        fields.ignore(&["name"]);
        fields.report(
            invalid(format!("`{path}.name` is not supported"), name.place(), "ignored; the entry matches every object")
                .help("delete this line; only lists of cluster-scoped kinds can match names"),
        );
    }
    fields.finish(diagnostics);
    let place = |key: &str| node.get(key).unwrap_or(node).place();
    Some(KindRule {
        group: group?,
        group_place: place("group"),
        kind: kind?,
        kind_place: place("kind"),
        name: name.unwrap_or_default(),
        name_place: place("name"),
    })
}

fn read_destinations(nodes: &[Node], diagnostics: &mut Diagnostics) -> Vec<Destination> {
    let mut destinations = Vec::new();
    let mut keys = Vec::new();
    for node in nodes {
        let mut fields = Fields::new(node, "spec.destinations[]", Syntax::Argocd);
        let mut part = |key: &'static str| {
            let text = fields.string(key).unwrap_or_default();
            if text == "!*" {
                let place = node.get(key).unwrap_or(node).place();
                fields.report(invalid(format!("`{key}: \"!*\"` is not allowed"), place, "denies everything"));
            }
            text
        };
        let destination = Destination {
            server: part("server"),
            name: part("name"),
            namespace: part("namespace"),
            place: node.place(),
        };
        let Destination { server, name, namespace, .. } = &destination;
        if server.is_empty() && name.is_empty() && node.get("server").or(node.get("name")).is_none() {
            fields.report(
                invalid("destination has neither `server` nor `name`".to_owned(), node.place(), "allows nothing")
                    .help("add `server: https://kubernetes.default.svc` for the cluster that Argo CD runs in"),
            );
        }
        keys.push((format!("{}/{namespace}", if server.is_empty() { name } else { server }), node.place()));
        fields.finish(diagnostics);
        destinations.push(destination);
    }
    diagnostics.0.extend(repeated(keys, "destination"));
    destinations
}

fn service_accounts(nodes: &[Node], diagnostics: &mut Diagnostics) {
    for node in nodes {
        let mut fields = Fields::new(node, "spec.destinationServiceAccounts[]", Syntax::Argocd);
        for key in ["server", "namespace"] {
            let text = if key == "server" { fields.required_string(key) } else { fields.string(key) };
            if text.is_some_and(|text| text.contains('!')) {
                let place = node.get(key).unwrap_or(node).place();
                let path = fields.path_of(key);
                fields.report(invalid(format!("`!` is not allowed in `{path}`"), place, ""));
            }
        }
        if let Some(account) = fields.required_string("defaultServiceAccount")
            && (account.trim().is_empty() || account.contains(['!', '*', '[', ']', '{', '}', '\\', '/']))
        {
            let place = node.get("defaultServiceAccount").unwrap_or(node).place();
            fields.report(invalid(
                format!("`{account}` is not a valid service account"),
                place,
                "expected `[namespace:]name`",
            ));
        }
        fields.finish(diagnostics);
    }
}

fn orphaned_resources(node: &Node, diagnostics: &mut Diagnostics) {
    let mut fields = Fields::new(node, "spec.orphanedResources", Syntax::Argocd);
    fields.flag("warn");
    let ignored = fields.sequence("ignore");
    fields.finish(diagnostics);
    for node in ignored {
        let mut fields = Fields::new(node, "spec.orphanedResources.ignore[]", Syntax::Argocd);
        for key in ["group", "kind", "name"] {
            fields.string(key);
        }
        fields.finish(diagnostics);
    }
}

fn source_integrity(node: &Node, diagnostics: &mut Diagnostics) {
    let mut fields = Fields::new(node, "spec.sourceIntegrity", Syntax::Argocd);
    let git = fields.required("git");
    fields.finish(diagnostics);
    let Some(git) = git else { return };
    let mut fields = Fields::new(git, "spec.sourceIntegrity.git", Syntax::Argocd);
    fields.required("policies");
    let policies = fields.sequence("policies");
    fields.finish(diagnostics);
    for policy in policies {
        let mut fields = Fields::new(policy, "spec.sourceIntegrity.git.policies[]", Syntax::Argocd);
        let gpg = fields.required("gpg");
        fields.required("repos");
        let repositories = fields.sequence("repos");
        fields.finish(diagnostics);
        for repository in repositories {
            let mut fields = Fields::new(repository, "spec.sourceIntegrity.git.policies[].repos[]", Syntax::Argocd);
            fields.required_string("url");
            fields.finish(diagnostics);
        }
        if let Some(gpg) = gpg {
            let mut fields = Fields::new(gpg, "spec.sourceIntegrity.git.policies[].gpg", Syntax::Argocd);
            if let Some(mode) = fields.required_string("mode").filter(|mode| !GPG_MODES.contains(&mode.as_str())) {
                let place = gpg.get("mode").unwrap_or(gpg).place();
                let found = invalid(format!("unknown GPG mode `{mode}`"), place, "");
                fields.report(found.help(suggestion(&mode, GPG_MODES.iter().copied())));
            }
            fields.required("keys");
            fields.strings("keys");
            fields.finish(diagnostics);
        }
    }
}
