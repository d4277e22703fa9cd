//! URLs of repositories.

/// The host and the path of an HTTP URL; `None` for any other URL, or one with a port.
pub(super) fn split(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // Credentials are not part of the host.
    let host = host.rsplit('@').next().unwrap_or(host);
    let plain = !host.is_empty() && !host.contains(':');
    plain.then(|| (host.to_owned(), path.trim_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_urls_without_a_port_are_split() {
        let own = |host: &str, path: &str| Some((host.to_owned(), path.to_owned()));
        assert_eq!(split("https://github.com/example/web.git"), own("github.com", "example/web.git"));
        assert_eq!(split("https://charts.example.com"), own("charts.example.com", ""));
        assert_eq!(split("git@github.com:example/web.git"), None);
        assert_eq!(split("https://git.example.com:8443/web.git"), None);
    }
}
