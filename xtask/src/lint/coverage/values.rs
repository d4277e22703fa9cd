//! Documented values that no case changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diagnostics::{Code, Diagnostic, Diagnostics, Result, Source};
use document::{Node, yaml};
use helm::chart::Chart;
use workspace::target::ChartTarget;

use crate::lint::values_table::{self, Value};

/// Reports documented values that no case changes from their default.
pub(super) fn values(root: &Path, chart: &Chart, targets: &[&ChartTarget<'_>]) -> Result<Diagnostics> {
    let path = chart.directory.join("values.yaml");
    if !path.is_file() {
        return Ok(Diagnostics::default());
    }
    let (documented, _) = values_table::read(&toolbox::source::read(root, &path)?)?;
    let mut settings: Vec<Node> = Vec::new();
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    let mut given_files: BTreeSet<String> = BTreeSet::new();
    for target in targets {
        let recipe = &target.recipe;
        for file in recipe.value_files.iter().chain(&recipe.case_file) {
            settings.push(yaml::parse_one(&toolbox::source::read(root, file)?)?.root);
        }
        if let Some(text) = &recipe.inline_values {
            settings.push(yaml::parse_one(&Source::new("values of the Application", text.clone()))?.root);
        }
        parameters.extend(recipe.set.clone());
        parameters.extend(recipe.set_string.clone());
        given_files.extend(recipe.set_file.keys().cloned());
    }
    Ok(unset(&documented, &settings, &parameters, &given_files, chart))
}

fn unset(
    documented: &[Value],
    settings: &[Node],
    parameters: &BTreeMap<String, String>,
    given_files: &BTreeSet<String>,
    chart: &Chart,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for value in documented {
        let name = value.name();
        let set = settings.iter().any(|root| {
            let node = value.path.iter().try_fold(root, |node, key| node.get(key));
            node.is_some_and(|node| node.to_json() != value.default)
        });
        let within =
            |key: &str| key == name || key.starts_with(&format!("{name}.")) || key.starts_with(&format!("{name}["));
        let set = set
            || given_files.iter().any(|key| within(key))
            || parameters.iter().any(|(key, text)| within(key) && *text != value.default.trim_matches('"'));
        if !set {
            diagnostics.push(
                Diagnostic::new(Code::ValueUncovered, format!("no case changes `{name}` from its default"))
                    .at(value.place.clone(), format!("always {}", value.default))
                    .help(format!(
                        "set it to another value in {}/ci/<case>-values.yaml, so that a golden shows its effect",
                        chart.path
                    )),
            );
        }
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uncovered(values: &str, cases: &[&str], parameters: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().expect("temporary directory");
        std::fs::write(root.path().join("Chart.yaml"), "apiVersion: v2\nname: x\nversion: 0.1.0\n").expect("written");
        let chart = Chart::load(root.path(), Path::new("")).expect("a chart");
        let (documented, _) = values_table::read(&Source::new("values.yaml", values)).expect("values");
        let settings: Vec<Node> =
            cases.iter().map(|case| yaml::parse_one(&Source::new("case", *case)).expect("YAML").root).collect();
        let parameters = parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let found = unset(&documented, &settings, &parameters, &BTreeSet::new(), &chart);
        found.0.iter().map(|found| format!("{} {}", found.code.name(), found.places[0].0)).collect()
    }

    const VALUES: &str = "a:\n  # -- One.\n  b: 1\n# -- Two.\nc: {}\n";

    #[test]
    fn values_that_no_case_changes_are_reported() {
        let line = "value-uncovered values.yaml:3:6";
        assert_eq!(uncovered(VALUES, &["c: {x: 1}"], &[]), [line]);
        assert_eq!(
            uncovered(VALUES, &["c: {x: 1}", "a: {b: 1}"], &[("a.b", "1")]),
            [line],
            "the default is not a change"
        );
    }

    #[test]
    fn values_that_a_case_changes_are_not_reported() {
        assert!(uncovered(VALUES, &["c: {x: 1}", "a: {b: 2}"], &[]).is_empty());
        assert!(uncovered(VALUES, &["c: {x: 1}"], &[("a.b", "2")]).is_empty());
    }
}
