//! Versions of dependencies.

/// Whether a version constraint is an exact version. `1.2` is not: it allows any `1.2.x`.
#[must_use]
pub fn is_exact(version: &str) -> bool {
    let version = version.strip_prefix('v').unwrap_or(version);
    let (core, rest) = version.split_at(version.find(['-', '+']).unwrap_or(version.len()));
    let numbers: Vec<&str> = core.split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-+.".contains(c))
}

/// Whether two versions are equal to Helm, which ignores a leading `v`.
#[must_use]
pub fn same_version(left: &str, right: &str) -> bool {
    left.strip_prefix('v').unwrap_or(left) == right.strip_prefix('v').unwrap_or(right)
}
