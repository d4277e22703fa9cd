//! Chart repositories that are gone, and where they went.
//!
//! A repository on GitHub Pages does not redirect when its owner moves, so a chart that names the old URL breaks from
//! one day to the next. A line here turns that error into its mending.
//!
//! Deliberately absent: rewriting anyone's Chart.yaml.

/// Old and new URL, without a slash at the end.
const MOVED: &[(&str, &str)] = &[
    // The project moved in June 2026; the old index has been a 404 since.
    ("https://bitnami-labs.github.io/sealed-secrets", "https://bitnami.github.io/sealed-secrets"),
];

/// The repository that took the place of a dead one.
#[must_use]
pub fn successor(repository: &str) -> Option<&'static str> {
    let repository = repository.trim_end_matches('/');
    MOVED.iter().find(|(old, _)| old.eq_ignore_ascii_case(repository)).map(|(_, new)| *new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_repository_is_known_with_or_without_its_slash() {
        let new = Some("https://bitnami.github.io/sealed-secrets");
        assert_eq!(successor("https://bitnami-labs.github.io/sealed-secrets/"), new);
        assert_eq!(successor("https://bitnami.github.io/sealed-secrets"), None);
    }
}
