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
use kubernetes::inventory::Presence;
use kubernetes::inventory::entry::Id;
use kubernetes::object::Object;
use kubernetes::references::pod as references;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::SealedSecretWave];

/// Checks the Secrets that a target's workloads use against the target's own SealedSecrets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (view, pods, order) in subject.synced_workloads() {
        let object = pods.object;
        let mut reported: Vec<&str> = Vec::new();
        for reference in references::of(pods).iter().filter(|reference| reference.kind == "Secret") {
            let Some(name) = reference.name.as_str().filter(|_| !reference.optional) else { continue };
            let id = Id { group: reference.group, kind: reference.kind, namespace: pods.namespace, name };
            let Presence::Made(entry, _) = view.presence(&id) else { continue };
            let sealed = entry.object;
            if sealed.key.kind != "SealedSecret" || !view.is_own(entry) || reported.contains(&name) {
                continue;
            }
            if sync_order::order(&sealed.root).is_some_and(|before| before < order) {
                continue;
            }
            reported.push(name);
            diagnostics.push(finding(object, reference.name, sealed, order));
        }
    }
    diagnostics
}

fn finding(object: &Object, node: &Node, sealed: &Object, order: Order) -> Diagnostic {
    let message = format!("{} may start before {}", object.title(), sealed.title());
    let before = order.wave.saturating_sub(1);
    let hook = if order.phase == Phase::PreSync { " and the same `argocd.argoproj.io/hook`" } else { "" };
    let wave = sealed.find(&["metadata", "annotations", WAVE]);
    let place = wave.or_else(|| sealed.root.get("kind")).unwrap_or(&sealed.root).place();
    object
        .finding(Code::SealedSecretWave, message, node.place(), "uses its Secret")
        .at(place, "not applied earlier")
        .help(match wave {
            Some(_) => format!("set the annotation `{WAVE}: \"{before}\"`{hook} of the SealedSecret"),
            None => format!("add the annotation `{WAVE}: \"{before}\"`{hook} to the SealedSecret"),
        })
}
