//! The charts that sources take straight from a Helm repository or an OCI registry, as Argo CD 3.5 reads `repoURL` and
//! `chart`.
//!
//! | `repoURL` | `chart` | is |
//! |---|---|---|
//! | `oci://…` | | an artifact of a registry; `chart` has no effect |
//! | without a scheme | set | a chart of a registry |
//! | other | set | a chart of a Helm repository |
//! | other | | a Git repository |

/// A chart in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartSource {
    /// The URL of the repository; of a registry, `oci://…` without the name.
    pub repository: String,
    /// The name of the chart.
    pub name: String,
}

/// The chart that a source takes from a repository; `None` if its files come from Git.
#[must_use]
pub fn chart_source(repository: &str, chart: Option<&str>) -> Option<ChartSource> {
    let own = |repository: String, name: &str| ChartSource { repository, name: name.to_owned() };
    if let Some(artifact) = repository.strip_prefix("oci://") {
        let artifact = artifact.trim_end_matches('/');
        let (path, name) = artifact.rsplit_once('/').unwrap_or(("", artifact));
        return Some(own(format!("oci://{path}"), name));
    }
    let chart = chart.filter(|chart| !chart.is_empty())?;
    if repository.contains("://") {
        return Some(own(repository.trim_end_matches('/').to_owned(), chart));
    }
    let (path, name) = chart.rsplit_once('/').map_or((String::new(), chart), |(path, name)| (format!("/{path}"), name));
    Some(own(format!("oci://{}{path}", repository.trim_end_matches('/')), name))
}

/// Whether `chart` of a source has no effect, because its repository is already that of the artifact.
#[must_use]
pub fn ignores_chart(repository: &str, chart: Option<&str>) -> bool {
    repository.starts_with("oci://") && chart.is_some_and(|chart| !chart.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_are_found_as_argo_cd_finds_them() {
        let read = |repository: &str, chart: Option<&str>| {
            chart_source(repository, chart).map(|found| format!("{} {}", found.repository, found.name))
        };
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(read("https://git.example.com/home.git", None), None);
        assert_eq!(read("git@git.example.com:home.git", None), None);
        assert_eq!(read("https://charts.example.com/", Some("web")), is("https://charts.example.com web"));
        assert_eq!(
            read("registry.example.com:5000/charts", Some("web")),
            is("oci://registry.example.com:5000/charts web")
        );
        assert_eq!(read("registry.example.com", Some("charts/web")), is("oci://registry.example.com/charts web"));
        assert_eq!(read("oci://registry.example.com/charts/web", None), is("oci://registry.example.com/charts web"));
        assert_eq!(read("oci://registry.example.com/charts", Some("web")), is("oci://registry.example.com charts"));
        assert!(ignores_chart("oci://registry.example.com/charts", Some("web")));
        assert_eq!(read("https://charts.example.com", Some("")), None);
    }
}
