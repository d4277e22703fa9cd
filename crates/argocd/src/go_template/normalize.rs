//! Names that Kubernetes accepts.

/// A name as Argo CD's `normalize` makes it: at most 253 lowercase letters, digits, `-`, and `.`.
#[must_use]
pub(crate) fn normalize(name: &str) -> String {
    let lower = name.to_lowercase();
    let plain = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' { c } else { '-' };
    let name: String = lower.chars().map(plain).take(253).collect();
    name.trim_matches(['-', '.']).to_owned()
}
