//! The files of a new Application, generated from the templates in new/skeleton.
//!
//! A template contains placeholders such as `@name@`. After a first render, the project and the Application are generated
//! again to allow exactly what was rendered: cluster-scoped kinds, namespaces, and the pod security level.
//!
//! Does not render (see `commands::new`) and never changes existing files.

pub mod accepted;
pub mod name;
pub mod pod_security;
pub mod reach;
pub mod staging;
pub mod taken;

use std::collections::BTreeMap;

use diagnostics::{Result, Source};
use document::edit::scalar;
use document::{Node, Value};

use self::reach::Reach;
use crate::lint::values_table;

/// The parameters of a new Application.
#[derive(Debug, Clone)]
pub struct Service {
    /// The name of the Application and of everything that belongs to it.
    pub app: String,
    /// The destination namespace.
    pub namespace: String,
    /// The repository URL in charts.toml.
    pub repository: String,
    /// The target revision of the repository's Applications.
    pub revision: String,
    /// The upstream chart of an umbrella chart; `None` for a chart with its own Deployment.
    pub dependency: Option<Dependency>,
}

/// An upstream chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// Its Helm repository.
    pub repository: String,
}

/// The parts of a dependency's archive that the templates use.
#[derive(Debug, Default)]
pub struct Upstream {
    /// `appVersion` of its Chart.yaml.
    pub app_version: Option<String>,
    /// Its values.yaml.
    pub values: Option<Node>,
}

/// The files of the chart and its image, by path relative to the root.
pub fn chart_files(service: &Service, upstream: &Upstream) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let chart = |name: &str| format!("charts/{}/{name}", service.app);
    let mut add = |path: String, skeleton: &str| files.insert(path, fill(skeleton, service, upstream));
    add(chart(".helmignore"), include_str!("new/skeleton/helmignore"));
    if service.dependency.is_some() {
        add(chart("Chart.yaml"), include_str!("new/skeleton/umbrella/Chart.yaml"));
        add(chart("README.md"), include_str!("new/skeleton/umbrella/README.md"));
        add(chart("values.yaml"), include_str!("new/skeleton/umbrella/values.yaml"));
        add(chart("values.schema.json"), include_str!("new/skeleton/umbrella/values.schema.json"));
        add(chart("templates/NOTES.txt"), include_str!("new/skeleton/umbrella/templates/NOTES.txt"));
        add(chart("ci/values-values.yaml"), include_str!("new/skeleton/umbrella/ci/values-values.yaml"));
    } else {
        add(chart("Chart.yaml"), include_str!("new/skeleton/own/chart/Chart.yaml"));
        add(chart("README.md"), include_str!("new/skeleton/own/chart/README.md"));
        add(chart("values.yaml"), include_str!("new/skeleton/own/chart/values.yaml"));
        add(chart("values.schema.json"), include_str!("new/skeleton/own/chart/values.schema.json"));
        add(chart("ci/everything-values.yaml"), include_str!("new/skeleton/own/chart/ci/everything-values.yaml"));
        add(chart("templates/_helpers.tpl"), include_str!("new/skeleton/own/chart/templates/_helpers.tpl"));
        add(chart("templates/deployment.yaml"), include_str!("new/skeleton/own/chart/templates/deployment.yaml"));
        add(
            chart("templates/network-policy.yaml"),
            include_str!("new/skeleton/own/chart/templates/network-policy.yaml"),
        );
        add(chart("templates/NOTES.txt"), include_str!("new/skeleton/own/chart/templates/NOTES.txt"));
        add(chart("templates/service.yaml"), include_str!("new/skeleton/own/chart/templates/service.yaml"));
        add(
            chart("templates/service-account.yaml"),
            include_str!("new/skeleton/own/chart/templates/service-account.yaml"),
        );
        let image = |name: &str| format!("images/{}/{name}", service.app);
        add(image("Dockerfile"), include_str!("new/skeleton/own/image/Dockerfile"));
        add(image("www/index.html"), include_str!("new/skeleton/own/image/www/index.html"));
    }
    let source = |name: &str| Source::new(chart(name), files[&chart(name)].clone());
    let readme = values_table::fill(&source("README.md"), &source("values.yaml"))?;
    files.insert(chart("README.md"), readme);
    Ok(files)
}

