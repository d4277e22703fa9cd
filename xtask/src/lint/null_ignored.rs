//! Nulls in a chart's own values.yaml.
//!
//! In Helm 3, a null below a dependency's name removes that default. Helm 4 drops every null in values.yaml before
//! templates, dependencies, and the schema see it, so the default stays (tested with 4.2.1 against 3.19.4). A null in an
//! Application's values or in a value file still removes a default, and nulls in lists are kept.
//!
//! Templates read null and a missing key alike, so a null of the chart itself matters only to its schema.
//!
//! Argo CD releases with Helm 3 are not affected and not checked.

use ::helm::chart::Chart;
use ::helm::dependencies::ChartTree;
use ::helm::values_schema;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact, Place, Source};
use document::{Node, Value, yaml};

use super::subject::ChartSubject;

/// The codes that this check reports.
pub const CODES: &[Code] = &[Code::NullIgnored];

/// The file with the defaults of a chart.
const FILE: &str = "values.yaml";

/// Reports the nulls in a values.yaml that were meant to remove a default.
#[must_use]
pub fn check(subject: &ChartSubject<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    if !subject.workspace.config.argocd.helm.starts_with("4.") {
        return diagnostics;
    }
    // Helm reports a file that cannot be parsed.
    let path = subject.chart.directory.join(FILE);
    let source = toolbox::source::read(subject.helm.root, &path);
    let Ok(document) = source.and_then(|source| yaml::parse_one(&source)) else { return diagnostics };
    let Ok(tree) = ChartTree::read(subject.helm.root, &subject.chart.directory, subject.directory) else {
        return diagnostics;
    };
    let schema = subject.chart.directory.join(values_schema::FILE).is_file();
    let chart = Defaults { chart: subject.chart, dependencies: defaults(&tree), schema };
    walk(&chart, &document.root, &mut Vec::new(), &mut diagnostics);
    diagnostics
}

/// A chart, and the default values of its dependencies, each with the path of its values in those of the chart.
struct Defaults<'a> {
    chart: &'a Chart,
    dependencies: Vec<(Vec<String>, Node)>,
    schema: bool,
}

fn defaults(tree: &ChartTree) -> Vec<(Vec<String>, Node)> {
    let mut all = Vec::new();
    for member in tree.0.iter().filter(|member| !member.folder.is_empty()) {
        let Some(bytes) = member.files.get(FILE) else { continue };
        let source = Source::new(format!("{}{FILE}", member.label), String::from_utf8_lossy(bytes));
        let Ok(document) = yaml::parse_one(&source) else { continue };
        all.extend(member.values.iter().map(|path| (path.clone(), document.root.clone())));
    }
    all
}

impl Defaults<'_> {
    /// Whether a dependency has a default at a path, which a null should remove.
    fn has(&self, path: &[&str]) -> bool {
        self.dependencies.iter().any(|(prefix, root)| {
            path.len() > prefix.len()
                && prefix.iter().zip(path).all(|(step, own)| step == own)
                && root.find(&path[prefix.len()..]).is_some_and(|node| !matches!(node.value, Value::Null))
        })
    }
}

fn walk<'a>(chart: &Defaults<'_>, node: &'a Node, path: &mut Vec<&'a str>, diagnostics: &mut Diagnostics) {
    for (key, value) in node.entries() {
        path.push(&key.name);
        if matches!(value.value, Value::Null) {
            let place = Place::new(&node.source, key.span.clone());
            diagnostics.0.extend(finding(chart, path, place));
        }
        walk(chart, value, path, diagnostics);
        path.pop();
    }
}

fn finding(own: &Defaults<'_>, path: &[&str], place: Place) -> Option<Diagnostic> {
    let name = path.join(".");
    let dependency = own.chart.dependencies.iter().find(|dependency| {
        let called = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
        path.len() > 1 && path[0] == called
    });
    let found = Diagnostic::new(Code::NullIgnored, format!("null for `{name}` has no effect"));
    let found = found.fact(Fact::Value(name));
    match dependency {
        Some(dependency) => own.has(path).then(|| {
            found.at(place, format!("Helm 4 ignores it and keeps the default of `{}`", dependency.name)).help(
                "to remove the default, set the null in the Application's `valuesObject` or in one of its `valueFiles`",
            )
        }),
        // For templates, null and no key at all are the same.
        None => own.schema.then(|| {
            found
                .at(place, "Helm 4 drops the key before templates and the schema see it")
                .help("use an empty value of the right type (`\"\"`, `{}`, `[]`, `0`), or remove the key")
        }),
    }
}
