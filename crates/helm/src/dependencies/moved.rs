//! Chart repositories that have moved.
//!
//! GitHub Pages does not redirect when a repository's owner is renamed, so a chart that names the old URL suddenly stops
//! working. This table lets the error name the new URL. Chart.yaml is never rewritten.

/// Old and new URLs, without a trailing slash.
const MOVED: &[(&str, &str)] = &[
    // The project moved in June 2026; the old index returns 404.
    ("https://bitnami-labs.github.io/sealed-secrets", "https://bitnami.github.io/sealed-secrets"),
];

/// Returns the URL that replaces a repository that no longer exists.
#[must_use]
pub fn successor(repository: &str) -> Option<&'static str> {
    let repository = repository.trim_end_matches('/');
    MOVED.iter().find(|(old, _)| old.eq_ignore_ascii_case(repository)).map(|(_, new)| *new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_successor_with_or_without_a_trailing_slash() {
        let new = Some("https://bitnami.github.io/sealed-secrets");
        assert_eq!(successor("https://bitnami-labs.github.io/sealed-secrets/"), new);
        assert_eq!(successor("https://bitnami.github.io/sealed-secrets"), None);
    }
}
