//! Permissions of an AppProject: sources, destinations, namespaces, and kinds, by the rules of Argo CD 3.5.
//!
//! Some of them are surprising: a denial such as `!https://…` permits every repository that it does not match. Namespaced
//! kinds are permitted unless a whitelist is set, cluster-scoped kinds only if one is. The tables in the tests were
//! generated with Argo CD's code.

use kubernetes::scope::Scope;

use crate::pattern::{Glob, matches_kind};
use crate::project::{Destination, KindRule, Project};
use crate::repository_url::normalized;

/// The end of the URLs of clusters that `init` assumes, because the repository does not name them. Each instance of Argo CD may
/// have another one under the same URL. No host has such a name.
pub const ASSUMED: &str = ".invalid";

/// The URL and the name of the cluster that Argo CD runs in.
const OWN_CLUSTER: (&str, &str) = ("https://kubernetes.default.svc", "in-cluster");

/// The cluster of an Application's destination, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cluster {
    /// The API server's URL.
    pub server: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The Argo CD instance that knows it by its name, or in whose cluster it runs; empty for a URL, which is the same to all.
    pub argocd: String,
}

impl Cluster {
    /// The cluster with a URL or a name. Only for Argo CD's own cluster, one implies the other.
    #[must_use]
    pub fn new(server: Option<&str>, name: Option<&str>) -> Self {
        let own = server == Some(OWN_CLUSTER.0) || server.is_none() && name == Some(OWN_CLUSTER.1);
        let (server, name) = if own { (Some(OWN_CLUSTER.0), Some(OWN_CLUSTER.1)) } else { (server, name) };
        Self { server: server.map(str::to_owned), name: name.map(str::to_owned), argocd: String::new() }
    }

    /// The same destination of an Argo CD instance.
    #[must_use]
    pub fn of(self, argocd: &str) -> Self {
        let is_known = |server: &str| server != OWN_CLUSTER.0 && !server.ends_with(ASSUMED);
        let shared = self.server.as_deref().is_some_and(is_known);
        let argocd = if shared { String::new() } else { argocd.to_owned() };
        Self { argocd, ..self }
    }
}

fn is_denial(pattern: &str) -> bool {
    pattern.starts_with('!')
}

/// Whether a text matches a pattern; a leading `!` negates it.
fn fits(pattern: &str, text: &str, separator: Option<char>) -> bool {
    if let Some(denied) = pattern.strip_prefix('!') {
        return !matches_glob(denied, text, separator);
    }
    pattern == "*" || matches_glob(pattern, text, separator)
}

fn matches_glob(pattern: &str, text: &str, separator: Option<char>) -> bool {
    Glob::parse(pattern).is_some_and(|glob| glob.matches(text, separator))
}

/// Whether a project permits a repository.
#[must_use]
pub fn allows_repository<'a>(patterns: impl IntoIterator<Item = &'a str>, url: &str) -> bool {
    let url = normalized(url);
    let mut allowed = false;
    for pattern in patterns {
        let pattern = match pattern.strip_prefix('!') {
            Some(denied) => format!("!{}", normalized(denied)),
            None => normalized(pattern),
        };
        if fits(&pattern, &url, Some('/')) {
            allowed = true;
        } else if is_denial(&pattern) {
            return false;
        }
    }
    allowed
}

/// Whether a project permits a namespace of a cluster; `None` if that depends on the cluster's unknown URL or name.
#[must_use]
pub fn allows_destination(destinations: &[Destination], cluster: &Cluster, namespace: &str) -> Option<bool> {
    let unknown = destinations.iter().any(|item| {
        cluster.server.is_none() && !item.server.is_empty() && item.server != "*"
            || cluster.name.is_none() && !item.name.is_empty() && item.name != "*"
    });
    if unknown {
        return None;
    }
    let part = |pattern: &str, text: Option<&str>| text.is_some_and(|text| fits(pattern, text, None));
    let mut allowed = false;
    for item in destinations {
        // An unknown URL or name is only compared with `*`; see above.
        let name = part(&item.name, cluster.name.as_deref()) || cluster.name.is_none() && item.name == "*";
        let server = part(&item.server, cluster.server.as_deref()) || cluster.server.is_none() && item.server == "*";
        let inside = part(&item.namespace, Some(namespace));
        if (server || name) && inside {
            allowed = true;
        } else if !name && is_denial(&item.name)
            || !server && is_denial(&item.server) && inside
            || !inside && is_denial(&item.namespace) && server
        {
            return Some(false);
        }
    }
    Some(allowed)
}

