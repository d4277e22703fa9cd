//! Names of objects in the arguments of programs, which may make these objects: a Job that creates a Secret, or an operator
//! that keeps its certificate in one.

use document::Node;

use super::pods::Pods;

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
            texts.extend(words(container.node));
        }
        Self { job: matches!(pods.object.key.kind.as_str(), "Job" | "CronJob"), texts }
    }

    /// Whether a name is mentioned: anywhere by a Job, and as the value of an option or a variable by others.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        let option = |text: &str| text.strip_suffix(name).is_some_and(|rest| rest.ends_with(['=', '/']));
        self.texts.iter().any(|text| option(text) || self.job && has_word(text, name))
    }
}

/// The commands, arguments, and values of variables of a container.
pub fn words(container: &Node) -> impl Iterator<Item = &str> {
    let lists = ["command", "args"].into_iter().filter_map(|key| container.get(key)).flat_map(Node::items);
    let variables = container.items_at(&["env"]);
    lists.chain(variables.iter().filter_map(|entry| entry.get("value"))).filter_map(Node::as_str)
}

/// Whether a text contains a name or a number as a whole word.
#[must_use]
pub fn has_word(text: &str, word: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !word.is_empty() && !text[..at].ends_with(inner) && !text[at + word.len()..].starts_with(inner))
}
