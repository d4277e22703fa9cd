//! The resources that an API server serves, which RBAC rules name: groups, plurals, subresources, and verbs.
//!
//! `cargo xtask schemas` derives them from the paths of the API server's OpenAPI document, and writes them next to the
//! schemas. CustomResourceDefinitions of the cluster are left out, since those that matter are rendered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diagnostics::{Code, Diagnostic, Result};
use serde_json::Value;

use crate::schemas::{self, Kind};

/// The file in schemas/.
pub const FILE: &str = "resources.json";

/// The resources of the Kubernetes version of this repository, for a workspace without the file.
const BUILT_IN: &str = include_str!("../../../schemas/resources.json");

/// Prefixes of the definitions of Kubernetes' own types. CustomResourceDefinitions may be in groups below `k8s.io`, too.
const OWN: &[&str] = &["io.k8s.api.", "io.k8s.kube-aggregator.pkg.apis.", "io.k8s.apiextensions-apiserver.pkg.apis."];

/// A resource, such as `pods`, or a subresource, such as `pods/log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The kind of its objects.
    pub kind: String,
    /// Whether its objects belong to a namespace.
    pub namespaced: bool,
    /// The versions that serve it.
    pub versions: BTreeSet<String>,
    /// The verbs that requests can have.
    pub verbs: BTreeSet<String>,
}

/// The resources of each API group, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Resources and subresources by group; the core group is empty.
    pub groups: BTreeMap<String, BTreeMap<String, Resource>>,
}

impl Discovery {
    /// Loads the file of a workspace, or the built-in table if there is none.
    pub fn load(root: &Path) -> Result<Self> {
        let path = root.join(schemas::FOLDER).join(FILE);
        let text = match toolbox::regular_file::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BUILT_IN.to_owned(),
            Err(error) => return Err(Diagnostic::io("read", &path, &error).into()),
            Ok(text) => text,
        };
        Self::parse(&text).ok_or_else(|| {
            Diagnostic::new(Code::SchemaBroken, "not a list of API resources")
                .at(schemas::place(FILE), "")
                .help("regenerate it: run `cargo xtask schemas --from-cluster --kubeconfig FILE`")
                .into()
        })
    }

    /// The built-in table.
    #[must_use]
    pub(crate) fn built_in() -> Self {
        Self::parse(BUILT_IN).unwrap_or_default()
    }

    /// Parses the text of the file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let root: Value = serde_json::from_str(text).ok()?;
        let mut found = Self::default();
        for (group, resources) in root.as_object()? {
            let known = found.groups.entry(group.clone()).or_default();
            for (name, resource) in resources.as_object()? {
                let texts = |key: &str| -> Option<BTreeSet<String>> {
                    let items = resource.get(key)?.as_array()?;
                    items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
                };
                let resource = Resource {
                    kind: resource.get("kind")?.as_str()?.to_owned(),
                    namespaced: resource.get("namespaced")?.as_bool()?,
                    versions: texts("versions")?,
                    verbs: texts("verbs")?,
                };
                known.insert(name.clone(), resource);
            }
        }
        Some(found)
    }

    /// The text of the file: one line per resource.
    #[must_use]
    pub fn text(&self) -> String {
        let list = |items: &BTreeSet<String>| items.iter().map(String::as_str).collect::<Value>().to_string();
        let groups = self.groups.iter().map(|(group, resources)| {
            let resources = resources.iter().map(|(name, resource)| {
                let Resource { kind, namespaced, versions, verbs } = resource;
                format!(
                    "  {}: {{\"kind\": {}, \"namespaced\": {namespaced}, \"versions\": {}, \"verbs\": {}}}",
                    Value::from(name.as_str()),
                    Value::from(kind.as_str()),
                    list(versions),
                    list(verbs),
                )
            });
            format!(" {}: {{\n{}\n }}", Value::from(group.as_str()), resources.collect::<Vec<_>>().join(",\n"))
        });
        format!("{{\n{}\n}}\n", groups.collect::<Vec<_>>().join(",\n"))
    }

    /// Derives the resources from an OpenAPI v2 document.
    #[must_use]
    pub fn derive(document: &Value) -> Self {
        let own = own_groups(document);
        let mut found = Self::default();
        for (path, operations) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            let Some(Route { group, version, resource, namespaced }) = route(path) else { continue };
            if !own.contains(group) {
                continue;
            }
            for (method, operation) in operations.as_object().into_iter().flatten() {
                let action = operation.get("x-kubernetes-action").and_then(Value::as_str);
                let Some(verb) = action.and_then(|action| verb(action, method)) else { continue };
                let kind = operation.get("x-kubernetes-group-version-kind").and_then(|kind| kind.get("kind"));
                let kind = kind.and_then(Value::as_str).unwrap_or_default();
                let known = found.groups.entry(group.to_owned()).or_default();
                let entry = known.entry(resource.clone()).or_insert_with(|| Resource {
                    kind: kind.to_owned(),
                    namespaced: false,
                    versions: BTreeSet::new(),
                    verbs: BTreeSet::new(),
                });
                // Objects of all namespaces are also listed without one.
                entry.namespaced |= namespaced;
                entry.versions.insert(version.to_owned());
                entry.verbs.insert(verb.to_owned());
            }
        }
        found
    }

    /// The kinds whose objects can be created and read, in all of their versions. Others, such as `TokenReview`, are
    /// requests, which no manifest contains.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<Kind> {
        let mut kinds = BTreeSet::new();
        for (group, resources) in &self.groups {
            for (name, resource) in resources {
                if !name.contains('/') && resource.verbs.contains("create") && resource.verbs.contains("get") {
                    kinds.extend(resource.versions.iter().map(|version| Kind {
                        group: group.clone(),
                        version: version.clone(),
                        kind: resource.kind.clone(),
                    }));
                }
            }
        }
        kinds
    }

    /// The resources of a group.
    #[must_use]
    pub fn group(&self, group: &str) -> Option<&BTreeMap<String, Resource>> {
        self.groups.get(group)
    }
}

