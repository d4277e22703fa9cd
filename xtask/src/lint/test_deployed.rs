//! Pods and Jobs in the folder templates/tests/ that are not Helm hooks: Argo CD deploys them with the chart.

use argocd::sync_order;
use diagnostics::{Code, Diagnostics};
use kubernetes::object::Object;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::TestDeployed];

/// Checks the objects of all targets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let runs = |object: &&Object| {
        matches!((&*object.key.group, &*object.key.kind), ("", "Pod") | ("batch", "Job"))
            && object.template.contains("/templates/tests/")
            && object.find(&["metadata", "annotations", "helm.sh/hook"]).is_none()
            && object.find(&["metadata", "annotations", "argocd.argoproj.io/hook"]).is_none()
            && sync_order::order(&object.root).is_some()
    };
    let found = subject.objects.iter().filter(runs).map(|object| {
        let message = format!("{} in templates/tests/ has no `helm.sh/hook: test`", object.title());
        object
            .finding(
                Code::TestDeployed,
                message,
                object.name_place(),
                "Argo CD deploys it, and `helm test` does not run it",
            )
            .help("add the annotation `helm.sh/hook: test`")
    });
    Diagnostics(found.collect())
}
