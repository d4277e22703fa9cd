//! charts.toml for a repository that has none.

mod apps_values;
mod by_hand;
mod cluster;
mod clusters;
mod deployed_instances;
mod excluded;
mod instances;
mod nested_instances;
mod samples;
mod selectors;
mod settings;
mod unlisted;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use argocd::repository_url;
use document::json::quoted;
use document::{Node, Value};

pub use self::apps_values::of_values;
pub use self::by_hand::ByHand;
use self::by_hand::release;
pub use self::cluster::Cluster;
pub use self::clusters::{Read, clusters, value_of};
pub use self::deployed_instances::{Deployed, deployed, join};
pub use self::excluded::{excluded, is_aside, is_template, templates};
pub use self::instances::{add_directories, are_separate, instances, of_names};
pub use self::nested_instances::innermost;
pub use self::samples::{Sample, samples};
pub use self::settings::{Plugin, build_options, plugins};
pub use self::unlisted::{Listing, unlisted};

/// The charts.toml of the tool's own repository, whose versions a new one gets.
const OWN: &str = include_str!("../../charts.toml");

/// The Jsonnet version of that Argo CD release.
const JSONNET: &str = "0.22.0";

/// What was found in a repository.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The URL from which Argo CD deploys.
    pub repository: String,
    /// The branch that most Applications track, if it is not in the clone.
    pub branch: Option<String>,
    /// Whether a kustomization inflates charts.
    pub inflates_charts: bool,
    /// Whether kustomizations decrypt files with KSOPS.
    pub uses_ksops: bool,
    /// `kustomize.buildOptions` in the configuration of Argo CD, if the repository contains it.
    pub build_options: Option<String>,
    /// The config management plugins that sources need.
    pub plugins: Vec<Plugin>,
    /// Whether a directory contains Jsonnet.
    pub has_jsonnet: bool,
    /// Patterns of the files that define Applications for nobody.
    pub excluded: Vec<String>,
    /// Patterns of the files with Applications that the kustomization around them does not list.
    pub unlisted: Vec<String>,
    /// The clusters that ApplicationSets select.
    pub clusters: Vec<Cluster>,
    /// What generators of ApplicationSets get from outside of the repository.
    pub samples: Vec<Sample>,
    /// Charts and kustomizations that no Application deploys and that render Applications.
    pub bootstraps: Vec<ByHand>,
    /// The namespace of Argo CD.
    pub namespace: String,
    /// Directories with Jsonnet that seems to render Applications, and that no Application deploys: paths from the root.
    pub jsonnet: Vec<String>,
    /// Instances of Argo CD that define Applications of equal names: their names, and the patterns of their files.
    pub instances: BTreeMap<String, BTreeSet<String>>,
}

/// How often each URL is the repository of a source with a path, most often first.
#[must_use]
pub fn repositories<'a>(documents: impl Iterator<Item = &'a Node>) -> Vec<(String, Vec<String>)> {
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for document in documents {
        sources(document, 0, &mut |url, path| paths.entry(url.to_owned()).or_default().push(path.to_owned()));
    }
    let mut all: Vec<(String, Vec<String>)> = paths.into_iter().collect();
    all.sort_by_key(|(_, paths)| std::cmp::Reverse(paths.len()));
    all
}

/// The limit of nested mappings.
const MAX_DEPTH: usize = 40;

fn sources(node: &Node, depth: usize, found: &mut impl FnMut(&str, &str)) {
    if depth > MAX_DEPTH {
        return;
    }
    match &node.value {
        Value::Mapping(entries) => {
            let text = |key: &str| node.get(key).and_then(Node::as_str);
            if let Some(url) = text("repoURL").filter(|_| node.get("chart").is_none()) {
                found(url, text("path").unwrap_or_default());
                // The directories and files that a generator searches, up to the first pattern.
                let searched = ["directories", "files"].into_iter().filter_map(|key| node.get(key));
                for path in searched.flat_map(Node::items).filter_map(|item| item.get("path")?.as_str()) {
                    let fixed = path.split('/').take_while(|part| !part.contains(['*', '?', '[', '{', '!']));
                    found(url, &fixed.collect::<Vec<_>>().join("/"));
                }
            }
            for (_, value) in entries {
                sources(value, depth + 1, found);
            }
        }
        Value::Sequence(items) => {
            for item in items {
                sources(item, depth + 1, found);
            }
        }
        _ => {}
    }
}

