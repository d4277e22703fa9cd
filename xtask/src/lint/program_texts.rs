//! Where programs get the names of hosts, paths, and ports: commands, arguments, variables, and ConfigMaps.

use document::Node;
use kubernetes::object::Object;

/// The longest text that is searched.
const LONGEST: usize = 200_000;

/// Endings of keys and of the names of variables whose value is a host.
const OF_HOSTS: &[&str] =
    &["ADDR", "ADDRESS", "BACKEND", "ENDPOINT", "HOST", "HOSTNAME", "SERVER", "UPSTREAM", "URI", "URL"];

/// A host in a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Host<'t> {
    /// The name of the Service.
    pub(crate) name: &'t str,
    /// Its namespace, if the text has it.
    pub(crate) namespace: Option<&'t str>,
    /// The port, if the text has one.
    pub(crate) port: Option<i64>,
    /// Where it starts in the text.
    pub(crate) start: usize,
}

/// The text of a field; empty if there is none.
pub(crate) fn text<'a>(node: &'a Node, key: &str) -> &'a str {
    node.get(key).and_then(Node::as_str).unwrap_or_default()
}

/// What a container runs besides its program.
const RUN: [&[&str]; 5] = [
    &["startupProbe", "exec", "command"],
    &["livenessProbe", "exec", "command"],
    &["readinessProbe", "exec", "command"],
    &["lifecycle", "postStart", "exec", "command"],
    &["lifecycle", "preStop", "exec", "command"],
];

/// The commands of the probes and hooks of a container.
pub(crate) fn of_probes(container: &Node) -> impl Iterator<Item = &Node> {
    RUN.into_iter().flat_map(|path| container.items_at(path))
}

/// The commands, arguments, and variables of a container, with the names of the variables.
pub(crate) fn of_container(container: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let lists =
        ["command", "args"].into_iter().flat_map(|key| container.items_at(&[key]).iter().map(move |one| (key, one)));
    let variables = container.items_at(&["env"]).iter();
    lists.chain(variables.filter_map(|entry| Some((text(entry, "name"), entry.get("value")?))))
}

/// The texts of an object in which programs find hosts.
pub(crate) fn of_object(object: &Object) -> Vec<(&str, &Node)> {
    if (&*object.key.group, &*object.key.kind) == ("", "ConfigMap") {
        let data = object.find(&["data"]).map(Node::entries).unwrap_or_default();
        return data.iter().map(|(key, value)| (key.name.as_str(), value)).collect();
    }
    let pods = kubernetes::inventory::pods::Pods::of(object, 0, &object.key.namespace);
    let containers = pods.map(|pods| pods.containers).unwrap_or_default();
    containers.iter().flat_map(|container| of_container(container.node)).collect()
}

/// The hosts in a text that can only be hosts: of URLs, with a port, with the suffix `.svc`, and the whole value of a
/// variable for a host.
pub(crate) fn hosts<'t>(key: &str, text: &'t str) -> Vec<Host<'t>> {
    if text.len() > LONGEST {
        return Vec::new();
    }
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let last = key.rsplit(['_', '-', '.']).next().unwrap_or_default().to_ascii_uppercase();
    let of_host = OF_HOSTS.iter().any(|ending| last.ends_with(ending));
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(from) = text[start..].find(inner).map(|at| start + at) {
        let end = text[from..].find(|c| !inner(c)).map_or(text.len(), |at| from + at);
        start = end;
        let (before, token, after) = (&text[..from], &text[from..end], &text[end..]);
        if before.ends_with(|c: char| c.is_ascii_alphanumeric() || "_/$%{}".contains(c)) && !before.ends_with("//") {
            continue;
        }
        let port = port(after);
        let in_url = before.ends_with("://") || before.ends_with('@') && before.contains("://");
        let whole = of_host && from == 0 && (after.is_empty() || port.is_some());
        let mut labels = token.trim_end_matches('.').split('.');
        let name = labels.next().unwrap_or_default();
        let (namespace, svc) = (labels.next(), labels.next());
        let is_dns =
            svc.is_none_or(|svc| svc == "svc") && !name.is_empty() && namespace.is_none_or(|one| !one.is_empty());
        let certain =
            in_url || whole || svc == Some("svc") || port.is_some() && before.ends_with(['=', ' ', ',', '"', '\'']);
        if is_dns && certain && !name.chars().all(|c| c.is_ascii_digit()) {
            found.push(Host { name, namespace, port, start: from });
        }
    }
    found
}

