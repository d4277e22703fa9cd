//! Repositories that have moved or no longer exist, in Chart.yaml, the lock files, Applications, and projects.
//!
//! GitHub redirects a renamed repository, but not its Pages site. A Helm repository on such a site returns 404, and
//! Argo CD shows the sync status `Unknown` without naming the cause.
//!
//! Does not use the network: only the repositories in [`MOVED`] are known.

use super::subject::Subject;
use diagnostics::{Code, Diagnostic, Diagnostics, Place};
use document::Node;
use helm::chart::{Chart, Dependency};

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::RepositoryMoved];

/// A repository that has moved or no longer exists.
struct Moved {
    /// The old address, without scheme and trailing slash.
    from: &'static str,
    /// The new URL; `None` if no repository replaces it as a whole.
    to: Option<&'static str>,
    /// What happened to it.
    since: &'static str,
    /// The announcement.
    source: &'static str,
}

const MOVED: &[Moved] = &[
    Moved {
        from: "bitnami-labs.github.io/sealed-secrets",
        to: Some("https://bitnami.github.io/sealed-secrets"),
        since: "returns 404 since June 2026",
        source: "https://github.com/bitnami/sealed-secrets/issues/1982",
    },
    Moved {
        from: "bjw-s.github.io/helm-charts",
        to: Some("https://bjw-s-labs.github.io/helm-charts"),
        since: "moved in May 2025",
        source: "https://github.com/bjw-s-labs/helm-charts/issues/378",
    },
    Moved {
        from: "charts.bitnami.com/bitnami",
        to: Some("oci://registry-1.docker.io/bitnamicharts"),
        since: "moved to an OCI registry in November 2024",
        source: "https://github.com/bitnami/charts/issues/30110",
    },
    Moved {
        from: "googlecloudplatform.github.io/spark-on-k8s-operator",
        to: Some("https://kubeflow.github.io/spark-operator"),
        since: "returns 404 since March 2024",
        source: "https://github.com/kubeflow/spark-operator/issues/1926",
    },
    Moved {
        from: "helm.traefik.io/traefik",
        to: Some("https://traefik.github.io/charts"),
        since: "moved in November 2022",
        source: "https://github.com/traefik/traefik-helm-chart/issues/719",
    },
    Moved {
        from: "kubernetes-charts-incubator.storage.googleapis.com",
        to: Some("https://charts.helm.sh/incubator"),
        since: "removed in November 2020; only an archive remains",
        source: "https://helm.sh/blog/new-location-stable-incubator-charts/",
    },
    Moved {
        from: "kubernetes-charts.banzaicloud.com",
        to: None,
        since: "removed in October 2024",
        source: "https://github.com/banzaicloud/banzai-charts/issues/1350",
    },
    Moved {
        from: "kubernetes-charts.storage.googleapis.com",
        to: Some("https://charts.helm.sh/stable"),
        since: "removed in November 2020; only an archive remains",
        source: "https://helm.sh/blog/new-location-stable-incubator-charts/",
    },
];

/// Reports each dependency and each URL under argocd/ that names such a repository.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for chart in subject.charts {
        diagnostics.extend(of_chart(subject, chart));
    }
    for file in &subject.workspace.argocd {
        for document in &file.documents {
            let spec = document.root.get("spec");
            let source = spec.and_then(|spec| spec.get("source"));
            let list = |key: &str| spec.and_then(|spec| spec.get(key)).map(Node::items).unwrap_or_default();
            let sources = source.into_iter().chain(list("sources")).filter_map(|source| source.get("repoURL"));
            for url in sources.chain(list("sourceRepos")) {
                if let Some((moved, text)) = url.as_str().and_then(|text| Some((known(text)?, text))) {
                    diagnostics.push(finding(moved, text).at(url.place(), moved.since));
                }
            }
        }
    }
    diagnostics
}

/// Reports the dependencies in Chart.yaml, with their places in the lock files, and those that only a lock file names.
fn of_chart(subject: &Subject<'_>, chart: &Chart) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let locked: &[Dependency] = chart.lock.as_ref().map(|lock| lock.dependencies.as_slice()).unwrap_or_default();
    let pins = &subject.workspace.charts_lock.pins;
    let asked = chart.dependencies.iter().map(|dependency| (dependency, true));
    let only_locked = locked.iter().filter(|lock| {
        !chart.dependencies.iter().any(|asked| asked.name == lock.name && asked.repository == lock.repository)
    });
    for (dependency, asked) in asked.chain(only_locked.map(|dependency| (dependency, false))) {
        let Some(moved) = known(&dependency.repository) else { continue };
        let same = |name: &str, url: &str| name == dependency.name && url == dependency.repository;
        let mut found = finding(moved, &dependency.repository).at(dependency.repository_place.clone(), moved.since);
        if asked {
            let locks = locked.iter().filter(|lock| same(&lock.name, &lock.repository));
            let places: Vec<Place> = locks.map(|lock| lock.repository_place.clone()).collect();
            found = places.into_iter().fold(found, |found, place| found.at(place, "locked"));
        }
        if let Some(pin) = pins.iter().find(|pin| same(&pin.name, &pin.repository)) {
            found = found.at(pin.place.clone(), "pinned");
        }
        diagnostics.push(found.help("then run `cargo xtask deps --update` to update the lock files"));
    }
    diagnostics
}

fn finding(moved: &Moved, url: &str) -> Diagnostic {
    let (message, help) = match moved.to {
        Some(to) => (format!("`{url}` has moved"), format!("change the URL to `{to}`")),
        None => (
            format!("`{url}` no longer exists"),
            "use the repository where the chart's maintainers publish it now".to_owned(),
        ),
    };
    Diagnostic::new(Code::RepositoryMoved, message).note(format!("source: {}", moved.source)).help(help)
}

/// Returns the entry for a URL.
fn known(url: &str) -> Option<&'static Moved> {
    let url = url.trim().to_lowercase();
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let rest = rest.trim_end_matches("index.yaml").trim_end_matches('/');
    MOVED
        .iter()
        .find(|moved| rest.strip_prefix(moved.from).is_some_and(|below| below.is_empty() || below.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_recognized_in_every_spelling() {
        for url in [
            "https://bitnami-labs.github.io/sealed-secrets",
            "https://bitnami-labs.github.io/sealed-secrets/",
            "http://Bitnami-Labs.github.io/sealed-secrets/index.yaml",
            "https://kubernetes-charts.banzaicloud.com/branch/master",
        ] {
            assert!(known(url).is_some(), "{url}");
        }
        for url in [
            "https://bitnami.github.io/sealed-secrets",
            "https://bitnami-labs.github.io/sealed-secrets-fork",
            "oci://bitnami-labs.github.io/sealed-secrets",
            "https://charts.helm.sh/stable",
        ] {
            assert!(known(url).is_none(), "{url}");
        }
    }

    #[test]
    fn no_new_url_has_moved_itself() {
        assert!(MOVED.iter().filter_map(|moved| moved.to).all(|to| known(to).is_none()));
        assert!(MOVED.is_sorted_by_key(|moved| moved.from));
    }
}
