//! Repository URLs: when two of them name the same Git repository.
//!
//! Source: `NormalizeGitURL` (`util/git`) and `GetWebURLRegex` (`util/webhook`) of Argo CD 3.5.

/// A URL as Argo CD normalizes it: lowercase, without `.git` and `ssh://`, and with `git@host:path` written as
/// `git@host/path`. Empty if it cannot be parsed.
#[must_use]
pub fn normalized(url: &str) -> String {
    let mut url = url.trim().to_lowercase();
    if is_ssh(&url) && !url.starts_with("ssh://") {
        url = format!("ssh://{}", url.replacen(':', "/", 1));
    }
    let url = url.strip_suffix(".git").unwrap_or(&url);
    let start = url.find("://").map_or(0, |at| {
        let host = at + "://".len();
        url[host..].find('/').map_or(url.len(), |slash| host + slash)
    });
    let end = url[start..].find(['?', '#']).map_or(url.len(), |at| start + at);
    let Some(path) = escaped_path(&url[start..end]) else { return String::new() };
    let whole = format!("{}{path}{}", &url[..start], &url[end..]);
    whole.strip_prefix("ssh://").unwrap_or(&whole).to_owned()
}

/// The short name of a repository: the last part of its URL.
#[must_use]
pub fn name(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    let last = url.rsplit(['/', ':']).next().unwrap_or(url);
    last.strip_suffix(".git").unwrap_or(last)
}

/// Whether two URLs name the same repository.
///
/// Besides URLs with the same normalized form, these are URLs of one host and path over HTTP, HTTPS, and SSH: Argo CD's
/// webhook refreshes an Application for all of them. A project still has to allow the form that the Application uses.
#[must_use]
pub fn same(left: &str, right: &str) -> bool {
    let normal = normalized(left);
    if !normal.is_empty() && normal == normalized(right) {
        return true;
    }
    // Over one transport, the user and the port may select another server.
    let (Some(left), Some(right)) = (Location::parse(left), Location::parse(right)) else { return false };
    // A user name in a URL for HTTP is a credential, not another server.
    let web = |location: &Location| location.scheme.starts_with("http");
    let other_transport = left.scheme != right.scheme || web(&left) && left.port == right.port;
    other_transport && (left.host, left.path) == (right.host, right.path)
}

/// A URL without user and port.
struct Location {
    scheme: String,
    host: String,
    port: String,
    path: String,
}

impl Location {
    fn parse(url: &str) -> Option<Self> {
        let url = url.trim().to_lowercase();
        let url = url.strip_suffix(".git").unwrap_or(&url);
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (scheme, rest.to_owned()),
            None if is_ssh(url) => ("ssh", url.replacen(':', "/", 1)),
            None => return None,
        };
        if !matches!(scheme, "http" | "https" | "ssh") {
            return None;
        }
        let (authority, path) = rest.split_once('/')?;
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => (host, port.to_owned()),
            _ => (host, String::new()),
        };
        // Hosts that serve SSH on port 443, such as `altssh.bitbucket.org`.
        let alternative = host.strip_prefix("altssh.").or_else(|| host.strip_prefix("ssh."));
        let host = alternative.filter(|_| scheme == "ssh").unwrap_or(host);
        Some(Self {
            scheme: scheme.to_owned(),
            port,
            host: host.to_owned(),
            path: path.trim_start_matches('/').to_owned(),
        })
    }
}

/// Whether a URL names a server or one of Git's transports, so that Git does not take it for a path.
#[must_use]
pub fn names_server(url: &str) -> bool {
    url.contains("://") || url.contains("::") || is_ssh(url)
}

/// Whether a URL is `user@host…`, with or without `ssh://`.
fn is_ssh(url: &str) -> bool {
    let rest = url.strip_prefix("ssh://").unwrap_or(url);
    rest.split_once('@')
        .is_some_and(|(user, host)| !user.contains(['/', ':']) && !host.is_empty() && !host.contains('@'))
}

/// A path as Go's `net/url` writes it: unchanged if it is validly encoded, escaped otherwise.
fn escaped_path(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digits = text.get(at + 1..at + 3)?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(byte);
    if bytes.iter().all(|byte| plain(byte) || b"!'()*[]%".contains(byte)) {
        return Some(text.to_owned());
    }
    Some(
        decoded
            .iter()
            .map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_like_argo_cd() {
        let table = [
            ("https://git.example.com/x.git", "https://git.example.com/x"),
            ("https://git.example.com/x", "https://git.example.com/x"),
            ("HTTPS://Git.Example.com/X.git", "https://git.example.com/x"),
            (" https://git.example.com/x.git ", "https://git.example.com/x"),
            ("git@git.example.com:team/x.git", "git@git.example.com/team/x"),
            ("ssh://git@git.example.com/team/x.git", "git@git.example.com/team/x"),
            ("ssh://git@git.example.com:22/x", "git@git.example.com:22/x"),
            ("https://git.example.com/x/", "https://git.example.com/x/"),
            ("https://user@git.example.com/x.git", "https://user@git.example.com/x"),
            ("*", "*"),
            ("https://git.example.com/*", "https://git.example.com/*"),
            ("oci://registry.example.com/x", "oci://registry.example.com/x"),
            ("https://git.example.com/x y", "https://git.example.com/x%20y"),
            ("%zz", ""),
            ("https://git.example.com/x?b=1", "https://git.example.com/x?b=1"),
            ("https://git.example.com/{a,b}", "https://git.example.com/%7Ba,b%7D"),
            ("https://git.example.com/[a-c]", "https://git.example.com/[a-c]"),
            ("git.example.com/x", "git.example.com/x"),
            ("user:pw@git.example.com:x", "user:pw@git.example.com:x"),
        ];
        for (url, expected) in table {
            assert_eq!(normalized(url), expected, "{url}");
        }
    }

    #[test]
    fn one_repository_has_several_urls() {
        let home = "https://git.example.com/team/x.git";
        for url in [
            "https://git.example.com/team/x",
            "https://GIT.example.com/team/X.git",
            "http://git.example.com/team/x",
            "git@git.example.com:team/x.git",
            "ssh://git@git.example.com/team/x",
            "ssh://git@git.example.com:2222/team/x.git",
            "ssh://git@altssh.git.example.com:443/team/x.git",
            "https://me@git.example.com/team/x",
        ] {
            assert!(same(home, url) && same(url, home), "{url}");
        }
        for url in [
            "https://git.example.com/team/y.git",
            "https://git.example.com/team/x/",
            "https://git.example.com:8443/team/x.git",
            "https://other.example.com/team/x.git",
            "git@git.example.com:x.git",
            "git@other.example.com:team/x.git",
            "git://git.example.com/team/x.git",
            "file:///team/x.git",
            "*",
            "",
        ] {
            assert!(!same(home, url) && !same(url, home), "{url}");
        }
        assert!(same("git@git.example.com:team/x.git", "ssh://git@git.example.com/team/x"));
        assert!(!same("", ""), "an invalid URL names nothing");
    }
}
