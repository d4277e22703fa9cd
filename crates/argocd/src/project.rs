//! An Argo CD AppProject: what Applications of a project may do.
//!
//! Every field that Argo CD 3.5 has is read, with its type and its rules, and each remembers its place. What is wrong
//! with one field does not hide the others: lint tells it, and judges by what could be read.
//!
//! Deliberately absent: judging. What the rules allow is for `lint`.

use crate::project_fields::{invalid, repeated};
use diagnostics::{Diagnostics, Place, suggestion};
use document::yaml::Document;
use document::{Fields, Node, Syntax, Value};

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// `metadata.name`.
    pub name: String,
    /// Where the name stands.
    pub place: Place,
    /// `metadata.namespace`, and where it stands.
    pub namespace: Option<(String, Place)>,
    /// Patterns of repositories; `!` in front denies.
    pub source_repos: Vec<(String, Place)>,
    /// Where Applications may deploy to; `!` in front of a part denies.
    pub destinations: Vec<Destination>,
    /// The cluster-scoped kinds that are allowed; without any, none is.
    pub cluster_allowed: Vec<KindRule>,
    /// The cluster-scoped kinds that are denied.
    pub cluster_denied: Vec<KindRule>,
    /// The kinds of a namespace that are allowed; `None` means all, an empty list none.
    pub namespace_allowed: Option<Vec<KindRule>>,
    /// The kinds of a namespace that are denied.
    pub namespace_denied: Vec<KindRule>,
    /// Patterns of namespaces beside Argo CD's own in which its Applications may lie.
    pub source_namespaces: Vec<(String, Place)>,
    /// Whether only clusters count that belong to the project, which nothing here tells.
    pub own_clusters_only: bool,
}

/// One entry of `destinations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// A pattern of the API server's address; empty when unset.
    pub server: String,
    /// A pattern of the cluster's name; empty when unset.
    pub name: String,
    /// A pattern of the namespace; empty when unset.
    pub namespace: String,
}

/// One entry of a list of kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindRule {
    /// A pattern of the API group.
    pub group: String,
    /// A pattern of the kind.
    pub kind: String,
    /// A pattern of the object's name; empty for all. Only the lists of cluster-scoped kinds have it.
    pub name: String,
}

/// How strictly signatures of commits are held against keys.
const GPG_MODES: &[&str] = &["none", "head", "strict"];

/// Whether a document is an AppProject.
#[must_use]
pub fn is_project(document: &Document) -> bool {
    let text = |key: &str| document.root.get(key).and_then(Node::as_str).unwrap_or_default();
    text("kind") == "AppProject" && text("apiVersion").starts_with("argoproj.io/")
}

/// Reads a project and all that is wrong with it; `None` where it has no name.
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
    let empty = Node { value: Value::Mapping(Vec::new()), ..root.clone() };
    let name = metadata.as_ref().map_or("", |(name, ..)| name);
    let project = read_spec(spec.unwrap_or(&empty), name, &mut diagnostics);
    let project = metadata.as_ref().map(|(name, place, namespace)| Project {
        name: name.clone(),
        place: place.clone(),
        namespace: namespace.clone(),
        ..project
    });
    (project, diagnostics)
}

/// Name, its place, and the namespace.
type Metadata = (String, Place, Option<(String, Place)>);

/// Reads `metadata` of one of Argo CD's objects, every field with its type.
pub fn read_metadata(node: &Node, diagnostics: &mut Diagnostics) -> Option<Metadata> {
    let mut fields = Fields::new(node, "metadata", Syntax::Argocd);
    let at = |key: &str| node.get(key).unwrap_or(node).place();
    let name = fields.required_string("name");
    let namespace = fields.string("namespace").filter(|text| !text.is_empty()).map(|text| (text, at("namespace")));
    fields.texts("labels");
    fields.texts("annotations");
    fields.strings("finalizers");
    fields.ignore(&["generateName", "ownerReferences"]);
    // What `kubectl get --output yaml` writes beside.
    fields.ignore(&["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"]);
    fields.finish(diagnostics);
    name.map(|name| (name, at("name"), namespace))
}

fn read_spec(spec: &Node, project: &str, diagnostics: &mut Diagnostics) -> Project {
    let mut fields = Fields::new(spec, "spec", Syntax::Argocd);
    if let Some(text) = fields.string("description").filter(|text| text.chars().count() > 255) {
        fields.report(invalid(
            format!("`spec.description` has {} characters", text.chars().count()),
            spec.get("description").unwrap_or(spec).place(),
            "Argo CD takes 255",
        ));
    }
    let source_repos = fields.strings("sourceRepos");
    let source_namespaces = fields.strings("sourceNamespaces");
    for (list, what) in [(&source_repos, "repository"), (&source_namespaces, "namespace")] {
        for (text, place) in list.iter().filter(|(text, _)| text == "!*") {
            fields.report(invalid(format!("`{text}` denies everything"), place.clone(), "Argo CD refuses it"));
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
            invalid(format!("`{path}` has no `name`"), name.place(), "Argo CD drops it, and allows all of the kind")
                .help("only the lists of cluster-scoped kinds can name an object; delete this line"),
        );
    }
    fields.finish(diagnostics);
    Some(KindRule { group: group?, kind: kind?, name: name.unwrap_or_default() })
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
                fields.report(invalid(format!("`{key}: \"!*\"` denies everything"), place, "Argo CD refuses it"));
            }
            text
        };
        let destination = Destination { server: part("server"), name: part("name"), namespace: part("namespace") };
        let Destination { server, name, namespace } = &destination;
        if server.is_empty() && name.is_empty() && node.get("server").or(node.get("name")).is_none() {
            fields.report(
                invalid("this destination names no cluster".to_owned(), node.place(), "so it allows nothing")
                    .help("add `server: https://kubernetes.default.svc`, the cluster that Argo CD runs in"),
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
                fields.report(invalid(format!("`{key}` of a service account cannot deny"), place, "holds a `!`"));
            }
        }
        if let Some(account) = fields.required_string("defaultServiceAccount")
            && (account.trim().is_empty() || account.contains(['!', '*', '[', ']', '{', '}', '\\', '/']))
        {
            let place = node.get("defaultServiceAccount").unwrap_or(node).place();
            fields.report(invalid(format!("`{account}` is no service account"), place, "expected `[namespace:]name`"));
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
                let found = invalid(format!("Argo CD has no GPG mode `{mode}`"), place, "in place of a mode");
                fields.report(found.help(suggestion(&mode, GPG_MODES.iter().copied())));
            }
            fields.required("keys");
            fields.strings("keys");
            fields.finish(diagnostics);
        }
    }
}
