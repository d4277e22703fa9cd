//! The Argo CD releases whose rendering is reproduced, and what each of them ships.

/// A minor release of Argo CD, and what of it decides a render.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// `major.minor`.
    pub version: &'static str,
    /// The Helm that it ships.
    pub helm: &'static str,
    /// Whether `valueFiles` may hold globs.
    pub value_file_globs: bool,
}

/// The releases that this tool reproduces, newest first. Source: the Helm that each release's own installer pins.
pub const RELEASES: &[Release] = &[
    Release { version: "3.5", helm: "4.2.1", value_file_globs: true },
    Release { version: "3.4", helm: "3.19.4", value_file_globs: false },
    Release { version: "3.3", helm: "3.19.4", value_file_globs: false },
];

impl Release {
    /// The release with this version; a patch level is allowed and makes no difference.
    pub fn parse(version: &str) -> std::result::Result<Self, String> {
        let mut parts = version.trim_start_matches('v').split('.');
        let minor = [parts.next().unwrap_or_default(), parts.next().unwrap_or_default()].join(".");
        RELEASES.iter().find(|release| release.version == minor).copied().ok_or_else(|| {
            let known: Vec<_> = RELEASES.iter().map(|release| release.version).collect();
            format!("Argo CD {version} is not known here; known are {}", known.join(", "))
        })
    }
}
