//! What a project allows, decided as Argo CD 3.5 decides it.
//!
//! Its rules surprise in places: of the denials, one that does not concern a repository allows it; a namespace's kinds
//! are all allowed unless a list is there, the cluster's are all denied unless one is. Evidence: the tables in the
//! tests, each line seen from Argo CD's own code.
//!
//! Pure. Deliberately absent: what Argo CD learns from its cluster alone, such as the names of clusters.

use crate::pattern::{Glob, matches_kind};
use crate::project::{Destination, KindRule, Project};
use crate::repository_url::normalized;
use kubernetes::scope::Scope;

/// The address of the cluster that Argo CD runs in, and how it calls it.
const OWN_CLUSTER: (&str, &str) = ("https://kubernetes.default.svc", "in-cluster");

/// A cluster, by what an Application says of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cluster {
    /// The API server's address, where it is known.
    pub server: Option<String>,
    /// The name, where it is known.
    pub name: Option<String>,
}

impl Cluster {
    /// The cluster that `destination` names by one of the two; both are known of Argo CD's own.
    #[must_use]
    pub fn new(server: Option<&str>, name: Option<&str>) -> Self {
        let own = server == Some(OWN_CLUSTER.0) || server.is_none() && name == Some(OWN_CLUSTER.1);
        let (server, name) = if own { (Some(OWN_CLUSTER.0), Some(OWN_CLUSTER.1)) } else { (server, name) };
        Self { server: server.map(str::to_owned), name: name.map(str::to_owned) }
    }
}

fn is_denial(pattern: &str) -> bool {
    pattern.starts_with('!')
}

/// Whether a text matches; a pattern with `!` in front matches what the rest does not.
fn fits(pattern: &str, text: &str, separator: Option<char>) -> bool {
    if let Some(denied) = pattern.strip_prefix('!') {
        return !fits_plainly(denied, text, separator);
    }
    pattern == "*" || fits_plainly(pattern, text, separator)
}

fn fits_plainly(pattern: &str, text: &str, separator: Option<char>) -> bool {
    Glob::parse(pattern).is_some_and(|glob| glob.matches(text, separator))
}

/// Whether a project allows a repository.
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

/// Whether a project allows a namespace of a cluster; `None` where that hangs on what nobody here knows.
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
        // Of what is not known, everything but `*` was ruled out above.
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

/// What a project says of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be deployed.
    Allowed,
    /// The list of what is allowed does not have it.
    Unlisted,
    /// The list of what is denied has it.
    Denied,
}

/// What a project says of an object, by its kind and for those of the cluster by its name.
#[must_use]
pub fn kind(project: &Project, group: &str, kind: &str, name: &str, scope: Scope) -> Verdict {
    let listed = |rules: &[KindRule]| {
        rules.iter().any(|rule| {
            matches_kind(&rule.kind, kind)
                && matches_kind(&rule.group, group)
                && (rule.name.is_empty() || matches_kind(&rule.name, name))
        })
    };
    let (allowed, denied) = match scope {
        Scope::Namespaced => {
            (project.namespace_allowed.as_ref().is_none_or(|rules| listed(rules)), &project.namespace_denied)
        }
        Scope::Cluster => (listed(&project.cluster_allowed), &project.cluster_denied),
    };
    if listed(denied) {
        Verdict::Denied
    } else if allowed {
        Verdict::Allowed
    } else {
        Verdict::Unlisted
    }
}

/// Whether a project lets its Applications lie in a namespace other than Argo CD's own; `None` for a regular expression.
#[must_use]
pub fn allows_application_in<'a>(patterns: impl IntoIterator<Item = &'a str>, namespace: &str) -> Option<bool> {
    let mut unknown = false;
    for pattern in patterns {
        if pattern.len() > 1 && pattern.starts_with('/') && pattern.ends_with('/') {
            unknown = true;
        } else if fits_plainly(pattern, namespace, None) {
            return Some(true);
        }
    }
    (!unknown).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;
    use diagnostics::Source;
    use document::yaml;

    #[test]
    fn repositories_are_allowed_as_argo_cd_allows_them() {
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
    fn destinations_are_allowed_as_argo_cd_allows_them() {
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
                })
                .collect();
            let cluster = Cluster { server: Some((*server).to_owned()), name: Some((*name).to_owned()) };
            assert_eq!(allows_destination(&items, &cluster, namespace), Some(*expected), "{items:?} {namespace}");
        }
    }

    #[test]
    fn what_hangs_on_another_cluster_s_name_is_not_judged() {
        let item = |server: &str, name: &str| {
            vec![Destination { server: server.to_owned(), name: name.to_owned(), namespace: "*".to_owned() }]
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
    fn kinds_of_a_namespace_are_allowed_unless_a_list_says_otherwise() {
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
    fn kinds_of_the_cluster_are_denied_unless_a_list_says_otherwise() {
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
    fn applications_elsewhere_need_a_namespace_that_is_allowed() {
        assert_eq!(allows_application_in(["team-*"], "team-a"), Some(true));
        assert_eq!(allows_application_in(["team-*"], "other"), Some(false));
        assert_eq!(allows_application_in([], "other"), Some(false));
        assert_eq!(allows_application_in(["/^o.*/"], "other"), None);
    }
}
