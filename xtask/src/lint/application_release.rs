//! Release names: no override file sets one, and each is unique per namespace.
//!
//! Objects are named after the release. A release name in an override file is hidden from readers of the Application.

use std::collections::BTreeMap;

use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::Node;
use workspace::ChartSource;
use workspace::written::Written;

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
        for chart in deployment.charts() {
            diagnostics.0.extend(overridden(&application, chart));
        }
    }
    diagnostics.extend(shared(subject));
    diagnostics
}

/// Reports a release name that an override file sets.
fn overridden(application: &Written<'_>, chart: &ChartSource) -> Option<Diagnostic> {
    let effective = chart.options.release_name.as_deref();
    let written =
        chart.source.node.find(&["helm", "releaseName"]).and_then(Node::as_str).filter(|name| !name.is_empty());
    if written == effective {
        return None;
    }
    let application_name = &application.deployment?.application.name;
    let files = application.deployment?.application.override_files();
    let files = files.iter().filter(|file| chart.chart.directory.join(file).is_file());
    let message = format!("an override sets the release name to `{}`", effective.unwrap_or(application_name));
    let label = written.map_or_else(|| "not set here".to_owned(), |name| format!("set to `{name}` here"));
    let found = application.finding(Code::ApplicationRelease, message, application.place(&PATH), label);
    let found =
        files.fold(found, |found, file| found.at(Place::file(format!("{}/{file}", chart.chart.path)), "overrides it"));
    Some(found.help("set it only in the Application"))
}

/// Reports releases with the same name, namespace, and cluster.
fn shared(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut owners = BTreeMap::new();
    for application in subject.every_application() {
        let Some(deployment) = application.deployment else { continue };
        let Some(chart) = deployment.charts().next() else { continue };
        let release = chart.options.release_name.as_ref().unwrap_or(&deployment.application.name).clone();
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
