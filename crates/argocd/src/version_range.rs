//! Ranges of versions, such as `1.x` or `>=1.2 <2`, as `targetRevision` of a Git repository: Argo CD takes the newest tag
//! that a range allows.
//!
//! Source: `MaxVersion` (`util/versions`) of Argo CD 3.5, and the constraints of Masterminds/semver 3.

use semver::{BuildMetadata, Prerelease, Version};

/// The operators, longer ones first.
const OPERATORS: [&str; 11] = [">=", "=>", "<=", "=<", "!=", "~>", ">", "<", "=", "~", "^"];

/// A range: one of the alternatives must allow a version, with all of its constraints.
#[derive(Debug)]
pub struct Range(Vec<Vec<Constraint>>);

#[derive(Debug)]
struct Constraint {
    operator: &'static str,
    version: Version,
    /// The number of parts that are given: `1.x` has one.
    parts: usize,
}

impl Range {
    /// Reads a range; `None` if the text is a single version or something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if version(text).is_some() {
            return None;
        }
        let alternatives: Option<Vec<_>> = text.split("||").map(alternative).collect();
        alternatives.map(Self)
    }

    /// The newest of the tags that the range allows. Tags that are not versions do not count.
    #[must_use]
    pub fn newest<'t>(&self, tags: impl IntoIterator<Item = &'t str>) -> Option<&'t str> {
        let mut newest: Option<(Version, &str)> = None;
        for tag in tags {
            let Some(version) = version(tag).filter(|version| self.allows(version)) else { continue };
            if newest.as_ref().is_none_or(|(best, _)| version.cmp_precedence(best).is_gt()) {
                newest = Some((version, tag));
            }
        }
        newest.map(|(_, tag)| tag)
    }

    /// Reads a constraint, which may also be a single version.
    #[must_use]
    pub fn constraint(text: &str) -> Option<Self> {
        let alternatives: Option<Vec<_>> = text.split("||").map(alternative).collect();
        alternatives.map(Self)
    }

    /// Whether the range allows a version.
    #[must_use]
    pub fn allows(&self, version: &Version) -> bool {
        self.0.iter().any(|all| {
            // A pre-release is only allowed if the range mentions one.
            let mentions = all.iter().any(|one| !one.version.pre.is_empty());
            (version.pre.is_empty() || mentions) && all.iter().all(|one| one.allows(version))
        })
    }
}

impl Constraint {
    fn allows(&self, version: &Version) -> bool {
        let own = &self.version;
        let order = version.cmp_precedence(own);
        let same_major = version.major == own.major;
        let same_minor = same_major && version.minor == own.minor;
        match self.operator {
            "!=" => match self.parts {
                3 => order.is_ne(),
                2 => !same_minor,
                _ => !same_major,
            },
            ">" => match self.parts {
                3 => order.is_gt(),
                2 => version.major > own.major || same_major && version.minor > own.minor,
                _ => version.major > own.major,
            },
            "<" => order.is_lt(),
            ">=" | "=>" => order.is_ge(),
            "<=" | "=<" => match self.parts {
                3 => order.is_le(),
                2 => version.major < own.major || same_major && version.minor <= own.minor,
                _ => version.major <= own.major,
            },
            "^" => {
                order.is_ge()
                    && match (own.major, own.minor, self.parts) {
                        (_, _, 0) => true,
                        (1.., ..) | (_, _, 1) => same_major,
                        (_, 1.., _) | (_, _, 2) => same_minor,
                        _ => same_minor && version.patch == own.patch,
                    }
            }
            "=" if self.parts == 3 => order.is_eq(),
            // `~` and a partial version.
            _ => order.is_ge() && (self.parts == 0 || if self.parts == 1 { same_major } else { same_minor }),
        }
    }
}

