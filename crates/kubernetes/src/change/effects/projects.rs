//! Projects of Argo CD that allow more.

use std::collections::BTreeSet;

use document::Node;

use super::subject::{Found, Subject, joined};
use crate::object::Object;

/// The lists of what a project allows, with a name for their entries.
const ALLOWED: &[(&str, &str)] = &[
    ("clusterResourceWhitelist", "cluster-scoped kind"),
    ("destinations", "destination"),
    ("namespaceResourceWhitelist", "kind"),
    ("sourceNamespaces", "namespace of Applications"),
    ("sourceRepos", "repository"),
];

/// The lists of what a project denies.
const DENIED: &[(&str, &str)] =
    &[("clusterResourceBlacklist", "cluster-scoped kind"), ("namespaceResourceBlacklist", "kind")];

/// The number of entries with wildcards that are compared with others.
const MOST: usize = 1_000;

/// Lists in which nothing is only the same as everything.
const EMPTY_ALLOWS_ALL: &[&str] = &["namespaceResourceWhitelist"];

/// A project that allows its Applications more than before.
pub(super) fn widened(subject: &Subject<'_>) -> Vec<Found> {
    let Some((before, after)) = subject.updates().filter(|_| subject.is("argoproj.io", "AppProject")) else {
        return Vec::new();
    };
    let mut more = Vec::new();
    let mut path = None;
    for (list, what) in ALLOWED {
        let (old, new) = (Entries::of(before, list), Entries::of(after, list));
        let open = EMPTY_ALLOWS_ALL.contains(list);
        if open && old.list.is_empty() {
            continue;
        }
        if open && new.list.is_empty() {
            more.push(format!("all {what}s"));
            path.get_or_insert_with(|| vec!["spec".to_owned()]);
            continue;
        }
        let is_denial = |entry: &Entry| entry.0.iter().any(|text| text.starts_with('!'));
        let added = new.list.iter().position(|entry| !is_denial(entry) && !old.cover(entry));
        let allowed = old.list.iter().find(|entry| is_denial(entry) && !new.set.contains(entry));
        if let Some(index) = added {
            more.push(format!("{what} {}", new.list[index].text()));
            path.get_or_insert_with(|| vec!["spec".to_owned(), (*list).to_owned(), index.to_string()]);
        } else if let Some(entry) = allowed {
            more.push(format!("{what} {}", entry.text().replacen('!', "", 1)));
            path.get_or_insert_with(|| vec!["spec".to_owned(), (*list).to_owned()]);
        }
    }
    for (list, what) in DENIED {
        let (old, new) = (Entries::of(before, list), Entries::of(after, list));
        if let Some(entry) = old.list.iter().find(|entry| !new.cover(entry)) {
            more.push(format!("{what} {}", entry.text()));
            path.get_or_insert_with(|| vec!["spec".to_owned()]);
        }
    }
    let message = format!("{} also allows {}", after.title(), joined(&more));
    path.map(|path| Found::new(message).at(&path)).into_iter().collect()
}

/// An entry: the texts that together mean something, such as the server and the namespace of a destination.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(Vec<String>);

impl Entry {
    fn of(node: &Node) -> Self {
        if let Some(text) = node.as_str() {
            return Self(vec![text.to_owned()]);
        }
        let field = |name: &str| node.get(name).and_then(Node::as_str).map(str::to_owned);
        let server = field("server").filter(|text| !text.is_empty()).or_else(|| field("name"));
        let texts = [field("group"), field("kind"), server, field("namespace")];
        Self(texts.into_iter().flatten().collect())
    }

    /// Whether it allows all that another one does. Where that is not certain, it does not.
    fn covers(&self, other: &Self) -> bool {
        let covers = |(wide, narrow): (&String, &String)| {
            wide == narrow
                || wide == "*"
                || wide.strip_suffix('*').is_some_and(|start| {
                    !start.contains(['*', '?', '[', '{'])
                        && narrow.starts_with(start)
                        && !narrow[start.len()..].contains('/')
                })
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(covers)
    }

    fn text(&self) -> String {
        let texts: Vec<&str> = self.0.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        format!("`{}`", texts.join(" "))
    }
}

/// The entries of a list.
struct Entries {
    list: Vec<Entry>,
    set: BTreeSet<Entry>,
    patterns: Vec<Entry>,
}

impl Entries {
    fn of(project: &Object, list: &str) -> Self {
        let nodes = project.find(&["spec", list]).map(Node::items).unwrap_or_default();
        let list: Vec<Entry> = nodes.iter().map(Entry::of).collect();
        let is_pattern = |entry: &&Entry| entry.0.iter().any(|text| text.contains('*'));
        let patterns = list.iter().filter(is_pattern).take(MOST).cloned().collect();
        Self { set: list.iter().cloned().collect(), list, patterns }
    }

    /// Whether they allow what an entry does.
    fn cover(&self, entry: &Entry) -> bool {
        self.set.contains(entry) || self.patterns.iter().any(|pattern| pattern.covers(entry))
    }
}
