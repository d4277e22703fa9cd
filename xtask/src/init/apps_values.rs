//! Values for the chart argocd-apps, with which Applications are installed by hand: no file but these defines them.

use std::collections::BTreeMap;

use document::{Node, Value};

use super::by_hand::ByHand;

/// The chart that renders the Applications in its values, and where it is published.
const CHART: &str = "argocd-apps";
const REPOSITORY: &str = "https://argoproj.github.io/argo-helm";
/// The versions whose values are maps.
const VERSION: &str = "2.x";

/// What it renders from its values.
const LISTS: [&str; 2] = ["applications", "applicationsets"];

/// The chart with the values in some files, by their paths and contents: as an Application among them deploys it, or else once
/// for the files of each directory. `is_used` says whether an Application has a value file.
#[must_use]
pub fn of_values<'a>(files: impl Iterator<Item = (&'a str, &'a Node)>, is_used: impl Fn(&str) -> bool) -> Vec<ByHand> {
    let files: Vec<(&str, Vec<&Node>)> = files.map(|(file, root)| (file, applications(root))).collect();
    let files: Vec<_> = files.into_iter().filter(|(_, all)| !all.is_empty()).collect();
    if let Some(own) = files.iter().flat_map(|(_, all)| all).find_map(|one| deployed(one)) {
        return vec![own];
    }
    let mut folders: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (file, _) in files.iter().filter(|(file, _)| !is_used(file)) {
        folders.entry(file.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default().push((*file).to_owned());
    }
    let several = folders.len() > 1;
    let one = |(folder, value_files): (&str, Vec<String>)| {
        let name = if several && !folder.is_empty() { folder.replace('/', "-") } else { CHART.to_owned() };
        by_hand(name, [CHART, REPOSITORY, VERSION].map(str::to_owned), value_files)
    };
    folders.into_iter().map(one).collect()
}

fn by_hand(name: String, chart: [String; 3], value_files: Vec<String>) -> ByHand {
    ByHand { name, path: String::new(), is_kustomization: false, value_files, instance: None, chart: Some(chart) }
}

/// The Applications and ApplicationSets in values.
fn applications(values: &Node) -> Vec<&Node> {
    let is_one = |node: &&Node| {
        let spec = node.get("template").and_then(|template| template.get("spec")).unwrap_or(node);
        spec.get("project").is_some() && (spec.get("source").is_some() || spec.get("sources").is_some())
    };
    let lists = LISTS.iter().filter_map(|list| values.get(list));
    let items = lists.flat_map(|list| match &list.value {
        Value::Sequence(items) => items.iter().collect(),
        _ => list.entries().iter().map(|(_, value)| value).collect::<Vec<_>>(),
    });
    items.filter(is_one).collect()
}

/// The chart as an Application deploys it with files of this repository.
fn deployed(application: &Node) -> Option<ByHand> {
    let sources = application.items_at(&["sources"]);
    let source = sources.iter().find(|source| source.get("chart").and_then(Node::as_str) == Some(CHART))?;
    let text = |key: &str| source.get(key).and_then(Node::as_str).map(str::to_owned);
    let files = source.items_at(&["helm", "valueFiles"]).iter().filter_map(Node::as_str);
    let files = files.filter_map(|file| file.strip_prefix('$')?.split_once('/')).map(|(_, path)| path.to_owned());
    let chart = [CHART.to_owned(), text("repoURL")?, text("targetRevision")?];
    Some(by_hand(CHART.to_owned(), chart, files.collect()))
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
        let parsed: Vec<(&str, Node)> = files
            .iter()
            .map(|(file, text)| (*file, yaml::parse_one(&Source::new(*file, *text)).expect("YAML").root))
            .collect();
        let all = of_values(parsed.iter().map(|(file, root)| (*file, root)), |file| file.starts_with("used/"));
        all.into_iter().map(|one| (one.chart.expect("a chart")[2].clone(), one.value_files)).collect()
    }

    #[test]
    fn values_with_applications_are_for_the_chart() {
        let one = "applications:\n  web: {project: default, source: {path: web}}\n";
        let list = "applicationsets:\n- name: web\n  template: {spec: {project: default, sources: []}}\n";
        let files = [
            ("argocd/a.yaml", one),
            ("argocd/b.yaml", list),
            ("other.yaml", "applications: {web: {port: 80}}\n"),
            ("used/a.yaml", one),
        ];
        assert_eq!(found(&files), [("2.x".to_owned(), ["argocd/a.yaml", "argocd/b.yaml"].map(str::to_owned).to_vec())]);
    }

    #[test]
    fn an_application_that_deploys_the_values_says_everything() {
        let own = "applications:\n  apps:\n    project: default\n    sources:\n    - chart: argocd-apps\n      repoURL: https://a\n      \
                   targetRevision: 2.0.2\n      helm: {valueFiles: [$values/b/b.yaml, $values/a.yaml, values.yaml]}\n";
        assert_eq!(
            found(&[("a.yaml", own), ("c.yaml", own)]),
            [("2.0.2".to_owned(), ["b/b.yaml", "a.yaml"].map(str::to_owned).to_vec())]
        );
    }
}
