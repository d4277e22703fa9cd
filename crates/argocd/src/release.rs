//! The Argo CD releases that this tool renders like, and what each of them ships.

/// A minor release of Argo CD, with its properties that affect a render.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// `major.minor`.
    pub version: &'static str,
    /// The Helm version that it ships.
    pub helm: &'static str,
    /// The Kustomize version that it ships.
    pub kustomize: &'static str,
    /// Whether `valueFiles` may contain globs.
    pub value_file_globs: bool,
}

/// The supported releases, newest first. The versions of Helm and Kustomize are those in each release's `tool-versions.sh`;
/// 3.3.0 shipped Kustomize 5.8.0, and its later patch releases 5.8.1.
pub const RELEASES: &[Release] = &[
    Release { version: "3.5", helm: "4.2.1", kustomize: "5.8.1", value_file_globs: true },
    Release { version: "3.4", helm: "3.19.4", kustomize: "5.8.1", value_file_globs: false },
    Release { version: "3.3", helm: "3.19.4", kustomize: "5.8.1", value_file_globs: false },
];

impl Release {
    /// Returns the release of a version; a patch version is allowed and ignored.
    pub fn parse(version: &str) -> std::result::Result<Self, String> {
        let mut parts = version.trim_start_matches('v').split('.');
        let minor = [parts.next().unwrap_or_default(), parts.next().unwrap_or_default()].join(".");
        RELEASES.iter().find(|release| release.version == minor).copied().ok_or_else(|| {
            let known: Vec<_> = RELEASES.iter().map(|release| release.version).collect();
            format!("Argo CD {version} is not supported; supported versions are {}", known.join(", "))
        })
    }
}
