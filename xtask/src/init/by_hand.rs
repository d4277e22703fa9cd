//! `[[bootstrap]]` for what is applied by hand and renders Applications: charts and kustomizations.
//!
//! A chart with value files for several environments, and kustomizations that build the same Applications, are each applied
//! to an Argo CD of their own, so each gets an instance.

use std::collections::BTreeSet;
use std::fmt::Write;

use document::json::quoted;

/// Names of value files that are for no environment.
const SHARED: [&str; 11] = [
    "common", "default", "defaults", "example", "global", "sample", "schema", "secret", "secrets", "shared", "template",
];

/// Directories of a chart with a value file for each environment.
const DIRECTORIES: [&str; 5] = ["clusters", "env", "environments", "envs", "values"];

/// A chart or kustomization that is applied by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// The name of its target.
    pub name: String,
    /// Its path from the root.
    pub path: String,
    /// Whether it is a kustomization.
    pub is_kustomization: bool,
    /// The value files that it is rendered with, relative to it.
    pub value_files: Vec<String>,
    /// The Argo CD instance that it is applied to, if there are several.
    pub instance: Option<String>,
    /// If it is a chart from a Helm repository, its name, repository, and version. Its value files are relative to the root.
    pub chart: Option<[String; 3]>,
}

impl ByHand {
    /// A chart, once for each of the environments for which it has a value file. `files` are its files, relative to it.
    #[must_use]
    pub fn chart(name: &str, path: &str, files: &[String]) -> Vec<Self> {
        let one = |value_files: Vec<String>, instance: Option<String>| Self {
            name: name.to_owned(),
            path: path.to_owned(),
            is_kustomization: false,
            value_files,
            instance,
            chart: None,
        };
        let environments = environments(files);
        if environments.len() < 2 {
            return vec![one(Vec::new(), None)];
        }
        environments.into_iter().map(|(environment, file)| one(vec![file], Some(environment))).collect()
    }

    /// Kustomizations, by their paths, with the files with Applications that each builds.
    #[must_use]
    pub fn kustomizations(roots: &[(String, BTreeSet<String>)]) -> Vec<Self> {
        let shares = |path: &str, files: &BTreeSet<String>| {
            roots.iter().any(|(other, others)| other != path && !others.is_disjoint(files))
        };
        let parts = |path: &str| -> Vec<String> { path.split('/').map(release).collect() };
        let of = |(path, files): &(String, BTreeSet<String>)| {
            let mut parts = parts(path);
            let last = parts.pop().unwrap_or_default();
            let several = shares(path, files);
            let name = if several { parts.pop().unwrap_or_else(|| "root".to_owned()) } else { last.clone() };
            Self {
                name,
                path: path.clone(),
                is_kustomization: true,
                value_files: Vec::new(),
                instance: several.then_some(last),
                chart: None,
            }
        };
        roots.iter().map(of).collect()
    }
}

/// The environments for which there is a value file, and the files.
fn environments(files: &[String]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for file in files {
        let Some(stem) = file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml")) else { continue };
        let name = match stem.split_once('/') {
            Some((directory, name)) if DIRECTORIES.contains(&directory) && !name.contains('/') => {
                name.strip_prefix("values-").or_else(|| name.strip_suffix("-values")).unwrap_or(name)
            }
            Some(_) => continue,
            None => {
                let before = ["values-", "values.", "values_"].into_iter().find_map(|start| stem.strip_prefix(start));
                let after = ["-values", ".values", "_values"].into_iter().find_map(|end| stem.strip_suffix(end));
                match before.or(after) {
                    Some(name) => name,
                    None => continue,
                }
            }
        };
        let name = release(name);
        let is_shared = name.is_empty() || name.split('-').any(|part| SHARED.contains(&part)) || name == "values";
        if !is_shared && !found.iter().any(|(other, _)| *other == name) {
            found.push((name, file.clone()));
        }
    }
    found
}

