//! The sync phase and wave of an object.
//!
//! The order within a wave is not considered, as Argo CD does not wait there.

use document::Node;

/// The annotation for the wave.
pub const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// The order in which Argo CD applies objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The phase.
    pub phase: Phase,
    /// The wave within the phase.
    pub wave: i64,
}

/// A phase of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before anything else.
    PreSync,
    /// Objects that are not hooks, and `Sync` hooks.
    Sync,
    /// After all objects are healthy.
    PostSync,
    /// After a failed sync.
    SyncFail,
}

/// When an object is first applied; `None` if a sync never applies it, such as a Helm test.
#[must_use]
pub fn order(root: &Node) -> Option<Order> {
    let annotation = |key: &str| root.find(&["metadata", "annotations", key]).and_then(Node::as_str);
    let number = |key: &str| annotation(key).and_then(|text| text.parse::<i64>().ok());
    let wave = number(WAVE).or_else(|| number("helm.sh/hook-weight")).unwrap_or_default();
    let words = |key: &str| annotation(key).map(|text| text.split(',').map(str::trim).collect::<Vec<_>>());
    // Helm's hook annotation is ignored if Argo CD's is set.
    let hooks: Option<Vec<Option<Phase>>> = match (words("argocd.argoproj.io/hook"), words("helm.sh/hook")) {
        (Some(hooks), _) => Some(hooks.into_iter().map(argo_phase).collect()),
        (None, Some(hooks)) if hooks != ["crd-install"] => Some(hooks.into_iter().map(helm_phase).collect()),
        _ => None,
    };
    match hooks {
        None => Some(Order { phase: Phase::Sync, wave }),
        Some(phases) => phases.into_iter().flatten().min().map(|phase| Order { phase, wave }),
    }
}

/// Whether an object is a hook, which Argo CD deletes and creates rather than updates, and never prunes. That includes
/// `Skip` and Helm tests, which it does not apply.
#[must_use]
pub fn is_hook(root: &Node) -> bool {
    let annotation = |key: &str| root.find(&["metadata", "annotations", key]).and_then(Node::as_str);
    annotation("argocd.argoproj.io/hook").is_some()
        || annotation("helm.sh/hook").is_some_and(|hook| hook.trim() != "crd-install")
}

fn argo_phase(hook: &str) -> Option<Phase> {
    match hook {
        "PreSync" => Some(Phase::PreSync),
        "Sync" => Some(Phase::Sync),
        "PostSync" => Some(Phase::PostSync),
        "SyncFail" => Some(Phase::SyncFail),
        _ => None,
    }
}

fn helm_phase(hook: &str) -> Option<Phase> {
    match hook {
        "pre-install" | "pre-upgrade" => Some(Phase::PreSync),
        "post-install" | "post-upgrade" => Some(Phase::PostSync),
        _ => None,
    }
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
    fn phases_precede_waves() {
        let order = |annotations: &str| super::order(&node(&format!("metadata: {{annotations: {{{annotations}}}}}")));
        let nothing = order("").expect("synced");
        assert_eq!(nothing, Order { phase: Phase::Sync, wave: 0 });
        assert!(order("argocd.argoproj.io/sync-wave: '-1'").expect("synced") < nothing);
        assert!(order("argocd.argoproj.io/sync-wave: 'x'").expect("synced") == nothing);
        assert!(order("helm.sh/hook-weight: '3'").expect("synced") > nothing);
        assert!(
            order("argocd.argoproj.io/hook: PreSync, argocd.argoproj.io/sync-wave: '5'").expect("synced") < nothing
        );
        assert!(order("helm.sh/hook: 'pre-install,post-install'").expect("synced") < nothing);
        assert!(order("argocd.argoproj.io/hook: PostSync, helm.sh/hook: pre-install").expect("synced") > nothing);
        assert_eq!(order("argocd.argoproj.io/hook: Skip"), None);
        assert_eq!(order("helm.sh/hook: test"), None);
        assert_eq!(order("helm.sh/hook: crd-install"), Some(nothing));
        for (annotation, expected) in [
            ("helm.sh/hook: test", true),
            ("argocd.argoproj.io/hook: Skip", true),
            ("helm.sh/hook: crd-install", false),
        ] {
            assert_eq!(
                is_hook(&node(&format!("metadata: {{annotations: {{{annotation}}}}}"))),
                expected,
                "{annotation}"
            );
        }
    }
}
