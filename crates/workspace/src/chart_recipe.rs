//! The Helm command line for a chart, and warnings about it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use argocd::application::{Application, HelmOptions, Source};
use argocd::chart_source::chart_source;
use argocd::release::Release;
use argocd::repository_url;
use argocd::substitute::{self, Variables};
use argocd::value_files;
use argocd::value_files::{Reference, References, Root, Scope};
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Result};
use helm::charts_lock::Pin;
use helm::recipe;
use helm::recipe::Recipe;
use toolbox::inputs;

use crate::config::Config;
use crate::tree::{Shared, Tree};

/// The commit SHA to render with, as the real one is unknown before the merge.
pub(crate) const UNKNOWN_REVISION: &str = "0000000000000000000000000000000000000000";

/// A chart whose command line is planned.
#[derive(Clone, Copy)]
pub(crate) struct Planned<'a> {
    pub application: &'a Application,
    pub source: &'a Source,
    pub options: &'a HelmOptions,
    pub place: ChartPlace<'a>,
    /// The sources with a `ref` whose files are not in the checkout.
    pub references: &'a BTreeMap<String, Shared>,
}

/// Where a chart is.
#[derive(Clone, Copy)]
pub(crate) enum ChartPlace<'a> {
    /// In this directory of the checkout.
    Checkout(&'a Path),
    /// In this directory of a tree that is not in the checkout.
    Tree(&'a Tree, &'a Path),
    /// In an archive that is pinned, and unpacked here, if at all.
    Archive(&'a Pin, Option<&'a Path>),
}

/// The inputs of planning besides the chart.
#[derive(Clone, Copy)]
pub(crate) struct Environment<'a> {
    pub root: &'a Path,
    pub config: &'a Config,
    pub argocd: Release,
    /// Whether Git ignores an existing file.
    pub is_ignored: &'a dyn Fn(&Path) -> bool,
}

/// The Helm command line for a chart in the default case of its Application.
///
/// Of a chart in an archive that is not unpacked, it lacks the value files that are in the archive; [`inside`] lists them.
pub(crate) fn recipe(environment: &Environment<'_>, planned: &Planned<'_>) -> Result<Recipe> {
    let Planned { application, source, options, place, .. } = *planned;
    let config = environment.config;
    let mut diagnostics = Diagnostics::default();
    let variables = application.variables(source, rendered_revision(planned));
    let references = references(environment, planned);
    let scope = scope(environment, place, references.as_ref(), &variables);
    let known = |text: &str, place: &Place, diagnostics: &mut Diagnostics| match planned.place {
        ChartPlace::Archive(_, None) => diagnostics.take(scope.is_inside(text, place)) == Some(false),
        _ => true,
    };
    if references.is_some() {
        diagnostics.take(one_revision(planned));
    }
    let mut entries = options.value_files.clone();
    entries.retain(|(text, place)| known(text, place, &mut diagnostics));
    let files = scope.value_files(&application.name, &entries, options.ignore_missing_value_files);
    let files = diagnostics.take(files);
    let mut set_file = BTreeMap::new();
    for parameter in &options.file_parameters {
        if !known(&parameter.path, &parameter.place, &mut diagnostics) {
            continue;
        }
        if let Some(path) = diagnostics.take(scope.file_parameter(&application.name, &parameter.path, &parameter.place))
        {
            set_file.insert(parameter.name.clone(), path);
        }
    }
    let parameters = |force_string: bool| {
        options
            .parameters
            .iter()
            .filter(|parameter| parameter.force_string == force_string)
            .map(|parameter| (parameter.name.clone(), substitute::expand(&parameter.value, &variables)))
            .collect()
    };
    let kube_version = match &options.kube_version {
        None => config.kubernetes.clone(),
        Some((version, place)) => diagnostics.take(kube_version(version, place)).unwrap_or_default(),
    };
    let own_api_versions = !options.api_versions.is_empty();
    diagnostics.into_result(Recipe {
        release: options.release_name.clone().unwrap_or_else(|| application.name.clone()),
        namespace: options.namespace.clone().unwrap_or_else(|| application.namespace.clone()),
        kube_version,
        set: parameters(false),
        set_string: parameters(true),
        set_file,
        value_files: files.unwrap_or_default(),
        inline_values: match (&options.values_object, &options.values) {
            (Some(object), _) => Some(object.to_json()),
            (None, values) => values.as_ref().map(|(text, _)| text.clone()),
        },
        case_file: None,
        api_versions: if own_api_versions { &options.api_versions } else { &config.api_versions }.clone(),
        include_crds: !options.skip_crds,
        skip_schema_validation: options.skip_schema_validation,
        encrypted_values: entries.iter().any(|(text, _)| value_files::is_encrypted(text)),
        skip_tests: options.skip_tests,
    })
}