/// The constraints of one alternative, separated by commas or spaces.
fn alternative(text: &str) -> Option<Vec<Constraint>> {
    if let Some((from, to)) = text.split_once(" - ") {
        return Some(vec![constraint(">=", from.trim())?, constraint("<=", to.trim())?]);
    }
    let mut rest = text.trim();
    let mut all = Vec::new();
    loop {
        let operator = OPERATORS.into_iter().find(|operator| rest.starts_with(operator)).unwrap_or("");
        rest = rest[operator.len()..].trim_start();
        let end = rest.find([',', ' ']).unwrap_or(rest.len());
        all.push(constraint(if operator.is_empty() { "=" } else { operator }, &rest[..end])?);
        rest = rest[end..].trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        if rest.is_empty() {
            return Some(all);
        }
    }
}

fn constraint(operator: &'static str, text: &str) -> Option<Constraint> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (numbers, suffix) = split(text);
    let is_any = |part: &&str| matches!(*part, "x" | "X" | "*");
    let given: Vec<&str> = numbers.split('.').collect();
    let parts = given.iter().position(is_any).unwrap_or(given.len());
    let fine = given.len() <= 3 && given.iter().skip(parts).all(|part| is_any(part) || number(part).is_some());
    let mut values = [0; 3];
    for (value, part) in values.iter_mut().zip(given.iter().take(parts)) {
        *value = number(part)?;
    }
    let version = with_suffix(values, suffix)?;
    fine.then_some(Constraint { operator, version, parts })
}

/// A version; its minor version and its patch may be missing.
#[must_use]
pub fn version(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (numbers, suffix) = split(text);
    let parts: Option<Vec<u64>> = numbers.split('.').map(number).collect();
    let parts = parts.filter(|parts| parts.len() <= 3)?;
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    with_suffix([part(0), part(1), part(2)], suffix)
}

/// The numbers of a version, and the rest.
fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(['-', '+']).unwrap_or(text.len()))
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn with_suffix([major, minor, patch]: [u64; 3], suffix: &str) -> Option<Version> {
    let (pre, build) = suffix.split_once('+').unwrap_or((suffix, ""));
    let pre = Prerelease::new(pre.strip_prefix('-').unwrap_or(pre)).ok()?;
    Some(Version { major, minor, patch, pre, build: BuildMetadata::new(build).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_tag_is_found_as_argo_cd_finds_it() {
        let tags = ["v1.0.0", "v1.2.0", "v1.10.0", "v1.11.0-rc.1", "v2.0.0", "0.3.1", "0.3.9", "nightly", "v3"];
        for (range, expected) in [
            ("*", Some("v3")),
            ("x", Some("v3")),
            ("1.x", Some("v1.10.0")),
            ("v1.*", Some("v1.10.0")),
            ("1.2.x", Some("v1.2.0")),
            ("^1.0", Some("v1.10.0")),
            ("~1.2", Some("v1.2.0")),
            ("~0.3.2", Some("0.3.9")),
            ("^0.3.1", Some("0.3.9")),
            (">=1.0.0, <1.10.0", Some("v1.2.0")),
            (">=1.0.0 <1.10.0", Some("v1.2.0")),
            ("1.0 - 1.5", Some("v1.2.0")),
            ("<1", Some("0.3.9")),
            (">2", Some("v3")),
            ("<=2", Some("v2.0.0")),
            ("!=3, >1", Some("v2.0.0")),
            ("1.2.0 || 0.3.1", Some("v1.2.0")),
            ("~1.11.0-0", Some("v1.11.0-rc.1")),
            ("=1.2", Some("v1.2.0")),
            ("9.x", None),
        ] {
            let range = Range::parse(range).unwrap_or_else(|| panic!("{range} is a range"));
            assert_eq!(range.newest(tags), expected, "{range:?}");
        }
    }

    #[test]
    fn versions_and_branches_are_not_ranges() {
        for text in
            ["v1.0.0", "1.0", "1", "main", "release-1.x", "feature/x", "", "HEAD", "1.2.3.x", "99999999999999999999x"]
        {
            assert!(Range::parse(text).is_none(), "{text}");
        }
    }
}