/// The groups of Kubernetes' own types.
fn own_groups(document: &Value) -> BTreeSet<&str> {
    let definitions = document.get("definitions").and_then(Value::as_object).into_iter().flatten();
    let own = definitions.filter(|(name, _)| OWN.iter().any(|prefix| name.starts_with(prefix)));
    own.filter_map(|(_, definition)| definition.get("x-kubernetes-group-version-kind")?.as_array())
        .flatten()
        .filter_map(|kind| kind.get("group")?.as_str())
        .collect()
}

/// What a path of the API server addresses.
struct Route<'a> {
    group: &'a str,
    version: &'a str,
    resource: String,
    namespaced: bool,
}

/// Reads a path such as `/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale`.
fn route(path: &str) -> Option<Route<'_>> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let rest = rest.strip_prefix(["watch"].as_slice()).unwrap_or(rest);
    let (namespaced, rest) = match rest {
        ["namespaces", "{namespace}", rest @ ..] => (true, rest),
        _ => (false, rest),
    };
    let resource = match rest {
        [resource] | [resource, "{name}"] if !resource.is_empty() => (*resource).to_owned(),
        // The path below a proxy is part of the same subresource.
        [resource, "{name}", subresource] | [resource, "{name}", subresource, "{path}"] => {
            format!("{resource}/{subresource}")
        }
        _ => return None,
    };
    Some(Route { group, version, resource, namespaced })
}

