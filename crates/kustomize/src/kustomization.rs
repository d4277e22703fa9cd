//! A kustomization file and what it refers to.
//!
//! kustomize reads keys whatever their case, which this reader does, too. It does not validate: kustomize does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostics::{Place, Source};
use document::{Node, Value, yaml};

/// The names of kustomization files.
pub const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A kustomization file.
#[derive(Debug, Clone)]
pub struct Kustomization {
    /// Its directory.
    pub directory: PathBuf,
    /// Its text.
    pub source: Arc<Source>,
    /// Its content; null if it cannot be parsed.
    pub root: Node,
}

/// Something that a kustomization refers to.
#[derive(Debug, Clone)]
pub struct Reference {
    /// How kustomize reads it.
    pub role: Role,
    /// Its path or address.
    pub text: String,
    /// The place of the text.
    pub place: Place,
}

/// How kustomize reads what a kustomization refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A file, or else a directory or repository with another kustomization.
    Resource,
    /// A directory or repository with another kustomization.
    Component,
    /// A file.
    File,
    /// A file with configurations of plugins, which may refer to other files, or like a resource.
    Plugin,
}

/// A chart that a kustomization inflates.
#[derive(Debug, Clone)]
pub struct Inflated {
    /// Its name.
    pub name: String,
    /// The repository, unless the chart is in the chart home.
    pub repository: String,
    /// The version; empty if unset.
    pub version: String,
    /// The folder of charts, relative to the kustomization.
    pub home: String,
    /// The place of the entry.
    pub place: Place,
    /// The place of the version, or else of the entry.
    pub version_place: Place,
}

impl Kustomization {
    /// Reads a file.
    #[must_use]
    pub fn new(directory: &Path, source: &Arc<Source>) -> Self {
        let documents = yaml::parse(source).unwrap_or_default();
        let null = || Node { value: Value::Null, span: 0..0, source: Arc::clone(source) };
        let root = documents.into_iter().next().map_or_else(null, |document| document.root);
        Self { directory: directory.to_path_buf(), source: Arc::clone(source), root }
    }

    /// What it refers to, in the order of its text as far as that matters to nobody.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let root = &self.root;
        let mut found = Vec::new();
        for (key, role) in [
            ("resources", Role::Resource),
            ("bases", Role::Resource),
            ("components", Role::Component),
            ("crds", Role::File),
            ("configurations", Role::File),
            ("patchesStrategicMerge", Role::File),
            ("generators", Role::Plugin),
            ("transformers", Role::Plugin),
            ("validators", Role::Plugin),
        ] {
            let inline = matches!(role, Role::Plugin) || key == "patchesStrategicMerge";
            found.extend(
                list(root, key).iter().filter(|item| !(inline && is_inline(item))).filter_map(|item| refer(item, role)),
            );
        }
        for key in ["patches", "patchesJson6902", "replacements"] {
            found.extend(list(root, key).iter().filter_map(|item| refer(get(item, "path")?, Role::File)));
        }
        found.extend(get(root, "openapi").and_then(|node| refer(get(node, "path")?, Role::File)));
        for key in ["configMapGenerator", "secretGenerator"] {
            for item in list(root, key) {
                found.extend(sources(item));
            }
        }
        for item in list(root, "helmCharts") {
            found.extend(get(item, "valuesFile").and_then(|node| refer(node, Role::File)));
            found.extend(list(item, "additionalValuesFiles").iter().filter_map(|node| refer(node, Role::File)));
        }
        for item in list(root, "helmChartInflationGenerator") {
            found.extend(get(item, "values").and_then(|node| refer(node, Role::File)));
        }
        // Plugins may be written into the list.
        for item in ["generators", "transformers", "validators"].iter().flat_map(|key| list(root, key)) {
            if let Some(text) = item.as_str().filter(|_| is_inline(item)) {
                let parsed = yaml::parse(&Source::new("", text)).unwrap_or_default();
                let inside = parsed.iter().flat_map(|document| of_plugin(&document.root));
                // Their places are those of the whole text.
                found.extend(inside.map(|reference| Reference { place: item.place(), ..reference }));
            }
        }
        found.retain(|reference| !reference.text.is_empty());
        found
    }

    /// The charts that it inflates.
    #[must_use]
    pub fn charts(&self) -> Vec<Inflated> {
        let root = &self.root;
        let old = list(root, "helmChartInflationGenerator");
        let old_home = old.iter().rev().map(|item| text(item, "chartHome")).find(|home| !home.is_empty());
        let home = get(root, "helmGlobals").map(|node| text(node, "chartHome"));
        let home = home.or(old_home).filter(|home| !home.is_empty()).unwrap_or_else(|| "charts".to_owned());
        let new = list(root, "helmCharts").iter().map(|item| (item, ["name", "repo", "version"]));
        let old = old.iter().map(|item| (item, ["chartName", "chartRepoUrl", "chartVersion"]));
        new.chain(old).map(|(item, keys)| inflated(item, keys, &home)).filter(|chart| !chart.name.is_empty()).collect()
    }
}

fn inflated(item: &Node, [name, repository, version]: [&str; 3], home: &str) -> Inflated {
    Inflated {
        name: text(item, name),
        repository: text(item, repository),
        version: text(item, version),
        home: home.to_owned(),
        place: get(item, name).unwrap_or(item).place(),
        version_place: get(item, version).or(get(item, name)).unwrap_or(item).place(),
    }
}

