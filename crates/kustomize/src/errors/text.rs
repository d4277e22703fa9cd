//! Parts of kustomize's messages.

/// The text between the first occurrence of two markers.
pub(super) fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let rest = &text[text.find(start)? + start.len()..];
    Some(rest[..rest.find(end)?].to_owned())
}

/// The text between the last occurrence of two markers.
pub(super) fn last_between(text: &str, start: &str, end: &str) -> Option<String> {
    let rest = &text[text.rfind(start)? + start.len()..];
    Some(rest[..rest.find(end)?].to_owned())
}

/// The word after a marker.
pub(super) fn word_after(text: &str, marker: &str) -> Option<String> {
    let rest = &text[text.find(marker)? + marker.len()..];
    Some(rest.split_whitespace().next()?.trim_matches('"').to_owned())
}

/// An identity as people write it: `Deployment web` for `Deployment.v1.apps/web.[noNs]`.
pub(super) fn identity(id: &str) -> String {
    let id = id.trim_end_matches([';', ':', ',']);
    let Some((kind, name)) = id.split_once('/') else { return format!("`{id}`") };
    let kind = kind.split('.').next().unwrap_or(kind);
    // A name may contain dots; the namespace may not.
    let (name, namespace) = match name.rsplit_once(".[") {
        Some((name, _)) => (name, ""),
        None => name.rsplit_once('.').unwrap_or((name, "")),
    };
    if name == "[noName]" {
        return format!("any {kind}");
    }
    if namespace.is_empty() { format!("{kind} `{name}`") } else { format!("{kind} `{namespace}/{name}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_shortened() {
        for (id, expected) in [
            ("ConfigMap.v1.[noGrp]/a.[noNs]", "ConfigMap `a`"),
            ("Deployment.v1.apps/web.shop", "Deployment `shop/web`"),
            ("ConfigMap.v1.[noGrp]/a.b.[noNs];", "ConfigMap `a.b`"),
            ("Secret.[noVer].[noGrp]/q.[noNs]", "Secret `q`"),
            ("Deployment.[noVer].[noGrp]/[noName].[noNs]", "any Deployment"),
            ("odd", "`odd`"),
        ] {
            assert_eq!(identity(id), expected);
        }
    }
}
