//! Release names: each set once, where everybody looks, and owned by one Application.
//!
//! Objects are named after the release. Left out, the release is called as the Application, and renaming that renames
//! everything it deploys; set again in an override file, the manifest does not tell the truth.

use std::collections::BTreeMap;

use super::subject::Subject;
use diagnostics::{Code, Diagnostics, Place};

/// What this check finds.
pub const CODES: &[Code] = &[Code::ApplicationRelease];

const PATH: [&str; 4] = ["spec", "source", "helm", "releaseName"];

/// Looks at the release names of Applications that deploy a chart.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for application in subject.applications() {
        let Some(deployment) = application.deployment else { continue };
        let effective = deployment.options.release_name.as_deref();
        match (application.text(&PATH), effective) {
            (None, None) => diagnostics.push(
                application
                    .finding(Code::ApplicationRelease, "the release has no name", application.place(&PATH), "")
                    .note(format!(
                        "Argo CD takes the Application's, `{}`: renaming it would rename what it deploys",
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
                    "the release is called `{}` by an override",
                    effective.unwrap_or(&deployment.application.name)
                );
                let label = written.map_or_else(|| "not set here".to_owned(), |name| format!("and `{name}` here"));
                let found = application.finding(Code::ApplicationRelease, message, application.place(&PATH), label);
                let found = there.iter().fold(found, |found, file| found.at(Place::file(file.clone()), "overrides it"));
                diagnostics.push(found.help("set it here and nowhere else"));
            }
        }
    }
    diagnostics.extend(shared(subject));
    diagnostics
}

/// Releases of one name in one namespace of one cluster.
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
                    format!("two Applications deploy a release `{release}` into `{namespace}`"),
                    application.place(&PATH),
                    "the second one",
                )
                .at(first.place(&PATH), "the first one")
                .help("give one of them another `releaseName`, or a namespace of its own"),
        );
    }
    diagnostics
}
