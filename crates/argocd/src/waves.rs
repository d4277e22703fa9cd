//! The objects of an Application in the order in which Argo CD applies them.
//!
//! As gitops-engine's `syncTasks`: by phase (`PreSync`, `Sync`, `PostSync`), then by sync wave, then by kind, then by name.
//! Custom resource definitions come first. Hooks that a sync does not run, such as Helm's test and delete hooks, are
//! omitted.
//!
//! Pure. Does not apply them: see `scenario::apply`.

use diagnostics::Source;
use document::{Node, yaml};
use kubernetes::manifest::{Manifest, ObjectKey, Recorded};

use crate::sync_order;

/// The order of kinds; kinds that are not listed come last.
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

/// The phase of a sync in which an object is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Custom resource definitions, before everything else.
    Definitions,
    /// `PreSync` hooks.
    PreSync,
    /// Objects without a hook, and `Sync` hooks.
    Sync,
    /// `PostSync` hooks.
    PostSync,
}

/// Objects that are applied together. The next wave starts when they are healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// The phase.
    pub phase: Phase,
    /// The number of the wave.
    pub number: i64,
    /// The objects in it.
    pub keys: Vec<ObjectKey>,
    /// Those of them whose annotations exclude them from pruning.
    pub unprunable: Vec<ObjectKey>,
    /// Their manifests as Helm rendered them; items of lists as JSON.
    pub text: String,
}

/// An object of an Application and its place in the order.
struct Piece {
    phase: Phase,
    wave: i64,
    key: ObjectKey,
    unprunable: bool,
    text: String,
}

/// The waves of an Application.
#[must_use]
pub fn waves(manifests: &[Recorded]) -> Vec<Wave> {
    let mut pieces: Vec<Piece> = manifests.iter().flat_map(|recorded| pieces(&recorded.manifest)).collect();
    pieces.sort_by(|left, right| {
        let order = |piece: &Piece| (piece.phase, piece.wave, kind_order(&piece.key.kind));
        order(left).cmp(&order(right)).then_with(|| left.key.name.cmp(&right.key.name))
    });
    let mut waves: Vec<Wave> = Vec::new();
    for Piece { phase, wave: number, key, unprunable, text } in pieces {
        if waves.last().is_none_or(|wave| (wave.phase, wave.number) != (phase, number)) {
            waves.push(Wave { phase, number, keys: Vec::new(), unprunable: Vec::new(), text: String::new() });
        }
        if let Some(wave) = waves.last_mut() {
            wave.unprunable.extend(unprunable.then(|| key.clone()));
            wave.keys.push(key);
            wave.text.push_str(&text);
        }
    }
    waves
}

/// The objects of a manifest that a sync applies. Argo CD treats each item of a list as an object of its own.
fn pieces(manifest: &Manifest) -> Vec<Piece> {
    let Ok(document) = yaml::parse_one(&Source::new(&manifest.template, &manifest.text)) else { return Vec::new() };
    let piece = |key: &ObjectKey, root: &Node, text: String| {
        let (phase, wave) = phase_and_wave(&key.kind, root)?;
        Some(Piece { phase, wave, key: key.clone(), unprunable: is_unprunable(root), text: format!("---\n{text}") })
    };
    match &manifest.items {
        None => piece(&manifest.key, &document.root, manifest.text.clone()).into_iter().collect(),
        Some(keys) => {
            let items = document.root.items_at(&["items"]);
            keys.iter().zip(items).filter_map(|(key, item)| piece(key, item, item.to_json() + "\n")).collect()
        }
    }
}

/// The phase and the wave of an object; `None` if a sync does not apply it, or only after a failure.
fn phase_and_wave(kind: &str, root: &Node) -> Option<(Phase, i64)> {
    let order = sync_order::order(root)?;
    let phase = match order.phase {
        sync_order::Phase::SyncFail => return None,
        _ if kind == "CustomResourceDefinition" => Phase::Definitions,
        sync_order::Phase::PreSync => Phase::PreSync,
        sync_order::Phase::Sync => Phase::Sync,
        sync_order::Phase::PostSync => Phase::PostSync,
    };
    Some((phase, order.wave))
}

fn kind_order(kind: &str) -> usize {
    KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len())
}

/// Whether the annotations of an object exclude it from pruning.
fn is_unprunable(root: &Node) -> bool {
    let annotation = |name: &str| root.find(&["metadata", "annotations", name]).and_then(Node::as_str);
    let options = annotation("argocd.argoproj.io/sync-options").unwrap_or_default();
    options.split(',').any(|option| option.trim() == "Prune=false")
        || annotation("helm.sh/resource-policy") == Some("keep")
}

#[cfg(test)]
mod tests {
    use kubernetes::manifest;

    use super::*;

    fn recorded(text: &str) -> Recorded {
        let manifest = manifest::read_golden(text, "web").expect("an object");
        Recorded { file: format!("{}.yaml", manifest.key.name), manifest }
    }

    fn object(kind: &str, name: &str, annotations: &str) -> Recorded {
        recorded(&format!(
            "apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\n"
        ))
    }

    /// Each wave as `phase number: kind/name …`.
    fn shown(waves: &[Wave]) -> Vec<String> {
        let names = |wave: &Wave| wave.keys.iter().map(|key| format!(" {}/{}", key.kind, key.name)).collect::<String>();
        waves.iter().map(|wave| format!("{:?} {}:{}", wave.phase, wave.number, names(wave))).collect()
    }