/// The entry with `!` without which a project would permit a namespace of a cluster.
#[must_use]
pub fn denying_destination<'a>(
    destinations: &'a [Destination],
    cluster: &Cluster,
    namespace: &str,
) -> Option<&'a Destination> {
    let denies =
        |item: &Destination| [&item.server, &item.name, &item.namespace].into_iter().any(|part| is_denial(part));
    let permitting: Vec<Destination> = destinations.iter().filter(|item| !denies(item)).cloned().collect();
    if allows_destination(&permitting, cluster, namespace) != Some(true) {
        return None;
    }
    destinations.iter().filter(|item| denies(item)).find(|item| {
        let with = [permitting.as_slice(), std::slice::from_ref(*item)].concat();
        allows_destination(&with, cluster, namespace) == Some(false)
    })
}

/// Whether any destination of a project permits a cluster, for whichever namespace.
#[must_use]
pub fn allows_cluster(destinations: &[Destination], cluster: &Cluster) -> bool {
    let part = |pattern: &str, text: Option<&str>| {
        !is_denial(pattern) && text.map_or(pattern == "*", |text| fits(pattern, text, None))
    };
    destinations
        .iter()
        .any(|item| part(&item.name, cluster.name.as_deref()) || part(&item.server, cluster.server.as_deref()))
}

/// Whether a project permits an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is permitted.
    Allowed,
    /// The whitelist does not contain it.
    Unlisted,
    /// An entry of the blacklist matches it.
    Denied(&'a KindRule),
}

/// Whether a project permits an object of a kind; the name only matters for cluster-scoped kinds.
#[must_use]
pub fn kind<'a>(project: &'a Project, group: &str, kind: &str, name: &str, scope: Scope) -> Verdict<'a> {
    let listed = |rules: &'a [KindRule]| {
        rules.iter().find(|rule| {
            matches_kind(&rule.kind, kind)
                && matches_kind(&rule.group, group)
                && (rule.name.is_empty() || matches_kind(&rule.name, name))
        })
    };
    let (allowed, denied) = match scope {
        Scope::Namespaced => {
            let allowed = project.namespace_allowed.as_ref();
            (allowed.is_none_or(|rules| listed(rules).is_some()), &project.namespace_denied)
        }
        Scope::Cluster => (listed(&project.cluster_allowed).is_some(), &project.cluster_denied),
    };
    match listed(denied) {
        Some(rule) => Verdict::Denied(rule),
        None if allowed => Verdict::Allowed,
        None => Verdict::Unlisted,
    }
}

/// Whether a project permits Applications in a namespace; `None` if that depends on a regular expression.
#[must_use]
pub fn allows_application_in<'a>(patterns: impl IntoIterator<Item = &'a str>, namespace: &str) -> Option<bool> {
    let mut unknown = false;
    for pattern in patterns {
        if pattern.len() > 1 && pattern.starts_with('/') && pattern.ends_with('/') {
            unknown = true;
        } else if matches_glob(pattern, namespace, None) {
            return Some(true);
        }
    }
    (!unknown).then_some(false)
}

#[cfg(test)]
mod tests {
    use diagnostics::{Place, Source};
    use document::yaml;

    use super::*;
    use crate::project;