/// The number after a host.
fn port(after: &str) -> Option<i64> {
    let digits = after.strip_prefix(':')?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let next = digits[end..].chars().next();
    digits[..end].parse().ok().filter(|_| !next.is_some_and(|c| c.is_alphanumeric() || "$%{".contains(c)))
}

/// A path and those of the folders around it.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(folder, _)| folder))
        .filter(|path| !path.is_empty())
}

/// Whether a text contains a path, or one below it.
pub(crate) fn has_path(text: &str, path: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= LONGEST
        && text.match_indices(path).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + path.len()..].chars().next();
            !before.is_some_and(|c| inner(c) || c == '/' || c == '}' || c == ')') && !after.is_some_and(inner)
        })
}

/// Whether a program gets a number as the port on which it listens: the whole text, or after a colon without a host.
pub(crate) fn listens(text: &str, port: i64) -> bool {
    let digits = port.to_string();
    text.match_indices(&digits).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + digits.len()..]);
        let host = before.strip_suffix(':').map(|host| host.rsplit(['=', ' ', '/']).next().unwrap_or(host));
        let alone = before.is_empty() && after.is_empty() || before.ends_with('=') && !before.contains("://");
        let bound = host.is_some_and(|host| {
            let host = host.trim_matches(['"', '\'']);
            host.is_empty() || matches!(host, "*" | "0.0.0.0" | "127.0.0.1" | "[::]" | "::" | "localhost")
        });
        (alone || bound) && !after.starts_with(|c: char| c.is_alphanumeric() || c == '.')
    })
}

/// The number that replaces another one in a text that is otherwise the same.
pub(crate) fn replaced(was: &str, now: &str, port: i64) -> Option<i64> {
    let digits = port.to_string();
    was.match_indices(&digits).find_map(|(at, _)| {
        let (before, after) = (&was[..at], &was[at + digits.len()..]);
        now.strip_prefix(before)?.strip_suffix(after)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'t>(key: &str, text: &'t str) -> Vec<&'t str> {
        hosts(key, text).iter().map(|host| host.name).collect()
    }

    #[test]
    fn only_hosts_are_found() {
        assert_eq!(names("PGHOST", "shop-database"), ["shop-database"]);
        assert_eq!(names("SESSION_URL", "redis://:x@shop-cache:6379/0"), ["shop-cache"]);
        assert_eq!(names("args", "--upstream=http://web/x"), ["web"]);
        assert_eq!(names("args", "--db=database:5432"), ["database"]);
        assert_eq!(names("conf", "server db.shop.svc.cluster.local;"), ["db"]);
        for (key, text) in
            [("NAME", "shop"), ("args", "/app/shop"), ("args", "migrate"), ("conf", "shop: 1"), ("X", "a.b.c:1")]
        {
            assert_eq!(names(key, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn paths_are_whole() {
        assert!(has_path("--config=/etc/shop/shop.yaml", "/etc/shop"));
        assert!(has_path("/etc/shop", "/etc/shop"));
        for text in ["/etc/shopping", "/opt/etc/shop", "$(ROOT)/etc/shop"] {
            assert!(!has_path(text, "/etc/shop"), "{text}");
        }
    }

    #[test]
    fn programs_listen_on_ports_without_a_host() {
        for text in ["--listen=:8080", "8080", "--port=8080", "0.0.0.0:8080", "--addr=[::]:8080"] {
            assert!(listens(text, 8080), "{text}");
        }
        for text in ["http://api:8080", "--size=80801", "api:8080", "--url=http://localhost:18080"] {
            assert!(!listens(text, 8080), "{text}");
        }
        assert_eq!(replaced("--listen=:8080", "--listen=:8000", 8080), Some(8000));
        assert_eq!(replaced("--listen=:8080", "--address=:8000", 8080), None);
    }
}
