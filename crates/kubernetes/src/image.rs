//! References of container images.

/// A parsed image reference.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The repository, as written.
    pub name: &'a str,
    /// The tag.
    pub tag: Option<&'a str>,
    /// The digest.
    pub digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Whether a text ends with the colon before a tag.
    #[must_use]
    pub fn has_empty_tag(text: &str) -> bool {
        text.split('@').next().is_some_and(|name| name.ends_with(':'))
    }

    /// Parses a reference as container runtimes do; the error says what is wrong with it.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        if let Some(digest) = digest {
            check_digest(digest)?;
        }
        // A colon after the last slash starts a tag, one before it a port.
        let slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[slash..].find(':') {
            Some(colon) => (&rest[..slash + colon], Some(&rest[slash + colon + 1..])),
            None => (rest, None),
        };
        if let Some(tag) = tag {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            if tag.is_empty() {
                return Err("the tag is empty".to_owned());
            }
            if tag.len() > 128 || !tag.chars().all(plain) || tag.starts_with(['.', '-']) {
                return Err(
                    "a tag has at most 128 letters, digits, `_`, `.`, and `-`, and does not start with `.` or `-`"
                        .to_owned(),
                );
            }
        }
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
            _ => (None, name),
        };
        if let Some(host) = host {
            let (domain, port) = host.split_once(':').map_or((host, "1"), |(domain, port)| (domain, port));
            let label = |label: &str| {
                !label.is_empty()
                    && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            };
            if !domain.split('.').all(label) || port.is_empty() || !port.chars().all(|c| c.is_ascii_digit()) {
                return Err(format!("`{host}` is not a valid registry host"));
            }
        }
        if let Some(part) = path.split('/').find(|part| !is_component(part)) {
            return Err(match part {
                "" => "the name has an empty path component".to_owned(),
                part if part.chars().any(|c| c.is_ascii_uppercase()) => format!("`{part}` must be lowercase"),
                part => format!("`{part}` is not a valid path component"),
            });
        }
        Ok(Self { name, tag, digest })
    }
}

fn check_digest(digest: &str) -> Result<(), String> {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return Err("a digest has the form `sha256:` and 64 hexadecimal digits".to_owned());
    };
    let lowercase = hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    let enough = match algorithm {
        "sha256" => hex.len() == 64,
        "sha512" => hex.len() == 128,
        "sha384" => hex.len() == 96,
        _ => false,
    };
    if lowercase && enough {
        Ok(())
    } else {
        Err("a digest has the form `sha256:` and 64 lowercase hexadecimal digits".to_owned())
    }
}

/// Whether a text is a path component: lowercase letters and digits, joined by `.`, `_`, `__`, or any number of `-`.
fn is_component(part: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let joints = part.split(inner).filter(|joint| !joint.is_empty());
    part.starts_with(inner)
        && part.ends_with(inner)
        && joints.into_iter().all(|joint| matches!(joint, "." | "_" | "__") || joint.chars().all(|c| c == '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_parsed_like_container_runtimes_do() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, tag, pinned) in [
            ("nginx".to_owned(), None, false),
            ("nginx:1.27".to_owned(), Some("1.27"), false),
            ("registry.example.com:5000/a/b-c__d.e:v1".to_owned(), Some("v1"), false),
            ("localhost:5000/a".to_owned(), None, false),
            (format!("a/b@{digest}"), None, true),
            (format!("a/b:1@{digest}"), Some("1"), true),
        ] {
            let reference = Reference::parse(&text).unwrap_or_else(|what| panic!("{text}: {what}"));
            assert_eq!((reference.tag, reference.digest.is_some()), (tag, pinned), "{text}");
        }
        for text in [
            "nginx@SHA256:12",
            "nginx@md5:0123456789abcdef0123456789abcdef",
            "Nginx:1",
            "nginx:",
            "nginx:1 ",
            "a//b:1",
            "a/b:<no value>",
            "nginx@sha256:12",
            ":1",
            "a_-b:1",
            "a:-1",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
