//! Suggests how to make an Application and its project agree.

use argocd::permission::Verdict;
use diagnostics::{Diagnostic, nearest};
use kubernetes::scope::Scope;

/// Adds the fix in the Application: values of a field that its project permits.
pub(super) fn fix(found: Diagnostic, field: &str, written: Option<&str>, permitted: &[&str]) -> Diagnostic {
    let mut permitted = permitted.to_vec();
    permitted.dedup();
    match permitted[..] {
        [] => found,
        // Either of them may be the misspelled one.
        [only] if written.is_some_and(|written| nearest(written, [only]).is_some()) => {
            let written = written.unwrap_or_default();
            found.help(format!(
                "make both the same: `{written}` here and `{only}` in the project differ in a few letters"
            ))
        }
        [only] => found.help(format!("set `{field}: {only}`, which the project allows")),
        _ => {
            let values: Vec<String> = permitted.iter().map(|value| format!("`{value}`")).collect();
            found.help(format!("set `{field}` to a value that the project allows: {}", values.join(", ")))
        }
    }
}

/// Adds a further way to fix a finding.
pub(super) fn alternative(found: Diagnostic, help: &str) -> Diagnostic {
    let or = if found.helps.is_empty() { "" } else { "or " };
    found.help(format!("{or}{help}"))
}

/// Whether a pattern of a project matches only itself.
pub(super) fn is_literal(pattern: &str) -> bool {
    !pattern.is_empty() && !pattern.contains(['*', '?', '[', '{', '\\']) && !pattern.starts_with('!')
}

/// The list of the project that decides on a kind.
pub(super) fn kind_field(scope: Scope, verdict: Verdict<'_>) -> &'static str {
    match (scope, verdict) {
        (Scope::Cluster, Verdict::Denied(_)) => "clusterResourceBlacklist",
        (Scope::Cluster, _) => "clusterResourceWhitelist",
        (Scope::Namespaced, Verdict::Denied(_)) => "namespaceResourceBlacklist",
        (Scope::Namespaced, _) => "namespaceResourceWhitelist",
    }
}
