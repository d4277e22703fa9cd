//! Names of objects in the arguments of programs, which may make these objects: a Job that creates a Secret, or an operator
//! that keeps its certificate in one.

use document::Node;

use super::pods::Pods;

/// Endings of the names of variables that name a server or an account, and no object that the program makes.
const OF_SERVERS: &[&str] =
    &["ADDR", "ADDRESS", "DATABASE", "DB", "ENDPOINT", "HOST", "HOSTNAME", "SERVER", "URI", "URL", "USER", "USERNAME"];

/// The commands, arguments, and values of variables of a workload's containers.
#[derive(Debug)]
pub struct Mentions<'a> {
    /// Whether the workload runs scripts that make objects, so any word counts.
    job: bool,
    texts: Vec<&'a str>,
}

impl<'a> Mentions<'a> {
    /// Those of a workload.
    #[must_use]
    pub fn of(pods: &Pods<'a>) -> Self {
        let mut texts = Vec::new();
        for container in &pods.containers {
            let variables = container.node.items_at(&["env"]).iter().filter(|entry| !names_server(entry));
            texts.extend(lists(container.node).chain(variables.filter_map(|entry| entry.get("value")?.as_str())));
        }
        Self { job: matches!(pods.object.key.kind.as_str(), "Job" | "CronJob"), texts }
    }

    /// Whether a name is mentioned: anywhere by a Job, and as the value of an option or a variable by others. A Job mentions
    /// the Services that it connects to, and makes none.
    #[must_use]
    pub fn contains(&self, kind: &str, name: &str) -> bool {
        let job = self.job && kind != "Service";
        self.texts.iter().any(|text| is_option(text, name) || job && makes_word(text, name))
    }
}

/// Whether a variable names a server or an account.
fn names_server(variable: &Node) -> bool {
    let name = variable.get("name").and_then(Node::as_str).unwrap_or_default();
    let last = name.rsplit('_').next().unwrap_or_default();
    OF_SERVERS.iter().any(|ending| last.ends_with(ending))
}

/// Whether a text ends with a name as the value of an option, which may have a namespace before it, but no path.
fn is_option(text: &str, name: &str) -> bool {
    let Some(rest) = text.strip_suffix(name) else { return false };
    let value = rest.rsplit('=').next().unwrap_or(rest);
    rest.ends_with('=') || rest.ends_with('/') && !value.starts_with('/') && !value.contains("://")
}

/// Whether a text contains a name as a whole word that is not part of an absolute path.
fn makes_word(text: &str, name: &str) -> bool {
    let in_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    has_word(text, name) && text.split(|c| !in_path(c)).any(|token| !token.starts_with('/') && has_word(token, name))
}

/// The commands, arguments, and values of variables of a container.
pub fn words(container: &Node) -> impl Iterator<Item = &str> {
    let variables = container.items_at(&["env"]);
    lists(container).chain(variables.iter().filter_map(|entry| entry.get("value")?.as_str()))
}

/// The commands and the arguments of a container.
fn lists(container: &Node) -> impl Iterator<Item = &str> {
    let lists = ["command", "args"].into_iter().filter_map(|key| container.get(key)).flat_map(Node::items);
    lists.filter_map(Node::as_str)
}

/// Whether a text contains a name or a number as a whole word.
#[must_use]
pub fn has_word(text: &str, word: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !word.is_empty() && !text[..at].ends_with(inner) && !text[at + word.len()..].starts_with(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_name_objects() {
        for text in ["--secret=web-tls", "--secret=mail/web-tls", "mail/web-tls"] {
            assert!(is_option(text, "web-tls"), "{text}");
        }
        for text in ["web-tls", "/etc/web-tls", "--cert=/etc/web-tls", "https://host/web-tls", "--secret=my-web-tls"] {
            assert!(!is_option(text, "web-tls"), "{text}");
        }
    }

    #[test]
    fn scripts_name_objects() {
        assert!(makes_word("kubectl create secret generic web-tls", "web-tls"));
        assert!(makes_word("kubectl get secret/web-tls", "web-tls"));
        assert!(!makes_word("/app/web-tls migrate", "web-tls"));
    }
}
