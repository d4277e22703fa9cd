//! Workloads that may start before the SealedSecrets they use are unsealed.
//!
//! Within a sync wave, Argo CD applies custom resources last, so a SealedSecret comes after the Deployment that needs its
//! Secret. An earlier sync wave or hook phase fixes that: Argo CD then waits until the SealedSecret is unsealed.
//!
//! References marked `optional` are not checked.

use argocd::sync_order;
use argocd::sync_order::{Order, Phase, WAVE};
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::Node;
use kubernetes::needs::{self, Need};
use kubernetes::object::Object;
use kubernetes::workload;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::SealedSecretWave];

/// Checks the Secrets that a target's workloads use against the target's own SealedSecrets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        let Some(spec) = workload::pod_spec(object) else { continue };
        let Some(order) = sync_order::order(&object.root) else { continue };
        let mut reported: Vec<&str> = Vec::new();
        for Need { name, node, .. } in needs::of(spec).into_iter().filter(|need| need.kind == "Secret") {
            let sealed = subject.objects.iter().find(|other| {
                // The Secret always has the name of its SealedSecret.
                other.target == object.target
                    && other.key.group == "bitnami.com"
                    && other.key.kind == "SealedSecret"
                    && other.key.name == name
                    && other.key.namespace == object.key.namespace
            });
            let Some(sealed) = sealed.filter(|_| !reported.contains(&name)) else { continue };
            if sync_order::order(&sealed.root).is_some_and(|before| before < order) {
                continue;
            }
            reported.push(name);
            diagnostics.push(finding(object, node, sealed, order));
        }
    }
    diagnostics
}

fn finding(object: &Object, node: &Node, sealed: &Object, order: Order) -> Diagnostic {
    let message =
        format!("{} `{}` may start before SealedSecret `{}`", object.key.kind, object.key.name, sealed.key.name);
    let before = order.wave.saturating_sub(1);
    let hook = if order.phase == Phase::PreSync { " and the same `argocd.argoproj.io/hook`" } else { "" };
    let place = sealed.root.get("kind").unwrap_or(&sealed.root).place();
    object
        .finding(Code::SealedSecretWave, message, node.place(), "uses its Secret")
        .at(place, "not applied earlier")
        .help(format!("add the annotation `{WAVE}: \"{before}\"`{hook} to the SealedSecret"))
}