/// The revision that most sources of a repository track.
#[must_use]
pub(crate) fn usual_revision<'a>(documents: impl Iterator<Item = &'a Node>, repository: &str) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for document in documents {
        revisions(document, repository, 0, &mut counts);
    }
    let all: usize = counts.values().sum();
    counts.into_iter().find(|(_, count)| count * 2 > all).map(|(revision, _)| revision)
}

fn revisions(node: &Node, repository: &str, depth: usize, counts: &mut BTreeMap<String, usize>) {
    let text = |key: &str| node.get(key).and_then(Node::as_str);
    if depth > MAX_DEPTH {
        return;
    }
    if text("repoURL").is_some_and(|url| repository_url::same(url, repository)) && node.get("chart").is_none() {
        *counts.entry(text("targetRevision").unwrap_or_default().to_owned()).or_default() += 1;
    }
    let children = node.entries().iter().map(|(_, value)| value).chain(node.items());
    children.for_each(|child| revisions(child, repository, depth + 1, counts));
}

/// The URL from which Argo CD deploys this repository: one of a Git remote, or that of a repository of the same name if
/// more sources use it with a path that exists here, since this may be a fork or a mirror of it; or else the one that most
/// sources use with a path that exists here.
#[must_use]
pub fn repository(used: &[(String, Vec<String>)], remotes: &[String], exists: impl Fn(&str) -> bool) -> Option<String> {
    let of_remote = |url: &&String| remotes.iter().any(|remote| repository_url::same(url, remote));
    let here = |paths: &Vec<String>| paths.iter().any(|path| !matches!(path.as_str(), "" | "." | "/") && exists(path));
    let urls = || used.iter().map(|(url, _)| url).filter(|url| !url.contains("{{"));
    let name = |url: &str| repository_url::name(url).to_lowercase();
    let same_name = |url: &&String| remotes.iter().any(|remote| name(remote) == name(url));
    let existing = |url: &String| {
        let paths = used.iter().find(|(other, _)| other == url).map(|(_, paths)| paths.as_slice()).unwrap_or_default();
        paths.iter().filter(|path| !matches!(path.as_str(), "" | "." | "/") && exists(path)).count()
    };
    // The first of those with the most, and those of a remote come first.
    let candidates = urls().filter(of_remote).chain(urls().filter(same_name));
    let own = candidates.rev().max_by_key(|url| existing(url)).cloned();
    let local = || used.iter().find(|(url, paths)| !url.contains("{{") && here(paths)).map(|(url, _)| url.clone());
    let remote = || remotes.iter().find(|url| url.contains("://") || url.contains('@')).cloned();
    own.or_else(local).or_else(remote)
}

