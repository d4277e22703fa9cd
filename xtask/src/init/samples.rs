//! `[[sample]]` for the parameters that generators of ApplicationSets get from outside of the repository.
//!
//! What a plugin returns is known by the parameters that templates read; a pull request and a repository of a Git host always
//! have the same ones.

use std::collections::BTreeMap;
use std::fmt::Write;

use document::json::quoted;
use document::{Node, Value};

/// The generators that need the outside, and the parameters that every pull request and repository has.
const GENERATORS: [(&str, &[(&str, &str)]); 3] = [
    ("plugin", &[]),
    (
        "pullRequest",
        &[
            ("author", "author"),
            ("branch", "feature"),
            ("branch_slug", "feature"),
            ("head_sha", "0123456789abcdef0123456789abcdef01234567"),
            ("head_short_sha", "01234567"),
            ("head_short_sha_7", "0123456"),
            ("number", "1"),
            ("target_branch", "main"),
            ("target_branch_slug", "main"),
            ("title", "title"),
        ],
    ),
    (
        "scmProvider",
        &[
            ("branch", "main"),
            ("branchNormalized", "main"),
            ("labels", ""),
            ("organization", "example"),
            ("repository", "app"),
            ("repository_id", "1"),
            ("sha", "0123456789abcdef0123456789abcdef01234567"),
            ("short_sha", "01234567"),
            ("short_sha_7", "0123456"),
            ("url", "https://git.example.com/example/app.git"),
        ],
    ),
];

/// Parameters of other generators, with which one from outside may be combined.
const OF_OTHERS: [&str; 6] = ["index", "metadata", "name", "nameNormalized", "path", "server"];

/// The limit of nested mappings.
const MAX_DEPTH: usize = 40;

/// Parameters by name, which may be nested.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Parameters(BTreeMap<String, Parameters>, Option<String>);

impl Parameters {
    fn add(&mut self, path: &[&str], value: &str) {
        match path.split_first() {
            Some((first, rest)) => self.0.entry((*first).to_owned()).or_default().add(rest, value),
            None => self.1 = Some(value.to_owned()),
        }
    }

    /// As an inline table of TOML.
    fn text(&self) -> String {
        if self.0.is_empty() {
            return quoted(self.1.as_deref().unwrap_or_default());
        }
        let entries: Vec<String> = self.0.iter().map(|(key, inner)| format!("{key} = {}", inner.text())).collect();
        format!("{{ {} }}", entries.join(", "))
    }
}

/// The parameters of one kind of generator for an ApplicationSet, or for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The name of the ApplicationSet, or `*`.
    set: String,
    /// The kind of the generator.
    generator: &'static str,
    parameters: Parameters,
}

