//! References that kustomize downloads: files by HTTP, and bases in other Git repositories.

/// Whether kustomize loads a file from a URL.
#[must_use]
pub fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Whether kustomize clones a repository for a base or a component, like its `NewRepoSpecFromURL`: a URL, an SSH address
/// with a user, or a path that begins with `github.com`.
#[must_use]
pub fn is_repository(text: &str) -> bool {
    if text.starts_with('/') {
        return false;
    }
    let text = text.split_once('?').map_or(text, |(path, _)| path);
    let text = after(text, "git::").unwrap_or(text);
    let schemes = ["ssh://", "https://", "http://", "file://"];
    let scheme = schemes.into_iter().find(|scheme| after(text, scheme).is_some());
    let text = scheme.and_then(|scheme| after(text, scheme)).unwrap_or(text);
    let (user, text) = user(text);
    let github = after(text, "github.com/").or(after(text, "github.com:")).is_some();
    let scp = scheme.is_none() && (user || github);
    if scheme.is_none() && !scp {
        return false;
    }
    if scheme == Some("file://") {
        return repository_and_path(text, None);
    }
    let slash = text.find('/');
    let colon = text.find(':').filter(|colon| scp && *colon > 0);
    let separator = match (slash, colon) {
        (Some(slash), Some(colon)) => Some(slash.min(colon)),
        (slash, colon) => slash.or(colon),
    };
    // Without a separator, all of the text is the host, and nothing remains for the path.
    separator.is_some_and(|at| repository_and_path(&text[at + 1..], Some(2)))
}

/// The rest of a text after a prefix, ignoring case.
fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// Whether a text begins with `user@`, and the rest.
fn user(text: &str) -> (bool, &str) {
    let Some((name, rest)) = text.split_once('@') else { return (false, text) };
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if valid { (true, rest) } else { (false, text) }
}

/// Whether a path consists of that of a repository and one in it that does not leave it.
fn repository_and_path(text: &str, segments: Option<usize>) -> bool {
    let (repository, path) = if let Some(at) = text.find("_git/") {
        let end = text[at + 5..].find('/').map_or(text.len(), |end| at + 5 + end);
        text.split_at(end)
    } else if let Some(at) = text.find("//") {
        (&text[..at], &text[at + 2..])
    } else if let Some(at) = text.find(".git") {
        text.split_at(at + 4)
    } else if let Some(count) = segments {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.len() < count {
            return false;
        }
        let length = parts[..count].iter().map(|part| part.len()).sum::<usize>() + count - 1;
        text.split_at(length)
    } else {
        (text, "")
    };
    let mut depth = 0_i32;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return false;
        }
    }
    !repository.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_recognized_like_in_kustomize() {
        for (text, expected) in [
            ("../base", false),
            ("base", false),
            ("/abs/base", false),
            ("./github.com/a/b", false),
            ("github.com/org/repo", true),
            ("github.com/org/repo/path?ref=v1", true),
            ("GitHub.com/org/repo", true),
            ("github.com/org", false),
            ("github.com:org/repo", true),
            ("git@github.com:org/repo.git//path", true),
            ("git@example.com:org/repo", true),
            ("git@example.com/org/repo", true),
            ("git@example.com:repo", false),
            ("https://example.com/org/repo.git/path?ref=main", true),
            ("https://example.com/org/repo//path", true),
            ("https://example.com/org", false),
            ("https://raw.example.com/org/repo/main/install.yaml", true),
            ("ssh://git@example.com/org/repo", true),
            ("git::https://example.com/org/repo", true),
            ("file:///srv/repo", true),
            ("https://dev.example.com/org/project/_git/repo/path", true),
            ("https://example.com/org/repo//../..", false),
            ("gitlab.com/org/repo", false),
            ("1user@host:a/b", false),
            ("", false),
            ("?ref=a", false),
        ] {
            assert_eq!(is_repository(text), expected, "{text}");
        }
        assert!(is_url("https://example.com/a.yaml") && !is_url("HTTPS://example.com/a.yaml") && !is_url("a.yaml"));
    }
}
