//! The Pod Security policy of a namespace: a level of the standards, in one of their versions.

use std::fmt;

/// A level of the Pod Security Standards, strictest first.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Current best practices for hardened pods.
    #[default]
    Restricted,
    /// No known privilege escalations.
    Baseline,
    /// No restrictions.
    Privileged,
}

impl Level {
    /// All levels, strictest first.
    pub const ALL: &'static [Self] = &[Self::Restricted, Self::Baseline, Self::Privileged];

    /// The value of the namespace label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Baseline => "baseline",
            Self::Privileged => "privileged",
        }
    }

    /// The level with a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|level| level.name() == name)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A version of the standards: the minor version of Kubernetes, or the latest that a cluster knows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// The version of the cluster.
    #[default]
    Latest,
    /// `v1.<minor>`.
    Minor(u32),
}

impl Version {
    /// The version in a namespace label: `latest` or `v1.<minor>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "latest" {
            return Some(Self::Latest);
        }
        let digits = text.strip_prefix("v1.")?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        digits.parse().ok().filter(|_| plain).map(Self::Minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Minor(minor) => write!(f, "v1.{minor}"),
        }
    }
}

/// What an API server evaluates pods against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The level.
    pub level: Level,
    /// The minor version of the standards. A cluster evaluates no version newer than its own.
    pub version: u32,
    /// The minor version of the cluster.
    pub cluster: u32,
}

impl Policy {
    /// The policy of a level and version in a cluster, whose version is `1.<minor>` or `1.<minor>.<patch>`.
    #[must_use]
    pub fn new(level: Level, version: Version, kubernetes: &str) -> Self {
        let minor = kubernetes.split('.').nth(1).and_then(|minor| minor.parse().ok());
        let cluster = minor.unwrap_or(u32::MAX);
        let version = match version {
            Version::Latest => cluster,
            Version::Minor(minor) => minor.min(cluster),
        };
        Self { level, version, cluster }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_labels() {
        assert_eq!(Version::parse("latest"), Some(Version::Latest));
        assert_eq!(Version::parse("v1.34"), Some(Version::Minor(34)));
        for wrong in ["1.34", "v1.34.1", "v1.", "v1.+3", "v1.034", "v2.0", "v1.99999999999", ""] {
            assert_eq!(Version::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_cluster_knows_no_newer_version() {
        let version = |version| Policy::new(Level::Baseline, version, "1.33.2").version;
        assert_eq!(version(Version::Latest), 33);
        assert_eq!(version(Version::Minor(34)), 33);
        assert_eq!(version(Version::Minor(21)), 21);
    }
}