    #[test]
    fn definitions_precede_every_hook_and_wave() {
        let waves = waves(&[
            object("Widget", "one", "argocd.argoproj.io/sync-wave: '-9'"),
            object("Job", "migrate", "argocd.argoproj.io/hook: PreSync"),
            object("CustomResourceDefinition", "widgets.example.com", "argocd.argoproj.io/sync-wave: '5'"),
            object("CustomResourceDefinition", "gadgets.example.com", ""),
        ]);
        let expected = [
            "Definitions 0: CustomResourceDefinition/gadgets.example.com",
            "Definitions 5: CustomResourceDefinition/widgets.example.com",
            "PreSync 0: Job/migrate",
            "Sync -9: Widget/one",
        ];
        assert_eq!(shown(&waves), expected);
    }

    #[test]
    fn objects_are_ordered_by_phase_then_wave_then_kind() {
        let waves = waves(&[
            object("Job", "report", "'helm.sh/hook': post-install, 'helm.sh/hook-weight': '-5'"),
            object("ConfigMap", "late", "argocd.argoproj.io/sync-wave: '10'"),
            object("ConfigMap", "soon", "argocd.argoproj.io/sync-wave: '9'"),
            object("Deployment", "web", "argocd.argoproj.io/sync-wave: '-1'"),
            object("Service", "web", ""),
            object("Job", "schema", "'helm.sh/hook': 'pre-install,pre-upgrade', 'helm.sh/hook-weight': '7'"),
        ]);
        let expected = [
            "PreSync 7: Job/schema",
            "Sync -1: Deployment/web",
            "Sync 0: Service/web",
            "Sync 9: ConfigMap/soon",
            "Sync 10: ConfigMap/late",
            "PostSync -5: Job/report",
        ];
        assert_eq!(shown(&waves), expected);
    }

    #[test]
    fn the_objects_of_a_wave_are_ordered_by_kind_then_name() {
        let waves = waves(&[
            object("Widget", "one", ""),
            object("Deployment", "web", ""),
            object("Service", "web", ""),
            object("ConfigMap", "b", ""),
            object("ConfigMap", "a", ""),
            object("Secret", "z", ""),
            object("NetworkPolicy", "web", ""),
            object("ServiceAccount", "web", ""),
            object("RoleBinding", "web", ""),
            object("Role", "web", ""),
        ]);
        let expected = "Sync 0: NetworkPolicy/web ServiceAccount/web Secret/z ConfigMap/a ConfigMap/b Role/web \
                        RoleBinding/web Service/web Deployment/web Widget/one";
        assert_eq!(shown(&waves), [expected]);
        // The applied text has the same order, one document per object.
        let documents: Vec<&str> = waves[0].text.split("---\n").skip(1).collect();
        assert_eq!(documents.len(), 10);
        assert!(documents[0].contains("kind: NetworkPolicy") && documents[9].contains("kind: Widget"));
    }

    #[test]
    fn hooks_that_a_sync_does_not_run_are_omitted() {
        let omitted = [
            "'helm.sh/hook': test",
            "'helm.sh/hook': 'pre-delete,post-delete'",
            "argocd.argoproj.io/hook: Skip",
            "argocd.argoproj.io/hook: SyncFail",
            // Argo CD's annotation takes precedence over Helm's.
            "argocd.argoproj.io/hook: PostDelete, 'helm.sh/hook': pre-install",
        ];
        for annotations in omitted {
            assert_eq!(waves(&[object("Pod", "check", annotations)]), [], "{annotations}");
        }
        assert_eq!(shown(&waves(&[object("Pod", "check", "'helm.sh/hook': 'test,pre-install'")])).len(), 1);
    }

    #[test]
    fn annotations_exclude_objects_from_pruning() {
        let waves = waves(&[
            object("PersistentVolumeClaim", "queue", "helm.sh/resource-policy: keep"),
            object("ConfigMap", "a", "argocd.argoproj.io/sync-options: 'ServerSideApply=true, Prune=false'"),
            object("ConfigMap", "b", "argocd.argoproj.io/sync-options: 'Delete=false'"),
            object("ConfigMap", "c", ""),
        ]);
        let names: Vec<&str> = waves[0].unprunable.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["a", "queue"]);
    }

    #[test]
    fn items_of_a_list_are_ordered_individually() {
        let list = "apiVersion: v1\nkind: List\nitems:\n\
                    - {apiVersion: v1, kind: Secret, metadata: {name: key}, stringData: {a: hunter2}}\n\
                    - {apiVersion: v1, kind: ConfigMap, metadata: {name: first, annotations: \
                    {argocd.argoproj.io/sync-wave: '-1'}}}\n\
                    - {apiVersion: v1, kind: Pod, metadata: {name: t, annotations: {helm.sh/hook: test}}}\n\
                    - {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, \
                    metadata: {name: widgets.example.com}}\n";
        let waves = waves(&[object("ConfigMap", "plain", ""), recorded(list)]);
        let expected = [
            "Definitions 0: CustomResourceDefinition/widgets.example.com",
            "Sync -1: ConfigMap/first",
            "Sync 0: Secret/key ConfigMap/plain",
        ];
        assert_eq!(shown(&waves), expected);
        // Applied values are not redacted.
        assert!(waves[2].text.starts_with(
            r#"---
{"apiVersion":"v1","kind":"Secret","metadata":{"name":"key"},"stringData":{"a":"hunter2"}}
---
apiVersion: v1
kind: ConfigMap
"#
        ));
    }
}
