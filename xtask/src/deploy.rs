//! What an Application renders, in the order in which Argo CD applies it.
//!
//! Source: gitops-engine's `syncTasks`: phases (`PreSync`, `Sync`, `PostSync`), in each the waves, in a wave kinds by a
//! fixed list, then names. Custom resource definitions come before all else, as there. Hooks that Argo CD does not run in a
//! sync (Helm's tests and deletion hooks) are left out.
//!
//! Pure. Deliberately absent: applying it (`cluster`, `scenario`).

use crate::document::Node;
use crate::golden::Recorded;
use crate::manifest::ObjectKey;
use crate::objects::Object;
use crate::workspace::Workspace;

/// The order of kinds; those that are not in it come last.
const KINDS: &[&str] = &[
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "StatefulSet",
    "Job",
    "CronJob",
    "Ingress",
    "APIService",
];

/// When in a sync an object is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before everything: definitions of kinds.
    Definitions,
    /// Before the sync.
    PreSync,
    /// The sync itself.
    Sync,
    /// After it.
    PostSync,
}

/// Objects that are applied together; the next ones wait until these are healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// The phase.
    pub phase: Phase,
    /// The number of the wave.
    pub number: i64,
    /// The objects in it.
    pub keys: Vec<ObjectKey>,
    /// Their manifests, one after the other, as Helm wrote them.
    pub text: String,
}

/// The waves of an Application, given its manifests and the objects in them.
#[must_use]
pub fn waves(manifests: &[Recorded], objects: &[Object]) -> Vec<Wave> {
    let mut pieces: Vec<(Phase, i64, usize, &Recorded)> = manifests
        .iter()
        .filter_map(|recorded| {
            let root = &objects.iter().find(|object| object.golden == recorded.file)?.root;
            let phase = phase(&recorded.manifest.key.kind, root)?;
            Some((phase, wave(root), kind_order(&recorded.manifest.key.kind), recorded))
        })
        .collect();
    pieces.sort_by(|left, right| {
        let key =
            |piece: &(Phase, i64, usize, &Recorded)| (piece.0, piece.1, piece.2, piece.3.manifest.key.name.clone());
        key(left).cmp(&key(right))
    });
    let mut waves: Vec<Wave> = Vec::new();
    for (phase, number, _, recorded) in pieces {
        let keys = recorded.manifest.keys().cloned();
        let text = format!("---\n{}", recorded.manifest.text);
        match waves.last_mut().filter(|wave| wave.phase == phase && wave.number == number) {
            Some(wave) => {
                wave.keys.extend(keys);
                wave.text.push_str(&text);
            }
            None => waves.push(Wave { phase, number, keys: keys.collect(), text }),
        }
    }
    waves
}

/// The phase of an object; `None` for one that a sync does not apply.
fn phase(kind: &str, root: &Node) -> Option<Phase> {
    let own = annotation(root, "argocd.argoproj.io/hook");
    let helm = annotation(root, "helm.sh/hook");
    let phases: Vec<Option<Phase>> = match (own, helm) {
        (Some(names), _) => names
            .split(',')
            .map(|name| match name.trim() {
                "PreSync" => Some(Phase::PreSync),
                "Sync" => Some(Phase::Sync),
                "PostSync" => Some(Phase::PostSync),
                _ => None,
            })
            .collect(),
        (None, Some(names)) => names
            .split(',')
            .map(|name| match name.trim() {
                "pre-install" | "pre-upgrade" => Some(Phase::PreSync),
                "post-install" | "post-upgrade" => Some(Phase::PostSync),
                "crd-install" => Some(Phase::Sync),
                _ => None,
            })
            .collect(),
        (None, None) => vec![Some(Phase::Sync)],
    };
    let phase = phases.into_iter().flatten().min()?;
    Some(if kind == "CustomResourceDefinition" { Phase::Definitions } else { phase })
}

fn wave(root: &Node) -> i64 {
    let names = ["argocd.argoproj.io/sync-wave", "helm.sh/hook-weight"];
    names.iter().find_map(|name| annotation(root, name)?.parse().ok()).unwrap_or_default()
}

fn annotation<'a>(root: &'a Node, name: &str) -> Option<&'a str> {
    root.get("metadata")?.get("annotations")?.get(name)?.as_str()
}

fn kind_order(kind: &str) -> usize {
    KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len())
}

/// The namespace of an Application as Argo CD makes it: with the labels and annotations of `managedNamespaceMetadata`.
#[must_use]
pub fn namespace(workspace: &Workspace, app: &str, namespace: &str) -> String {
    let roots = workspace.argocd.iter().flat_map(|file| &file.documents).map(|document| &document.root);
    let application = roots.into_iter().find(|root| {
        let name = root.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::as_str);
        root.get("kind").and_then(Node::as_str) == Some("Application") && name == Some(app)
    });
    let metadata = application
        .and_then(|root| root.get("spec")?.get("syncPolicy")?.get("managedNamespaceMetadata"))
        .map_or_else(serde_json::Value::default, |node| serde_json::from_str(&node.to_json()).unwrap_or_default());
    let mut object = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": namespace },
    });
    for key in ["labels", "annotations"] {
        if metadata[key].is_object() {
            object["metadata"][key] = metadata[key].clone();
        }
    }
    object.to_string()
}
