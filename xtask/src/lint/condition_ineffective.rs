//! Conditions of dependencies that Helm ignores: the path is that of no value, or the value is not a boolean. The dependency is
//! then always deployed.
//!
//! A path without a value may be one that only users set, so it is reported only if the values have the one that is probably
//! meant.

use ::helm::chart::Dependency;
use ::helm::dependencies::ChartTree;
use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source, did_you_mean, nearest};
use document::{Node, Value, yaml};

use super::subject::ChartSubject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ConditionIneffective];

/// The file with the defaults of a chart.
const VALUES: &str = "values.yaml";

/// Checks the dependencies of a chart.
#[must_use]
pub fn check(subject: &ChartSubject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let conditional = |one: &&Dependency| !one.condition.is_empty();
    if !subject.chart.dependencies.iter().any(|one| conditional(&one)) {
        return diagnostics;
    }
    let read = |name: &str| {
        let source = toolbox::source::read(subject.helm.root, &subject.chart.directory.join(name)).ok()?;
        Some(yaml::parse_one(&source).ok()?.root)
    };
    let Some((chart, values)) = read("Chart.yaml").zip(read(VALUES)) else { return diagnostics };
    let Ok(tree) = ChartTree::read(subject.helm.root, &subject.chart.directory, subject.directory) else {
        return diagnostics;
    };
    let written = chart.items_at(&["dependencies"]);
    for dependency in subject.chart.dependencies.iter().filter(conditional) {
        let own = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
        let defaults = tree.0.iter().find(|member| member.values.iter().any(|path| *path == [own.clone()]));
        let defaults = defaults.and_then(|member| member.files.get(VALUES)).and_then(|bytes| {
            yaml::parse_one(&Source::new(VALUES, String::from_utf8_lossy(bytes))).ok().map(|document| document.root)
        });
        let place =
            written.iter().find(|one| one.span.contains(&dependency.place.span.as_ref().map_or(0, |span| span.start)));
        let place = place.and_then(|one| one.get("condition")).map_or_else(|| dependency.place.clone(), Node::place);
        diagnostics.0.extend(finding(dependency, own, &values, defaults.as_ref(), place));
    }
    diagnostics
}

fn finding(
    dependency: &Dependency,
    own: &str,
    values: &Node,
    defaults: Option<&Node>,
    place: Place,
) -> Option<Diagnostic> {
    let paths: Vec<&str> = dependency.condition.split(',').map(str::trim).filter(|path| !path.is_empty()).collect();
    for path in &paths {
        let steps: Vec<&str> = path.split('.').collect();
        if let Some(node) = values.find(&steps) {
            // Helm takes the first path that has a value.
            return wrong_type(dependency, path, node, place);
        }
        let inside = (steps[0] == own).then(|| defaults?.find(&steps[1..])).flatten();
        if inside.is_some() {
            return None;
        }
    }
    let [path] = paths[..] else { return None };
    let mut known = Vec::new();
    booleans(values, &mut Vec::new(), &mut known);
    let last = path.rsplit('.').next().unwrap_or(path);
    let sibling = format!("{own}.{last}");
    let plain = path.trim_start_matches('.');
    let plain = plain.strip_prefix("Values.").unwrap_or(plain);
    let meant = [sibling.as_str(), plain].into_iter().find(|one| known.iter().any(|known| known == one));
    let meant = meant.or_else(|| nearest(path, known.iter().map(String::as_str)))?;
    let message = format!("the condition of dependency `{own}` is not the path of a value: `{path}` is not defined");
    let found = Diagnostic::new(Code::ConditionIneffective, message).at(place, "Helm ignores it");
    let steps: Vec<&str> = meant.split('.').collect();
    let found = match values.find(&steps) {
        Some(node) => found.at(node.place(), "has no effect on the dependency"),
        None => found,
    };
    Some(found.note("the dependency is always deployed").help(did_you_mean(meant)))
}

fn wrong_type(dependency: &Dependency, path: &str, node: &Node, place: Place) -> Option<Diagnostic> {
    if matches!(node.value, Value::Bool(_) | Value::Null) {
        return None;
    }
    let name = &dependency.name;
    let message = format!("`{path}` must be a boolean, since it is the condition of dependency `{name}`");
    let found = Diagnostic::new(Code::ConditionIneffective, message).at(node.place(), "Helm ignores any other value");
    let found = found.at(place, "the condition").note("the dependency is always deployed");
    Some(match node.as_str().filter(|text| matches!(*text, "true" | "false")) {
        Some(text) => found.help(format!("remove the quotes: `{text}`")),
        None => found.help("set it to `true` or `false`"),
    })
}

/// The paths of the booleans below a node.
fn booleans(node: &Node, path: &mut Vec<String>, found: &mut Vec<String>) {
    for (key, value) in node.entries() {
        path.push(key.name.clone());
        if matches!(value.value, Value::Bool(_)) {
            found.push(path.join("."));
        }
        booleans(value, path, found);
        path.pop();
    }
}
