//! Hooks that Argo CD deletes.
//!
//! Argo CD reads the delete policies of both annotations. Hooks with `HookSucceeded` are deleted when the sync has
//! succeeded, and hooks without a policy, or with `BeforeHookCreation`, before each sync creates them again.

use document::Node;

use crate::sync_order;

/// The annotations with delete policies.
const POLICIES: [&str; 2] = ["argocd.argoproj.io/hook-delete-policy", "helm.sh/hook-delete-policy"];

/// The annotations that make an object a hook.
const HOOKS: [&str; 2] = ["argocd.argoproj.io/hook", "helm.sh/hook"];

/// When Argo CD deletes a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// After each sync that succeeds.
    AfterSync,
    /// Before each sync, which creates it again.
    BeforeSync,
}

/// Whether a sync runs an object as a hook, which is the case for objects with a hook annotation that are not skipped.
#[must_use]
pub fn is_hook(root: &Node) -> bool {
    sync_order::is_hook(root) && sync_order::order(root).is_some()
}

/// When Argo CD deletes an object because it is a hook, with the node of the annotation that says so; `None` for objects
/// that are not hooks, and for hooks that stay.
#[must_use]
pub fn deletion(root: &Node) -> Option<(Deletion, &Node)> {
    if !is_hook(root) {
        return None;
    }
    let annotations = || POLICIES.iter().filter_map(|key| root.find(&["metadata", "annotations", key]));
    let has = |policies: [&str; 2]| {
        annotations().find(|node| {
            let words = node.as_str().unwrap_or_default();
            words.split(',').any(|word| policies.contains(&word.trim()))
        })
    };
    if let Some(node) = has(["HookSucceeded", "hook-succeeded"]) {
        return Some((Deletion::AfterSync, node));
    }
    if let Some(node) = has(["BeforeHookCreation", "before-hook-creation"]) {
        return Some((Deletion::BeforeSync, node));
    }
    // The default.
    let failed = has(["HookFailed", "hook-failed"]).is_some();
    // Helm's annotation is ignored if Argo CD's is set.
    let hook = HOOKS.iter().find_map(|key| root.find(&["metadata", "annotations", key]));
    hook.filter(|_| !failed).map(|node| (Deletion::BeforeSync, node))
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    #[test]
    fn policies_of_both_annotations_count() {
        let deletion = |annotations: &str| {
            let source = Source::new("x.yaml", format!("metadata: {{annotations: {{{annotations}}}}}"));
            let root = yaml::parse_one(&source).expect("YAML").root;
            super::deletion(&root).map(|(deletion, _)| deletion)
        };
        for (annotations, expected) in [
            ("", None),
            ("helm.sh/hook-delete-policy: hook-succeeded", None),
            ("helm.sh/hook: test, helm.sh/hook-delete-policy: hook-succeeded", None),
            ("helm.sh/hook: crd-install", None),
            ("argocd.argoproj.io/hook: Skip", None),
            ("helm.sh/hook: pre-install", Some(Deletion::BeforeSync)),
            ("helm.sh/hook: pre-install, helm.sh/hook-delete-policy: hook-failed", None),
            ("helm.sh/hook: pre-install, helm.sh/hook-delete-policy: hook-succeded", Some(Deletion::BeforeSync)),
            (
                "helm.sh/hook: pre-install, helm.sh/hook-delete-policy: 'before-hook-creation, hook-succeeded'",
                Some(Deletion::AfterSync),
            ),
            (
                "argocd.argoproj.io/hook: Sync, argocd.argoproj.io/hook-delete-policy: HookSucceeded",
                Some(Deletion::AfterSync),
            ),
        ] {
            assert_eq!(deletion(annotations), expected, "{annotations}");
        }
    }
}
