//! The arguments of `argocd set-repository`: the URL and the revision.

use diagnostics::{Code, Diagnostic, Result};

/// Validates the URL of a Git repository. It must not contain a password.
pub(crate) fn check_url(url: &str) -> Result<()> {
    let refuse = |why: &str| -> Result<()> {
        Err(Diagnostic::new(Code::Usage, format!("`{url}` is not a valid Git repository URL: {why}"))
            .help("use `https://host/path.git`, `ssh://git@host/path.git`, `git@host:path.git`, `http://…`, `git://…`, or `file:///path`")
            .into())
    };
    if let Some(bad) = url.chars().find(|c| c.is_whitespace() || c.is_control() || "*?#<>\"'`\\{}|^".contains(*c)) {
        return refuse(&format!("it contains `{}`", bad.escape_default()));
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        // The scp-like form: user and host, a colon, and the path.
        let Some((host, path)) = url.split_once(':') else { return refuse("it has no scheme") };
        let (user, host) = host.split_once('@').unwrap_or(("git", host));
        let fine = !user.is_empty() && is_host(host) && !path.is_empty() && !path.starts_with('-');
        return if fine { Ok(()) } else { refuse("expected `user@host:path`") };
    };
    if scheme == "file" {
        return if rest.len() > 1 && rest.starts_with('/') { Ok(()) } else { refuse("expected an absolute path") };
    }
    if !matches!(scheme, "https" | "http" | "ssh" | "git") {
        return refuse(&format!("the scheme `{scheme}` is not supported"));
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if user.is_some_and(|user| user.contains(':')) {
        return Err(Diagnostic::new(Code::Usage, "the URL contains a password, which would be committed to Git")
            .help("remove it, and create a Secret labeled `argocd.argoproj.io/secret-type: repository` in Argo CD's namespace")
            .into());
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, port),
        _ => (host, "1"),
    };
    if user.is_some_and(str::is_empty) || !is_host(name) || port.parse::<u16>().is_err() {
        return refuse("expected a host after `://`");
    }
    if path.trim_matches('/').is_empty() { refuse("expected a path after the host") } else { Ok(()) }
}

fn is_host(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty() && !host.starts_with('-') && host.chars().all(|c| c.is_alphanumeric() || "-._".contains(c))
        }
    }
}

/// Validates a revision: a branch, tag, commit, or semantic version constraint.
pub(crate) fn check_revision(revision: &str) -> Result<()> {
    let odd = revision.chars().any(char::is_control) || revision.trim() != revision || revision.starts_with('-');
    if revision.is_empty() || odd {
        return Err(Diagnostic::new(Code::Usage, format!("`{}` is not a valid revision", revision.escape_debug()))
            .help("use a branch, tag, commit, or semantic version constraint, such as `--revision main`")
            .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "https://git.example.com/old.git";
    const NEW: &str = "git@git.example.org:team/new.git";

    #[test]
    fn urls_of_git_repositories_are_valid() {
        for url in [
            OLD,
            NEW,
            "https://user@dev.example.com/a/_git/b",
            "http://gitea.git.svc:3000/a/b",
            "ssh://git@host.example:22/a.git",
            "git://git.git.svc:9418/a",
            "file:///srv/a.git",
            "https://[2001:db8::1]/a",
        ] {
            assert!(check_url(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "x",
            "example.com/a",
            "https://",
            "https://host",
            "https://host/",
            "https:///a",
            "oci://host/a",
            "ftp://h/a",
            "https://u:p@host/a",
            "https://host/a b",
            "https://host/*",
            "https://host:x/a",
            "file://a",
            "git@host:",
            ":a",
            "@h:a",
            "https://host/a#b",
            "https://ho$t/a",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
        assert!(["main", "v1", "1.x", ">=1 <2"].iter().all(|revision| check_revision(revision).is_ok()));
        assert!(["", " main", "-x", "a\nb"].iter().all(|revision| check_revision(revision).is_err()));
    }
}