/// The project and the Application, by path relative to the root.
#[must_use]
pub(crate) fn argocd_files(service: &Service, reach: &Reach) -> BTreeMap<String, String> {
    let app = &service.app;
    let fill = |skeleton: &str| {
        let mut text = fill(skeleton, service, &Upstream::default());
        for (mark, lines) in [
            ("@finalizer@\n", finalizer(reach)),
            ("@pod-security@\n", pod_security(reach)),
            ("@destinations@\n", destinations(service, reach)),
            ("@cluster-kinds@\n", cluster_kinds(service, reach)),
        ] {
            text = text.replace(mark, &lines);
        }
        text
    };
    [
        (format!("argocd/projects/{app}.yaml"), fill(include_str!("new/skeleton/argocd/project.yaml"))),
        (format!("argocd/applications/{app}.yaml"), fill(include_str!("new/skeleton/argocd/application.yaml"))),
    ]
    .into()
}

/// Replaces the placeholders of a template. [`name`] has checked that no value contains a placeholder.
fn fill(skeleton: &str, service: &Service, upstream: &Upstream) -> String {
    let mut text = skeleton
        .replace("@app@", &service.app)
        .replace("@namespace@", &scalar(&service.namespace))
        .replace("@repository@", &scalar(&service.repository))
        .replace("@revision@", &scalar(&service.revision));
    if let Some(Dependency { name, version, repository }) = &service.dependency {
        let (why, case) = case(name, upstream);
        let app_version = upstream.app_version.as_ref().unwrap_or(version);
        text = text
            .replace("@case-about@", why)
            .replace("@case@\n", &case)
            .replace("@dependency@", name)
            .replace("@dependency-version@", &scalar(version))
            .replace("@dependency-repository@", &scalar(repository))
            .replace("@dependency-url@", repository)
            // Quoted, because many versions look like numbers.
            .replace("@app-version@", &Node::string(app_version).to_json());
    }
    text
}

/// Common chart values, their types, and a non-default value for each. Names come last: renamed cluster-scoped objects
/// would have to be allowed in the project as well.
const COMMON_VALUES: &[(&str, &str, &str)] = &[
    ("podAnnotations", "object", "{example.com/case: values}"),
    ("podLabels", "object", "{example.com/case: values}"),
    ("commonLabels", "object", "{example.com/case: values}"),
    ("replicaCount", "int", "2"),
    ("fullnameOverride", "string", "another-name"),
    ("nameOverride", "string", "another"),
];

/// A case that sets one value of the upstream chart: the first of the common ones that it has.
fn case(dependency: &str, upstream: &Upstream) -> (&'static str, String) {
    let kind = |key: &str| match upstream.values.as_ref()?.get(key)?.value {
        Value::String(_) => Some("string"),
        Value::Number(_) => Some("int"),
        Value::Mapping(_) => Some("object"),
        _ => None,
    };
    let common = COMMON_VALUES.iter().find(|(key, wanted, text)| {
        let default = upstream.values.as_ref().and_then(|values| values.get(key)).map(Node::to_json);
        kind(key) == Some(wanted) && default.as_deref() != Some(*text)
    });
    match common {
        Some((key, _, text)) => {
            ("Sets one upstream value to something other than its default", format!("{dependency}:\n  {key}: {text}\n"))
        }
        // Every chart accepts global values.
        None => (
            "Add upstream values to test here; so far this case only sets empty global values",
            format!("{dependency}:\n  global: {{}}\n"),
        ),
    }
}

fn finalizer(reach: &Reach) -> String {
    if reach.definitions {
        return "  # No resources-finalizer.argocd.argoproj.io: with it, deleting or renaming this Application would delete its\n  # CustomResourceDefinitions and, with them, every custom resource of those kinds in the cluster.\n".to_owned();
    }
    "  finalizers:\n    - resources-finalizer.argocd.argoproj.io\n".to_owned()
}

fn pod_security(reach: &Reach) -> String {
    let level = reach.level.name();
    let label = format!("        pod-security.kubernetes.io/enforce: {level}\n");
    match &reach.why {
        Some(why) => format!("        # No stricter level, because {why}.\n{label}"),
        None => label,
    }
}

fn destinations(service: &Service, reach: &Reach) -> String {
    let others = reach.namespaces.iter().filter(|other| **other != service.namespace);
    let namespaces = std::iter::once(&service.namespace).chain(others);
    namespaces
        .map(|namespace| {
            format!("    - server: https://kubernetes.default.svc\n      namespace: {}\n", scalar(namespace))
        })
        .collect()
}