/// The text of charts.toml.
#[must_use]
pub fn configuration(survey: &Survey) -> String {
    let mut text = format!(
        "# What the Argo CD Applications of this repository do not say: versions, pins, and accepted exceptions.\n\n\
         # The Git repository from which Argo CD deploys.\n\
         repository = {}\n{}\n\
         [argocd]\n\
         # The Argo CD release whose rendering is reproduced, including its Helm and Kustomize.\n\
         version = {}\n\
         # Applications are searched in all files that Git does not ignore. To narrow the search:\n\
         # applications = [\"apps/**\"]\n",
        quoted(&survey.repository),
        survey.branch.as_deref().map(branch).unwrap_or_default(),
        quoted(own("argocd", "version")),
    );
    if !survey.excluded.is_empty() || !survey.unlisted.is_empty() {
        if !survey.excluded.is_empty() {
            text.push_str("# Not searched: tests, examples, and templates of other programs.\n");
        }
        if !survey.unlisted.is_empty() {
            text.push_str("# Not searched: Applications that the kustomization around them does not list. Those that it lists are found\n# in what it renders.\n");
        }
        text.push_str("exclude = [\n");
        for pattern in survey.excluded.iter().chain(&survey.unlisted) {
            let _ = writeln!(text, "    {},", quoted(pattern));
        }
        text.push_str("]\n");
    }
    let _ = write!(
        text,
        "\n[kubernetes]\n# The Kubernetes version of the cluster, as `kubectl version` prints it.\nversion = {}\n",
        quoted(own("kubernetes", "version")),
    );
    if let Some(options) = &survey.build_options {
        let _ = write!(
            text,
            "\n[kustomize]\n# `kustomize.buildOptions` of Argo CD, as this repository configures it.\nbuild-options = {}\n",
            quoted(options)
        );
    } else {
        let needed = [
            (survey.inflates_charts, "--enable-helm", "`helmCharts`"),
            (survey.uses_ksops, "--enable-alpha-plugins", "KSOPS"),
        ];
        let needed = needed.into_iter().filter(|(needed, ..)| *needed);
        let (options, users): (Vec<&str>, Vec<&str>) = needed.map(|(_, options, user)| (options, user)).unzip();
        if !options.is_empty() {
            let _ = write!(
                text,
                "\n[kustomize]\n# `kustomize.buildOptions` of Argo CD, for kustomizations with {}.\nbuild-options = {}\n",
                users.join(" and "),
                quoted(&options.join(" "))
            );
        }
    }
    let _ = write!(text, "\n[tools]\nkubeconform = {}\n", quoted(own("tools", "kubeconform")));
    if survey.has_jsonnet {
        let _ = write!(text, "# That of Argo CD {}.\njsonnet = {}\n", own("argocd", "version"), quoted(JSONNET));
    }
    text.push_str(
        "\n[lint]\n# Whether conventions are findings, too: a values.schema.json for each chart, a case for each value, a project\n\
         # for each Application, and others, which `explain` lists.\nconventions = false\n",
    );
    if survey.instances.values().any(|patterns| !patterns.is_empty()) {
        text.push_str(
            "\n# Applications in different directories or files have equal names, so each seems to belong to an Argo CD\n\
             # instance of its own. The targets of Application `web` are `web@NAME/…`.\n",
        );
    } else if !survey.instances.is_empty() {
        text.push_str(
            "\n# The same Applications are rendered several times, so each time seems to be for an Argo CD instance of its own.\n\
             # The targets of Application `web` are `web@NAME/…`.\n",
        );
    }
    for (name, patterns) in &survey.instances {
        let patterns: Vec<String> = patterns.iter().map(|pattern| quoted(pattern)).collect();
        let _ = writeln!(text, "[[instance]]\nname = {}", quoted(name));
        if !patterns.is_empty() {
            let _ = writeln!(text, "applications = [{}]", patterns.join(", "));
        }
        text.push('\n');
    }
    if !survey.instances.is_empty() {
        text.pop();
    }
    text.push_str(&clusters::entries(&survey.clusters));
    text.push_str(&samples::entries(&survey.samples));
    text.push_str(&settings::entries(&survey.plugins));
    text.push_str(&by_hand::entries(&survey.bootstraps, &survey.namespace));
    for path in &survey.jsonnet {
        let name = match release(path.rsplit('/').next().unwrap_or_default()) {
            name if path == "." || name == "bootstrap" => "root".to_owned(),
            name => name,
        };
        let _ = write!(
            text,
            "\n# Jsonnet that seems to render Applications, and that no Application deploys. If it is applied by hand, uncomment:\n\
             # [[bootstrap]]\n# name = {}\n# path = {}\n# namespace = \"argocd\"\n",
            quoted(&name),
            quoted(path)
        );
    }
    text
}

/// The entry of the branch that Applications track.
fn branch(name: &str) -> String {
    format!(
        "# Most Applications track this branch, which is not in the clone: what is checked out is rendered in its place. To\n\
         # render the branch, fetch it, and delete this line.\nbranch = {}\n",
        quoted(name)
    )
}