    #[test]
    fn permits_the_repositories_that_argo_cd_permits() {
        let table: &[(&[&str], bool)] = &[
            (&[], false),
            (&["https://git.example.com/team/x.git"], true),
            (&["https://git.example.com/team/x"], true),
            (&["*"], true),
            (&["https://git.example.com/*"], false),
            (&["https://git.example.com/**"], true),
            (&["https://git.example.com/team/*"], true),
            (&["https://GIT.example.com/team/X.git"], true),
            (&["!https://git.example.com/team/x.git"], false),
            (&["*", "!https://git.example.com/team/x.git"], false),
            (&["!https://other.example.com/*"], true),
            (&["!https://git.example.com/**", "*"], false),
            (&["*", "!https://git.example.com/*"], true),
            (&["!*"], true),
            (&["git@git.example.com:team/x.git"], false),
            (&["https://git.example.com/{team,crew}/x"], false),
            (&["https://git.example.com/team/[x-z]"], true),
            (&["https://git.example.com/team/?"], true),
            (&["https://git.example.com/team"], false),
        ];
        for (patterns, expected) in table {
            let found = allows_repository(patterns.iter().copied(), "https://git.example.com/team/x.git");
            assert_eq!(found, *expected, "{patterns:?}");
        }
    }

    type Triple = (&'static str, &'static str, &'static str);

    #[test]
    fn permits_the_destinations_that_argo_cd_permits() {
        let table: &[(&[Triple], Triple, bool)] = &[
            (&[], ("https://kubernetes.default.svc", "in-cluster", "web"), false),
            (
                &[("https://kubernetes.default.svc", "", "web")],
                ("https://kubernetes.default.svc", "in-cluster", "web"),
                true,
            ),
            (
                &[("https://kubernetes.default.svc", "", "other")],
                ("https://kubernetes.default.svc", "in-cluster", "web"),
                false,
            ),
            (&[("", "in-cluster", "web")], ("https://kubernetes.default.svc", "in-cluster", "web"), true),
            (&[("*", "", "*")], ("https://kubernetes.default.svc", "in-cluster", "web"), true),
            (&[("*", "", "web-*")], ("https://kubernetes.default.svc", "in-cluster", "web-a"), true),
            (&[("https://*", "", "web")], ("https://kubernetes.default.svc", "in-cluster", "web"), true),
            (
                &[("*", "", "*"), ("https://kubernetes.default.svc", "", "!web")],
                ("https://kubernetes.default.svc", "in-cluster", "web"),
                false,
            ),
            (
                &[("https://kubernetes.default.svc", "", "!kube-system")],
                ("https://kubernetes.default.svc", "in-cluster", "web"),
                true,
            ),
            (
                &[
                    ("https://kubernetes.default.svc", "", "!kube-system"),
                    ("https://kubernetes.default.svc", "", "web"),
                ],
                ("https://kubernetes.default.svc", "in-cluster", "kube-system"),
                false,
            ),
            (
                &[("!https://kubernetes.default.svc", "", "*"), ("*", "", "*")],
                ("https://kubernetes.default.svc", "in-cluster", "web"),
                false,
            ),
            (&[("!https://prod", "", "*")], ("https://kubernetes.default.svc", "in-cluster", "web"), true),
            (&[("!https://prod", "", "*")], ("https://prod", "prod", "web"), false),
            (&[("", "!prod", "*"), ("*", "", "*")], ("https://prod", "prod", "web"), false),
            (&[("", "!prod", "*")], ("https://kubernetes.default.svc", "in-cluster", "web"), true),
            (&[("", "", "web")], ("https://kubernetes.default.svc", "in-cluster", "web"), false),
            (
                &[("https://kubernetes.default.svc", "", "")],
                ("https://kubernetes.default.svc", "in-cluster", "web"),
                false,
            ),
            (&[("https://kubernetes.default.svc", "", "")], ("https://kubernetes.default.svc", "in-cluster", ""), true),
            (
                &[("https://kubernetes.default.svc", "", "*")],
                ("https://kubernetes.default.svc", "in-cluster", ""),
                true,
            ),
            (&[("*", "", "[!k]*")], ("https://kubernetes.default.svc", "in-cluster", "kube-system"), false),
            (&[("*", "", "{web,db}")], ("https://kubernetes.default.svc", "in-cluster", "db"), true),
            (&[("*", "", "!{web,db}")], ("https://kubernetes.default.svc", "in-cluster", "db"), false),
            (
                &[("https://kubernetes.default.svc", "", "WEB")],
                ("https://kubernetes.default.svc", "in-cluster", "web"),
                false,
            ),
            (&[("", "!prod", "other"), ("*", "", "*")], ("https://prod", "prod", "web"), false),
        ];
        for (items, (server, name, namespace), expected) in table {
            let items: Vec<Destination> = items
                .iter()
                .map(|(server, name, namespace)| Destination {
                    server: (*server).to_owned(),
                    name: (*name).to_owned(),
                    namespace: (*namespace).to_owned(),
                    place: Place::file("web.yaml"),
                })
                .collect();
            let cluster =
                Cluster { server: Some((*server).to_owned()), name: Some((*name).to_owned()), argocd: String::new() };
            assert_eq!(allows_destination(&items, &cluster, namespace), Some(*expected), "{items:?} {namespace}");
        }
    }

    #[test]
    fn unknown_urls_and_names_of_clusters_are_not_judged() {
        let item = |server: &str, name: &str| {
            let place = Place::file("web.yaml");
            vec![Destination { server: server.to_owned(), name: name.to_owned(), namespace: "*".to_owned(), place }]
        };
        let edge = Cluster::new(None, Some("edge"));
        assert_eq!(allows_destination(&item("https://edge.example.com", ""), &edge, "web"), None);
        assert_eq!(allows_destination(&item("", "edge"), &edge, "web"), Some(true));
        assert_eq!(allows_destination(&item("*", ""), &edge, "web"), Some(true));
        assert_eq!(allows_destination(&item("", "core"), &edge, "web"), Some(false));
        let own = Cluster::new(Some("https://kubernetes.default.svc"), None);
        assert_eq!(allows_destination(&item("", "in-cluster"), &own, "web"), Some(true));
    }

    fn allowed(spec: &str, group: &str, kind: &str, name: &str, scope: Scope) -> bool {
        let text =
            format!("apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {{name: web}}\nspec: {spec}\n");
        let document = yaml::parse_one(&Source::new("web.yaml", text)).expect("YAML");
        let (project, diagnostics) = project::read(&document);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        super::kind(&project.expect("a project"), group, kind, name, scope) == Verdict::Allowed
    }

    #[test]
    fn namespaced_kinds_are_permitted_without_a_whitelist() {
        let secret = |spec: &str| allowed(spec, "", "Secret", "a", Scope::Namespaced);
        assert!(secret("{}"));
        assert!(secret("{namespaceResourceWhitelist: null}"));
        assert!(!secret("{namespaceResourceWhitelist: []}"));
        assert!(secret("{namespaceResourceWhitelist: [{group: '', kind: Sec*}]}"));
        assert!(secret("{namespaceResourceWhitelist: [{group: '*', kind: '*'}]}"));
        assert!(!secret("{namespaceResourceWhitelist: [{group: apps, kind: '*'}]}"));
        assert!(!secret("{namespaceResourceBlacklist: [{group: '*', kind: Secret}]}"));
    }

    #[test]
    fn cluster_scoped_kinds_need_a_whitelist() {
        let group = "rbac.authorization.k8s.io";
        let role = |spec: &str| allowed(spec, group, "ClusterRole", "web-reader", Scope::Cluster);
        assert!(!role("{}"));
        assert!(!role("{clusterResourceWhitelist: []}"));
        assert!(role("{clusterResourceWhitelist: [{group: rbac.authorization.k8s.io, kind: ClusterRole}]}"));
        assert!(role("{clusterResourceWhitelist: [{group: '*', kind: '*', name: web-*}]}"));
        assert!(!role("{clusterResourceWhitelist: [{group: '*', kind: '*', name: web}]}"));
        assert!(!role("{clusterResourceWhitelist: [{group: '', kind: ClusterRole}]}"));
        let both = "clusterResourceWhitelist: [{group: '*', kind: '*'}], clusterResourceBlacklist";
        assert!(!role(&format!("{{{both}: [{{group: '*', kind: ClusterRole, name: 'web-*'}}]}}")));
        assert!(role(&format!("{{{both}: [{{group: '*', kind: ClusterRole, name: other}}]}}")));
    }

    #[test]
    fn source_namespaces_permit_applications() {
        assert_eq!(allows_application_in(["team-*"], "team-a"), Some(true));
        assert_eq!(allows_application_in(["team-*"], "other"), Some(false));
        assert_eq!(allows_application_in([], "other"), Some(false));
        assert_eq!(allows_application_in(["/^o.*/"], "other"), None);
    }
}
