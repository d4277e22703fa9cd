//! Workloads that may start before the SealedSecrets they use are unsealed.
//!
//! Within a sync wave, Argo CD applies custom resources last, so a SealedSecret comes after the Deployment that needs its
//! Secret. An earlier sync wave or hook phase fixes that: Argo CD then waits until the SealedSecret is unsealed.
//!
//! References marked `optional` are not checked.

use argocd::sync_order;
use argocd::sync_order::{Order, Phase, WAVE};
use diagnostics::{Code, Diagnostic, Diagnostics};
use document::{Node, Value};
use kubernetes::object::Object;
use kubernetes::workload::pod_spec;

use super::subject::Subject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::SealedSecretWave];

/// Checks the Secrets that a target's workloads use against the target's own SealedSecrets.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in subject.objects {
        let Some(spec) = pod_spec(object) else { continue };
        let Some(order) = sync_order::order(&object.root) else { continue };
        let mut reported: Vec<&str> = Vec::new();
        for (name, node) in secrets(spec) {
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

/// Returns the Secrets that a pod requires to start, each with the node that names it.
fn secrets(spec: &Node) -> Vec<(&str, &Node)> {
    let list = |key: &str| spec.get(key).map(Node::items).unwrap_or_default();
    let mut found = Vec::new();
    for container in list("initContainers").iter().chain(list("containers")) {
        for entry in container.get("env").map(Node::items).unwrap_or_default() {
            found.push((entry.find(&["valueFrom", "secretKeyRef"]), "name"));
        }
        for entry in container.get("envFrom").map(Node::items).unwrap_or_default() {
            found.push((entry.get("secretRef"), "name"));
        }
    }
    for volume in list("volumes") {
        found.push((volume.get("secret"), "secretName"));
        for source in volume.find(&["projected", "sources"]).map(Node::items).unwrap_or_default() {
            found.push((source.get("secret"), "name"));
        }
    }
    found.extend(list("imagePullSecrets").iter().map(|entry| (Some(entry), "name")));
    let optional = |node: &Node| node.get("optional").is_some_and(|node| matches!(node.value, Value::Bool(true)));
    found
        .into_iter()
        .filter_map(|(node, key)| {
            let name = node.filter(|node| !optional(node))?.get(key)?;
            Some((name.as_str()?, name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn node(text: &str) -> Node {
        yaml::parse_one(&Source::new("x.yaml", text)).expect("YAML").root
    }

    #[test]
    fn all_references_to_secrets_are_found() {
        let spec = node(
            "{initContainers: [{env: [{valueFrom: {secretKeyRef: {name: a, key: k}}}]}],
              containers: [{envFrom: [{secretRef: {name: b}}, {secretRef: {name: no, optional: true}}]}],
              volumes: [{secret: {secretName: c}}, {projected: {sources: [{secret: {name: d}}]}}],
              imagePullSecrets: [{name: e}]}",
        );
        assert_eq!(secrets(&spec).iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    }
}