/// A value of the tool's own charts.toml.
fn own(section: &str, key: &str) -> &'static str {
    let head = format!("[{section}]");
    let section = OWN.lines().skip_while(|line| *line != head).skip(1).take_while(|line| !line.starts_with('['));
    let mut values = section.filter_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
    values.next().map(|value| value.trim().trim_matches('"')).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::{toml, yaml};

    use super::*;

    fn used(text: &str) -> Vec<(String, Vec<String>)> {
        let documents = yaml::parse(&Source::new("a.yaml", text)).expect("YAML");
        repositories(documents.iter().map(|document| &document.root))
    }

    #[test]
    fn the_repository_is_that_of_a_remote_or_of_existing_paths() {
        let text = "
spec: {source: {repoURL: https://git.example.com/other.git, path: charts/x}}
---
spec: {source: {repoURL: https://git.example.com/other.git, path: charts/y}}
---
spec: {generators: [{git: {repoURL: https://git.example.com/home.git, directories: []}}], template: {spec: {source: {repoURL: https://git.example.com/home.git, path: apps/web}}}}
---
spec: {source: {repoURL: https://charts.example.com, chart: web}}
";
        let used = used(text);
        let here = |path: &str| path == "apps/web";
        let remote = ["git@git.example.com:home.git".to_owned()];
        let home = Some("https://git.example.com/home.git".to_owned());
        assert_eq!(repository(&used, &remote, |_| false), home, "the form that Applications use");
        assert_eq!(repository(&used, &[], here), home);
        assert_eq!(repository(&[], &remote, here).as_deref(), Some("git@git.example.com:home.git"));
        assert_eq!(repository(&used, &["/srv/homes".to_owned()], |_| false), None);
        let fork = ["https://git.example.com/me/home".to_owned()];
        assert_eq!(repository(&used, &fork, |_| false), home, "a fork, or a mirror");
        let mut both = used.clone();
        both.push((fork[0].clone(), vec!["apps/web".to_owned()]));
        assert_eq!(repository(&both, &fork, here).as_ref(), Some(&fork[0]), "a fork that deploys itself");
        both.iter_mut()
            .filter(|(url, _)| url.ends_with("home.git"))
            .for_each(|(_, paths)| paths.push("apps/web".to_owned()));
        assert_eq!(repository(&both, &fork, here), home, "a fork that deploys itself in one place");
    }

    #[test]
    fn the_text_is_valid() {
        let survey = Survey {
            repository: "https://git.example.com/home.git".to_owned(),
            branch: Some("release".to_owned()),
            inflates_charts: true,
            uses_ksops: false,
            build_options: None,
            plugins: plugins("p.yaml", "cmp: {plugins: {kcl: {generate: {command: [kcl]}}}}"),
            has_jsonnet: true,
            unlisted: Vec::new(),
            excluded: vec!["pkg/testdata/**".to_owned(), "a \"b\".yaml".to_owned()],
            clusters: vec![Cluster { name: "edge \"1\"".to_owned(), ..Cluster::default() }],
            bootstraps: ByHand::chart("_Root", "bootstrap \"a\"", &[]),
            namespace: "argocd".to_owned(),
            samples: Vec::new(),
            jsonnet: vec![".".to_owned(), "apps/\"index\"".to_owned()],
            instances: of_names(&[("c/a.yaml", "c/b.yaml")]),
        };
        let source = Source::new("charts.toml", configuration(&survey));
        assert!(toml::parse(&source).is_ok());
        let config = workspace::config::Config::parse(&source).expect("valid");
        assert_eq!((config.repository.as_str(), config.bootstraps.len()), ("https://git.example.com/home.git", 1));
        assert_eq!(config.branch.as_deref(), Some("release"));
        assert_eq!((config.bootstraps[0].name.as_str(), config.plugins.len()), ("root", 0));
        let stated = Survey { build_options: Some("--enable-helm --x".to_owned()), ..survey };
        let stated = Source::new("charts.toml", configuration(&stated));
        let stated = workspace::config::Config::parse(&stated).expect("valid");
        assert_eq!(stated.kustomize_build_options, ["--enable-helm", "--x"]);
        let named: Vec<&str> = config.instances.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(named, ["a", "b"]);
        assert_eq!((config.instance_of("c/b.yaml"), config.instance_of("c/y.yaml")), ("b", ""));
        assert_eq!(config.kustomize_build_options, ["--enable-helm"]);
        assert_eq!((config.clusters.len(), config.clusters[0].cluster.server.as_str()), (1, "https://edge--1.invalid"));
        assert!(!config.selects("pkg/testdata/a.yaml") && config.selects("pkg/a.yaml"));
        assert!(!config.kubernetes.is_empty() && config.tools.contains_key("kubeconform"));
    }
}