/// The value files and file parameters that are in the archive of a chart, as one text.
pub(crate) fn inside(environment: &Environment<'_>, planned: &Planned<'_>) -> String {
    let variables = planned.application.variables(planned.source, rendered_revision(planned));
    let references = references(environment, planned);
    let scope = scope(environment, planned.place, references.as_ref(), &variables);
    let options = planned.options;
    let files = options.value_files.iter().map(|(text, place)| ("", text, place));
    let parameters = options.file_parameters.iter();
    let parameters = parameters.map(|parameter| (parameter.name.as_str(), &parameter.path, &parameter.place));
    let mut text = String::new();
    for (index, (name, path, place)) in files.chain(parameters).enumerate() {
        if scope.is_inside(path, place).unwrap_or_default() {
            text.push_str(&format!("{index} {name} {}\n", substitute::expand(path, &variables)));
        }
    }
    if !text.is_empty() && options.ignore_missing_value_files {
        text.push_str("if they exist\n");
    }
    text
}

fn scope<'a>(
    environment: &Environment<'a>,
    place: ChartPlace<'a>,
    references: Option<&'a References>,
    variables: &'a Variables,
) -> Scope<'a> {
    let (root, kind, chart) = match place {
        ChartPlace::Checkout(chart) => (environment.root, Root::Repository, chart),
        ChartPlace::Tree(tree, chart) => (tree.root.as_path(), Root::Repository, chart),
        ChartPlace::Archive(_, unpacked) => {
            let chart = unpacked.unwrap_or(environment.root);
            (chart, Root::Chart, chart)
        }
    };
    let globs = environment.argocd.value_file_globs;
    Scope { root, kind, chart, references, variables, globs, ignored: environment.is_ignored }
}

/// The sources with a `ref`, if the Application has `sources`.
fn references(environment: &Environment<'_>, planned: &Planned<'_>) -> Option<References> {
    let application = planned.application;
    if application.sources.iter().all(|source| source.field == "spec.source") {
        return None;
    }
    let reference = |source: &Source| {
        let to = if let Some(tree) = source.reference.as_ref().and_then(|name| planned.references.get(name)) {
            Reference::Repository(tree.root.clone())
        } else if chart_source(&source.repository, source.chart.as_deref()).is_some() {
            Reference::Chart
        } else if repository_url::same(&source.repository, &environment.config.repository) {
            Reference::Repository(environment.root.to_path_buf())
        } else {
            Reference::Unavailable(format!("they are in {}", source.repository))
        };
        Some((source.reference.clone()?, to))
    };
    Some(application.sources.iter().filter_map(reference).collect())
}

