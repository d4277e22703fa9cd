//! Manifests on their way into the cluster: applied as Argo CD does, and waited for.
//!
//! Deliberately absent: which they are, and in which order (`deploy`).

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kubectl::Kubectl;
use crate::observer::{Observer, Stop};
use crate::seen::Seen;
use crate::stuck;
use crate::verdict;
use crate::verdict::{Trouble, Verdict};
use kubernetes::manifest::ObjectKey;

/// Who applies fields; Argo CD's own name, so that what is tried here is what it would own.
pub const MANAGER: &str = "argocd-controller";

/// An object as it was just written: what is seen counts from there on.
pub(super) struct Written {
    key: ObjectKey,
    uid: String,
    generation: i64,
}

impl Written {
    pub(super) fn of(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = ObjectKey {
            group: String::new(),
            kind: text(&object["kind"]),
            namespace: text(&object["metadata"]["namespace"]),
            name: text(&object["metadata"]["name"]),
        };
        let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
        Self { key, uid: text(&object["metadata"]["uid"]), generation }
    }

    /// Whether what is seen is not from before it was written.
    fn arrived(&self, seen: &Seen) -> bool {
        let found = seen.get(&self.key.kind, &self.key.namespace, &self.key.name);
        let generation = |object: &Value| object["metadata"]["generation"].as_i64().unwrap_or_default();
        !seen.knows(&self.key.kind)
            || found.is_some_and(|object| {
                object["metadata"]["uid"] == self.uid.as_str() && generation(object) >= self.generation
            })
    }
}

/// Waits until what was just written is seen, and in order.
pub(super) fn settle(observer: &Observer, written: &[Written], deadline: Duration) -> std::result::Result<(), Stop> {
    observer.wait(deadline, |seen| match written.iter().find(|one| !one.arrived(seen)) {
        Some(late) => Verdict::Pending(Trouble::new(late.key.to_string(), "applied", "it has not been seen yet")),
        None => verdict::of_all(seen, written.iter().map(|one| &one.key)),
    })
}

/// Applies manifests as Argo CD does with `ServerSideApply`, and waits until they are in order. What failed there before
/// is tried anew.
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

/// The same without waiting.
pub(super) fn write(
    kubectl: &Kubectl,
    observer: &Observer,
    namespace: &str,
    text: &str,
    deadline: Duration,
) -> std::result::Result<Vec<Written>, Stop> {
    let arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager", MANAGER];
    let invocation = kubectl
        .within(namespace)?
        .invocation()
        .args(arguments)
        .args(["--output", "json", "--filename", "-"])
        .input(text)
        .deadline(deadline);
    let output = observer.run(&invocation)?;
    if !output.success() {
        return Err(Stop::Trouble(refused(&output.stderr)));
    }
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let items: Vec<&Value> = match answer["items"].as_array() {
        Some(items) => items.iter().collect(),
        None => vec![&answer],
    };
    let written: Vec<Written> = items.into_iter().map(Written::of).collect();
    if written.iter().any(|one| one.key.kind == "SealedSecret") {
        observer.watch_once("SealedSecret", "/apis/bitnami.com/v1alpha1/sealedsecrets");
    }
    Ok(written)
}

/// What the API server refused. A field that cannot be changed is told as such: it is the chart's upgrade that breaks.
fn refused(stderr: &str) -> Trouble {
    let lines: Vec<&str> =
        stderr.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("Warning")).collect();
    let immutable = lines.iter().find(|line| line.contains("immutable") || line.contains("Forbidden: updates to"));
    let line = immutable.or(lines.first()).copied().unwrap_or_default();
    let quoted = || {
        // The Deployment "x" is invalid: …
        let start = line.find("The ")? + 4;
        let end = line.find(" is invalid")?;
        Some(line.get(start..end)?.replace('"', ""))
    };
    let resource = quoted().unwrap_or_else(|| "the manifests".to_owned());
    let said = if lines.is_empty() { "it said nothing".to_owned() } else { lines.join(" / ") };
    if immutable.is_some() {
        let cause = format!("a field that cannot be changed was changed; Argo CD would fail to sync this: {said}");
        return Trouble::new(resource, "immutable", cause);
    }
    Trouble::new(resource, "refused by the API server", said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_refuses_names_its_object() {
        let told = |stderr: &str| {
            let Trouble { resource, phase, cause } = refused(stderr);
            format!("{resource} is {phase}: {cause}")
        };
        assert_eq!(
            told("Warning: a\nThe Service \"a\" is invalid: spec.ports: Required value\n"),
            "Service a is refused by the API server: The Service \"a\" is invalid: spec.ports: Required value"
        );
        assert_eq!(
            told("error: no kind\n\nThe Deployment \"web\" is invalid: spec.selector: field is immutable\n"),
            "Deployment web is immutable: a field that cannot be changed was changed; Argo CD would fail to sync this: \
             error: no kind / The Deployment \"web\" is invalid: spec.selector: field is immutable"
        );
        let claim = "The PersistentVolumeClaim \"q\" is invalid: spec: Forbidden: updates to it are few";
        assert!(told(claim).starts_with("PersistentVolumeClaim q is immutable: "));
        assert_eq!(told(""), "the manifests is refused by the API server: it said nothing");
    }
}