/// The entries of charts.toml, for an Argo CD in a namespace.
pub(super) fn entries(all: &[ByHand], namespace: &str) -> String {
    let mut text = String::new();
    let mut explained: Option<&str> = None;
    for one in all {
        // Targets need names of their own.
        let same = |other: &&ByHand| other.name == one.name && other.instance == one.instance;
        let name = release(if all.iter().filter(same).count() > 1 { &one.path } else { &one.name });
        if explained != Some(one.path.as_str()) || one.is_kustomization {
            text.push_str(match (one.is_kustomization, &one.instance) {
                _ if one.chart.is_some() => {
                    "\n# Values with Applications, for a chart that no Application deploys: it is applied by hand.\n"
                }
                (true, _) => {
                    "\n# A kustomization that builds Applications, and that no Application deploys: it is applied by hand.\n"
                }
                (false, None) => {
                    "\n# A chart that renders Applications, and that no Application deploys: it is applied by hand.\n"
                }
                (false, Some(_)) => {
                    "\n# A chart that renders Applications, and that no Application deploys: it is applied by hand, with the value\n\
                     # file of each environment.\n"
                }
            });
        } else {
            text.push('\n');
        }
        explained = Some(&one.path);
        let _ = writeln!(text, "[[bootstrap]]\nname = {}", quoted(&name));
        let _ = match &one.chart {
            None => writeln!(text, "path = {}", quoted(&one.path)),
            Some([chart, repository, version]) => writeln!(
                text,
                "chart = {}\nrepository = {}\nversion = {}",
                quoted(chart),
                quoted(repository),
                quoted(version)
            ),
        };
        let _ = writeln!(text, "namespace = {}", quoted(namespace));
        if !one.value_files.is_empty() {
            let files: Vec<String> = one.value_files.iter().map(|file| quoted(file)).collect();
            let _ = writeln!(text, "value-files = [{}]", files.join(", "));
        }
        if let Some(instance) = &one.instance {
            let _ = writeln!(text, "instance = {}", quoted(instance));
        }
    }
    text
}

/// A name like another one that Helm accepts for a release.
pub(super) fn release(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(allowed).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "bootstrap".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_chart_is_applied_once_for_each_environment() {
        let of = |files: &[&str]| -> Vec<String> {
            let all = ByHand::chart("apps", "root", &strings(files)).into_iter();
            all.map(|one| format!("{} {}", one.instance.unwrap_or_default(), one.value_files.join(" "))).collect()
        };
        assert_eq!(of(&["Chart.yaml", "values.yaml", "values-prod.yaml"]), [" "], "it may be the only one");
        assert_eq!(
            of(&["values.yaml", "values-dev.yaml", "values-Prod_1.yml", "values-secrets.yaml", "values.schema.json"]),
            ["dev values-dev.yaml", "prod-1 values-Prod_1.yml"]
        );
        assert_eq!(
            of(&["environments/a.yaml", "environments/b.yaml", "templates/a.yaml", "x/y.yaml"]),
            ["a environments/a.yaml", "b environments/b.yaml"]
        );
    }

    #[test]
    fn kustomizations_of_the_same_applications_are_of_several_instances() {
        let files = |names: &[&str]| strings(names).into_iter().collect();
        let roots = [
            ("apps/overlays/prod".to_owned(), files(&["apps/base/a.yaml"])),
            ("apps/overlays/staging".to_owned(), files(&["apps/base/a.yaml", "apps/base/b.yaml"])),
            ("bootstrap".to_owned(), files(&["bootstrap/root.yaml"])),
        ];
        let text = entries(&ByHand::kustomizations(&roots), "argocd");
        assert!(
            text.contains(
                "name = \"overlays\"\npath = \"apps/overlays/prod\"\nnamespace = \"argocd\"\ninstance = \"prod\"\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("name = \"bootstrap\"\npath = \"bootstrap\"\nnamespace = \"argocd\"\n\n")
                || text.ends_with("namespace = \"argocd\"\n"),
            "{text}"
        );
    }
}