/// Reports files of one repository at different revisions, which Argo CD rejects whether they are different commits or not.
fn one_revision(planned: &Planned<'_>) -> Result<()> {
    let Planned { application, source: own, options, place, references } = *planned;
    let own_commit = match place {
        ChartPlace::Checkout(_) => Some(None),
        ChartPlace::Tree(tree, _) => Some(tree.commit.as_deref()),
        ChartPlace::Archive(..) => None,
    };
    let files = options.value_files.iter().map(|(text, place)| (text, place));
    let files = files.chain(options.file_parameters.iter().map(|one| (&one.path, &one.place)));
    let mut used: Vec<(&str, &Source)> = Vec::new();
    for (text, place) in files {
        let Some(name) = text.strip_prefix('$').map(|text| text.split('/').next().unwrap_or(text)) else { continue };
        let source = application.sources.iter().find(|source| source.reference.as_deref() == Some(name));
        let Some(source) = source else { continue };
        let other = used.iter().find(|(_, other)| {
            repository_url::same(&other.repository, &source.repository)
                && other.target_revision != source.target_revision
        });
        if let Some((first, _)) = other {
            let message = format!("`${first}` and `${name}` are different revisions of one repository");
            return Err(Diagnostic::new(Code::ApplicationInvalid, message)
                .at(place.clone(), "rejected by Argo CD")
                .help("set the same `targetRevision` in both sources")
                .into());
        }
        let commit = references.get(name).and_then(|tree| tree.commit.as_deref());
        if own_commit.is_some_and(|own| own != commit) && repository_url::same(&own.repository, &source.repository) {
            let message = format!("`${name}` is another revision of the repository than this source");
            let revision = source.node.get("targetRevision").unwrap_or(&source.node).place();
            return Err(Diagnostic::new(Code::ApplicationInvalid, message)
                .at(place.clone(), "rejected by Argo CD")
                .at(revision, "the other revision")
                .help("set the same `targetRevision` in both sources")
                .into());
        }
        used.push((name, source));
    }
    Ok(())
}

/// The revision that Argo CD would render: the version of a chart from a Helm repository, or the commit SHA if the source
/// pins it. Of an artifact of a registry, it is the digest of the manifest, which charts.lock does not contain.
fn rendered_revision<'a>(planned: &Planned<'a>) -> &'a str {
    if let ChartPlace::Archive(pin, _) = planned.place {
        return if planned.source.repository.starts_with("oci://") { UNKNOWN_REVISION } else { &pin.version };
    }
    if let ChartPlace::Tree(tree, _) = planned.place {
        return tree.commit.as_deref().unwrap_or_else(|| revision(planned.source));
    }
    revision(planned.source)
}

/// The commit SHA that Argo CD would render, which is known only if the source pins it.
pub(crate) fn revision(source: &Source) -> &str {
    let revision = &source.target_revision;
    let pinned = revision.len() == 40 && revision.chars().all(|c| c.is_ascii_hexdigit());
    if pinned { revision } else { UNKNOWN_REVISION }
}

/// A Kubernetes version as Argo CD passes it to Helm: only its numeric components.
pub(crate) fn kube_version(text: &str, place: &diagnostics::Place) -> Result<String> {
    let body = text.trim_start();
    let body = body.strip_prefix('v').unwrap_or(body);
    let end = body.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(body.len());
    let parts: Vec<&str> = body[..end].trim_end_matches('.').split('.').collect();
    let numbers: Option<Vec<String>> = parts.iter().map(|part| Some(part.parse::<u64>().ok()?.to_string())).collect();
    match numbers {
        Some(numbers) if numbers.len() >= 2 && (parts[0] == "0" || !parts[0].starts_with('0')) => Ok(numbers.join(".")),
        _ => Err(Diagnostic::new(Code::ApplicationInvalid, format!("`{text}` is not a valid Kubernetes version"))
            .at(place.clone(), "expected `major.minor` or `major.minor.patch`")
            .into()),
    }
}

/// The roots of the sources with a `ref` by whose name inputs name their files: of a chart in the checkout, those that are
/// not in the checkout, and otherwise all.
pub(crate) fn named_roots(environment: &Environment<'_>, planned: &Planned<'_>) -> Vec<(String, PathBuf)> {
    let inside = |root: &PathBuf| matches!(planned.place, ChartPlace::Tree(..)) || root != environment.root;
    let all = references(environment, planned).unwrap_or_default().into_iter();
    all.filter_map(|(name, reference)| match reference {
        Reference::Repository(root) if inside(&root) => Some((name, root)),
        _ => None,
    })
    .collect()
}