/// What a configuration of a plugin refers to: of a built-in one, or of KSOPS.
#[must_use]
pub fn of_plugin(root: &Node) -> Vec<Reference> {
    let mut found = sources(root);
    for key in ["path", "valuesFile", "values"] {
        found.extend(get(root, key).and_then(|node| refer(node, Role::File)));
    }
    for key in ["paths", "additionalValuesFiles"] {
        let items = list(root, key).iter().filter(|item| !is_inline(item));
        found.extend(items.filter_map(|node| refer(node, Role::File)));
    }
    found.extend(list(root, "replacements").iter().filter_map(|item| refer(get(item, "path")?, Role::File)));
    found.extend(list(root, "secretFrom").iter().flat_map(sources));
    found
}

/// The chart of a configuration of a built-in plugin.
#[must_use]
pub(crate) fn chart_of_plugin(root: &Node) -> Option<Inflated> {
    if text(root, "kind") != "HelmChartInflationGenerator" {
        return None;
    }
    let home = Some(text(root, "chartHome")).filter(|home| !home.is_empty()).unwrap_or_else(|| "charts".to_owned());
    Some(inflated(root, ["name", "repo", "version"], &home)).filter(|chart| !chart.name.is_empty())
}

/// The files of a generator of ConfigMaps or Secrets.
fn sources(item: &Node) -> Vec<Reference> {
    let mut found = Vec::new();
    for node in list(item, "files").iter().chain(list(item, "binaryFiles")) {
        let Some(reference) = refer(node, Role::File) else { continue };
        // `[key=]path`
        let path = reference.text.split_once('=').map(|(_, path)| path.to_owned());
        found.push(Reference { text: path.unwrap_or(reference.text), ..reference });
    }
    found.extend(list(item, "envs").iter().filter_map(|node| refer(node, Role::File)));
    found.extend(get(item, "env").and_then(|node| refer(node, Role::File)));
    found
}

/// Whether an entry of a list is the content itself rather than the path of a file.
fn is_inline(item: &Node) -> bool {
    item.as_str().is_some_and(|text| text.contains('\n') || text.contains(": "))
}

fn refer(node: &Node, role: Role) -> Option<Reference> {
    Some(Reference { role, text: node.as_str()?.to_owned(), place: node.place() })
}

/// The value of a key, whatever its case.
#[must_use]
pub fn get<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.get(key)
        .or_else(|| node.entries().iter().find(|(name, _)| name.name.eq_ignore_ascii_case(key)).map(|(_, value)| value))
}

fn list<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    get(node, key).map(Node::items).unwrap_or_default()
}

fn text(node: &Node, key: &str) -> String {
    get(node, key).and_then(Node::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kustomization(text: &str) -> Kustomization {
        Kustomization::new(Path::new("/r/app"), &Source::new("app/kustomization.yaml", text))
    }

    #[test]
    fn all_references_are_found() {
        let text = "\
resources: [a.yaml, ../base]
Bases: [../old]
components: [../comp]
crds: [crd.json]
configurations: [conf.yaml]
patchesStrategicMerge: [p1.yaml, \"kind: A\\nmetadata: {name: b}\\n\"]
patches: [{path: p2.yaml}, {patch: 'a: 1'}]
patchesJson6902: [{path: p3.json, target: {kind: A, name: b}}]
replacements: [{path: r.yaml}, {source: {kind: A}}]
openapi: {path: schema.json}
configMapGenerator: [{name: a, files: [f1.txt, key=f2.txt], envs: [e1.env], env: e2.env}]
secretGenerator: [{name: a, files: [s.txt]}]
helmCharts: [{name: x, valuesFile: v1.yaml, additionalValuesFiles: [v2.yaml]}]
generators: [g.yaml, \"apiVersion: builtin\\nkind: ConfigMapGenerator\\nfiles: [g1.txt]\\n\"]
transformers: [t.yaml]
validators: [v.yaml]
";
        let found = kustomization(text).references();
        let texts: Vec<&str> = found.iter().map(|reference| reference.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "a.yaml",
                "../base",
                "../old",
                "../comp",
                "crd.json",
                "conf.yaml",
                "p1.yaml",
                "g.yaml",
                "t.yaml",
                "v.yaml",
                "p2.yaml",
                "p3.json",
                "r.yaml",
                "schema.json",
                "f1.txt",
                "f2.txt",
                "e1.env",
                "e2.env",
                "s.txt",
                "v1.yaml",
                "v2.yaml",
                "g1.txt"
            ]
        );
        assert_eq!(found[1].place.to_string(), "app/kustomization.yaml:1:21");
    }

    #[test]
    fn charts_are_found_with_their_home() {
        let text = "helmGlobals: {chartHome: vendor}\nhelmCharts: [{name: a, repo: 'https://example.com', version: 1.2.3}, {name: b}, {}]\n";
        let charts = kustomization(text).charts();
        let shown: Vec<_> =
            charts.iter().map(|one| (one.name.as_str(), one.version.as_str(), one.home.as_str())).collect();
        assert_eq!(shown, [("a", "1.2.3", "vendor"), ("b", "", "vendor")]);
        let old = kustomization(
            "helmChartInflationGenerator: [{chartName: a, chartRepoUrl: 'https://example.com', chartVersion: 1.0.0}]\n",
        )
        .charts();
        assert_eq!(
            (old[0].name.as_str(), old[0].repository.as_str(), old[0].home.as_str()),
            ("a", "https://example.com", "charts")
        );
    }

    #[test]
    fn odd_files_refer_to_nothing() {
        for text in [
            "",
            "[]",
            "a",
            "resources: a",
            "resources: [1, {a: b}, null]",
            "resources: [",
            "patches: [1]",
            "helmCharts: {a: b}",
        ] {
            let odd = kustomization(text);
            assert!(odd.references().is_empty() && odd.charts().is_empty(), "{text}");
        }
    }
}
