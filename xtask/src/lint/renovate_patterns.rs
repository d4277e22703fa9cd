//! Patterns in renovate.json that begin like a regular expression and do not end like one: Renovate takes them for the names
//! of files, of which there are none. And misspelled names of managers, for which no rule applies.

use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source, did_you_mean};
use document::{Node, yaml};
use kubernetes::inventory::near::is_near;

/// The lists of patterns that are regular expressions between slashes, or globs.
const LISTS: &[&str] = &["managerFilePatterns", "matchDepNames", "matchFileNames", "matchPackageNames"];

/// The lists of names of managers.
const MANAGERS: &[&str] = &["matchManagers", "enabledManagers"];

/// The fields of a rule that select what it applies to.
const MATCHES: &[&str] = &[
    "matchBaseBranches",
    "matchCategories",
    "matchConfidence",
    "matchCurrentAge",
    "matchCurrentValue",
    "matchCurrentVersion",
    "matchDatasources",
    "matchDepNames",
    "matchDepTypes",
    "matchFileNames",
    "matchJsonata",
    "matchManagers",
    "matchMessage",
    "matchNewValue",
    "matchPackageNames",
    "matchRegistryUrls",
    "matchRepositories",
    "matchSourceUrls",
    "matchStringsStrategy",
    "matchStrings",
    "matchUpdateTypes",
];

/// The managers of Renovate that are common in such repositories. Others are not reported.
const KNOWN: &[&str] = &[
    "ansible",
    "ansible-galaxy",
    "argocd",
    "asdf",
    "bazel",
    "bitbucket-pipelines",
    "bundler",
    "cargo",
    "circleci",
    "cloudbuild",
    "composer",
    "custom.jsonata",
    "custom.regex",
    "devcontainer",
    "docker-compose",
    "dockerfile",
    "droneci",
    "fleet",
    "flux",
    "git-submodules",
    "github-actions",
    "gitlabci",
    "gitlabci-include",
    "gomod",
    "gradle",
    "gradle-wrapper",
    "helm-requirements",
    "helm-values",
    "helmfile",
    "helmsman",
    "helmv3",
    "jenkins",
    "jsonnet-bundler",
    "kubernetes",
    "kustomize",
    "maven",
    "mise",
    "nix",
    "npm",
    "nuget",
    "pep621",
    "pip_requirements",
    "pipenv",
    "poetry",
    "pre-commit",
    "quadlet",
    "regex",
    "tekton",
    "terraform",
    "terragrunt",
    "tflint-plugin",
    "woodpecker",
];

/// Checks the patterns of a configuration, which must be valid JSON.
pub(super) fn check(source: &Arc<Source>) -> Diagnostics {
    let mut found = Diagnostics::default();
    if let Ok(document) = yaml::parse_one(source) {
        lists(&document.root, &mut found);
    }
    found
}

fn lists(node: &Node, found: &mut Diagnostics) {
    for (key, value) in node.entries() {
        if LISTS.contains(&key.name.as_str()) {
            found.0.extend(value.items().iter().filter_map(|item| open(&key.name, item)));
        }
        if key.name.starts_with("match") && !MATCHES.contains(&key.name.as_str()) {
            let known = MATCHES.iter().find(|known| is_near(&key.name, known) || known.eq_ignore_ascii_case(&key.name));
            found.0.extend(known.map(|known| {
                let message = format!("unknown field `{}`", key.name);
                let place = Place::new(&node.source, key.span.clone());
                Diagnostic::new(Code::WorkflowInvalid, message).at(place, "").help(did_you_mean(known))
            }));
        }
        if MANAGERS.contains(&key.name.as_str()) {
            found.0.extend(value.items().iter().filter_map(|item| misspelled(&key.name, item)));
        }
        lists(value, found);
    }
    node.items().iter().for_each(|item| lists(item, found));
}

fn misspelled(key: &str, node: &Node) -> Option<Diagnostic> {
    let name = node.as_str()?;
    let name = name.strip_prefix('!').unwrap_or(name);
    if KNOWN.contains(&name) {
        return None;
    }
    let near = KNOWN.iter().find(|known| is_near(name, known))?;
    let message = format!("unknown manager `{name}` in `{key}`");
    let found =
        Diagnostic::new(Code::WorkflowInvalid, message).at(node.place(), "Renovate has no manager of this name");
    Some(found.help(did_you_mean(near)))
}

fn open(key: &str, node: &Node) -> Option<Diagnostic> {
    let text = node.as_str()?;
    let inner = text.strip_prefix("!/").or_else(|| text.strip_prefix('/'))?;
    // Characters that only regular expressions contain.
    let expression = inner.starts_with('^') || inner.ends_with('$') || inner.contains('\\');
    if !expression || inner.ends_with('/') || inner.ends_with("/i") {
        return None;
    }
    let message = format!("a pattern in `{key}` is a regular expression without an end");
    let found =
        Diagnostic::new(Code::WorkflowInvalid, message).at(node.place(), "Renovate reads it as the name of a file");
    Some(found.help("end it with `/`"))
}