/// The name of a file in inputs: `$ref/path` if it belongs to one of some sources, or else its path below a root.
pub(crate) fn file_name(root: &Path, named: &[(String, PathBuf)], file: &Path) -> String {
    let own = if file.starts_with(root) { root.as_os_str().len() } else { 0 };
    // One of them may lie in the other.
    let named = named.iter().filter(|(_, other)| other.as_os_str().len() > own);
    let below = named.filter_map(|(name, root)| Some((name, file.strip_prefix(root).ok()?)));
    match below.min_by_key(|(_, path)| path.as_os_str().len()) {
        Some((name, path)) => format!("${name}/{}", path.display()),
        None => inputs::name(root, file),
    }
}

/// Warnings about the parameters of a chart.
pub(crate) fn warnings(planned: &Planned<'_>, recipe: &Recipe) -> Diagnostics {
    let Planned { application, options, .. } = *planned;
    let mut diagnostics = Diagnostics::default();
    for (outer, inner) in recipe::overlaps(recipe) {
        let place = |name: &str| {
            let parameter = options.parameters.iter().find(|parameter| parameter.name == name);
            let file = options.file_parameters.iter().find(|parameter| parameter.name == name);
            parameter.map(|parameter| &parameter.place).or(file.map(|file| &file.place)).unwrap_or(&application.place)
        };
        diagnostics.push(
            Diagnostic::new(
                Code::ParametersOverlap,
                format!("parameters `{outer}` and `{inner}` overlap, and Argo CD passes them in random order"),
            )
            .at(place(&inner).clone(), format!("part of `{outer}`"))
            .at(place(&outer).clone(), "")
            .help("set both in `valuesObject` instead"),
        );
    }
    for (index, parameter) in options.parameters.iter().enumerate() {
        // Templates of Applications render empty ones from what is not set.
        if parameter.name.is_empty() {
            continue;
        }
        if let Some(later) = options.parameters[index + 1..].iter().find(|later| later.name == parameter.name) {
            diagnostics.push(
                Diagnostic::new(Code::ParametersOverlap, format!("parameter `{}` is defined twice", parameter.name))
                    .at(parameter.place.clone(), "has no effect")
                    .at(later.place.clone(), "overrides it")
                    .help("delete one of them"),
            );
        }
    }
    if rendered_revision(planned) == UNKNOWN_REVISION {
        let entries = options.value_files.iter().map(|(text, place)| (text, place));
        let parameters = options.parameters.iter().map(|parameter| (&parameter.value, &parameter.place));
        let files = options.file_parameters.iter().map(|parameter| (&parameter.path, &parameter.place));
        for (text, place) in entries.chain(parameters).chain(files) {
            if substitute::mentions(text, "ARGOCD_APP_REVISION") {
                diagnostics.push(
                    Diagnostic::new(Code::RevisionUnknown, "`$ARGOCD_APP_REVISION` is unknown before the merge")
                        .at(place.clone(), "rendered with zeros"),
                );
            }
        }
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use diagnostics::{Place, Source};

    use super::*;

    #[test]
    fn kubernetes_versions_are_reduced_to_numbers() {
        let place = Place::new(&Source::new("x", ""), 0..0);
        for (text, expected) in
            [("1.30", "1.30"), ("v1.30.2", "1.30.2"), ("1.30.2+k3s1", "1.30.2"), ("v1.29.0-eks-a5", "1.29.0")]
        {
            assert_eq!(kube_version(text, &place).expect("valid"), expected);
        }
        for text in ["1", "latest", "1.x"] {
            assert!(kube_version(text, &place).is_err(), "{text}");
        }
    }
}