fn cluster_kinds(service: &Service, reach: &Reach) -> String {
    let own =
        |group: &str, kind: &str, name: &str| group.is_empty() && kind == "Namespace" && name == service.namespace;
    let others = reach.cluster.iter().filter(|(group, kind, name)| !own(group, kind, name));
    others
        .map(|(group, kind, name)| {
            format!("    - group: {}\n      kind: {}\n      name: {}\n", scalar(group), scalar(kind), scalar(name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use argocd::application;
    use document::yaml;

    use super::*;

    fn service(dependency: Option<Dependency>) -> Service {
        Service {
            app: "blog".to_owned(),
            namespace: "web".to_owned(),
            repository: "https://git.example.com/x.git".to_owned(),
            revision: "1.0".to_owned(),
            dependency,
        }
    }

    fn redis() -> Dependency {
        let [name, version, repository] = ["redis", "1.2.3", "https://charts.example.com"].map(str::to_owned);
        Dependency { name, version, repository }
    }

    #[test]
    fn no_placeholder_is_left() {
        for dependency in [None, Some(redis())] {
            let service = service(dependency);
            let mut files = chart_files(&service, &Upstream::default()).expect("valid templates");
            files.extend(argocd_files(&service, &Reach::default()));
            for (path, text) in files {
                for line in text.lines() {
                    let placeholder = line
                        .split('@')
                        .skip(1)
                        .any(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
                    assert!(!placeholder, "{path}: {line}");
                }
                let yaml = path.rsplit('.').next() == Some("yaml") && !path.contains("/templates/");
                assert!(!yaml || yaml::parse_one(&Source::new(path.clone(), text.clone())).is_ok(), "{path}");
                assert!(text.ends_with('\n') && !text.contains("\n\n\n"), "{path}");
            }
        }
    }

    #[test]
    fn the_generated_application_is_readable() {
        let files = argocd_files(&service(None), &Reach::default());
        let text = &files["argocd/applications/blog.yaml"];
        let documents = yaml::parse(&Source::new("blog.yaml", text.clone())).expect("YAML");
        let manifests = application::read(&documents);
        let Ok(application) = &manifests.applications[0].application else { panic!("{manifests:?}") };
        assert_eq!((application.name.as_str(), application.namespace.as_str()), ("blog", "web"));
        assert_eq!(
            application.sources[0].target_revision, "1.0",
            "a revision that looks like a number must stay a string"
        );
    }

    #[test]
    fn cluster_scoped_objects_are_allowed_by_name() {
        let reach = Reach {
            definitions: true,
            cluster: [("", "Namespace", "web"), ("rbac.authorization.k8s.io", "ClusterRole", "system:x")]
                .map(|(group, kind, name)| (group.to_owned(), kind.to_owned(), name.to_owned()))
                .into(),
            namespaces: ["kube-system".to_owned(), "web".to_owned()].into(),
            ..Reach::default()
        };
        let files = argocd_files(&service(None), &reach);
        let project =
            yaml::parse_one(&Source::new("p", files["argocd/projects/blog.yaml"].clone())).expect("YAML").root;
        let spec = project.get("spec").expect("spec");
        let names = |key: &str, name: &str| -> Vec<String> {
            let items = spec.get(key).map(Node::items).unwrap_or_default().iter();
            items.filter_map(|item| Some(item.get(name)?.as_str()?.to_owned())).collect()
        };
        assert_eq!(names("destinations", "namespace"), ["web", "kube-system"]);
        assert_eq!(names("clusterResourceWhitelist", "name"), ["web", "system:x"]);
        assert!(!files["argocd/applications/blog.yaml"].contains("finalizers:"));
    }

    #[test]
    fn a_case_sets_a_value_that_upstream_has() {
        let upstream = |values: &str| Upstream {
            values: yaml::parse_one(&Source::new("v", values)).ok().map(|document| document.root),
            ..Upstream::default()
        };
        for (values, expected) in [
            ("fullnameOverride: ''\n", "redis:\n  fullnameOverride: another-name\n"),
            ("podLabels: null\nreplicaCount: 1\nfullnameOverride: ''\n", "redis:\n  replicaCount: 2\n"),
            ("replicaCount: 2\npodLabels: {}\n", "redis:\n  podLabels: {example.com/case: values}\n"),
            ("image: x\n", "redis:\n  global: {}\n"),
        ] {
            assert_eq!(case("redis", &upstream(values)).1, expected, "{values}");
        }
    }
}
