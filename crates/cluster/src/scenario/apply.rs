//! Applies manifests as Argo CD does, and waits until they are ready.

use std::time::{Duration, Instant};

use diagnostics::excerpt::excerpt;
use kubernetes::manifest::{ObjectKey, Piece, split};

use crate::api::{Named, OneOrMany};
use crate::kubectl::{Kubectl, parse};
use crate::observer::{Observer, Stop};
use crate::snapshot::{Object, Snapshot};
use crate::verdict::{Problem, Verdict};
use crate::{stuck, verdict};

/// The field manager: Argo CD's own, so that the same manager owns the fields.
pub(crate) const MANAGER: &str = "argocd-controller";

/// An object that was just written.
pub(super) struct Written {
    key: ObjectKey,
    uid: String,
    generation: i64,
}

impl Written {
    pub(super) fn new(Named { kind, metadata }: Named) -> Self {
        let key = ObjectKey { group: String::new(), kind, namespace: metadata.namespace, name: metadata.name };
        Self { key, uid: metadata.uid, generation: metadata.generation }
    }

    /// Whether a snapshot is not older than the write.
    fn is_in(&self, snapshot: &Snapshot) -> bool {
        let found = snapshot.get(&self.key.kind, &self.key.namespace, &self.key.name).map(Object::metadata);
        !snapshot.knows(&self.key.kind)
            || found.is_some_and(|found| found.uid == self.uid && found.generation >= self.generation)
    }
}

/// Waits until objects that were just written are ready.
pub(super) fn settle(observer: &Observer, written: &[Written], deadline: Duration) -> std::result::Result<(), Stop> {
    observer.wait(deadline, |snapshot| match written.iter().find(|one| !one.is_in(snapshot)) {
        Some(late) => {
            let cause = "the change is not visible yet";
            Verdict::Pending(Problem::new(late.key.to_string(), "is not ready", cause))
        }
        None => verdict::of_all(snapshot, written.iter().map(|one| &one.key)),
    })
}

/// Applies manifests as Argo CD does with `ServerSideApply`, and waits until they are ready. Pods that an earlier run left
/// failed are recreated.
pub fn apply(
    kubectl: &Kubectl,
    observer: &Observer,
    namespace: &str,
    text: &str,
    deadline: Duration,
) -> std::result::Result<(), Stop> {
    let started = Instant::now();
    let left = || deadline.saturating_sub(started.elapsed());
    let stuck = stuck::of(observer, namespace, left())?;
    let written = write(kubectl, observer, namespace, text, left())?;
    stuck::renew(kubectl, observer, namespace, &stuck, left())?;
    settle(observer, &written, left())
}

/// Applies manifests without waiting.
pub(super) fn write(
    kubectl: &Kubectl,
    observer: &Observer,
    namespace: &str,
    text: &str,
    deadline: Duration,
) -> std::result::Result<Vec<Written>, Stop> {
    let started = Instant::now();
    let arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager", MANAGER];
    let mut written = Vec::new();
    for part in claims_first(text) {
        let invocation = kubectl
            .within(namespace)?
            .invocation()
            .args(arguments)
            .args(["--output", "json", "--filename", "-"])
            .input(part)
            .deadline(deadline.saturating_sub(started.elapsed()));
        let output = observer.run(&invocation)?;
        if !output.success() {
            return Err(Stop::Problem(rejected(&output.stderr)));
        }
        let objects: OneOrMany<Named> = parse(&invocation, &output)?;
        written.extend(objects.into_vec().into_iter().map(Written::new));
    }
    if written.iter().any(|one| one.key.kind == "SealedSecret") {
        observer.watch_once("SealedSecret", "/apis/bitnami.com/v1alpha1/sealedsecrets");
    }
    Ok(written)
}

/// Divides manifests after the last claim. A pod that is created together with its claim may reach the kubelet before the
/// claim is bound, which then tries again only after ten seconds. Argo CD, too, creates the objects one after the other.
fn claims_first(text: &str) -> Vec<String> {
    let is_claim = |piece: &Piece| piece.text.lines().any(|line| line == "kind: PersistentVolumeClaim");
    let pieces = split(text).unwrap_or_default();
    let claims = pieces.iter().rposition(is_claim).map_or(0, |last| last + 1);
    if claims == 0 || claims == pieces.len() {
        return vec![text.to_owned()];
    }
    let (first, others) = pieces.split_at(claims);
    let joined = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text.as_str()).collect::<Vec<_>>().join("---\n");
    vec![joined(first), joined(others)]
}

/// What the API server rejected. kubectl names the object of an invalid manifest.
fn rejected(stderr: &str) -> Problem {
    let lines: Vec<&str> =
        stderr.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("Warning")).collect();
    // The Deployment "x" is invalid: …
    let object = |line: &&str| Some(line.strip_prefix("The ")?.split_once(" is invalid")?.0.replace('"', ""));
    let resource = lines.iter().find_map(object).unwrap_or_else(|| "a manifest".to_owned());
    let report = if lines.is_empty() { "no reason given".to_owned() } else { lines.join(" / ") };
    let cause = format!("{}; Argo CD would fail to sync it, too", excerpt(&report));
    Problem::new(resource, "is rejected by the API server", cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_created_before_the_pods_that_use_them() {
        let (namespace, claim, pod) = ("kind: Namespace\n", "kind: PersistentVolumeClaim\n", "kind: Pod\n");
        let all = format!("{namespace}---\n{claim}---\n{pod}");
        assert_eq!(claims_first(&all), [format!("{namespace}---\n{claim}"), pod.to_owned()]);
        for whole in [format!("{namespace}---\n{pod}"), format!("{pod}---\n{claim}"), String::new()] {
            assert_eq!(claims_first(&whole), std::slice::from_ref(&whole));
        }
    }

    #[test]
    fn a_rejected_manifest_is_named() {
        let shown = |stderr: &str| rejected(stderr).to_string();
        assert_eq!(
            shown("Warning: a\nThe Service \"a\" is invalid: spec.ports: Required value\n"),
            "Service a is rejected by the API server: The Service \"a\" is invalid: spec.ports: Required value; \
             Argo CD would fail to sync it, too"
        );
        assert_eq!(
            shown("error: no kind\n\nThe Deployment \"web\" is invalid: spec.selector: field is immutable\n"),
            "Deployment web is rejected by the API server: error: no kind / The Deployment \"web\" is invalid: \
             spec.selector: field is immutable; Argo CD would fail to sync it, too"
        );
        assert!(shown("").starts_with("a manifest is rejected by the API server: no reason given"));
    }
}
