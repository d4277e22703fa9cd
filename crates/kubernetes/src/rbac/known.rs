//! The names that rules can use: API groups, resources, subresources, and verbs.
//!
//! Besides what the API server serves, these are resources that exist only for authorization, resources that are served
//! only if they are enabled, those of former Kubernetes versions, which charts still name for old clusters, and those that
//! rendered CustomResourceDefinitions define.

use std::collections::{BTreeMap, BTreeSet};

use document::Node;

use crate::discovery::Discovery;
use crate::object::Object;
use crate::scope;

/// Resources of built-in groups that discovery does not list.
const FURTHER: &[(&str, &[&str])] = &[
    // Impersonation, and what the kubelet authorizes.
    ("", &["groups", "users"]),
    ("admissionregistration.k8s.io", &["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"]),
    ("authentication.k8s.io", &["uids", "userextras"]),
    ("batch", &["scheduledjobs"]),
    ("certificates.k8s.io", &["clustertrustbundles", "podcertificaterequests", "signers"]),
    ("coordination.k8s.io", &["leasecandidates"]),
    (
        "extensions",
        &[
            "daemonsets",
            "deployments",
            "horizontalpodautoscalers",
            "ingresses",
            "jobs",
            "networkpolicies",
            "podsecuritypolicies",
            "replicasets",
            "replicationcontrollers",
            "thirdpartyresources",
        ],
    ),
    ("internal.apiserver.k8s.io", &["storageversions"]),
    ("networking.k8s.io", &["clustercidrs"]),
    ("policy", &["podsecuritypolicies"]),
    (
        "resource.k8s.io",
        &[
            "devicetaintrules",
            "podschedulingcontexts",
            "resourceclaimparameters",
            "resourceclasses",
            "resourceclassparameters",
        ],
    ),
    ("scheduling.k8s.io", &["podgroups", "workloads"]),
    ("storagemigration.k8s.io", &["storageversionmigrations"]),
];

/// Subresources that discovery does not list.
const SUBRESOURCES: &[(&str, &[&str])] = &[
    ("nodes", &["checkpoint", "configz", "flagz", "healthz", "log", "metrics", "pods", "spec", "stats", "statusz"]),
    ("deployments", &["rollback"]),
];

/// Subresources that rules may name for any resource: controllers need `finalizers` to set owner references that block
/// deletion, and generated rules often have `status` for kinds without it.
const COMMON_SUBRESOURCES: &[&str] = &["finalizers", "scale", "status"];

/// The verbs of requests to the API server.
const REQUEST_VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Verbs that no request has, but which authorization checks.
const FURTHER_VERBS: &[&str] = &[
    "approve",
    "attest",
    "bind",
    "escalate",
    "impersonate",
    "proxy",
    "request-serviceaccounts-token-audience",
    "sign",
    "use",
];

/// What a verb is that a rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// That of a request to the API server.
    Request,
    /// One that authorization checks for particular resources.
    Further,
    /// Any verb.
    Any,
    /// None that Kubernetes knows.
    Unknown,
}

/// Classifies a verb.
#[must_use]
pub fn verb(name: &str) -> Verb {
    match name {
        "*" => Verb::Any,
        name if REQUEST_VERBS.contains(&name) => Verb::Request,
        // Constrained impersonation has verbs such as `impersonate:user-info`.
        name if FURTHER_VERBS.contains(&name) || name.starts_with("impersonate") => Verb::Further,
        _ => Verb::Unknown,
    }
}

/// The verbs that Kubernetes knows.
pub fn verbs() -> impl Iterator<Item = &'static str> {
    REQUEST_VERBS.iter().chain(FURTHER_VERBS).copied()
}

/// How much is known about a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// All of its resources are known.
    BuiltIn,
    /// A rendered CustomResourceDefinition belongs to it; there may be others.
    Custom,
    /// Nothing is known about it.
    Unknown,
}

/// All that is known.
#[derive(Debug)]
pub struct Known<'a> {
    discovery: &'a Discovery,
    custom: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Known<'a> {
    /// Combines the API server's resources with those of rendered CustomResourceDefinitions.
    #[must_use]
    pub fn new(discovery: &'a Discovery, objects: &'a [Object]) -> Self {
        let mut custom: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for object in objects.iter().filter(|object| scope::is_definition(object)) {
            let text = |path: &[&str]| object.find(path).and_then(Node::as_str);
            if let (Some(group), Some(plural)) = (text(&["spec", "group"]), text(&["spec", "names", "plural"])) {
                custom.entry(group).or_default().insert(plural);
            }
        }
        Self { discovery, custom }
    }

    /// How much is known about a group.
    #[must_use]
    pub fn group(&self, name: &str) -> Group {
        if self.discovery.group(name).is_some() || FURTHER.iter().any(|(group, _)| *group == name) {
            Group::BuiltIn
        } else if self.custom.contains_key(name) {
            Group::Custom
        } else {
            Group::Unknown
        }
    }

    /// The groups about which anything is known.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let further = FURTHER.iter().map(|(group, _)| *group);
        self.served().chain(further).chain(self.custom.keys().copied())
    }

    /// The groups that the API server serves.
    pub fn served(&self) -> impl Iterator<Item = &str> {
        self.discovery.groups.keys().map(String::as_str)
    }

    /// Whether a group has a resource.
    #[must_use]
    pub fn has(&self, group: &str, resource: &str) -> bool {
        self.resources(group).any(|known| known == resource)
    }

    /// The resources of a group, without subresources.
    pub fn resources(&self, group: &str) -> impl Iterator<Item = &str> {
        let served = self.discovery.group(group).into_iter().flat_map(|resources| resources.keys().map(String::as_str));
        let further =
            FURTHER.iter().filter(move |(name, _)| *name == group).flat_map(|(_, names)| names.iter().copied());
        let custom = self.custom.get(group).into_iter().flatten().copied();
        // What has only subresources is a resource, too.
        served.map(|name| name.split('/').next().unwrap_or(name)).chain(further).chain(custom)
    }

    /// The built-in group that has a resource.
    #[must_use]
    pub fn owner(&self, resource: &str) -> Option<&str> {
        let served = self.discovery.groups.iter().find(|(_, resources)| resources.contains_key(resource));
        served.map(|(group, _)| group.as_str())
    }

    /// The subresources of a resource in a built-in group.
    pub(crate) fn subresources(&self, group: &str, resource: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("{resource}/");
        let served = self.discovery.group(group).into_iter().flat_map(|resources| resources.keys());
        let served = served.filter_map(move |name| name.strip_prefix(&prefix));
        let further = SUBRESOURCES.iter().filter(move |(name, _)| *name == resource).flat_map(|(_, names)| *names);
        served.chain(further.copied()).chain(COMMON_SUBRESOURCES.iter().copied())
    }

    /// The verbs of a resource or subresource, if the API server serves it.
    #[must_use]
    pub fn verbs(&self, group: &str, resource: &str) -> Option<&BTreeSet<String>> {
        self.discovery.group(group)?.get(resource).map(|resource| &resource.verbs)
    }
}
