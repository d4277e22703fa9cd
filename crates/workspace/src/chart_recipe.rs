//! The Helm command line for a chart in the checkout, and warnings about it.

use std::collections::BTreeMap;

use argocd::application::{Application, Source};
use argocd::release::Release;
use argocd::substitute;
use argocd::value_files::Resolver;
use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use helm::recipe;
use helm::recipe::Recipe;

use crate::deploy::ChartSource;
use crate::load::Workspace;

/// The commit SHA to render with, as the real one is unknown before the merge.
pub(crate) const UNKNOWN_REVISION: &str = "0000000000000000000000000000000000000000";

/// The Helm command line for a chart in the default case of its Application.
pub(crate) fn recipe(
    workspace: &Workspace,
    application: &Application,
    source: &ChartSource,
    argocd: Release,
) -> Result<Recipe> {
    let ChartSource { source, chart, options } = source;
    let mut diagnostics = Diagnostics::default();
    let variables = application.variables(source, revision(source));
    let resolver = Resolver {
        root: &workspace.root,
        chart: &chart.directory,
        variables: &variables,
        globs: argocd.value_file_globs,
    };
    let value_files =
        diagnostics.take(resolver.value_files(application, &options.value_files, options.ignore_missing_value_files));
    let mut set_file = BTreeMap::new();
    for parameter in &options.file_parameters {
        if let Some(path) = diagnostics.take(resolver.file_parameter(application, &parameter.path, &parameter.place)) {
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
        None => workspace.config.kubernetes.clone(),
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
        value_files: value_files.unwrap_or_default(),
        inline_values: match (&options.values_object, &options.values) {
            (Some(object), _) => Some(object.to_json()),
            (None, values) => values.as_ref().map(|(text, _)| text.clone()),
        },
        case_file: None,
        api_versions: if own_api_versions { &options.api_versions } else { &workspace.config.api_versions }.clone(),
        include_crds: !options.skip_crds,
        skip_schema_validation: options.skip_schema_validation,
        skip_tests: options.skip_tests,
    })
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

/// Warnings about the parameters of a chart.
pub(crate) fn warnings(application: &Application, source: &ChartSource, recipe: &Recipe) -> Diagnostics {
    let ChartSource { source, options, .. } = source;
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
        if let Some(later) = options.parameters[index + 1..].iter().find(|later| later.name == parameter.name) {
            diagnostics.push(
                Diagnostic::new(Code::ParametersOverlap, format!("parameter `{}` is defined twice", parameter.name))
                    .at(parameter.place.clone(), "has no effect")
                    .at(later.place.clone(), "overrides it")
                    .help("delete one of them"),
            );
        }
    }
    if revision(source) == UNKNOWN_REVISION {
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
