//! The forms that Kubernetes gives to names, labels, and keys: each function says what keeps a text from being one.
//!
//! Pure. Deliberately absent: which object has which.

/// Characters of one word: what it may hold, and what it may begin and end with.
fn word(text: &str, inner: impl Fn(char) -> bool, edge: impl Fn(char) -> bool) -> bool {
    text.chars().all(|c| inner(c) || edge(c)) && text.starts_with(&edge) && text.ends_with(edge)
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// What keeps a text from being a DNS label.
#[must_use]
pub fn label(text: &str) -> Option<String> {
    let fine = text.len() <= 63 && word(text, |c| c == '-', lower);
    (!fine).then(|| "expected at most 63 of `a-z`, `0-9`, `-`, with none of `-` at either end".to_owned())
}

/// The same for one that begins with a letter.
#[must_use]
pub fn label_1035(text: &str) -> Option<String> {
    let fine = label(text).is_none() && text.starts_with(|c: char| c.is_ascii_lowercase());
    (!fine).then(|| "expected at most 63 of `a-z`, `0-9`, `-`, beginning with a letter".to_owned())
}

/// What keeps a text from being a DNS name.
#[must_use]
pub fn subdomain(text: &str) -> Option<String> {
    let fine = text.len() <= 253 && text.split('.').all(|part| word(part, |c| c == '-', lower));
    (!fine).then(|| {
        "expected at most 253 of `a-z`, `0-9`, `-`, `.`, with a letter or digit at either end of each part".to_owned()
    })
}

/// What keeps a text from being a part of a URL.
#[must_use]
pub fn segment(text: &str) -> Option<String> {
    let fine = !text.contains(['/', '%']) && text != "." && text != "..";
    (!fine).then(|| "expected neither `/` nor `%`".to_owned())
}

fn name_part(text: &str) -> bool {
    text.len() <= 63 && word(text, |c| "-_.".contains(c), |c| c.is_ascii_alphanumeric())
}

/// What keeps a text from being the key of a label.
#[must_use]
pub fn qualified(text: &str) -> Option<String> {
    let fine = match text.split_once('/') {
        Some((prefix, name)) => subdomain(prefix).is_none() && name_part(name),
        None => name_part(text),
    };
    (!fine).then(|| {
        "expected `name` or `dns.prefix/name`, the name at most 63 of letters, digits, `-`, `_`, `.`".to_owned()
    })
}

/// What keeps a text from being the value of a label.
#[must_use]
pub fn label_value(text: &str) -> Option<String> {
    let fine = text.is_empty() || name_part(text);
    (!fine).then(|| {
        "expected at most 63 of letters, digits, `-`, `_`, `.`, with a letter or digit at either end".to_owned()
    })
}

/// What keeps a text from being the key of a `ConfigMap` or a Secret.
#[must_use]
pub fn config_key(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fine =
        !text.is_empty() && text.len() <= 253 && text.chars().all(plain) && text != "." && !text.starts_with("..");
    (!fine).then(|| "expected letters, digits, `-`, `_`, `.`".to_owned())
}

/// What keeps a text from being the name of a setting of the kernel.
#[must_use]
pub fn sysctl(text: &str) -> Option<String> {
    let fine = text.len() <= 253 && text.split(['.', '/']).all(|part| word(part, |c| "-_".contains(c), lower));
    (!fine).then(|| "expected `a-z`, `0-9`, `-`, `_`, with `.` between the parts".to_owned())
}

/// What keeps a text from being the name of a port.
#[must_use]
pub fn port(text: &str) -> Option<String> {
    let fine = text.len() <= 15
        && word(text, |c| c == '-', lower)
        && text.contains(|c: char| c.is_ascii_lowercase())
        && !text.contains("--");
    (!fine).then(|| "expected at most 15 of `a-z`, `0-9`, `-`, with at least one letter".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_forms_that_the_server_takes() {
        for (name, takes, refuses) in [
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
            assert_eq!(rule(takes), None, "{name} {takes}");
            assert!(rule(refuses).is_some(), "{name} {refuses}");
        }
        assert!(label(&"a".repeat(64)).is_some() && subdomain(&"a".repeat(254)).is_some());
    }
}
