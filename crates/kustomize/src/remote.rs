//! References that kustomize downloads: files by HTTP, and bases in other Git repositories.

/// Whether kustomize loads a file from a URL.
#[must_use]
pub fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// A directory or a file in a Git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The URL of the repository.
    pub repository: String,
    /// The branch, tag, or commit; empty for the default branch.
    pub revision: String,
    /// The path in the repository; empty for its root.
    pub path: String,
    /// Whether the address says where the repository ends, or belongs to GitHub.
    certain: bool,
}

impl Address {
    /// Whether the address is surely that of a repository, rather than of a file on some server.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.certain
    }
}

/// Whether kustomize clones a repository for a base or a component.
#[must_use]
pub(crate) fn is_repository(text: &str) -> bool {
    repository(text).is_some()
}

/// The repository that kustomize clones for a base or a component, like its `NewRepoSpecFromURL`: a URL, an SSH address
/// with a user, or a path that begins with `github.com`.
#[must_use]
pub fn repository(text: &str) -> Option<Address> {
    if text.starts_with('/') {
        return None;
    }
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    let text = after(text, "git::").unwrap_or(text);
    let whole = text;
    let schemes = ["ssh://", "https://", "http://", "file://"];
    let scheme = schemes.into_iter().find(|scheme| after(text, scheme).is_some());
    let text = scheme.and_then(|scheme| after(text, scheme)).unwrap_or(text);
    let (user, text) = user(text);
    let github = after(text, "github.com/").or(after(text, "github.com:")).is_some();
    let scp = scheme.is_none() && (user || github);
    if scheme.is_none() && !scp {
        return None;
    }
    let start = if scheme == Some("file://") {
        0
    } else {
        let slash = text.find('/');
        let colon = text.find(':').filter(|colon| scp && *colon > 0);
        let separator = match (slash, colon) {
            (Some(slash), Some(colon)) => Some(slash.min(colon)),
            (slash, colon) => slash.or(colon),
        };
        // Without a separator, all of the text is the host, and nothing remains for the path.
        separator? + 1
    };
    let segments = (scheme != Some("file://")).then_some(2);
    let (repository, path) = repository_and_path(&text[start..], segments)?;
    let is_git = repository.strip_suffix(".git").is_some();
    let certain = github || user || is_git || text[start + repository.len()..].starts_with("//");
    let repository = if scheme.is_none() && github && !user {
        format!("https://github.com/{repository}")
    } else {
        let head = whole.len() - text.len() + start;
        let slash = scheme.is_none() && whole[..head].ends_with('/');
        format!("{}{}{repository}", if slash { "ssh://" } else { "" }, &whole[..head])
    };
    let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let revision = parameter("ref").or_else(|| parameter("version")).unwrap_or_default().to_owned();
    Some(Address { repository, revision, path: path.trim_matches('/').to_owned(), certain })
}

/// The file in a repository of GitHub to which a URL of its content leads.
#[must_use]
pub fn raw_file(url: &str) -> Option<Address> {
    let url = url.split(['?', '#']).next()?;
    let (owner, name, rest) = if let Some(rest) = url.strip_prefix("https://raw.githubusercontent.com/") {
        let (owner, rest) = rest.split_once('/')?;
        let (name, rest) = rest.split_once('/')?;
        (owner, name, rest)
    } else {
        let (owner, rest) = url.strip_prefix("https://github.com/")?.split_once('/')?;
        let (name, rest) = rest.split_once('/')?;
        (owner, name, rest.strip_prefix("raw/")?)
    };
    let full = ["refs/heads/", "refs/tags/"].into_iter().find(|prefix| rest.starts_with(prefix)).unwrap_or("");
    let (revision, path) = rest[full.len()..].split_once('/')?;
    Some(Address {
        repository: format!("https://github.com/{owner}/{name}"),
        revision: format!("{full}{revision}"),
        path: path.to_owned(),
        certain: true,
    })
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

/// The path of a repository, and one in it that does not leave it.
fn repository_and_path(text: &str, segments: Option<usize>) -> Option<(&str, &str)> {
    let (repository, path) = if let Some(at) = text.find("_git/") {
        let end = text[at + 5..].find('/').map_or(text.len(), |end| at + 5 + end);
        text.split_at(end)
    } else if let Some(at) = text.find("//") {
        (&text[..at], &text[at + 2..])
    } else if let Some(at) = text.find(".git") {
        text.split_at(at + 4)
    } else if let Some(count) = segments {
        let parts: Vec<&str> = text.split('/').collect();
        let first = parts.get(..count)?;
        text.split_at(first.iter().map(|part| part.len()).sum::<usize>() + count - 1)
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
            return None;
        }
    }
    (!repository.is_empty()).then_some((repository, path))
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

    #[test]
    fn addresses_have_a_repository_a_revision_and_a_path() {
        let shown = |address: Option<Address>| {
            address.map(|one| format!("{} {} {}", one.repository, one.revision, one.path)).unwrap_or_default()
        };
        for (text, expected) in [
            ("github.com/org/repo/deploy/base?ref=v1&timeout=9s", "https://github.com/org/repo v1 deploy/base"),
            ("https://github.com/org/repo//config?version=v2", "https://github.com/org/repo v2 config"),
            ("git@github.com:org/repo.git//path", "git@github.com:org/repo.git  path"),
            ("git@example.com/org/repo", "ssh://git@example.com/org/repo  "),
            ("ssh://git@example.com/org/repo.git?ref=main", "ssh://git@example.com/org/repo.git main "),
            ("git::https://example.com/org/repo/a", "https://example.com/org/repo  a"),
            ("file:///srv/repo//a", "file:///srv/repo  a"),
        ] {
            assert_eq!(shown(repository(text)), expected, "{text}");
        }
        for (url, expected) in [
            ("https://raw.githubusercontent.com/org/repo/v1/a/b.yaml", "https://github.com/org/repo v1 a/b.yaml"),
            (
                "https://raw.githubusercontent.com/org/repo/refs/heads/main/b.yaml",
                "https://github.com/org/repo refs/heads/main b.yaml",
            ),
            ("https://github.com/org/repo/raw/v1/b.yaml", "https://github.com/org/repo v1 b.yaml"),
            ("https://github.com/org/repo/releases/download/v1/b.yaml", ""),
            ("https://example.com/org/repo/v1/b.yaml", ""),
        ] {
            assert_eq!(shown(raw_file(url)), expected, "{url}");
        }
    }
}
