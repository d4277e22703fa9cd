//! Versions of software as tags, charts, and charts.toml write them, and the ranges that advisories name.
//!
//! A partial version such as `3.5` stands for every release that begins with it. It is affected only if all of these are,
//! so that a version which may be fixed is never reported.
//!
//! Pure. Does not order versions beyond three numbers: of `1.2.3.4` nothing is known.

use std::cmp::Ordering;

use semver::{Prerelease, Version};

/// Words that begin a pre-release. Any other suffix of an image tag names a variant of the release: `-alpine`, `-debian-12-r0`.
const PRERELEASES: &[&str] =
    &["alpha", "beta", "canary", "dev", "m", "milestone", "nightly", "pre", "preview", "rc", "snapshot"];

/// A version, as far as it is known from a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The lowest version that it may stand for.
    low: Version,
    /// The lowest version above all that it may stand for; absent for an exact version.
    above: Option<Version>,
}

impl Known {
    /// Reads the version of a chart, a tool, or a platform; `None` for what is not one.
    #[must_use]
    pub fn version(text: &str) -> Option<Self> {
        Self::read(text, false)
    }

    /// Reads the tag of an image, whose suffix may name a variant.
    #[must_use]
    pub fn tag(text: &str) -> Option<Self> {
        Self::read(text, true)
    }

    fn read(text: &str, tag: bool) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        // Build metadata does not order versions.
        let text = text.split(['+', '_']).next().unwrap_or_default();
        let (core, suffix) = text.split_once('-').map_or((text, None), |(core, suffix)| (core, Some(suffix)));
        let numbers: Vec<u64> = core.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let (low, above) = match numbers[..] {
            [major, minor, patch] => (Version::new(major, minor, patch), None),
            [major, minor] => (Version::new(major, minor, 0), Some(Version::new(major, minor + 1, 0))),
            // A single number may as well be a date or a build.
            [major] if tag && major < 1000 => (Version::new(major, 0, 0), Some(Version::new(major + 1, 0, 0))),
            _ => return None,
        };
        let Some(suffix) = suffix else { return Some(Self { low, above }) };
        if tag && !is_prerelease(suffix) {
            return Some(Self { low, above });
        }
        // `1.2-rc.1` is a pre-release of one release, and of which one is not said.
        let pre = Prerelease::new(suffix).ok().filter(|_| above.is_none())?;
        Some(Self { low: Version { pre, ..low }, above: None })
    }

    /// Whether every version that it may stand for lies in a range.
    #[must_use]
    pub fn within(&self, range: &Range) -> bool {
        let from = range.introduced.as_ref().is_none_or(|introduced| *introduced <= self.low);
        from && match &self.above {
            Some(above) => *above <= range.fixed,
            None => self.low < range.fixed,
        }
    }

    /// Whether it is an exact version without a pre-release.
    #[must_use]
    pub fn is_release(&self) -> bool {
        self.above.is_none() && self.low.pre.is_empty()
    }
}

impl PartialOrd for Known {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Known {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.low, &self.above).cmp(&(&other.low, &other.above))
    }
}

/// Versions from `introduced`, or the first, to below `fixed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The first version that is affected; all before `fixed` when absent.
    pub introduced: Option<Version>,
    /// The first version that is not.
    pub fixed: Version,
}

/// Reads an exact version, as an advisory names it.
#[must_use]
pub fn exact(text: &str) -> Option<Version> {
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

/// Whether the suffix of a tag begins with a word for a pre-release, with or without a number after it.
fn is_prerelease(suffix: &str) -> bool {
    let word: String = suffix.chars().take_while(char::is_ascii_alphabetic).collect();
    let rest = &suffix[word.len()..];
    PRERELEASES.contains(&word.to_lowercase().as_str())
        && (rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || ".-".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(introduced: &str, fixed: &str) -> Range {
        Range { introduced: exact(introduced), fixed: exact(fixed).expect("a version") }
    }

    #[test]
    fn a_tag_is_affected_below_the_fixed_version() {
        for (tag, affected) in [
            ("0.38.4", true),
            ("v0.38.4", true),
            ("0.39.99", true),
            ("0.40.0", false),
            ("0.40.0-rc.1", true),
            ("0.40.0-RC1", true),
            ("0.40.0-debian-12-r0", false),
            ("0.40.0-1", false),
            ("0.40.0-alpine", false),
            ("0.38.4-alpine", true),
            ("0.40.0_build", false),
            ("0.38", true),
            ("0.39", true),
            ("0.40", false),
            ("0", false),
            ("1", false),
        ] {
            let known = Known::tag(tag).unwrap_or_else(|| panic!("{tag}"));
            assert_eq!(known.within(&range("", "0.40.0")), affected, "{tag}");
        }
    }

    #[test]
    fn what_is_no_version_is_not_known() {
        for tag in ["latest", "bookworm-slim", "", "1.2.3.4", "sha-1a2b3c4", "20260101", "1.x", "1.2-rc.1"] {
            assert_eq!(Known::tag(tag), None, "{tag}");
        }
        for version in ["3", "1.2.3.4", "stable", "^1.2.3", "1.2.3_4_"] {
            assert!(Known::version(version).is_none_or(|known| known.is_release()), "{version}");
        }
        assert_eq!(Known::version("3"), None);
    }

    #[test]
    fn a_partial_version_is_affected_only_as_a_whole() {
        let known = |text: &str| Known::version(text).expect("a version");
        assert!(!known("3.3").within(&range("3.3.0", "3.3.9")));
        assert!(known("3.2").within(&range("3.2.0", "3.3.0")));
        assert!(!known("3.5").within(&range("3.3.0", "3.3.9")));
        assert!(!known("3.2").within(&range("3.2.1", "3.3.0")));
    }

    #[test]
    fn ranges_have_two_ends() {
        let known = |text: &str| Known::version(text).expect("a version");
        let helm = range("4.0.0", "4.1.4");
        assert!(!known("3.19.4").within(&helm));
        assert!(known("4.0.0").within(&helm));
        assert!(known("4.1.3").within(&helm));
        assert!(!known("4.1.4").within(&helm));
        assert!(known("1.2.10") > known("1.2.9"));
    }
}
