//! Release names: each is set in the Application, and unique per namespace.
//!
//! Objects are named after the release. Without a release name, renaming an Application renames everything that it
//! deploys. A release name in an override file is hidden from readers of the Application.

use std::collections::BTreeMap;

use diagnostics::{Code, Diagnostics, Place};

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ApplicationRelease];

const PATH: [&str; 4] = ["spec", "source", "helm", "releaseName"];

/// Checks the release names of Applications that deploy a chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        let Some(deployment) = application.deployment else { continue };
        let effective = deployment.options.release_name.as_deref();
        match (application.text(&PATH), effective) {
            (None, None) => diagnostics.push(
                application
                    .finding(Code::ApplicationRelease, "`helm.releaseName` is not set", application.place(&PATH), "")
                    .note(format!(
                        "the release is named after the Application, `{}`: renaming the Application renames its objects",
                        deployment.application.name
                    ))
                    .help(format!("add `releaseName: {}` to `spec.source.helm`", deployment.application.name)),
            ),
            (Some(written), Some(effective)) if written == effective => {}
            (written, effective) => {
                let files = deployment.application.override_files();
                let there: Vec<String> = files
                    .iter()
                    .filter(|file| deployment.chart.directory.join(file).is_file())
                    .map(|file| format!("{}/{file}", deployment.chart.path))
                    .collect();
                let message = format!(
                    "an override sets the release name to `{}`",
                    effective.unwrap_or(&deployment.application.name)
                );
                let label = written.map_or_else(|| "not set here".to_owned(), |name| format!("set to `{name}` here"));
                let found = application.finding(Code::ApplicationRelease, message, application.place(&PATH), label);
                let found = there.iter().fold(found, |found, file| found.at(Place::file(file.clone()), "overrides it"));
                diagnostics.push(found.help("set it only in the Application"));
            }
        }
    }
    diagnostics.extend(shared(subject));
    diagnostics
}

/// Reports releases with the same name, namespace, and cluster.
fn shared(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut owners = BTreeMap::new();
    for application in subject.every_application() {
        let Some(deployment) = application.deployment else { continue };
        let release = deployment.options.release_name.clone().unwrap_or_else(|| deployment.application.name.clone());
        let key = (application.cluster(), application.namespace().to_owned(), release);
        let Some(first) = owners.insert(key.clone(), application) else { continue };
        let (_, namespace, release) = key;
        diagnostics.push(
            application
                .finding(
                    Code::ApplicationRelease,
                    format!("release `{release}` in namespace `{namespace}` is deployed by two Applications"),
                    application.place(&PATH),
                    "second Application",
                )
                .at(first.place(&PATH), "first Application")
                .help("change `releaseName` or the destination namespace of one of them"),
        );
    }
    diagnostics
}