/// The verb of a request.
fn verb<'a>(action: &'a str, method: &'a str) -> Option<&'a str> {
    Some(match (action, method) {
        ("watchlist", _) => "watch",
        ("post", _) | ("connect", "post") => "create",
        ("put", _) | ("connect", "put") => "update",
        ("connect", "get") => "get",
        ("connect", "patch") => "patch",
        ("connect", "delete") => "delete",
        ("get" | "list" | "watch" | "patch" | "delete" | "deletecollection", _) => action,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        let kind = |kind: &str| json!({"group": "", "version": "v1", "kind": kind});
        let operation = |action: &str, name: &str| json!({"x-kubernetes-action": action, "x-kubernetes-group-version-kind": kind(name)});
        json!({
            "definitions": {
                "io.k8s.api.core.v1.Pod": {"x-kubernetes-group-version-kind": [kind("Pod")]},
                "com.example.v1.Widget": {"x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Widget"}]},
                "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions": {"x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "DeleteOptions"}]},
            },
            "paths": {
                "/api/v1/": {"get": {}},
                "/api/v1/pods": {"get": operation("list", "Pod")},
                "/api/v1/watch/pods": {"get": operation("watchlist", "Pod")},
                "/api/v1/namespaces/{namespace}/pods": {"post": operation("post", "Pod"), "parameters": []},
                "/api/v1/namespaces/{namespace}/pods/{name}/exec": {"get": operation("connect", "PodExecOptions"), "post": operation("connect", "PodExecOptions")},
                "/api/v1/nodes/{name}/proxy/{path}": {"head": operation("connect", "NodeProxyOptions"), "put": operation("connect", "NodeProxyOptions")},
                "/api/v1/namespaces/{name}/finalize": {"put": operation("put", "Namespace")},
                "/apis/example.com/v1/widgets": {"get": operation("list", "Widget")},
                "/version/": {"get": {}},
            },
        })
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn resources_are_derived_from_paths() {
        let found = Discovery::derive(&document());
        let core = found.group("").expect("core");
        assert_eq!(found.groups.len(), 1, "custom resources are left out");
        assert_eq!(core.keys().collect::<Vec<_>>(), ["namespaces/finalize", "nodes/proxy", "pods", "pods/exec"]);
        assert_eq!(core["pods"].verbs, set(&["create", "list", "watch"]));
        assert!(core["pods"].namespaced && !core["nodes/proxy"].namespaced && !core["namespaces/finalize"].namespaced);
        assert_eq!(core["pods/exec"].verbs, set(&["create", "get"]));
        assert_eq!(core["nodes/proxy"].verbs, set(&["update"]));
    }

    #[test]
    fn the_text_is_parsed_again() {
        let found = Discovery::derive(&document());
        assert_eq!(Discovery::parse(&found.text()), Some(found));
        assert_eq!(Discovery::parse("{\"\": {\"pods\": {}}}"), None);
        assert_eq!(Discovery::parse("[]"), None);
    }

    #[test]
    fn the_built_in_table_is_complete() {
        let found = Discovery::parse(BUILT_IN).expect("the file of this repository");
        assert!(found.groups.len() > 15);
        assert!(found.group("apps").is_some_and(|apps| apps.contains_key("deployments/scale")));
        assert_eq!(found.text(), BUILT_IN);
    }

    #[test]
    fn kinds_are_those_that_manifests_contain() {
        let kinds = Discovery::parse(BUILT_IN).expect("the file of this repository").kinds();
        for kind in ["v1/Secret", "apps/v1/StatefulSet", "autoscaling/v1/HorizontalPodAutoscaler", "batch/v1/CronJob"] {
            assert!(kinds.contains(&Kind::parse(kind).expect("a kind")), "{kind}");
        }
        for kind in ["authentication.k8s.io/v1/TokenReview", "v1/Binding", "v1/PodExecOptions", "autoscaling/v1/Scale"]
        {
            assert!(!kinds.contains(&Kind::parse(kind).expect("a kind")), "{kind}");
        }
    }

    #[test]
    fn any_document_is_read() {
        for document in
            [json!(null), json!({"paths": {"/api/v1/a": null, "": {}, "/api": {"get": 1}}, "definitions": []})]
        {
            assert_eq!(Discovery::derive(&document), Discovery::default());
        }
    }
}
