//! The formats of Kubernetes names, labels, and keys. Each function returns the rule that a value breaks, if any.
//!
//! Pure.

/// Whether a text has only allowed characters, and starts and ends with one of those allowed at the `edge`.
fn word(text: &str, inner: impl Fn(char) -> bool, edge: impl Fn(char) -> bool) -> bool {
    text.chars().all(|c| inner(c) || edge(c)) && text.starts_with(&edge) && text.ends_with(edge)
}

fn lowercase_alphanumeric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// Checks an RFC 1123 label.
#[must_use]
pub fn label(text: &str) -> Option<String> {
    let valid = text.len() <= 63 && word(text, |c| c == '-', lowercase_alphanumeric);
    (!valid).then(|| "must be an RFC 1123 label: at most 63 of `a-z`, `0-9`, `-`, with no `-` at either end".to_owned())
}

/// Checks an RFC 1035 label, which starts with a letter.
#[must_use]
pub(crate) fn label_1035(text: &str) -> Option<String> {
    let valid = label(text).is_none() && text.starts_with(|c: char| c.is_ascii_lowercase());
    (!valid).then(|| {
        "must be an RFC 1035 label: at most 63 of `a-z`, `0-9`, `-`, starting with a letter, not ending with `-`"
            .to_owned()
    })
}

/// Checks an RFC 1123 subdomain.
#[must_use]
pub fn subdomain(text: &str) -> Option<String> {
    let valid = text.len() <= 253 && text.split('.').all(|part| word(part, |c| c == '-', lowercase_alphanumeric));
    (!valid).then(|| {
        "must be an RFC 1123 subdomain: at most 253 of `a-z`, `0-9`, `-`, `.`, a letter or digit at both ends of each part"
            .to_owned()
    })
}

/// Checks a path segment name.
#[must_use]
pub fn segment(text: &str) -> Option<String> {
    let valid = !text.contains(['/', '%']) && text != "." && text != "..";
    (!valid).then(|| "must not be `.` or `..`, nor contain `/` or `%`".to_owned())
}

/// Whether a text is the name part of a qualified name.
fn name_part(text: &str) -> bool {
    text.len() <= 63 && word(text, |c| "-_.".contains(c), |c| c.is_ascii_alphanumeric())
}

/// Checks a qualified name, the format of label keys.
#[must_use]
pub(crate) fn qualified(text: &str) -> Option<String> {
    let valid = match text.split_once('/') {
        Some((prefix, name)) => subdomain(prefix).is_none() && name_part(name),
        None => name_part(text),
    };
    (!valid).then(|| {
        "must be `name` or `dns.prefix/name`: at most 63 letters, digits, `-`, `_`, `.`, a letter or digit at both ends"
            .to_owned()
    })
}

/// Checks a label value.
#[must_use]
pub(crate) fn label_value(text: &str) -> Option<String> {
    let valid = text.is_empty() || name_part(text);
    (!valid)
        .then(|| "must be at most 63 letters, digits, `-`, `_`, `.`, with a letter or digit at both ends".to_owned())
}

/// Checks a key of a `ConfigMap` or a Secret.
#[must_use]
pub fn config_key(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let valid =
        !text.is_empty() && text.len() <= 253 && text.chars().all(allowed) && text != "." && !text.starts_with("..");
    (!valid).then(|| {
        "must be at most 253 letters, digits, `-`, `_`, `.`, and must not be `.` or start with `..`".to_owned()
    })
}

/// Checks the name of a sysctl.
#[must_use]
pub(crate) fn sysctl(text: &str) -> Option<String> {
    let valid = text.len() <= 253
        && text.split(['.', '/']).all(|part| word(part, |c| "-_".contains(c), lowercase_alphanumeric));
    (!valid).then(|| "must consist of `a-z`, `0-9`, `-`, `_`, in parts separated by `.` or `/`".to_owned())
}

/// Checks a port name.
#[must_use]
pub fn port(text: &str) -> Option<String> {
    let valid = text.len() <= 15
        && word(text, |c| c == '-', lowercase_alphanumeric)
        && text.contains(|c: char| c.is_ascii_lowercase())
        && !text.contains("--");
    (!valid).then(|| {
        "must be a port name: at most 15 of `a-z`, `0-9`, `-`, with a letter, no `--`, and no `-` at either end"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_match_those_of_the_api_server() {
        for (name, valid, invalid) in [
            ("label", "web-1", "Web"),
            ("label", "1web", "web-"),
            ("label_1035", "web-1", "1web"),
            ("subdomain", "a.b-c.1", "a..b"),
            ("subdomain", "web", "a_b"),
            ("qualified", "app.kubernetes.io/Name_1", "a/b/c"),
            ("qualified", "App", "Example.com/b"),
            ("label_value", "", "a b"),
            ("label_value", "v1.2_3", ".a"),
            ("config_key", "main.cf", "a/b"),
            ("config_key", "_a", ".."),
            ("sysctl", "net.ipv4/ip_local", "net..a"),
            ("port", "http-1", "8080"),
            ("port", "a", "http--x"),
            ("segment", "system:web", "a/b"),
        ] {
            let rule = match name {
                "label" => label,
                "label_1035" => label_1035,
                "subdomain" => subdomain,
                "qualified" => qualified,
                "label_value" => label_value,
                "config_key" => config_key,
                "port" => port,
                "sysctl" => sysctl,
                _ => segment,
            };
            assert_eq!(rule(valid), None, "{name} {valid}");
            assert!(rule(invalid).is_some(), "{name} {invalid}");
        }
        assert!(label(&"a".repeat(64)).is_some() && subdomain(&"a".repeat(254)).is_some());
    }
}