/// The parameters that ApplicationSets need from outside.
#[must_use]
pub fn samples(sets: &[&Node]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (generator, fixed) in GENERATORS {
        let mut parameters = Parameters::default();
        let mut users = Vec::new();
        for set in sets {
            let mut found = Vec::new();
            generators(set.find(&["spec", "generators"]).unwrap_or(set), generator, false, 0, &mut found);
            if found.is_empty() {
                continue;
            }
            users.push(set.find(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default());
            for (key, value) in fixed {
                parameters.add(&[key], value);
            }
            for (node, combined) in found.iter().filter(|_| fixed.is_empty()) {
                read(set, *combined, &mut parameters);
                requested(node, &mut parameters);
            }
        }
        let set = match users.as_slice() {
            [] => continue,
            [only] => (*only).to_owned(),
            _ => "*".to_owned(),
        };
        samples.push(Sample { set, generator, parameters });
    }
    samples
}

/// The generators of a kind, each with whether another one is combined with it.
fn generators<'a>(node: &'a Node, kind: &str, combined: bool, depth: usize, found: &mut Vec<(&'a Node, bool)>) {
    if depth > MAX_DEPTH {
        return;
    }
    for item in node.items() {
        found.extend(item.get(kind).map(|own| (own, combined)));
        for outer in ["matrix", "merge"] {
            if let Some(inner) = item.find(&[outer, "generators"]) {
                generators(inner, kind, true, depth + 1, found);
            }
        }
    }
}

/// Adds the names that a plugin is asked for.
fn requested(generator: &Node, parameters: &mut Parameters) {
    let asked = generator.find(&["input", "parameters"]).map(Node::entries).unwrap_or_default();
    for name in asked.iter().flat_map(|(_, value)| value.items()).filter_map(Node::as_str) {
        if is_name(name) && !parameters.0.contains_key(name) {
            parameters.add(&[name], &assumed(name));
        }
    }
}

/// Adds the parameters that the templates of an ApplicationSet read.
fn read(set: &Node, combined: bool, parameters: &mut Parameters) {
    let mut texts = Vec::new();
    for key in ["template", "templatePatch"] {
        strings(set.find(&["spec", key]), 0, &mut texts);
    }
    let is_go = set.find(&["spec", "goTemplate"]).is_some_and(|node| matches!(node.value, Value::Bool(true)));
    for action in texts.iter().flat_map(|text| text.split("{{").skip(1)) {
        let action = action.split("}}").next().unwrap_or_default();
        let words = action.split(|c: char| !(c.is_ascii_alphanumeric() || "._$".contains(c)));
        let words: Vec<&str> =
            if is_go { words.filter_map(|word| word.strip_prefix('.')).collect() } else { vec![action.trim()] };
        for word in words {
            let path: Vec<&str> = word.split('.').collect();
            let others = combined && path.first().is_some_and(|first| OF_OTHERS.contains(first));
            // A field below a parameter that is read as a whole, or the other way round, is left to the author.
            let clashes = || {
                let known = parameters.0.get(path[0]);
                known.is_some_and(|known| known.0.is_empty() != (path.len() == 1))
            };
            if path.iter().all(|step| is_name(step)) && path[0] != "values" && !others && !clashes() {
                parameters.add(&path, &assumed(word));
            }
        }
    }
}

fn strings<'a>(node: Option<&'a Node>, depth: usize, found: &mut Vec<&'a str>) {
    let Some(node) = node.filter(|_| depth <= MAX_DEPTH) else { return };
    match &node.value {
        Value::String(text) => found.push(text),
        Value::Mapping(entries) => {
            for (key, value) in entries {
                found.push(&key.name);
                strings(Some(value), depth + 1, found);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| strings(Some(item), depth + 1, found)),
        _ => {}
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A value that is valid in most places.
pub(super) fn assumed(name: &str) -> String {
    let plain = name.replace(['_', '.'], "-").to_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| plain.split('-').any(|part| part == *word));
    let last = plain.rsplit('-').next().unwrap_or_default();
    if ["capacity", "size", "storage"].contains(&last) {
        "1Gi".to_owned()
    } else if ["cron", "schedule"].contains(&last) {
        "0 3 * * *".to_owned()
    } else if ["port", "replicas", "count"].contains(&last) {
        "1".to_owned()
    } else if ["enabled", "disabled"].contains(&last) {
        "true".to_owned()
    } else if ["email", "mail"].contains(&last) {
        format!("{plain}@example.com")
    } else if is(&["url", "repourl"]) {
        format!("https://{plain}.example.com")
    } else if is(&["host", "hostname", "domain", "endpoint"]) {
        format!("{plain}.example.com")
    } else {
        plain.trim_matches('-').to_owned()
    }
}

/// The entries of charts.toml.
pub(super) fn entries(samples: &[Sample]) -> String {
    let mut text = String::new();
    if !samples.is_empty() {
        text.push_str(
            "\n# What generators of ApplicationSets get from a Git host or a plugin. The values are assumed: correct them, and add\n\
             # a set of parameters for each Application.\n",
        );
    }
    for Sample { set, generator, parameters } in samples {
        let _ = write!(
            text,
            "[[sample]]\napplication-set = {}\ngenerator = {}\nparameters = [{}]\n\n",
            quoted(set),
            quoted(generator),
            parameters.text()
        );
    }
    if !samples.is_empty() {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::{toml, yaml};

    use super::*;

    #[test]
    fn parameters_are_those_that_templates_read_and_plugins_are_asked_for() {
        let text = "
kind: ApplicationSet
metadata: {name: web}
spec:
  goTemplate: true
  generators:
    - plugin: {input: {parameters: {names: [web_hostname]}}}
  template:
    metadata: {name: 'web-{{ .team | default \"x\" }}'}
    spec: {destination: {namespace: '{{ .team }}-{{ .deep.er }}-{{ .values.x }}'}}
---
kind: ApplicationSet
metadata: {name: flat}
spec:
  generators:
    - matrix: {generators: [{plugin: {}}, {git: {}}]}
  template: {metadata: {name: '{{ color }}-{{path.basename}}'}}
---
kind: ApplicationSet
metadata: {name: previews}
spec:
  generators: [{pullRequest: {}}]
  template: {metadata: {name: 'p{{number}}'}}
";
        let documents = yaml::parse(&Source::new("a.yaml", text)).expect("YAML");
        let sets: Vec<&Node> = documents.iter().map(|document| &document.root).collect();
        let text = entries(&samples(&sets));
        let plugin = "application-set = \"*\"\ngenerator = \"plugin\"\nparameters = [{ color = \"color\", \
                      deep = { er = \"deep-er\" }, team = \"team\", web_hostname = \"web-hostname.example.com\" }]\n";
        assert!(text.contains(plugin), "{text}");
        assert!(text.contains("application-set = \"previews\"\ngenerator = \"pullRequest\"\n"), "{text}");
        assert!(toml::parse(&Source::new("charts.toml", text)).is_ok());
        assert!(samples(&[]).is_empty());
    }
}
