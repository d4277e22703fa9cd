//! Dashboards of Grafana in ConfigMaps: queries that Prometheus cannot parse, and variables that the dashboard does not have.

use std::collections::BTreeSet;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source, did_you_mean, nearest};
use document::{Node, block, yaml};
use kubernetes::object::Object;

use super::config_map_json;
use super::promql::{self, Wrong};
use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::DashboardInvalid];

/// Types of data sources whose queries are those of Prometheus.
const PROMETHEUS: &[&str] = &["prometheus", "victoriametrics-metrics-datasource"];

/// Checks the dashboards in all ConfigMaps.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let maps = subject.objects.iter().filter(|object| (&*object.key.group, &*object.key.kind) == ("", "ConfigMap"));
    let mut diagnostics = Diagnostics::default();
    for object in maps {
        for (key, value) in object.find(&["data"]).map(Node::entries).unwrap_or_default() {
            let Some(text) = value.as_str().filter(|text| config_map_json::is_json(&key.name) && is_dashboard(text))
            else {
                continue;
            };
            let file = config_map_json::file(subject, object, text);
            let source = file.clone().unwrap_or_else(|| Source::new(&*key.name, text));
            let Ok(document) = yaml::parse_one(&source) else { continue };
            let dashboard = Dashboard { object, value, file, root: &document.root };
            diagnostics.0.extend(dashboard.check());
        }
    }
    diagnostics
}

/// Whether a text is the JSON of a dashboard; invalid JSON is reported elsewhere.
fn is_dashboard(text: &str) -> bool {
    text.contains("\"panels\"") && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

struct Dashboard<'a> {
    object: &'a Object,
    /// The value in the ConfigMap.
    value: &'a Node,
    /// The file of the chart that the template prints.
    file: Option<Arc<Source>>,
    root: &'a Node,
}

impl Dashboard<'_> {
    fn check(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut known: BTreeSet<&str> = self.root.items_at(&["templating", "list"]).iter().filter_map(name).collect();
        known.extend(self.root.items_at(&["__inputs"]).iter().filter_map(name));
        for panel in panels(self.root) {
            for target in panel.items_at(&["targets"]) {
                let kind = [target, panel].iter().find_map(|owner| owner.find(&["datasource", "type"])?.as_str());
                if kind.is_some_and(|kind| !PROMETHEUS.contains(&kind)) {
                    continue;
                }
                let Some(node) = target.get("expr") else { continue };
                let Some(text) = node.as_str() else { continue };
                found.extend(self.query(node, text, kind.is_some()).or_else(|| self.variable(node, text, &known)));
            }
            let sources = [Some(panel)].into_iter().chain(panel.items_at(&["targets"]).iter().map(Some)).flatten();
            let mut sources = sources.filter_map(|owner| owner.find(&["datasource", "uid"]));
            found.extend(sources.find_map(|node| self.variable(node, node.as_str()?, &known)));
        }
        found
    }

    /// A finding about a query that Prometheus cannot parse.
    fn query(&self, node: &Node, text: &str, certain: bool) -> Option<Diagnostic> {
        let Wrong { reason, help, .. } = promql::wrong(text, certain)?;
        let message = format!("Prometheus cannot parse a query of a dashboard in {}: {reason}", self.object.title());
        let found = self.finding(message, node, "");
        Some(match help {
            Some(help) => found.help(help),
            None => found,
        })
    }

    /// A finding about a variable that the dashboard does not have. Those of Grafana begin with `__`.
    fn variable(&self, node: &Node, text: &str, known: &BTreeSet<&str>) -> Option<Diagnostic> {
        let name = variables(text).find(|name| !name.starts_with("__") && !known.contains(name))?;
        let message = format!("a dashboard in {} has no variable `{name}`", self.object.title());
        let found = self.finding(message, node, "used here");
        Some(match nearest(name, known.iter().copied()) {
            Some(near) => found.help(did_you_mean(near)),
            None if known.is_empty() => found.help("add it to `templating.list`"),
            None => {
                let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                found.help(format!("add it to `templating.list`, or use one of {}", names.join(", ")))
            }
        })
    }

    fn finding(&self, message: String, node: &Node, label: &str) -> Diagnostic {
        let code = Code::DashboardInvalid;
        if self.file.is_some() {
            let mut found = self.object.finding(code, message, self.value.place(), "printed here");
            found.places.insert(0, (node.place(), label.to_owned()));
            return found;
        }
        let line = node.place().position().map_or(1, |(line, _)| line);
        let inner = Place::line(&node.source, line);
        let place = block::in_file(&self.value.place(), &inner).unwrap_or_else(|| self.value.place());
        self.object.finding(code, message, place, label)
    }
}

fn name(node: &Node) -> Option<&str> {
    node.get("name")?.as_str()
}

/// The panels of a dashboard, also those in rows.
fn panels(root: &Node) -> Vec<&Node> {
    let own = root.items_at(&["panels"]).iter();
    let rows = root.items_at(&["rows"]).iter().flat_map(|row| row.items_at(&["panels"]));
    own.chain(rows).flat_map(|panel| std::iter::once(panel).chain(panel.items_at(&["panels"]))).collect()
}

/// The variables in a text: `$name`, `${name}`, and `${name:format}`. `$1` is a group of a regular expression.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('$').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        Some(&rest[..end]).filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_a_name() {
        let text = "rate(x{a=~\"$a\", b=\"${b:regex}\", c=~\"d$|e$\"}[$__rate_interval]) + label_replace(y, \"$1\")";
        assert_eq!(variables(text).collect::<Vec<_>>(), ["a", "b", "__rate_interval"]);
    }
}
