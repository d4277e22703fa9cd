//! Chart repositories that have moved or no longer exist.
//!
//! GitHub redirects a renamed repository, but not its Pages site, so a Helm repository on such a site returns 404. The table
//! lets errors and checks name the new URL. Nothing is rewritten, and the network is not used.

/// A repository that has moved or no longer exists.
#[derive(Debug)]
pub struct Moved {
    /// The old address, without scheme and trailing slash.
    pub from: &'static str,
    /// The new URL; `None` if no repository replaces it as a whole.
    pub to: Option<&'static str>,
    /// When it moved or ended, and how.
    pub since: &'static str,
    /// The announcement.
    pub source: &'static str,
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

/// Returns the entry for a URL, whatever its spelling.
#[must_use]
pub fn moved(url: &str) -> Option<&'static Moved> {
    let url = url.trim().to_lowercase();
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let rest = rest.trim_end_matches("index.yaml").trim_end_matches('/');
    MOVED
        .iter()
        .find(|entry| rest.strip_prefix(entry.from).is_some_and(|below| below.is_empty() || below.starts_with('/')))
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
            assert!(moved(url).is_some(), "{url}");
        }
        for url in [
            "https://bitnami.github.io/sealed-secrets",
            "https://bitnami-labs.github.io/sealed-secrets-fork",
            "oci://bitnami-labs.github.io/sealed-secrets",
            "https://charts.helm.sh/stable",
        ] {
            assert!(moved(url).is_none(), "{url}");
        }
    }

    #[test]
    fn no_new_url_has_moved_itself() {
        assert!(MOVED.iter().filter_map(|entry| entry.to).all(|to| moved(to).is_none()));
        assert!(MOVED.is_sorted_by_key(|entry| entry.from));
    }
}
